"""What comes between the truth and a reading: jitter, heavy tails, and others who take the processor."""

from __future__ import annotations

import random
from collections.abc import Callable
from dataclasses import dataclass

from agent.measure.gauge import GaugeReading
from agent.measure.synthetic import VirtualClock

CALLS_OF_A_BURST = 40
MOST_TAKEN = 0.8
"""Part of a call's latency that others take at most, within a burst."""

TAIL_INDEX = 1.5
TAIL_SCALE = 0.02
LONGEST_DELAY = 1.0
"""A delay is cut off at the whole latency: what goes over the wire is bounded."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Noise:
    """How readings scatter around the truth.

    ``jitter`` is the standard deviation of each, over its latency; ``tail_share`` of them are delayed by a Pareto
    distribution; ``burst_share`` lie within bursts in which others take the processor.
    """

    jitter: float = 0.004
    tail_share: float = 0.0
    burst_share: float = 0.0


class SimulatedClock(VirtualClock):
    """Virtual time in which work is done or lost to others, with the date of the machine. It is its own gauge."""

    def __init__(self, epoch_ms: Callable[[], int]) -> None:
        super().__init__()
        self._date_ms = epoch_ms
        self._lost_ns = 0
        self._switches = 0

    def epoch_ms(self) -> int:
        """Milliseconds since 1970 UTC, of the machine: virtual time would run ahead of it."""
        return self._date_ms()

    def lose(self, duration_ns: int) -> None:
        """Let time pass in which somebody else has the processor."""
        self.advance(duration_ns)
        self._lost_ns += duration_ns
        self._switches += 1

    def read(self) -> GaugeReading:
        """What the kernel would have counted."""
        return GaugeReading(cpu_ns=self.monotonic_ns() - self._lost_ns, involuntary_switches=self._switches)


class Disturbance:
    """The noise of one pass: spends the time of each call on ``clock``, and more."""

    def __init__(self, noise: Noise, rng: random.Random, clock: SimulatedClock) -> None:
        self._noise = noise
        self._rng = rng
        self._clock = clock
        self._left_of_burst = 0

    def spend(self, latency_ns: float) -> None:
        """Let a call pass that takes ``latency_ns`` undisturbed."""
        noise, rng = self._noise, self._rng
        factor = max(0.5, rng.gauss(1.0, noise.jitter))
        if rng.random() < noise.tail_share:
            factor += min(LONGEST_DELAY, TAIL_SCALE * rng.paretovariate(TAIL_INDEX))
        self._clock.advance(max(1, round(factor * latency_ns)))
        if self._in_burst():
            self._clock.lose(round(rng.uniform(0.1, MOST_TAKEN) * latency_ns))

    def _in_burst(self) -> bool:
        share = self._noise.burst_share
        if self._left_of_burst:
            self._left_of_burst -= 1
        elif self._rng.random() < share / (1 - share) / CALLS_OF_A_BURST:
            self._left_of_burst = CALLS_OF_A_BURST
        return self._left_of_burst > 0
