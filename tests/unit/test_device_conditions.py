from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import pytest

from agent.device.conditions import read_conditions
from agent.wire.codec import decode, encode
from agent.wire.conditions import ClockRate, Conditions, Temperature

POLICY = "sys/devices/system/cpu/cpufreq/policy0"
ALL = {
    "sys/class/thermal/thermal_zone0/type": "cpu-thermal\n",
    "sys/class/thermal/thermal_zone0/temp": "48200\n",
    "sys/class/hwmon/hwmon1/name": "k10temp\n",
    "sys/class/hwmon/hwmon1/temp1_input": "51000\n",
    "sys/class/hwmon/hwmon1/temp1_label": "Tctl\n",
    f"{POLICY}/scaling_cur_freq": "1500000\n",
    f"{POLICY}/scaling_min_freq": "600000\n",
    f"{POLICY}/scaling_max_freq": "1800000\n",
    f"{POLICY}/scaling_governor": "ondemand\n",
    "proc/loadavg": "0.52 0.58 0.59 1/480 12345\n",
    "proc/meminfo": "MemTotal: 4096 kB\nMemAvailable:    2048 kB\n",
}


def conditions_of(root: Path, files: Mapping[str, str]) -> Conditions:
    for name, text in files.items():
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_text(text)
    return read_conditions(root, cores=lambda: (0, 2))


def gaps_of(conditions: Conditions) -> set[str]:
    return {gap.split(":")[0] for gap in conditions.gaps}


def test_all_that_linux_shows_is_read(tmp_path: Path) -> None:
    conditions = conditions_of(tmp_path, ALL)
    assert conditions.temperatures == (
        Temperature(sensor="thermal_zone0 cpu-thermal", celsius=48.2),
        Temperature(sensor="hwmon1 k10temp Tctl", celsius=51.0),
    )
    assert conditions.clocks == (ClockRate(domain="cpu policy0", mhz=1_500, min_mhz=600, max_mhz=1_800),)
    assert conditions.governor == "ondemand"
    assert conditions.load == 0.52
    assert conditions.memory_available_bytes == 2 * 1024**2
    assert conditions.cores_allowed == (0, 2)
    assert gaps_of(conditions) == {"throttling"}


def test_a_machine_that_shows_nothing_has_a_gap_for_everything(tmp_path: Path) -> None:
    conditions = read_conditions(tmp_path, cores=tuple)
    assert gaps_of(conditions) == {"temperature", "clocks", "governor", "throttling", "cores", "load", "memory"}
    assert decode(Conditions, encode(conditions)) == conditions


@pytest.mark.parametrize("rubbish", ["", "N/A\n", "-274000\n", "\x00\xff", "9" * 50])
def test_a_sensor_that_gives_rubbish_is_a_gap(tmp_path: Path, rubbish: str) -> None:
    files = {name: rubbish for name in ALL if name.endswith(("temp", "_input", "_cur_freq", "loadavg", "meminfo"))}
    conditions = conditions_of(tmp_path, {**ALL, **files})
    assert {"temperature", "clocks", "memory"} <= gaps_of(conditions)
    decode(Conditions, encode(conditions))


def test_a_sensor_that_cannot_be_read_is_a_gap(tmp_path: Path) -> None:
    # A folder in a file's place cannot be read by anyone, root included.
    for name in ALL:
        (tmp_path / name).mkdir(parents=True)
    assert gaps_of(conditions_of(tmp_path, {})) == {
        *("temperature", "clocks", "governor", "throttling", "load", "memory"),
    }


def test_many_zones_stay_within_the_wires_limit_in_the_order_of_their_numbers(tmp_path: Path) -> None:
    files = {f"sys/class/thermal/thermal_zone{zone}/temp": f"{zone * 100}\n" for zone in range(300)}
    temperatures = conditions_of(tmp_path, files).temperatures
    assert [temperature.celsius for temperature in temperatures] == [zone / 10 for zone in range(200)]


def test_domains_with_different_governors_name_them_all(tmp_path: Path) -> None:
    other = {"sys/devices/system/cpu/cpufreq/policy4/scaling_governor": "performance\n"}
    assert conditions_of(tmp_path, {**ALL, **other}).governor == "ondemand, performance"


def test_this_machines_conditions_can_be_read_and_sent() -> None:
    conditions = read_conditions()
    assert decode(Conditions, encode(conditions)) == conditions
