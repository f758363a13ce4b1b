"""What a schedule will cost: predicted from the blocks of the model, timed in place at every token count.

A block that is entered by e tokens and left by l computes its attention on e of them and its MLP on l. Each block is
known at every count, what lies outside of the blocks too, and one scale factor brings their sum to the latency of the
model left alone, without marks between its blocks.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from agent.errors import StepfarmError
from agent.wire.schedules import Method, Schedule
from orchestrator.analysis.curve import Curve
from orchestrator.analysis.intervals import WIDTH_95, spread_of
from orchestrator.analysis.passes import (
    Floats,
    Integers,
    PassReadings,
    accepted_of,
    column_medians,
    factors_of,
    medians_of,
    weighted_median,
)

ATTENTION_SHARE = 0.45
"""Of a block's latency, what its attention takes.

A third of the multiplications and more, and the slower ones. It weighs only the tokens that one block sheds: over all
blocks a share that is off by a tenth makes a prediction off by a tenth of one block at most.
"""

CHOOSING_SHARE = {
    Method.ONE_MORE: 0.12,
    Method.EVIT: 0.13,
    Method.TOP_K: 0.08,
    Method.RANDOM: 0.08,
    Method.TOKEN_MERGING: 0.22,
}
"""What choosing and gathering add where tokens go, over the block's latency at the tokens that enter it.

Fitted to 24 random schedules a method of DeiT-S on one thread, where it came out between 0.08 and 0.23;
`benchmarks/prediction.py` prints what would have fitted a run. Choosing alone, beside a model that drops as many tokens
unseen, takes a third less (`benchmarks/choosing.py`).
"""

CHOOSING_DOUBT = 0.5
"""How far off that may be, as a share of it: it differs between processors."""

MODEL_DOUBT = 0.015
"""What is left between prediction and measurement with exact times of blocks, as a share of the latency.

The scatter of the same schedules about the fit was 0.8 to 1.6 %.
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class BlockPoint:
    """The blocks at one count, in ns.

    ``latency_ns`` is of one block, the mean over all of them, ``outside_ns`` what the same forward pass spent before,
    after and between them. ``low_ns`` to ``high_ns`` is the 95 % interval of the latency, ``error_ns`` its standard
    error.
    """

    tokens: int
    latency_ns: float
    low_ns: float
    high_ns: float
    error_ns: float
    outside_ns: float


@dataclass(frozen=True, slots=True, kw_only=True)
class BlocksMeasured:
    """The blocks of a model as timed in place, by ascending tokens.

    ``shares`` is what each block takes over the mean of all; ``scale`` what the sum of all parts is multiplied with to
    be the latency of the model, with its relative standard error ``scale_error``.
    """

    points: tuple[BlockPoint, ...]
    shares: tuple[float, ...]
    scale: float
    scale_error: float

    @property
    def tokens(self) -> Integers:
        """The counts that have a point, ascending."""
        return np.array([point.tokens for point in self.points], np.int64)


@dataclass(frozen=True, slots=True, kw_only=True)
class Predicted:
    """A latency in ns, its 95 % interval, and its relative standard error."""

    latency_ns: float
    low_ns: float
    high_ns: float
    error: float


class OutOfReach(StepfarmError):
    """A schedule leaves fewer or more tokens than the blocks were timed at, or is of another model."""


def blocks_of(passes: Sequence[PassReadings], curve: Curve) -> BlocksMeasured | None:
    """What ``passes`` that timed blocks in place say, scaled to ``curve`` of the same job.

    None where they, or the curve at their counts, hold nothing.
    """
    timed = sorted(
        (one for one in passes if one.blocks_ns is not None and accepted_of(one).any()), key=lambda one: one.key
    )
    if not timed:
        return None
    counts = np.unique(np.concatenate([one.tokens[accepted_of(one)] for one in timed]))
    whole = medians_of(timed, counts)
    factors = factors_of(whole)[:, None]
    each = np.stack([_block_medians(one, counts) for one in timed]) / factors[:, :, None]  # (passes, counts, blocks)
    mean = each.mean(axis=2)
    latency_ns = column_medians(mean)
    spread = spread_of(mean, latency_ns)
    outside_ns = column_medians(whole / factors - each.sum(axis=2))
    shares = np.array([np.nanmedian(each[:, :, block] / mean) for block in range(each.shape[2])])
    scale = _scale(curve, counts, latency_ns * each.shape[2] + outside_ns)
    if scale is None:
        return None
    columns = (counts, latency_ns, spread.low_ns, spread.high_ns, spread.error_ns, outside_ns)
    return BlocksMeasured(
        points=tuple(
            BlockPoint(
                tokens=int(tokens),
                latency_ns=float(middle),
                low_ns=float(low),
                high_ns=float(high),
                error_ns=float(error),
                outside_ns=float(max(outside, 0.0)),
            )
            for tokens, middle, low, high, error, outside in zip(*columns, strict=True)
        ),
        shares=tuple((shares / shares.mean()).tolist()),
        scale=scale[0],
        scale_error=scale[1],
    )


def _block_medians(one: PassReadings, counts: Integers) -> Floats:
    """The median time of each block at each count within one pass, (counts, blocks); NaN where there is none."""
    assert one.blocks_ns is not None
    kept = accepted_of(one)
    tokens, blocks_ns = one.tokens[kept], one.blocks_ns[kept]
    medians = np.full((len(counts), blocks_ns.shape[1]), np.nan)
    for row, count in enumerate(counts):
        at = tokens == count
        if at.any():
            medians[row] = np.median(blocks_ns[at], axis=0)
    return medians


def _scale(curve: Curve, counts: Integers, summed_ns: Floats) -> tuple[float, float] | None:
    """What ``summed_ns`` at ``counts`` is multiplied with to be the curve, and its relative standard error."""
    known = {point.tokens: point for point in curve.points}
    at = [place for place, count in enumerate(counts.tolist()) if count in known and np.isfinite(summed_ns[place])]
    if not at:
        return None
    points = [known[int(counts[place])] for place in at]
    ratios = np.array([point.latency_ns for point in points]) / summed_ns[at]
    weights = np.array([(point.latency_ns / point.standard_error_ns) ** 2 for point in points])
    scale = weighted_median(ratios, weights)
    scatter = 1.4826 * float(np.median(np.abs(ratios / scale - 1)))
    return scale, float(scatter / np.sqrt(len(at)))


def predict(blocks: BlocksMeasured, schedule: Schedule) -> Predicted:
    """What one forward pass under ``schedule`` takes.

    Between two counts that were timed a block is on the line between them. Errors at one count are the same in every
    block that has it, those at different counts are independent.

    Raises:
        OutOfReach: the schedule is of another number of blocks, or leaves tokens that were not timed.
    """
    _refuse_out_of_reach(blocks, schedule)
    counts = blocks.tokens
    weights = np.zeros(len(counts))
    choosing = np.zeros(len(counts))
    for share, into, out in zip(blocks.shares, schedule.entering, schedule.leaving, strict=True):
        weights += share * (ATTENTION_SHARE * _at(counts, into) + (1 - ATTENTION_SHARE) * _at(counts, out))
        if out < into:
            choosing += share * CHOOSING_SHARE[schedule.method] * _at(counts, into)
    column = _columns(blocks)
    summed = float((weights + choosing) @ column.latency_ns + _at(counts, schedule.leaving[-1]) @ column.outside_ns)
    error_ns = np.hypot(
        float(np.linalg.norm((weights + choosing) * column.error_ns)),
        CHOOSING_DOUBT * float(choosing @ column.latency_ns),
    )
    error = float(np.sqrt((error_ns / summed) ** 2 + blocks.scale_error**2 + MODEL_DOUBT**2))
    latency_ns = blocks.scale * summed
    reach = WIDTH_95 * error * latency_ns
    return Predicted(
        latency_ns=latency_ns, low_ns=max(latency_ns - reach, 0.0), high_ns=latency_ns + reach, error=error
    )


def upper_costs(blocks: BlocksMeasured, method: Method, counts: Integers) -> tuple[Floats, Floats]:
    """What blocks and the rest cost at most, for the dynamic program over ``counts``, which were all timed.

    Upper ends of intervals, so that the best of many schedules is not the one with the luckiest errors.

    Returns:
        ``(costs, last)``: of each block by the count that enters and the one that leaves it, (blocks, counts, counts),
        infinite where more would leave; and what lies outside of the blocks, (counts,).
    """
    column = _columns(blocks)
    place = np.searchsorted(blocks.tokens, counts)
    high = blocks.scale * column.high_ns[place]
    one = ATTENTION_SHARE * high[:, None] + (1 - ATTENTION_SHARE) * high[None, :]
    fewer = counts[None, :] < counts[:, None]
    one = one + fewer * (1 + CHOOSING_DOUBT) * CHOOSING_SHARE[method] * high[:, None]
    one[counts[None, :] > counts[:, None]] = np.inf
    return np.array(blocks.shares)[:, None, None] * one, blocks.scale * column.outside_ns[place]


@dataclass(frozen=True, slots=True, eq=False)
class _Columns:
    latency_ns: Floats
    high_ns: Floats
    error_ns: Floats
    outside_ns: Floats


def _columns(blocks: BlocksMeasured) -> _Columns:
    rows = [(one.latency_ns, one.high_ns, one.error_ns, one.outside_ns) for one in blocks.points]
    return _Columns(*np.array(rows).T)


def _at(counts: Integers, tokens: int) -> Floats:
    """The weights of ``counts`` that make the value at ``tokens``: one, or two on either side."""
    weights = np.zeros(len(counts))
    right = int(np.searchsorted(counts, tokens))
    if counts[right] == tokens:
        weights[right] = 1
    else:
        between = (tokens - counts[right - 1]) / (counts[right] - counts[right - 1])
        weights[right - 1], weights[right] = 1 - between, between
    return weights


def _refuse_out_of_reach(blocks: BlocksMeasured, schedule: Schedule) -> None:
    if len(blocks.shares) != len(schedule.leaving):
        raise OutOfReach(
            f"The schedule is for a model of {len(schedule.leaving)} blocks, and {len(blocks.shares)} were timed.",
            "Choose a curve of the model that the schedule is for.",
        )
    fewest, most = int(blocks.tokens[0]), int(blocks.tokens[-1])
    for tokens in (schedule.tokens, *schedule.leaving):
        if not fewest <= tokens <= most:
            raise OutOfReach(
                f"The blocks were timed at {fewest} to {most} tokens, and the schedule leaves {tokens}.",
                "Measure more counts: stepfarm sweep create MODEL --blocks --min-tokens N",
            )
