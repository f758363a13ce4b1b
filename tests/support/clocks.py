"""A clock that moves when a test moves it."""

from __future__ import annotations

import threading

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
