"""Time as a parameter. A clock is made only where a program begins: command lines, wiring, the measuring child."""

from __future__ import annotations

import threading
import time
from typing import Protocol


class Clock(Protocol):
    """What the rest of the program may know of time."""

    def monotonic_ns(self) -> int:
        """Nanoseconds that never run backwards, from an arbitrary start."""

    def epoch_ms(self) -> int:
        """Milliseconds since 1970 UTC, as the machine believes; may jump."""

    def wait(self, stop: threading.Event, seconds: float) -> bool:
        """Wait until ``stop`` is set or ``seconds`` have passed; whether it was set."""


class SystemClock:
    """This machine's clock."""

    def monotonic_ns(self) -> int:
        """Nanoseconds of the highest-resolution monotonic clock."""
        return time.perf_counter_ns()

    def epoch_ms(self) -> int:
        """Milliseconds since 1970 UTC."""
        return time.time_ns() // 1_000_000

    def wait(self, stop: threading.Event, seconds: float) -> bool:
        """Wait until ``stop`` is set or ``seconds`` have passed; whether it was set."""
        return stop.wait(seconds)
