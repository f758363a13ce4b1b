"""Processes by number and moment of start: no other is ever taken for one of them."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace

import pytest

from orchestrator.processes import Process, Seen, descendants, from_ps, living, tell

UNTIL_CLOSED = ["cat"]


@contextmanager
def a_process(command: list[str] = UNTIL_CLOSED) -> Iterator[subprocess.Popen[bytes]]:
    """A process that lives until its standard input is closed, at the end of the context."""
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as process:
        yield process


def of(*pairs: tuple[int, int]) -> dict[int, Seen]:
    """Processes by number, each with its parent's."""
    return {pid: Seen(Process(pid, "then"), parent) for pid, parent in pairs}


def test_a_living_process_is_seen_with_the_one_that_started_it() -> None:
    with a_process() as process:
        seen = living()[process.pid]

    assert seen.parent == os.getpid()
    assert seen.process.pid == process.pid


def test_a_process_is_the_same_each_time_it_is_looked_at_and_never_another() -> None:
    with a_process() as first, a_process() as second:
        one, again, other = living()[first.pid], living()[first.pid], living()[second.pid]

    assert one == again
    assert one.process != other.process


def test_one_that_has_ended_is_gone_though_nobody_has_asked_after_it_yet() -> None:
    with a_process() as process:
        process.kill()
        os.waitid(os.P_PID, process.pid, os.WEXITED | os.WNOWAIT)
        assert process.pid not in living()


def test_the_tools_of_other_systems_tell_the_same_processes() -> None:
    with a_process() as process:
        here, there = living()[process.pid], from_ps()[process.pid]
        again = from_ps()[process.pid]

    assert there.parent == here.parent
    assert there == again


def test_descendants_are_found_however_deep_and_nobody_else() -> None:
    seen = of((1, 0), (10, 1), (11, 10), (12, 11), (20, 1), (21, 20))

    assert {process.pid for process in descendants([10], seen)} == {11, 12}
    assert {process.pid for process in descendants([10, 20], seen)} == {11, 12, 21}
    assert descendants([99], seen) == set()


def test_a_process_gets_the_signal() -> None:
    with a_process() as process:
        tell(living()[process.pid].process, signal.SIGTERM)

        assert process.wait(10) == -signal.SIGTERM


def test_another_with_the_same_number_gets_none() -> None:
    with a_process() as process:
        tell(replace(living()[process.pid].process, started="before the last boot"), signal.SIGKILL)

        assert process.poll() is None


def test_one_that_is_gone_is_no_error() -> None:
    with a_process() as process:
        gone = living()[process.pid].process
    tell(gone, signal.SIGTERM)


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can be somebody else")
def test_a_process_of_another_user_is_an_error_and_lives_on() -> None:
    with a_process() as process:
        script = (
            "import os, signal, sys; from orchestrator.processes import living, tell\n"
            "process = living()[int(sys.argv[1])].process; os.setuid(65534)\n"
            "try: tell(process, signal.SIGKILL)\n"
            "except PermissionError: sys.exit(7)"
        )
        ended = subprocess.run([sys.executable, "-c", script, str(process.pid)], check=False)

        assert ended.returncode == 7
        assert process.poll() is None
