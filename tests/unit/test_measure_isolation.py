from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path

import pytest

from agent.clock import SystemClock
from agent.errors import MeasurementFailed
from agent.measure.child_process import ChildProcess
from agent.measure.isolation import MeasurementStopped, MeasuringChild
from agent.measure.rounds import measure_round
from agent.wire.jobs import FailureReason, Round, Workload
from agent.wire.readings import Batch
from tests.support import synthetic_child

ROUND = Round(number=0, tokens=(2,), sentinel=5, min_passes=1, max_passes=1, seed=0)

READY = (
    'ask(); tell(\'{"ready":{"facts":{"tokens":5,"prefix_tokens":1,"blocks":1,"image_size":32,"threads":1,'
    '"runtime_version":"scripted"}}}\'); ask(); '
)
"""A scripted child that is ready, and then has read the wish for a pass."""

HANG = "signal.pause()"


def scripted(script: str) -> list[str]:
    start = (
        "import os, signal, sys\n"
        "ask = sys.stdin.buffer.readline\n"
        "tell = lambda line: (sys.stdout.write(line + '\\n'), sys.stdout.flush())\n"
    )
    return [sys.executable, "-c", start + script]


@contextmanager
def a_ready_child(script: str) -> Iterator[MeasuringChild]:
    with MeasuringChild(clock=SystemClock(), command=scripted(READY + script)) as child:
        child.start("test_vit", Workload(), deadline_s=60)
        yield child


def failure_of_a_pass(script: str, deadline_s: float = 60) -> MeasurementFailed:
    with a_ready_child(script) as child:
        with pytest.raises(MeasurementFailed) as failed:
            child.measure_pass(ROUND, 0, deadline_s=deadline_s)
        assert child.pid is None
    return failed.value


@pytest.mark.parametrize(
    ("name", "reason"),
    [
        ("SIGKILL", FailureReason.OUT_OF_MEMORY),
        ("SIGILL", FailureReason.CRASHED),
        ("SIGSEGV", FailureReason.CRASHED),
    ],
)
def test_a_child_that_dies_by_a_signal_in_a_pass_is_a_failure_with_a_reason(name: str, reason: FailureReason) -> None:
    assert failure_of_a_pass(f"os.kill(os.getpid(), signal.{name})").reason is reason


@pytest.mark.parametrize(
    ("number", "reason", "words"),
    [
        (signal.SIGKILL, FailureReason.OUT_OF_MEMORY, "killed (SIGKILL)"),
        (signal.SIGILL, FailureReason.CRASHED, "(SIGILL)"),
        (signal.SIGSEGV, FailureReason.CRASHED, "by signal SIGSEGV"),
    ],
)
def test_what_was_measured_before_a_child_died_is_kept_and_how_it_died_is_said(
    number: signal.Signals, reason: FailureReason, words: str
) -> None:
    kept: list[int] = []
    with MeasuringChild(clock=SystemClock(), command=synthetic_child.command()) as child:
        child.start("test_vit", Workload())

        def keep(batch: Batch) -> None:
            kept.append(batch.number)
            if len(kept) == 2:
                assert child.pid is not None
                os.kill(child.pid, number)

        round_ = Round(number=0, tokens=(2, 3), sentinel=5, min_passes=9, max_passes=9, seed=0)
        with pytest.raises(MeasurementFailed) as failed:
            measure_round(child, round_, passes_done=0, fence=1, clock=SystemClock(), keep=keep)
    assert kept == [0, 1]
    assert failed.value.reason is reason
    assert words in failed.value.message


def test_at_its_deadline_a_child_that_hangs_is_ended_with_all_that_it_started(tmp_path: Path) -> None:
    alive = tmp_path / "alive"
    os.mkfifo(alive)
    # The writing end of the pipe is open as long as one of the two lives.
    script = f"held = os.open({str(alive)!r}, os.O_WRONLY); os.fork(); signal.pause()"
    with a_ready_child(script) as child, ThreadPoolExecutor(1) as pool:
        reader = pool.submit(alive.open, "rb")
        with pytest.raises(MeasurementFailed) as failed:
            child.measure_pass(ROUND, 0, deadline_s=0.5)
        assert failed.value.reason is FailureReason.TIMED_OUT
        with reader.result(10) as end:
            assert end.read() == b""


def test_a_child_that_exits_is_a_crash_with_its_last_words() -> None:
    failure = failure_of_a_pass("sys.exit('the library fell over')")
    assert failure.reason is FailureReason.CRASHED
    assert "the library fell over" in failure.message


def test_a_child_that_gives_no_answer_in_time_has_timed_out() -> None:
    assert failure_of_a_pass(HANG, deadline_s=0.05).reason is FailureReason.TIMED_OUT


@pytest.mark.parametrize("answer", ["noise", '{"ready":null}', '{"measured":{"complete":true}}'])
def test_an_answer_that_is_none_is_an_internal_failure(answer: str) -> None:
    assert failure_of_a_pass(f"tell({answer!r})").reason is FailureReason.INTERNAL


def test_the_childs_own_account_of_a_failure_is_passed_on() -> None:
    told = '{"broken":{"reason":"out-of-memory","message":"no room","advice":"make some"}}'
    failure = failure_of_a_pass(f"tell({told!r})")
    assert (failure.reason, failure.message, failure.advice) == (FailureReason.OUT_OF_MEMORY, "no room", "make some")


def test_a_cancel_from_another_thread_ends_a_pass_and_the_child() -> None:
    with a_ready_child(HANG) as child:
        canceller = threading.Timer(0.1, child.cancel)
        canceller.start()
        with pytest.raises(MeasurementStopped):
            child.measure_pass(ROUND, 0, deadline_s=60)
        canceller.join()
        assert child.pid is None


def test_a_cancel_before_a_pass_stops_it_too() -> None:
    with a_ready_child(HANG) as child:
        child.cancel()
        with pytest.raises(MeasurementStopped):
            child.measure_pass(ROUND, 0, deadline_s=60)


def test_a_name_that_timm_would_fetch_from_elsewhere_starts_no_child() -> None:
    child = MeasuringChild(clock=SystemClock(), command=["/nonexistent"])
    with child, pytest.raises(MeasurementFailed) as failed:
        child.start("hf-hub:somebody/something", Workload())
    assert failed.value.reason is FailureReason.MODEL_UNKNOWN


def test_a_child_that_cannot_be_started_is_a_failure_too() -> None:
    child = MeasuringChild(clock=SystemClock(), command=["/nonexistent"])
    with child, pytest.raises(MeasurementFailed, match="does not start"):
        child.start("test_vit", Workload())


def test_closing_ends_the_childs_own_children(tmp_path: Path) -> None:
    process = ChildProcess(
        scripted("os.fork(); tell('up'); signal.pause()"),
        cwd=tmp_path,
        env=os.environ,
        longest_line=100,
        clock=SystemClock(),
    )
    assert {process.receive(60), process.receive(60)} == {b"up"}
    ours = os.dup(process._stdout.fileno())
    process.close()
    # The pipe ends when the last process that could write to it has ended.
    assert os.read(ours, 100) == b""
    os.close(ours)


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="needs a kernel that tells of a parent's death")
def test_a_child_dies_with_a_parent_that_is_killed() -> None:
    child = "from agent.measure.child import die_with_parent; die_with_parent(); print('up', flush=True); HANG"
    child = "import signal; " + child.replace("HANG", HANG)
    parent = (
        "import os, signal, subprocess, sys\n"
        f"child = subprocess.Popen([sys.executable, '-c', {child!r}], stdout=subprocess.PIPE)\n"
        "assert child.stdout.readline() == b'up\\n'\n"
        "os.kill(os.getpid(), signal.SIGKILL)\n"
    )
    # The child inherits standard error, so this returns only when both have ended.
    done = subprocess.run([sys.executable, "-c", parent], capture_output=True, check=False, timeout=60)
    assert done.returncode == -9
