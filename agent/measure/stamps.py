"""Marks in the course of a call, and the time between them."""

from __future__ import annotations

import itertools
from collections.abc import Callable


class Stamps:
    """The marks of one call after another, by a clock that gives nanoseconds."""

    def __init__(self, now_ns: Callable[[], int]) -> None:
        self._now_ns = now_ns
        self._marks: list[int] = []

    def begin(self) -> None:
        """Forget the marks of the call before."""
        self._marks.clear()

    def mark(self) -> None:
        """Note that the call has come this far."""
        self._marks.append(self._now_ns())

    def between_ns(self) -> tuple[int, ...]:
        """From each mark to the next, at least a nanosecond."""
        return tuple(max(1, after - before) for before, after in itertools.pairwise(self._marks))
