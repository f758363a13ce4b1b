"""What the kernel did to the measuring thread while it measured."""

from __future__ import annotations

import resource
import time
from typing import NamedTuple, Protocol


class GaugeReading(NamedTuple):
    """Counters of a thread, each only ever growing."""

    cpu_ns: int
    """Processor time that the thread has used."""
    involuntary_switches: int
    """How often the kernel took the processor away from it."""


class Gauge(Protocol):
    """Reads the counters of the calling thread."""

    def read(self) -> GaugeReading:
        """The counters now."""


class ThreadGauge:
    """The counters that the kernel keeps of the calling thread."""

    def __init__(self) -> None:
        # macOS counts switches of whole processes alone; the measuring process hardly has other threads.
        self._who = getattr(resource, "RUSAGE_THREAD", resource.RUSAGE_SELF)

    def read(self) -> GaugeReading:
        """The counters now; costs about a microsecond."""
        return GaugeReading(time.thread_time_ns(), resource.getrusage(self._who).ru_nivcsw)
