"""The pages on devices say what the code does, and how sure each claim is."""

from __future__ import annotations

import configparser
import re
from pathlib import Path

import pytest

from agent.device.package_checks import ILLEGAL
from agent.device.raspberry_pi import FLAGS
from agent.wire.enrolment import DeviceKind

PAGES = Path(__file__).resolve().parents[2] / "docs" / "devices"
WITH_A_PAGE = [kind.value for kind in DeviceKind if kind not in (DeviceKind.MACOS, DeviceKind.SIMULATED)]
SECTIONS = (
    *("Install", "Enrol and run", "Run as a service", "What it reads", "What it cannot read", "Steadier numbers"),
    "Traps",
)


def page(kind: str) -> str:
    return (PAGES / f"{kind}.md").read_text(encoding="utf-8")


def units(kind: str) -> list[configparser.ConfigParser]:
    """The systemd units, or parts of one, that a page shows."""
    found = []
    for text in re.findall(r"```ini\n(.*?)```", page(kind), re.DOTALL):
        unit = configparser.ConfigParser(interpolation=None, delimiters=("=",))
        unit.optionxform = str  # type: ignore[assignment, method-assign]  # systemd's names have capitals
        unit.read_string(text)
        found.append(unit)
    return found


@pytest.mark.parametrize("kind", WITH_A_PAGE)
def test_every_kind_has_a_page_with_the_same_sections(kind: str) -> None:
    assert tuple(re.findall(r"^## (.+)$", page(kind), re.MULTILINE)) == SECTIONS


@pytest.mark.parametrize("kind", WITH_A_PAGE)
def test_every_page_says_how_sure_its_claims_are(kind: str) -> None:
    first, *sections = re.split(r"^## ", page(kind), flags=re.MULTILINE)
    assert re.search(r"documented only", first, re.IGNORECASE)
    for section in sections:
        if section.startswith(("Install", "Enrol", "Run as a service", "What it reads")):
            assert re.search(r"documented only|run on hardware", section, re.IGNORECASE), section.splitlines()[0]


def test_the_unit_runs_the_agent_and_stops_it_as_it_likes_to_be_stopped() -> None:
    (unit,) = units("linux")
    assert unit["Service"]["ExecStart"].endswith("/stepfarm-agent run")
    assert (unit["Service"]["KillSignal"], unit["Service"]["KillMode"]) == ("SIGTERM", "mixed")
    assert unit["Install"]["WantedBy"] == "multi-user.target"


@pytest.mark.parametrize("kind", ["jetson", "raspberry-pi"])
def test_what_a_board_adds_to_the_unit_can_be_read(kind: str) -> None:
    assert [unit.sections() for unit in units(kind)] == [["Service"]]


def test_the_page_on_the_raspberry_pi_names_the_versions_and_flags_that_the_code_knows() -> None:
    text = re.sub(r"\s+", " ", page("raspberry-pi"))
    for name, (versions, command) in ILLEGAL.items():
        assert f"{name} {versions}" in text
        assert name != "torch" or command in text
    for flag in FLAGS.values():
        assert flag.removeprefix("arm ") in text
