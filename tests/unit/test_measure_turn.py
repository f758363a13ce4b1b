"""One measurement at a time on a machine, whichever process it is in and however that ends."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import tempfile
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from agent.measure.turn import LOOK_EVERY_S, Turn


@pytest.fixture(params=["of this system", "a file"])
def name(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> str:
    if request.param == "a file":
        monkeypatch.setattr(Turn, "_bound", Turn._locked)
        monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    return f"stepfarm-test-{uuid.uuid4().hex}"


def test_one_has_the_turn_at_a_time(name: str) -> None:
    first, second = Turn(name), Turn(name)
    assert first.take()
    assert not second.take()
    first.give()
    assert second.take()
    second.give()


@contextmanager
def another_process_with(name: str) -> Iterator[subprocess.Popen[bytes]]:
    program = f"from agent.measure.turn import Turn; t = Turn({name!r}); print(t.take(), flush=True); input()"
    process = subprocess.Popen([sys.executable, "-c", program], stdin=subprocess.PIPE, stdout=subprocess.PIPE)
    assert process.stdout is not None
    assert process.stdout.readline() == b"True\n"
    try:
        yield process
    finally:
        process.kill()
        process.communicate()


def test_who_waits_for_another_process_says_so_and_goes_on_when_that_was_killed() -> None:
    name = f"stepfarm-test-{uuid.uuid4().hex}"
    waits: list[float] = []
    told: list[str] = []
    with another_process_with(name) as other:

        def wait(seconds: float) -> None:
            waits.append(seconds)
            if len(waits) == 2:
                os.kill(other.pid, signal.SIGKILL)
                other.wait()

        with Turn(name).waited_for(wait, told.append):
            assert not Turn(name).take()
    assert waits == [LOOK_EVERY_S] * 2
    assert len(told) == 1
    assert "Another measurement is under way" in told[0]


def test_a_wait_that_is_broken_off_leaves_the_turn_where_it_is() -> None:
    name = f"stepfarm-test-{uuid.uuid4().hex}"
    holder, waiting = Turn(name), Turn(name)
    assert holder.take()

    def stop(_seconds: float) -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt), waiting.waited_for(stop, lambda _line: None):
        pytest.fail("another has the turn")
    assert not waiting.take()
    holder.give()
    assert waiting.take()
    waiting.give()
