from __future__ import annotations

import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from itertools import count

import pytest

from dashboard.once import TWICE_NS, Once
from tests.support.clocks import ManualClock

TWICE_MS = TWICE_NS // 10**6


@pytest.fixture
def clock() -> ManualClock:
    return ManualClock()


@pytest.fixture
def once(clock: ManualClock) -> Once:
    return Once(clock)


@pytest.fixture
def numbers() -> Iterator[int]:
    return count(1)


def test_what_is_asked_for_twice_in_a_moment_is_done_once(
    once: Once, clock: ManualClock, numbers: Iterator[int]
) -> None:
    first = once("sweep", numbers.__next__)
    clock.move(TWICE_MS - 1)
    assert once("sweep", numbers.__next__) == first == 1


def test_what_is_asked_for_again_later_is_done_again(once: Once, clock: ManualClock, numbers: Iterator[int]) -> None:
    once("sweep", numbers.__next__)
    clock.move(TWICE_MS)
    assert once("sweep", numbers.__next__) == 2


def test_something_else_is_done_at_once(once: Once, numbers: Iterator[int]) -> None:
    assert [once(what, numbers.__next__) for what in ("sweep", "other", "sweep")] == [1, 2, 3]


def test_what_failed_is_not_taken_for_done(once: Once, numbers: Iterator[int]) -> None:
    def fails() -> int:
        raise ConnectionError

    with pytest.raises(ConnectionError):
        once("sweep", fails)
    assert once("sweep", numbers.__next__) == 1


def test_a_second_run_waits_for_what_the_first_is_still_asking(once: Once, numbers: Iterator[int]) -> None:
    asking, answer = threading.Event(), threading.Event()

    def slowly() -> int:
        asking.set()
        assert answer.wait(10)
        return next(numbers)

    with ThreadPoolExecutor(2) as runs:
        first = runs.submit(once, "sweep", slowly)
        assert asking.wait(10)
        second = runs.submit(once, "sweep", slowly)
        answer.set()
        assert (first.result(10), second.result(10)) == (1, 1)
