"""A button that is pressed twice asks once.

Streamlit begins a new run of the page for each press, beside the run that the press before began.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Hashable
from typing import TypeVar, cast

from agent.clock import Clock

TWICE_NS = 5 * 10**9
"""The same asked for again within this time of the answer is the same press of an impatient hand."""

T = TypeVar("T")


class Once:
    """What one person asked for last, and what it gave. Runs of the same page share it."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._lock = threading.Lock()
        self._last: tuple[Hashable, int, object] | None = None

    def __call__(self, what: Hashable, ask: Callable[[], T]) -> T:
        """What ``ask`` gives for ``what``, gave a moment ago, or is about to give to another run."""
        with self._lock:
            if self._last is not None and self._last[0] == what:
                _, answered_ns, answer = self._last
                if self._clock.monotonic_ns() - answered_ns < TWICE_NS:
                    return cast("T", answer)
            given = ask()
            self._last = (what, self._clock.monotonic_ns(), given)
            return given
