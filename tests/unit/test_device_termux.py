from __future__ import annotations

import json
from pathlib import Path

import pytest

from agent.device.commands import UntilItFails
from agent.device.conditions import read_conditions
from agent.measure.quality import doubts_of_pass
from agent.wire.conditions import Conditions, DoubtReason, Temperature
from tests.support.device_trees import device, gaps_of, lay_out, load

IN_FRONT, DENIED = "termux-in-front", "termux-denied"


def battery(**changed: object) -> str:
    return json.dumps({**json.loads(load(IN_FRONT)["commands"]["termux-battery-status"]), **changed})


def test_a_phone_names_maker_model_chip_cores_and_android(tmp_path: Path) -> None:
    description = device(IN_FRONT, tmp_path).describe()
    assert description.hardware == "Google Pixel 8"
    assert description.processor == "Google Tensor G3: Cortex-A510 x 4, Cortex-A715 x 4, Cortex-X3 x 1"
    assert description.system == "Android 15, Linux 5.15.148-android14-11-g1f4a2b"


def test_before_android_12_the_chip_is_named_by_its_platform(tmp_path: Path) -> None:
    assert device(DENIED, tmp_path).describe().processor.startswith("sdm845: Kryo 385 Silver x 4")


def test_a_phone_is_described_with_one_command(tmp_path: Path) -> None:
    tree = device(IN_FRONT, tmp_path)
    tree.describe()
    assert tree.asked == [("getprop",)]


def test_without_getprop_the_model_is_a_gap(tmp_path: Path) -> None:
    tree = device(IN_FRONT, tmp_path)
    tree.commands = {}
    description = tree.describe()
    assert description.hardware == "unknown"
    assert gaps_of(description)["android"] == "getprop is not installed"


@pytest.mark.parametrize("told", [31.4, "31.4"], ids=["as a number", "as a text"])
def test_the_batterys_heat_and_charge_are_read(told: object, tmp_path: Path) -> None:
    conditions = device(IN_FRONT, tmp_path, **{"termux-battery-status": battery(temperature=told)}).conditions()
    assert conditions.temperatures == (Temperature(sensor="battery", celsius=31.4),)
    assert conditions.power_mode == "plugged ac, battery 85 %"


def test_the_temperature_of_the_chip_is_a_gap_beside_the_batterys(tmp_path: Path) -> None:
    assert gaps_of(device(IN_FRONT, tmp_path).conditions()).keys() == {"chip temperature", "throttling", "load"}


def test_a_battery_that_overheats_is_throttling(tmp_path: Path) -> None:
    tree = device(IN_FRONT, tmp_path, **{"termux-battery-status": battery(health="OVERHEAT")})
    assert tree.conditions().throttled == ("battery overheated",)


def test_the_kernels_own_reading_of_the_battery_stands_in(tmp_path: Path) -> None:
    tree = device(IN_FRONT, tmp_path, **{"sys/class/power_supply/battery/temp": "287\n"})
    tree.commands = {}
    assert tree.conditions().temperatures == (Temperature(sensor="battery", celsius=28.7),)


@pytest.mark.parametrize(
    ("answer", "why"),
    [
        ({"complaint": "termux-battery-status did not answer within 5 s"}, "needs the package termux-api and the app"),
        ("", "printed ''"),
        ("{", "printed '{'"),
        ("[]", "printed '[]'"),
        ("{}", "tells no temperature"),
        (battery(temperature="warm"), "tells no temperature"),
        ("[" * 20_000, "printed '[[["),
    ],
)
def test_a_battery_that_is_not_told_is_a_gap_with_the_reason(answer: object, why: str, tmp_path: Path) -> None:
    tree = device(IN_FRONT, tmp_path, **{"termux-battery-status": answer})  # type: ignore[arg-type]  # odd on purpose
    assert why in gaps_of(tree.conditions())["battery"]


def test_a_command_that_hangs_costs_its_time_once_a_job(tmp_path: Path) -> None:
    tree = device(DENIED, tmp_path)
    run = UntilItFails(tree.run)
    gaps = [gaps_of(read_conditions(tmp_path, run=run, kind=tree.kind))["battery"] for _ in range(6)]
    assert tree.asked == [("termux-battery-status",)]
    assert set(gaps) == {gaps[0]}


def test_what_android_denies_is_a_gap(tmp_path: Path) -> None:
    assert gaps_of(device(DENIED, tmp_path).conditions()).keys() == {
        *("battery", "clocks", "governor", "load", "temperature", "throttling"),
    }


@pytest.mark.parametrize(
    ("cgroup", "group"),
    [
        ("3:cpuset:/top-app\n2:cpu:/\n", "top-app"),
        ("4:cpu,cpuset:/foreground\n", "foreground"),
        ("3:cpuset:/background\n", "background"),
        ("3:cpuset:/\n", "root"),
        ("0::/uid_10190/pid_1\n", None),
    ],
)
def test_the_group_that_android_put_the_process_into_is_read(cgroup: str, group: str | None, tmp_path: Path) -> None:
    conditions = device(IN_FRONT, tmp_path, **{"proc/self/cgroup": cgroup}).conditions()
    assert conditions.group == group
    assert ("foreground" in gaps_of(conditions)) == (group is None)


def test_a_pass_in_the_background_is_doubted(tmp_path: Path) -> None:
    front, behind = Conditions(group="top-app"), device(DENIED, tmp_path).conditions()
    reasons = [[doubt.reason for doubt in doubts_of_pass((), 197, front, after)] for after in (front, behind)]
    assert reasons == [[], [DoubtReason.WRONG_CORES]]


def test_doctor_warns_where_only_slow_cores_may_be_used(tmp_path: Path) -> None:
    tree = device(IN_FRONT, tmp_path)
    assert tree.checks()["core speed"][:2] == ("ok", "cores allowed reach 2914 MHz")
    lay_out(tmp_path, {"proc/self/status": "Cpus_allowed_list:\t0-3\n"})
    assert tree.checks()["core speed"][:2] == ("warning", "cores allowed reach 1704 MHz, others 2914 MHz")


def test_doctor_advises_a_phone_to_stay_in_front_plugged_in_and_awake(tmp_path: Path) -> None:
    unplugged = {"termux-battery-status": battery(plugged="UNPLUGGED")}
    assert device(IN_FRONT, tmp_path / "charged").checks()["foreground"][:2] == ("ok", "top-app")
    assert "Plug it in" in device(IN_FRONT, tmp_path / "unplugged", **unplugged).checks()["battery"][2]
    denied = device(DENIED, tmp_path / "denied").checks()
    assert "Termux in front" in denied["foreground"][2]
    assert "Termux:API" in denied["battery"][2]
    assert "termux-wake-lock" in denied["wake lock"][2]
