"""A subject with a latency that is known beforehand, to test what measures and what reads the measurements."""

from __future__ import annotations

import threading
from collections.abc import Callable

from agent.clock import Clock
from agent.measure.gauge import GaugeReading
from agent.measure.stamps import Stamps
from agent.wire.jobs import ModelFacts
from agent.wire.schedules import Schedule


class VirtualClock:
    """Time that passes only when it is told to. It is its own gauge: all of its time is processor time."""

    def __init__(self, start_ns: int = 0, epoch_ms: int = 1_700_000_000_000) -> None:
        self._start_ns = start_ns
        self._now_ns = start_ns
        self._epoch_ms = epoch_ms

    def advance(self, duration_ns: int) -> None:
        """Let ``duration_ns`` pass."""
        self._now_ns += duration_ns

    def monotonic_ns(self) -> int:
        """Nanoseconds that never run backwards."""
        return self._now_ns

    def epoch_ms(self) -> int:
        """Milliseconds since 1970 UTC."""
        return self._epoch_ms + (self._now_ns - self._start_ns) // 1_000_000

    def wait(self, stop: threading.Event, seconds: float) -> bool:
        """Let ``seconds`` pass unless ``stop`` is set; whether it was set."""
        if not stop.is_set():
            self.advance(round(seconds * 1e9))
        return stop.is_set()

    def read(self) -> GaugeReading:
        """Processor time equal to the time that passed, and a thread that nobody disturbs."""
        return GaugeReading(cpu_ns=self._now_ns, involuntary_switches=0)


class SyntheticSubject:
    """A subject that spends ``latency_ns(tokens)`` nanoseconds by calling ``spend`` with them."""

    def __init__(self, facts: ModelFacts, latency_ns: Callable[[int], int], spend: Callable[[int], None]) -> None:
        self._facts = facts
        self._latency_ns = latency_ns
        self._spend = spend

    @property
    def facts(self) -> ModelFacts:
        """The facts that it was made with."""
        return self._facts

    def prepare(self, tokens: int) -> Callable[[], None]:
        """A call that spends the latency of ``tokens``, asked anew each time: it may drift."""
        return lambda: self._spend(self._latency_ns(tokens))

    def prepare_blocks(self, tokens: int, now_ns: Callable[[], int]) -> SyntheticBlocks:
        """The same, as if every block and all that is outside of them took as long, the remainder outside."""
        return SyntheticBlocks(lambda: self._latency_ns(tokens), self._spend, self._facts.blocks, Stamps(now_ns))

    def prepare_schedule(self, schedule: Schedule) -> Callable[[], None]:
        """A call that spends the mean of the latencies of what leaves each block."""

        def mean_ns() -> int:
            return sum(map(self._latency_ns, schedule.leaving)) // len(schedule.leaving)

        return lambda: self._spend(mean_ns())


class SyntheticBlocks:
    """A call that spends a latency in parts, one a block after one that is outside of them."""

    def __init__(
        self, latency_ns: Callable[[], int], spend: Callable[[int], None], blocks: int, stamps: Stamps
    ) -> None:
        self._latency_ns = latency_ns
        self._spend = spend
        self._blocks = blocks
        self._stamps = stamps

    def __call__(self) -> None:
        """Spend the latency once."""
        latency_ns = self._latency_ns()
        a_block_ns = latency_ns // (self._blocks + 1)
        self._spend(latency_ns - self._blocks * a_block_ns)
        self._stamps.begin()
        self._stamps.mark()
        for _ in range(self._blocks):
            self._spend(a_block_ns)
            self._stamps.mark()

    def blocks_ns(self) -> tuple[int, ...]:
        """What each block took of the latest call."""
        return self._stamps.between_ns()


def busy_waiting(clock: Clock) -> Callable[[int], None]:
    """A way to spend nanoseconds of a real clock with the processor at work."""

    def spend(duration_ns: int) -> None:
        until_ns = clock.monotonic_ns() + duration_ns
        while clock.monotonic_ns() < until_ns:
            pass

    return spend
