"""One pass as columns, and the factor that each pass is divided by."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from agent.wire.conditions import Doubt
from agent.wire.jobs import Order, Round, Subject
from agent.wire.readings import Batch

Floats = NDArray[np.float64]
Integers = NDArray[np.int64]
Booleans = NDArray[np.bool_]

FEWEST_COMMON = 2
"""A pass that shares fewer counts than this with other passes keeps factor 1: its factor would be its own noise."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class PassReadings:
    """The readings of one pass as columns of equal length, sentinels included.

    ``start_ns`` is the device's monotonic clock. ``accepted`` is false where the device rejected the reading.
    ``blocks_ns``, (readings, blocks), is there where the blocks were timed in place: such a pass says nothing of the
    curve of the whole model. ``order`` is that of the round that the pass belongs to.
    """

    fence: int
    round: int
    number: int
    complete: bool
    tokens: Integers
    start_ns: Integers
    latency_ns: Integers
    accepted: Booleans
    blocks_ns: Integers | None = None
    doubts: tuple[Doubt, ...] = ()
    order: Order = Order.SHUFFLED

    @property
    def subject(self) -> Subject:
        """What was timed."""
        return Subject.MODEL if self.blocks_ns is None else Subject.BLOCKS

    @property
    def key(self) -> tuple[int, int, int]:
        """What names the pass within its job, in the order in which passes were measured."""
        return self.fence, self.round, self.number

    @property
    def makes_points(self) -> bool:
        """Whether its readings belong into points."""
        return makes_points(self.subject, self.order)


def making_points(passes: Iterable[PassReadings]) -> list[PassReadings]:
    """Those of ``passes`` whose readings belong into points."""
    return [one for one in passes if one.makes_points]


def makes_points(subject: Subject, order: Order) -> bool:
    """Whether readings of a round of that subject and order belong into points: the whole model over shuffled counts.

    Pairs are timed again and again at chosen places, one right after the other, and blocks have marks between them in
    every call: neither is what a point is the median of.
    """
    return subject is Subject.MODEL and order is Order.SHUFFLED


def pass_of(batch: Batch, asked: Round) -> PassReadings:
    """The pass that ``batch`` carries, as columns; ``asked`` is the round that it belongs to."""
    readings = batch.readings
    return PassReadings(
        fence=batch.fence,
        round=batch.round,
        number=batch.number,
        complete=batch.complete,
        tokens=np.array([reading.tokens for reading in readings], np.int64),
        start_ns=np.array([reading.start_ns for reading in readings], np.int64),
        latency_ns=np.array([reading.latency_ns for reading in readings], np.int64),
        accepted=np.array([reading.rejected is None for reading in readings], np.bool_),
        blocks_ns=np.array([reading.blocks_ns for reading in readings], np.int64) if batch.blocks else None,
        doubts=batch.doubts,
        order=asked.order,
    )


def accepted_of(one: PassReadings) -> Booleans:
    """Which readings of the pass count. What is no number above zero is no latency, whatever was said of it."""
    return one.accepted & (one.latency_ns > 0) & np.isfinite(one.latency_ns)


def medians_of(passes: Sequence[PassReadings], counts: Integers) -> Floats:
    """The median accepted latency in ns of each pass at each count, (passes, counts); NaN where there is none."""
    medians = np.full((len(passes), len(counts)), np.nan)
    for row, one in enumerate(passes):
        kept = accepted_of(one)
        medians[row] = _grouped_medians(one.tokens[kept], one.latency_ns[kept], counts)
    return medians


def _grouped_medians(tokens: Integers, latency_ns: Integers, counts: Integers) -> Floats:
    order = np.lexsort((latency_ns, tokens))
    tokens, latency_ns = tokens[order], latency_ns[order]
    first = np.searchsorted(tokens, counts, side="left")
    size = np.searchsorted(tokens, counts, side="right") - first
    medians = np.full(len(counts), np.nan)
    there = size > 0
    low = (first + (size - 1) // 2)[there]
    high = (first + size // 2)[there]
    medians[there] = (latency_ns[low].astype(np.float64) + latency_ns[high]) / 2
    return medians


def column_medians(values: Floats) -> Floats:
    """The median over axis -2 without NaN, (..., passes, counts) -> (..., counts); NaN where there is nothing else.

    ``numpy.nanmedian`` gives the same, two orders of magnitude slower on short columns.
    """
    ordered = np.sort(values, axis=-2)  # NaN goes last
    size = np.isfinite(values).sum(axis=-2, keepdims=True)
    low = np.take_along_axis(ordered, np.maximum(size - 1, 0) // 2, axis=-2)
    high = np.take_along_axis(ordered, np.minimum(size // 2, values.shape[-2] - 1), axis=-2)
    middle: Floats = ((low + high) / 2)[..., 0, :]
    return middle


def factors_of(medians: Floats) -> Floats:
    """How much slower than usual each pass was, (passes,): 1 is usual, 1.1 is ten per cent slower at every count.

    The factor is the weighted median, over the counts of the pass, of its latency by the median over all passes at that
    count. A count weighs as many passes as share it, so that a pass over a few counts leans on its sentinel. Heat and
    clocks move a whole pass; one count alone cannot move its factor.
    """
    passes = medians.shape[0]
    factors = np.ones(passes)
    if passes < 2 or medians.shape[1] == 0:
        return factors
    known = np.isfinite(medians)
    shared = np.maximum(known.sum(axis=0) - 1, 0)
    common = known & (shared > 0)
    # Three rounds: the medians over passes depend on the factors where passes visit different counts.
    for _ in range(3):
        usual = column_medians(medians / factors[:, None])
        for row in np.flatnonzero(common.sum(axis=1) >= FEWEST_COMMON):
            at = common[row]
            factors[row] = weighted_median(medians[row, at] / usual[at], shared[at].astype(np.float64))
    # Short passes must not decide what is usual.
    return factors / weighted_median(factors, known.sum(axis=1).astype(np.float64))


def weighted_median(values: Floats, weights: Floats) -> float:
    """The value with half of the weight on either side, the mean of two that share the middle; 1 for no weight."""
    total = weights.sum()
    if total <= 0:
        return 1.0
    order = np.argsort(values, kind="stable")
    values, reached = values[order], np.cumsum(weights[order])
    low = int(np.searchsorted(reached, total / 2 * (1 - 1e-12)))
    high = int(np.searchsorted(reached, total / 2 * (1 + 1e-12)))
    last = len(values) - 1
    return float((values[min(low, last)] + values[min(high, last)]) / 2)
