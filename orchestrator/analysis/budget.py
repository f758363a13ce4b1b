"""What a plan may still cost, in readings and in seconds of the device, and what a round would cost."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from agent.wire.jobs import Order
from orchestrator.analysis.curve import Curve
from orchestrator.analysis.passes import PassReadings

SENTINEL_EVERY = 30
"""Counts between two sentinels, as a round has it where it says nothing else."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Left:
    """What is left of a budget: readings, and seconds of the device; None where there is no limit.

    ``rate`` is the seconds of the device for a second of latency in what was measured so far: the untimed call before
    each reading, inputs made, readings rejected and taken again. ``latency_s`` is what a count takes, ``(tokens, s)``
    by ascending tokens; without it nothing is known of time yet.
    """

    readings: int | None
    seconds: float | None
    rate: float
    latency_s: tuple[tuple[int, float], ...]

    @property
    def unlimited(self) -> bool:
        """Whether there is no budget at all."""
        return self.readings is None and self.seconds is None

    def passes_for(self, tokens: Sequence[int], sentinel: int, order: Order = Order.SHUFFLED) -> float:
        """How many passes over ``tokens`` may still be paid for; infinite where nothing limits them."""
        visits = visits_of(len(tokens), order)
        by_readings = math.inf if self.readings is None else self.readings // visits
        if self.seconds is None or not self.latency_s:
            return by_readings
        known, taking_s = (np.array(column, np.float64) for column in zip(*self.latency_s, strict=True))
        sentinels_s = (visits - len(tokens)) * float(np.interp(sentinel, known, taking_s))
        pass_s = self.rate * (float(np.interp(np.array(tokens), known, taking_s).sum()) + sentinels_s)
        return min(by_readings, max(self.seconds, 0.0) // pass_s)


def visits_of(counts: int, order: Order = Order.SHUFFLED) -> int:
    """How many visits a pass over so many counts makes, its sentinels included (`agent.measure.order`)."""
    every = SENTINEL_EVERY + (SENTINEL_EVERY % 2 if order is Order.ALTERNATING else 0)
    return counts + -(-counts // every) + 1


def left_of(budget_readings: int | None, budget_s: float | None, passes: Sequence[PassReadings], curve: Curve) -> Left:
    """What is left after ``passes``, of which ``curve`` was made. Every reading counts, rejected ones and pairs too."""
    spent_s, latency_s = (sum(column) for column in zip((0.0, 0.0), *map(_seconds_of, passes), strict=True))
    return Left(
        readings=None if budget_readings is None else max(budget_readings - sum(len(one.tokens) for one in passes), 0),
        seconds=None if budget_s is None else max(budget_s - spent_s, 0.0),
        rate=max(spent_s / latency_s, 1.0) if latency_s > 0 else 2.0,
        latency_s=tuple((point.tokens, point.latency_ns / 1e9) for point in curve.points),
    )


def _seconds_of(one: PassReadings) -> tuple[float, float]:
    """How long a pass took from its first reading to its last, and the latencies in it, both in seconds.

    Its first untimed call came before the first reading: as long again as that.
    """
    if not len(one.tokens):
        return 0.0, 0.0
    latency_ns = one.latency_ns.astype(np.float64)
    span_ns = float(one.start_ns[-1] - one.start_ns[0]) + float(latency_ns[-1]) + float(latency_ns[0])
    return max(span_ns, float(latency_ns.sum())) / 1e9, float(latency_ns.sum()) / 1e9
