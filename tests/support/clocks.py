"""A clock that moves when a test moves it."""

from __future__ import annotations

import threading

from agent.clock import SystemClock

START_MS = 1_760_000_000_000


class ManualClock:
    """Virtual time. Waiting for something takes none of it: whoever waits is told at once that it did not come."""

    def __init__(self, now_ms: int = START_MS) -> None:
        self._now_ms = now_ms

    def move(self, ms: int) -> None:
        """Let ``ms`` milliseconds pass."""
        self._now_ms += ms

    def monotonic_ns(self) -> int:
        """Nanoseconds since the start of the virtual time."""
        return self._now_ms * 1_000_000

    def epoch_ms(self) -> int:
        """Milliseconds since 1970 UTC."""
        return self._now_ms

    def wait(self, stop: threading.Event, seconds: float) -> bool:
        """Let ``seconds`` of virtual time pass; whether ``stop`` is set."""
        self.move(int(seconds * 1_000))
        return stop.is_set()


class ShiftedClock(SystemClock):
    """The system's clock, off by what a test puts it forward."""

    def __init__(self) -> None:
        self._ahead_ms = 0

    def put_forward(self, ms: int) -> None:
        """Let the clock show ``ms`` milliseconds more from now on."""
        self._ahead_ms += ms

    def epoch_ms(self) -> int:
        """Milliseconds since 1970 UTC, and as many as the clock was put forward."""
        return super().epoch_ms() + self._ahead_ms
