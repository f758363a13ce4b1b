from __future__ import annotations

import os
import stat
import sys
import threading
from collections.abc import Sequence
from pathlib import Path

import pytest

from agent.clock import SystemClock
from agent.device.commands import Answer, UntilItFails, run_command


def script(folder: Path, text: str) -> str:
    """An executable with these commands for a shell."""
    path = folder / "asked"
    path.write_text(f"#!/bin/sh\n{text}\n")
    path.chmod(path.stat().st_mode | stat.S_IXUSR)
    return str(path)


def test_a_command_that_works_gives_what_it_printed(tmp_path: Path) -> None:
    assert run_command((script(tmp_path, "echo '  15W '; echo 2"),)) == Answer("15W \n2")


def test_what_a_command_prints_is_clean_text(tmp_path: Path) -> None:
    assert run_command((script(tmp_path, r"printf 'a\000b\377'"),)) == Answer("ab\ufffd")


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        ("exit 3", "ended with status 3"),
        ("echo no such field; exit 2", "failed: no such field"),
        ("echo out; echo denied >&2; exit 1", "failed: denied"),
        ("true", "printed nothing"),
        ("kill -ILL $$", "ended with status -4"),
    ],
)
def test_a_command_that_fails_gives_the_reason(text: str, complaint: str, tmp_path: Path) -> None:
    path = script(tmp_path, text)
    answer = run_command((path, "-q"))
    assert answer.text is None
    assert answer.complaint == f"{path} -q {complaint}"


def test_a_command_that_is_missing_may_not_be_run_or_is_no_program_gives_the_reason(tmp_path: Path) -> None:
    (tmp_path / "text").write_text("not a program")
    (tmp_path / "text").chmod(0o644)
    assert run_command(("no-such-command-anywhere",)).complaint == "no-such-command-anywhere is not installed"
    assert run_command((str(tmp_path / "text"),)).complaint.endswith("may not be run")
    (tmp_path / "text").chmod(0o755)
    assert "does not start" in run_command((str(tmp_path / "text"),)).complaint


def test_a_command_that_hangs_is_ended_with_all_that_it_started(tmp_path: Path) -> None:
    # As Termux does it: a script that waits for another program, which keeps the output open.
    command = (script(tmp_path, f"sleep 600 & echo $! >{tmp_path / 'started'}; wait"),)
    answer = run_command(command, longest_s=0.5)
    assert answer == Answer(None, f"{command[0]} did not answer within 0.5 s")
    assert ends(int((tmp_path / "started").read_text()))


def ends(pid: int, *, within_s: float = 10.0) -> bool:
    """Whether the process ends within that time."""
    clock, never = SystemClock(), threading.Event()
    until_ns = clock.monotonic_ns() + round(within_s * 1e9)
    while not is_ended(pid) and clock.monotonic_ns() < until_ns:
        clock.wait(never, 0.01)
    return is_ended(pid)


def is_ended(pid: int) -> bool:
    """Whether the process is gone, or dead and waits for somebody to notice."""
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return True
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] in "ZX"
    except OSError:
        return True


def test_a_command_gets_no_input_to_wait_for() -> None:
    assert run_command((sys.executable, "-c", "import sys; print(repr(sys.stdin.read()))")) == Answer("''")


def test_only_a_command_that_failed_is_not_asked_again() -> None:
    asked: list[tuple[str, ...]] = []

    def run(command: Sequence[str]) -> Answer:
        asked.append(tuple(command))
        return Answer("well") if command[0] == "works" else Answer(None, f"{command[0]} hangs")

    once = UntilItFails(run)
    answers = [once([name]) for name in ("works", "fails", "works", "fails")]
    assert answers == [Answer("well"), Answer(None, "fails hangs")] * 2
    assert asked == [("works",), ("fails",), ("works",)]
