"""The public face is small, and costs nothing until it is used."""

from __future__ import annotations

import json
import subprocess
import sys

import pytest

import stepfarm

HEAVY = ("ray", "fastapi", "sqlalchemy")


def loaded_after(code: str) -> set[str]:
    """Which packages a fresh process has imported after ``code``."""
    script = f"{code}\nimport sys, json\nprint(json.dumps(sorted({{name.partition('.')[0] for name in sys.modules}})))"
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    return set(json.loads(done.stdout.splitlines()[-1]))


def test_the_public_names_are_these() -> None:
    assert stepfarm.__all__ == [
        "Client",
        "Method",
        "Plan",
        "Schedule",
        "StepfarmError",
        "Workload",
        "apply_schedule",
        "measure",
    ]


@pytest.mark.parametrize("name", stepfarm.__all__)
def test_every_public_name_is_there_and_documented(name: str) -> None:
    assert getattr(stepfarm, name).__doc__
    assert name in (stepfarm.__doc__ or "")


def test_what_completes_names_sees_the_public_ones() -> None:
    assert dir(stepfarm) == sorted(stepfarm.__all__)


def test_a_name_that_is_not_public_is_refused_with_those_that_are() -> None:
    with pytest.raises(AttributeError, match=r"mesure.*measure"):
        getattr(stepfarm, "mesure")  # noqa: B009  # the misspelt name is the point


def test_importing_stepfarm_imports_nothing_heavy() -> None:
    assert loaded_after("import stepfarm").isdisjoint({*HEAVY, "numpy", "torch", "urllib3"})


def test_asking_for_help_imports_nothing_heavy() -> None:
    code = "import contextlib, io\nfrom orchestrator.cli import main\nwith contextlib.suppress(SystemExit), "
    help_text = "contextlib.redirect_stdout(io.StringIO()): main(['--help'])"

    assert loaded_after(code + help_text).isdisjoint({*HEAVY, "torch", "matplotlib"})


def test_what_measures_and_what_asks_need_no_server() -> None:
    assert loaded_after("from stepfarm import Client, Plan, apply_schedule, measure").isdisjoint(
        {*HEAVY, "torch", "matplotlib"}
    )
