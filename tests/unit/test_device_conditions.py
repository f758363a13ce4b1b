from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from pathlib import Path

import pytest

from agent.clock import SystemClock
from agent.device.commands import Answer
from agent.device.conditions import read_conditions
from agent.device.sysfs import cores_in
from agent.wire.codec import decode, encode
from agent.wire.conditions import ClockRate, Conditions, Temperature
from agent.wire.enrolment import DeviceKind
from tests.support.device_trees import gaps_of, lay_out

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
    "proc/self/status": "Name:\tpython\nCpus_allowed_list:\t0,2\n",
}

EVERY_GAP = ("temperature", "clocks", "governor", "power mode", "throttling", "gpu", "cores", "load", "memory")


def conditions_of(root: Path, files: Mapping[str, str]) -> Conditions:
    lay_out(root, files)
    return read_conditions(root, run=lambda _: Answer(None, "no commands"))


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
    assert gaps_of(conditions).keys() == {"power mode", "throttling", "gpu"}


def test_a_machine_that_shows_nothing_has_a_gap_for_everything(tmp_path: Path) -> None:
    conditions = conditions_of(tmp_path, {})
    assert gaps_of(conditions).keys() == set(EVERY_GAP)
    assert decode(Conditions, encode(conditions)) == conditions


@pytest.mark.parametrize("rubbish", ["", "N/A\n", "-274000\n", "\x00\xff", "9" * 50])
def test_a_sensor_that_gives_rubbish_is_a_gap(tmp_path: Path, rubbish: str) -> None:
    files = {name: rubbish for name in ALL if name.endswith(("temp", "_input", "_cur_freq", "loadavg", "meminfo"))}
    conditions = conditions_of(tmp_path, {**ALL, **files})
    assert {"temperature", "clocks", "memory"} <= gaps_of(conditions).keys()
    decode(Conditions, encode(conditions))


def test_a_sensor_that_cannot_be_read_is_a_gap(tmp_path: Path) -> None:
    # A folder in a file's place cannot be read by anyone, root included.
    for name in ALL:
        (tmp_path / name).mkdir(parents=True)
    assert gaps_of(conditions_of(tmp_path, {})).keys() == set(EVERY_GAP)


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


@pytest.mark.parametrize(
    ("listed", "cores"),
    [
        ("0", (0,)),
        ("0-3", (0, 1, 2, 3)),
        ("0-1,8,10-11", (0, 1, 8, 10, 11)),
        ("", ()),
        ("3-0", ()),
        ("0-99999999999", ()),
        ("0-x", ()),
        ("-1", ()),
    ],
)
def test_a_list_of_cores_is_read_as_the_kernel_writes_it(listed: str, cores: tuple[int, ...]) -> None:
    assert cores_in(listed) == cores


def test_cores_that_the_machine_could_have_and_has_not_are_not_allowed(tmp_path: Path) -> None:
    files = {"proc/self/status": "Cpus_allowed_list:\t0-127\n", "sys/devices/system/cpu/online": "0-2\n"}
    assert conditions_of(tmp_path, files).cores_allowed == (0, 1, 2)


def test_the_cores_allowed_are_those_that_the_kernel_grants_this_process() -> None:
    assert read_conditions().cores_allowed == tuple(sorted(os.sched_getaffinity(0)))


def test_a_mac_has_gaps_and_is_asked_nothing(tmp_path: Path) -> None:
    asked: list[object] = []

    def run(command: Sequence[str]) -> Answer:
        asked.append(command)
        return Answer(None, "not here")

    conditions = read_conditions(tmp_path, run=run, kind=DeviceKind.MACOS)
    assert asked == []
    assert gaps_of(conditions)["throttling"] == "nothing is read of it on macos"


def test_reading_the_conditions_of_this_machine_is_cheap() -> None:
    clock = SystemClock()
    took_ns = []
    for _ in range(5):
        began_ns = clock.monotonic_ns()
        read_conditions(gpu=False)
        took_ns.append(clock.monotonic_ns() - began_ns)
    # Some milliseconds on a quiet machine; the best of five, because this one may be busy.
    assert min(took_ns) < 250e6
