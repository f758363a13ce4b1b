"""What people say of devices, and the line that lets one in."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

import pytest

from agent.wire.codec import WireError
from orchestrator.views import JoinCode, Label, LabelChange


def a_code(url: str = "https://farm.example.org") -> JoinCode:
    return JoinCode(id=1, code="7Q2M-K4VD-9XHA", url=url, expires_ms=0)


def a_program(folder: Path, name: str, *, ending: int = 0, then: str = "") -> None:
    """Put a program there that writes down how it was called, and does ``then``."""
    program = folder / name
    program.write_text(f'#!/bin/sh\necho {name} "$@" >> "$CALLED"\n{then}\nexit {ending}\n')
    program.chmod(0o700)


def pasted(folder: Path, line: str) -> list[str]:
    """The programs that ``line`` calls in a shell where only those in ``folder`` are found."""
    called = folder / "called"
    subprocess.run(["/bin/sh", "-c", line], env={**os.environ, "PATH": str(folder), "CALLED": str(called)}, check=False)
    return called.read_text().splitlines()


@pytest.mark.parametrize(
    ("text", "name", "value"),
    [("fast", "fast", ""), ("board=orin", "board", "orin"), ("rack.row-2=7_b", "rack.row-2", "7_b"), ("a=", "a", "")],
)
def test_a_label_is_a_name_or_a_name_with_a_value(text: str, name: str, value: str) -> None:
    label = Label.parse(text)

    assert (label.name, label.value) == (name, value)
    assert Label.parse(str(label)) == label


@pytest.mark.parametrize("text", ["", "=", "=orin", "a b", "-a", "a-", "a=b=c", "a=b c", "ä", "a" * 64, "a\n"])
def test_what_is_no_label_is_refused(text: str) -> None:
    with pytest.raises(WireError):
        Label.parse(text)


def test_a_change_of_labels_says_each_thing_once() -> None:
    with pytest.raises(WireError, match="put"):
        LabelChange(put=(Label(name="a", value="1"), Label(name="a", value="2")))
    with pytest.raises(WireError, match="remove"):
        LabelChange(put=(Label(name="a"),), remove=("b", "a"))


def test_the_line_to_paste_installs_enrols_and_measures(tmp_path: Path) -> None:
    a_program(tmp_path, "wheel")
    a_program(tmp_path, "pip", then=f"/bin/cp {tmp_path}/wheel {tmp_path}/stepfarm-agent")

    called = pasted(tmp_path, a_code().command)

    assert [line.split(" ")[1] for line in called] == ["install", "enroll", "run"]


def test_the_line_to_paste_installs_nothing_where_the_agent_is(tmp_path: Path) -> None:
    a_program(tmp_path, "pip")
    a_program(tmp_path, "stepfarm-agent")

    assert pasted(tmp_path, a_code().command) == [
        "stepfarm-agent enroll https://farm.example.org --code 7Q2M-K4VD-9XHA",
        "stepfarm-agent run",
    ]


def test_the_line_to_paste_ends_where_a_part_of_it_fails(tmp_path: Path) -> None:
    a_program(tmp_path, "pip", ending=1)
    assert pasted(tmp_path, a_code().command) == ["pip install stepfarm"]

    a_program(tmp_path, "stepfarm-agent", ending=1)
    (tmp_path / "called").unlink()
    assert len(pasted(tmp_path, a_code().command)) == 1


def test_no_address_makes_the_line_do_something_else(tmp_path: Path) -> None:
    a_program(tmp_path, "stepfarm-agent")
    a_program(tmp_path, "evil")

    called = pasted(tmp_path, a_code("https://farm.example.org/$(evil);evil").command)

    assert called[0] == "stepfarm-agent enroll https://farm.example.org/$(evil);evil --code 7Q2M-K4VD-9XHA"
    assert len(called) == 2


@pytest.mark.parametrize("url", ["http://127.0.0.1:8765", "http://localhost:1", "http://[::1]:8765", "https://[::1]"])
def test_a_loopback_address_is_said_to_be_for_this_machine_alone(url: str) -> None:
    caution = a_code(url).caution

    assert caution is not None
    assert "only this machine" in caution
    assert "STEPFARM_PUBLIC_URL" in caution


@pytest.mark.parametrize(
    ("known", "reached", "told"),
    [
        ("http://127.0.0.1:8765", "https://farm.example.org", "https://farm.example.org"),
        ("http://127.0.0.1:8765", "http://localhost:9000", "http://127.0.0.1:8765"),
        ("https://farm.example.org", "https://other.example.org", "https://farm.example.org"),
        ("https://farm.example.org", "http://127.0.0.1:8765", "https://farm.example.org"),
    ],
)
def test_devices_are_told_the_address_that_was_reached_where_no_better_is_known(
    known: str, reached: str, told: str
) -> None:
    assert a_code(known).reached_at(reached).url == told


def test_an_address_that_agents_refuse_is_said_to_be_one() -> None:
    assert "not encrypted" in (a_code("http://farm.example.org").caution or "")
    assert a_code().caution is None
