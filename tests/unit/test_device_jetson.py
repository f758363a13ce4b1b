from __future__ import annotations

from pathlib import Path

import pytest

from agent.device.jetson import GPU_NAMES
from agent.wire.conditions import ClockRate, Conditions
from tests.support.device_trees import device, gaps_of, lay_out

ORIN, NANO, THOR = "jetson-agx-orin-jetpack-6", "jetson-orin-nano-super-locked", "jetson-agx-thor-jetpack-7"


def counts(conditions: Conditions) -> list[int]:
    return [counter.count for counter in conditions.counters]


@pytest.mark.parametrize(
    ("name", "hardware", "system"),
    [
        (ORIN, "NVIDIA Jetson AGX Orin Developer Kit (p3701-0005, tegra234)", "JetPack 6.2+b77, L4T 36.4.3, Ubuntu"),
        (THOR, "NVIDIA Jetson AGX Thor Developer Kit (p3834-0008, tegra264)", "JetPack 7, L4T 38.2.0, Ubuntu"),
    ],
)
def test_a_jetson_names_board_module_chip_and_jetpack(name: str, hardware: str, system: str, tmp_path: Path) -> None:
    description = device(name, tmp_path).describe()
    assert description.hardware == hardware
    assert description.system.startswith(system)


def test_without_the_package_jetpack_is_known_by_its_major_version_and_a_gap_says_so(tmp_path: Path) -> None:
    assert "no packages found" in gaps_of(device(THOR, tmp_path).describe())["JetPack"]


def test_without_the_release_file_l4t_is_a_gap(tmp_path: Path) -> None:
    tree = device(ORIN, tmp_path)
    (tmp_path / "etc/nv_tegra_release").unlink()
    description = tree.describe()
    assert gaps_of(description)["L4T"] == "/etc/nv_tegra_release is not there"
    assert description.system.startswith("JetPack 6.2+b77, Ubuntu")


def test_the_clocks_of_gpu_and_memory_are_read_with_their_limits(tmp_path: Path) -> None:
    clocks = {clock.domain: clock for clock in device(NANO, tmp_path).conditions().clocks}
    assert clocks["gpu 17000000.gpu"] == ClockRate(domain="gpu 17000000.gpu", mhz=1020, min_mhz=1020, max_mhz=1020)
    assert clocks["memory emc"] == ClockRate(domain="memory emc", mhz=3199, min_mhz=204, max_mhz=3199)


def test_the_memory_clock_that_only_root_may_read_is_a_gap(tmp_path: Path) -> None:
    assert "root alone" in gaps_of(device(ORIN, tmp_path).conditions())["memory clock"]


@pytest.mark.parametrize(
    ("name", "is_gpu"),
    [
        ("17000000.gpu", True),
        ("17000000.ga10b", True),
        ("17000000.gv11b", True),
        ("57000000.gpu", True),
        ("gpu.0", True),
        ("gpu-gpc-0", True),
        ("gpu-nvd-0", False),
        ("15340000.vic", False),
        ("bwmgr", False),
    ],
)
def test_the_gpu_is_known_by_the_names_that_jetpack_gave_it(name: str, is_gpu: bool) -> None:
    assert (GPU_NAMES.fullmatch(name) is not None) == is_gpu


@pytest.mark.parametrize(
    ("name", "mode"), [(ORIN, "MODE_30W (2)"), (NANO, "MAXN_SUPER (2)"), (THOR, "120W (1)")], ids=lambda value: value
)
def test_the_power_mode_is_what_nvpmodel_or_the_file_that_it_keeps_says(name: str, mode: str, tmp_path: Path) -> None:
    assert device(name, tmp_path).conditions().power_mode == mode


def test_a_power_mode_without_a_name_is_told_by_its_number(tmp_path: Path) -> None:
    tree = device(NANO, tmp_path, **{"etc/nvpmodel.conf": ""})
    assert tree.conditions().power_mode == "mode 2"


def test_a_power_mode_that_nothing_tells_is_a_gap_with_both_reasons(tmp_path: Path) -> None:
    tree = device(NANO, tmp_path)
    (tmp_path / "var/lib/nvpmodel/status").unlink()
    gap = gaps_of(tree.conditions())["power mode"]
    assert gap == "nvpmodel is not installed, and /var/lib/nvpmodel/status is not there"


def test_throttle_events_are_counted_and_on_orin_named(tmp_path: Path) -> None:
    conditions = device(ORIN, tmp_path).conditions()
    assert counts(conditions) == [0, 15, 37]
    assert [counter.name for counter in conditions.counters] == [
        "throttle events oc1 (under-voltage)",
        "throttle events oc2 (average over-current)",
        "throttle events oc3 (instantaneous over-current)",
    ]


def test_without_counters_of_throttle_events_there_is_a_gap(tmp_path: Path) -> None:
    tree = device(ORIN, tmp_path)
    for event in (1, 2, 3):
        (tmp_path / f"sys/class/hwmon/hwmon3/oc{event}_event_cnt").unlink()
    assert "throttling" in gaps_of(tree.conditions())


def test_an_alert_of_heat_is_throttling_and_a_fan_is_not(tmp_path: Path) -> None:
    tree = device(ORIN, tmp_path)
    assert tree.conditions().throttled == ()
    lay_out(tmp_path, {"sys/class/thermal/cooling_device1/cur_state": "1\n"})
    assert tree.conditions().throttled == ("slowed down against heat: cpu-throttle-alert",)


def test_a_zone_that_cannot_be_read_leaves_the_others(tmp_path: Path) -> None:
    sensors = [temperature.sensor for temperature in device(ORIN, tmp_path).conditions().temperatures]
    assert sensors == [
        "thermal_zone0 cpu-thermal",
        "thermal_zone1 gpu-thermal",
        "thermal_zone3 tj-thermal",
        "hwmon0 tmp451 temp1",
    ]


def test_doctor_is_content_with_locked_clocks_in_the_fastest_mode(tmp_path: Path) -> None:
    checks = device(NANO, tmp_path).checks()
    assert {name: check[0] for name, check in checks.items() if name in ("governor", "gpu clock", "power mode")} == {
        "governor": "ok",
        "gpu clock": "ok",
        "power mode": "ok",
    }


def test_doctor_names_the_number_of_the_fastest_mode_of_this_module_and_jetson_clocks(tmp_path: Path) -> None:
    tree = device(NANO, tmp_path, **{"var/lib/nvpmodel/status": "pmode:0000\n"})
    status, found, advice = tree.checks()["power mode"]
    assert (status, found) == ("warning", "15W (0)")
    assert "sudo nvpmodel -m 2 (MAXN_SUPER)" in advice


def test_doctor_advises_jetson_clocks_where_clocks_move(tmp_path: Path) -> None:
    checks = device(ORIN, tmp_path).checks()
    assert "jetson_clocks" in checks["governor"][2]
    assert "jetson_clocks" in checks["gpu clock"][2]
