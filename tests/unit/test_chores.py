"""Chores go on whatever happens in one of their turns, and say when they cannot."""

from __future__ import annotations

import threading
from collections.abc import Callable

import pytest

from orchestrator.chores import Chore
from orchestrator.errors import NotReady
from tests.support.clocks import ManualClock

PATIENCE_S = 10.0


def a_chore(turn: Callable[[], object], clock: ManualClock) -> Chore:
    return Chore("reaper", turn, clock, threading.Event())


def test_a_chore_outlives_whatever_one_of_its_turns_raises() -> None:
    turns = threading.Semaphore(0)

    def turn() -> None:
        turns.release()
        raise RuntimeError

    chore = a_chore(turn, ManualClock())
    chore.start()
    assert all(turns.acquire(timeout=PATIENCE_S) for _ in range(3))
    chore.check_alive()
    chore.stop()


def test_a_chore_that_was_stopped_is_not_alive() -> None:
    chore = a_chore(lambda: None, ManualClock())
    chore.start()
    chore.stop()
    with pytest.raises(NotReady, match="reaper"):
        chore.check_alive()


def test_a_chore_that_hangs_is_told_once_it_is_overdue_and_not_before() -> None:
    began, go_on = threading.Event(), threading.Event()

    def turn() -> None:
        began.set()
        go_on.wait(PATIENCE_S)

    clock = ManualClock()
    chore = a_chore(turn, clock)
    chore.start()
    assert began.wait(PATIENCE_S)
    clock.move(60_000)
    chore.check_alive(overdue_s=60.0)
    clock.move(1)
    with pytest.raises(NotReady, match="60 s ago"):
        chore.check_alive(overdue_s=60.0)
    chore.check_alive()
    go_on.set()
    chore.stop()
