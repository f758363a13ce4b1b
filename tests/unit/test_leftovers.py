"""What an orchestrator started is on record, and the next one ends what is left of it, and nothing else."""

from __future__ import annotations

import contextlib
import json
import os
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from agent.clock import SystemClock
from agent.errors import StateError
from orchestrator import leftovers
from orchestrator.errors import StartFailed
from orchestrator.leftovers import end_all, note_folder, note_processes, on_record, read
from orchestrator.processes import Process, living
from tests.support.clocks import ManualClock

CLOCK = SystemClock()
PARENT = """
import subprocess, sys
child = subprocess.Popen(["cat"], stdin=subprocess.PIPE)
print(child.pid, flush=True)
sys.stdin.read()
"""
DEAF = """
import signal, sys
signal.signal(signal.SIGTERM, signal.SIG_IGN)
print("deaf", flush=True)
sys.stdin.read()
"""


@contextmanager
def a_process(*command: str) -> Iterator[subprocess.Popen[bytes]]:
    """A process that lives until its standard input is closed, at the end of the context."""
    with subprocess.Popen(command or ["cat"], stdin=subprocess.PIPE, stdout=subprocess.PIPE) as process:
        yield process


def said(process: subprocess.Popen[bytes]) -> str:
    """The next line that the process prints."""
    assert process.stdout is not None
    return process.stdout.readline().decode().strip()


def identity(process: subprocess.Popen[bytes]) -> Process:
    return living()[process.pid].process


def test_what_is_on_record_is_ended_and_the_record_cleared(tmp_path: Path) -> None:
    with a_process() as process:
        note_processes(tmp_path, [identity(process)])

        assert end_all(tmp_path, CLOCK) == 1

        assert process.wait(10) == -signal.SIGTERM
    assert list(tmp_path.iterdir()) == []


def test_what_it_started_is_ended_with_it(tmp_path: Path) -> None:
    with a_process(sys.executable, "-c", PARENT) as process:
        child = int(said(process))
        note_processes(tmp_path, [identity(process)])

        end_all(tmp_path, CLOCK)

        assert child not in living()


def test_what_is_deaf_to_a_kind_word_is_killed(tmp_path: Path) -> None:
    with a_process(sys.executable, "-c", DEAF) as process:
        assert said(process) == "deaf"
        note_processes(tmp_path, [identity(process)])

        # In virtual time the patience is over at once, and so is the wait for the kernel, which is a real one.
        with contextlib.suppress(StartFailed):
            end_all(tmp_path, ManualClock())

        assert process.wait(10) == -signal.SIGKILL


def test_another_process_with_a_number_on_record_is_left_alone(tmp_path: Path) -> None:
    with a_process() as process:
        record = {"processes": [[process.pid, "another boot 4711"]], "folders": []}
        (tmp_path / leftovers.FILE_NAME).write_text(json.dumps(record))

        assert end_all(tmp_path, CLOCK) == 0

        assert process.poll() is None


def test_what_is_not_on_record_is_left_alone(tmp_path: Path) -> None:
    with a_process() as ours, a_process() as other:
        note_processes(tmp_path, [identity(ours)])

        end_all(tmp_path, CLOCK)

        assert other.poll() is None


def test_what_has_ended_comes_off_the_record(tmp_path: Path) -> None:
    with a_process() as first, a_process() as second:
        note_processes(tmp_path, [identity(first), identity(second)])
        kept = identity(second)
        first.kill()
        first.wait()
        note_processes(tmp_path, [])

        assert read(tmp_path).processes == {kept}


def test_a_scratch_directory_on_record_is_removed_with_what_is_in_it(tmp_path: Path) -> None:
    scratch = tmp_path / f"{leftovers.SCRATCH_PREFIX}x"
    (scratch / "r").mkdir(parents=True)
    note_folder(tmp_path, scratch)

    end_all(tmp_path, CLOCK)

    assert not scratch.exists()


def test_no_other_directory_is_ever_removed(tmp_path: Path) -> None:
    (tmp_path / "precious").mkdir()
    (tmp_path / f"{leftovers.SCRATCH_PREFIX}link").symlink_to(tmp_path / "precious")
    for name in ("precious", f"{leftovers.SCRATCH_PREFIX}link"):
        note_folder(tmp_path, tmp_path / name)

    end_all(tmp_path, CLOCK)

    assert (tmp_path / "precious").is_dir()


def test_no_record_means_that_nothing_was_left(tmp_path: Path) -> None:
    assert end_all(tmp_path, CLOCK) == 0


@pytest.mark.parametrize("content", [b"", b"[]", b'{"processes": [[1]], "folders": []}', b"\xff"])
def test_a_record_that_makes_no_sense_is_told_and_kept(tmp_path: Path, content: bytes) -> None:
    (tmp_path / leftovers.FILE_NAME).write_bytes(content)

    with pytest.raises(StateError) as refusal:
        end_all(tmp_path, CLOCK)

    assert "remove the file" in refusal.value.advice
    assert (tmp_path / leftovers.FILE_NAME).read_bytes() == content


def test_while_it_is_on_record_whatever_this_process_starts_is_noted(tmp_path: Path) -> None:
    with a_process() as before:
        known = identity(before)
        with on_record(tmp_path, CLOCK, threading.Event()), a_process() as process:
            wanted = identity(process)
            for _ in range(200):
                if wanted in read(tmp_path).processes:
                    break
                CLOCK.wait(threading.Event(), 0.02)
            assert read(tmp_path).processes == {wanted}

        assert known in {seen.process for seen in living().values()}
    assert list(tmp_path.iterdir()) == []


def test_what_this_process_started_does_not_outlive_the_context(tmp_path: Path) -> None:
    with contextlib.suppress(KeyError), on_record(tmp_path, CLOCK, threading.Event()):
        process = subprocess.Popen(["sleep", "600"])
        raise KeyError

    assert process.wait(10) == -signal.SIGTERM


def test_the_record_is_for_its_owner_alone(tmp_path: Path) -> None:
    with a_process() as process:
        note_processes(tmp_path, [identity(process)])

        assert (tmp_path / leftovers.FILE_NAME).stat().st_mode & 0o777 == 0o600
        assert (tmp_path / leftovers.FILE_NAME).stat().st_uid == os.geteuid()
