from __future__ import annotations

import signal
import sys
from pathlib import Path

import pytest

from agent.device.doctor import Check, Status, checks
from agent.device.noise import Noise
from agent.device.package_checks import ILLEGAL, check_onnxruntime, check_package
from agent.device.probe import Probed, probe_import, probed
from agent.wire.conditions import ClockRate, Conditions, Counter, Temperature
from agent.wire.enrolment import DeviceKind

WELL = Conditions(
    temperatures=(Temperature(sensor="cpu", celsius=40), Temperature(sensor="gpu", celsius=45)),
    governor="performance",
    cores_allowed=(0, 1, 2, 3),
    load=0.1,
    memory_available_bytes=4 * 1024**3,
)
QUIET = Noise(calls=200, spread=0.01, switches=0, wall_over_cpu=1.0, rejected=0)
GIVES_VERSION = Probed(version="2.0")
MISSING = Probed(complaint="ModuleNotFoundError: No module named 'torch'", missing=True)
ILLEGAL_INSTRUCTION = probed("torch", -signal.SIGILL, "", "")
GENERAL = (
    *("python", "architecture", "torch", "timm", "onnxruntime", "memory", "cores", "quota", "load", "noise"),
    *("governor", "temperature", "throttling"),
)


def found(conditions: Conditions = WELL, *, kind: DeviceKind = DeviceKind.MACOS, bits: int = 64) -> tuple[Check, ...]:
    """The checks of a device of a kind that has none of its own."""
    return checks(
        kind=kind,
        probe=lambda _: GIVES_VERSION,
        installed=lambda _: "2.0",
        python=(3, 11, 2),
        bits=bits,
        cores=lambda: 4,
        conditions=conditions,
        noise=lambda: QUIET,
    )


def check(name: str, conditions: Conditions = WELL) -> Check:
    return next(one for one in found(conditions) if one.name == name)


def test_a_machine_in_good_order_passes_every_check() -> None:
    passed = [one for one in found() if one.name != "core speed"]  # which this machine may tell or not
    assert {one.status for one in passed} == {Status.OK}
    assert tuple(one.name for one in passed) == GENERAL


@pytest.mark.parametrize(
    ("name", "conditions"),
    [
        ("memory", Conditions(memory_available_bytes=1)),
        ("memory", Conditions()),
        ("cores", Conditions(cores_allowed=(0, 1))),
        ("quota", Conditions(cores_quota=1.5)),
        ("load", Conditions(load=3.0, cores_allowed=(0, 1))),
        ("governor", Conditions(governor="ondemand, performance")),
        ("governor", Conditions()),
        ("temperature", Conditions()),
        ("temperature", Conditions(temperatures=(Temperature(sensor="cpu", celsius=81),))),
        ("throttling", Conditions(throttled=("under-voltage",))),
        ("throttling", Conditions(counters=(Counter(name="core thermal throttles", count=3),))),
        ("throttling", Conditions(gaps=("throttling: nothing tells",))),
    ],
)
def test_what_makes_measurements_worse_is_a_warning_with_advice(name: str, conditions: Conditions) -> None:
    one = check(name, conditions)
    assert one.status is Status.WARNING
    assert one.advice


@pytest.mark.parametrize(
    ("flag", "advice"),
    [
        ("under-voltage", "power supply"),
        ("throttle events oc3 (instantaneous over-current)", "power mode"),
        ("gpu 0: software power cap", "nvidia-smi"),
        ("periods stopped by the cpu quota", "CPU quota"),
        ("soft temperature limit", "Cool it"),
    ],
)
def test_the_advice_against_throttling_fits_its_cause(flag: str, advice: str) -> None:
    assert advice in check("throttling", Conditions(throttled=(flag,))).advice


def test_clocks_that_are_locked_are_steady_whatever_the_governor() -> None:
    locked = ClockRate(domain="cpu policy0", mhz=1_728, min_mhz=1_728, max_mhz=1_728)
    free = ClockRate(domain="cpu policy4", mhz=1_728, min_mhz=100, max_mhz=1_728)
    assert check("governor", Conditions(governor="schedutil", clocks=(locked,))).status is Status.OK
    assert check("governor", Conditions(governor="schedutil", clocks=(locked, free))).status is Status.WARNING


def test_the_load_is_said_as_what_it_is() -> None:
    assert check("load").found == "0.10 over the last minute, on 4 cores"


def test_an_old_python_is_a_problem() -> None:
    old = checks(probe=lambda _: GIVES_VERSION, python=(3, 9, 18), conditions=WELL, noise=lambda: QUIET)
    assert (old[0].status, old[0].found) == (Status.PROBLEM, "3.9.18")


def test_a_python_of_32_bits_is_a_problem() -> None:
    (one,) = [one for one in found(kind=DeviceKind.RASPBERRY_PI, bits=32) if one.name == "architecture"]
    assert one.status is Status.PROBLEM
    assert "Raspberry Pi OS (64-bit)" in one.advice


@pytest.mark.parametrize(
    ("kind", "advice"),
    [
        (DeviceKind.LINUX, "pip install stepfarm[torch]"),
        (DeviceKind.RASPBERRY_PI, "PyTorch's CPU index"),
        (DeviceKind.JETSON, "NVIDIA's own wheels"),
        (DeviceKind.TERMUX, "pkg install python-torch"),
    ],
)
def test_a_missing_torch_is_a_problem_with_the_way_to_install_it_here(kind: DeviceKind, advice: str) -> None:
    one = check_package("torch", MISSING, kind, None)
    assert (one.status, one.found) == (Status.PROBLEM, "not installed")
    assert advice in one.advice


def test_without_torch_a_device_with_onnxruntime_can_measure_and_is_told_by_what() -> None:
    one = check_package("torch", MISSING, DeviceKind.RASPBERRY_PI, None, onnxruntime=True)
    assert one.status is Status.WARNING
    assert "onnxruntime alone" in one.advice
    broken = check_package("torch", ILLEGAL_INSTRUCTION, DeviceKind.LINUX, "2.9.0", onnxruntime=True)
    assert broken.status is Status.PROBLEM


def test_a_torch_that_is_broken_is_a_problem_with_its_version_and_the_error() -> None:
    one = check_package("torch", Probed(complaint="ImportError: libcudart.so"), DeviceKind.LINUX, "2.9.0")
    assert (one.status, one.found) == (Status.PROBLEM, "2.9.0: ImportError: libcudart.so")


def test_a_build_that_does_not_fit_the_processor_is_a_problem_with_other_advice() -> None:
    one = check_package("torch", ILLEGAL_INSTRUCTION, DeviceKind.LINUX, "2.9.0")
    assert one.status is Status.PROBLEM
    assert "does not fit this processor" in one.advice
    assert "Raspberry Pi" not in one.advice


@pytest.mark.parametrize("version", ["2.0", "2.1", "2.4", "2.10"])
def test_on_a_raspberry_pi_the_versions_of_torch_known_to_fail_are_named(version: str) -> None:
    one = check_package("torch", ILLEGAL_INSTRUCTION, DeviceKind.RASPBERRY_PI, version)
    assert one.found.startswith(f"{version}: the import met an instruction")
    named, command = ILLEGAL["torch"]
    assert version in named
    assert f"!={version}.*" in command
    assert named in one.advice
    assert command in one.advice


def test_onnxruntime_is_optional() -> None:
    missing = check_onnxruntime(MISSING, DeviceKind.LINUX, None)
    broken = check_onnxruntime(Probed(complaint="ImportError: no"), DeviceKind.LINUX, "1.20.0")
    illegal = check_onnxruntime(ILLEGAL_INSTRUCTION, DeviceKind.RASPBERRY_PI, "1.21.0")
    assert [one.status for one in (missing, broken, illegal)] == [Status.OK, Status.WARNING, Status.WARNING]
    assert "1.21" in illegal.advice


def test_the_hottest_sensor_is_shown() -> None:
    assert "45 C at gpu" in check("temperature").found


def test_a_package_that_can_be_imported_gives_its_version() -> None:
    assert probe_import("json").version == __import__("json").__version__


def test_a_package_that_is_missing_gives_the_error() -> None:
    missing = probe_import("no_such_package")
    assert "no_such_package" in missing.complaint
    assert missing.missing


def test_a_package_that_lacks_another_one_is_not_missing_itself() -> None:
    lacks = probed("timm", 1, "", "Traceback\nModuleNotFoundError: No module named 'yaml'\n")
    assert not lacks.missing
    assert "yaml" in lacks.complaint


def test_a_python_that_does_not_start_is_an_answer() -> None:
    assert probe_import("json", python="/nonexistent/python").version is None


def test_an_import_that_takes_too_long_is_an_answer() -> None:
    assert "longer than" in probe_import("json", python=sys.executable, longest_s=0).complaint


def test_an_import_that_is_ended_by_a_signal_is_an_answer() -> None:
    assert probed("torch", -signal.SIGSEGV, "", "").complaint == "the import was ended by signal 11"


def test_an_import_that_meets_an_illegal_instruction_is_an_answer(tmp_path: Path) -> None:
    python = tmp_path / "python"
    python.write_text("#!/bin/sh\nkill -ILL $$\n")
    python.chmod(0o755)
    assert probe_import("torch", python=str(python)).illegal_instruction
