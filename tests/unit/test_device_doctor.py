from __future__ import annotations

import signal
import sys

import pytest

from agent.device.doctor import Check, Status, checks
from agent.device.probe import Probed, probe_import, probed
from agent.wire.conditions import Conditions, Temperature

WELL = Conditions(
    temperatures=(Temperature(sensor="cpu", celsius=40), Temperature(sensor="gpu", celsius=45)),
    governor="performance",
    cores_allowed=(0, 1, 2, 3),
    load=0.1,
    memory_available_bytes=4 * 1024**3,
)
GIVES_VERSION = Probed(version="2.0")


def check(name: str, conditions: Conditions = WELL, *, probe: Probed = GIVES_VERSION) -> Check:
    found = checks(probe=lambda _: probe, python=(3, 11, 2), cores=lambda: 4, conditions=conditions)
    return next(one for one in found if one.name == name)


def test_a_machine_in_good_order_passes_every_check() -> None:
    found = checks(probe=lambda _: GIVES_VERSION, python=(3, 11, 2), cores=lambda: 4, conditions=WELL)
    assert {one.status for one in found} == {Status.OK}
    assert [one.name for one in found] == [
        *("python", "torch", "timm", "memory", "cores", "load", "governor", "temperature"),
    ]


@pytest.mark.parametrize(
    ("name", "conditions"),
    [
        ("memory", Conditions(memory_available_bytes=1)),
        ("memory", Conditions()),
        ("cores", Conditions(cores_allowed=(0, 1))),
        ("load", Conditions(load=3.0, cores_allowed=(0, 1))),
        ("governor", Conditions(governor="ondemand, performance")),
        ("governor", Conditions()),
        ("temperature", Conditions()),
    ],
)
def test_what_makes_measurements_worse_is_a_warning_with_advice(name: str, conditions: Conditions) -> None:
    found = check(name, conditions)
    assert found.status is Status.WARNING
    assert found.advice


def test_an_old_python_is_a_problem() -> None:
    found = checks(probe=lambda _: GIVES_VERSION, python=(3, 9, 18), conditions=WELL)
    assert (found[0].status, found[0].found) == (Status.PROBLEM, "3.9.18")


def test_a_missing_torch_is_a_problem_with_the_command_that_installs_it() -> None:
    found = check("torch", probe=Probed(complaint="ModuleNotFoundError: No module named 'torch'"))
    assert found.status is Status.PROBLEM
    assert "pip install stepfarm[torch]" in found.advice


def test_a_build_that_does_not_fit_the_processor_is_a_problem_with_other_advice() -> None:
    found = check("torch", probe=probed(-signal.SIGILL, "", ""))
    assert found.status is Status.PROBLEM
    assert "does not fit this processor" in found.advice


def test_the_hottest_sensor_is_shown() -> None:
    assert "45 C at gpu" in check("temperature").found


def test_a_package_that_can_be_imported_gives_its_version() -> None:
    assert probe_import("json").version == __import__("json").__version__


def test_a_package_that_is_missing_gives_the_error() -> None:
    assert "no_such_package" in probe_import("no_such_package").complaint


def test_a_python_that_does_not_start_is_an_answer() -> None:
    assert probe_import("json", python="/nonexistent/python").version is None


def test_an_import_that_takes_too_long_is_an_answer() -> None:
    assert "longer than" in probe_import("json", python=sys.executable, longest_s=0).complaint


def test_an_import_that_is_ended_by_a_signal_is_an_answer() -> None:
    assert probed(-signal.SIGSEGV, "", "").complaint == "the import was ended by signal 11"
