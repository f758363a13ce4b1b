"""Curves side by side: aligned, relative to the full model, where they cross, which steps they share.

Every value here was measured at a count that was measured: nothing is interpolated between counts, because a step may
lie there.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from enum import Enum

import numpy as np

from orchestrator.analysis.curve import Curve
from orchestrator.analysis.passes import Booleans, Floats, Integers
from orchestrator.analysis.steps import Step, StepsFound, StepsOutcome

NOTHING = -1
"""The index that stands where a curve has no point."""

HELD_COUNTS = 2
"""One curve counts as faster only where it is so at this many counts in a row.

Of 196 pairs of disjoint 95 % intervals of two curves that are the same, one comes about by luck; two in a row do not.
"""

BESIDE_TOKENS = 1
"""Steps of two curves are the same step where their positions overlap or lie this many tokens apart."""


class Axis(str, Enum):
    """What curves are aligned by: tokens, or the share of the full model's tokens that is kept."""

    TOKENS = "tokens"
    SHARE = "share"


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Aligned:
    """Curves on one axis.

    ``positions`` (k,) ascends, in tokens or as shares from 0 to 1. ``rows`` (curves, k) holds the index of each curve's
    point there, `NOTHING` where it has none.
    """

    positions: Floats
    rows: Integers


def align(curves: Sequence[Curve], full_tokens: Sequence[int], axis: Axis) -> Aligned:
    """``curves`` on one axis, whatever counts each has; ``full_tokens`` are those of their full models.

    By tokens, and by share where all full models have equally many, points meet that have the same count. By share of
    models with different image sizes the coarsest model gives the cells, and of the points of a curve that fall into a
    cell the one nearest its middle stands for it: half a token of the coarsest model is the most that it is off.
    """
    coarsest = min(full_tokens, default=1)
    cells = [
        _in_cells(_tokens(curve), 1.0 if axis is Axis.TOKENS else coarsest / full)
        for curve, full in zip(curves, full_tokens, strict=True)
    ]
    union = np.unique(np.concatenate([np.empty(0, np.int64), *(cell for cell, _ in cells)]))
    rows = np.full((len(cells), len(union)), NOTHING, np.int64)
    for row, (cell, index) in zip(rows, cells, strict=True):
        row[np.searchsorted(union, cell)] = index
    return Aligned(positions=union / (1 if axis is Axis.TOKENS else coarsest), rows=rows)


def _in_cells(tokens: Integers, scale: float) -> tuple[Integers, Integers]:
    """The cells that ``tokens`` fall into, each once and ascending, and the index of the count nearest its middle."""
    exact = tokens * scale
    cell = np.rint(exact).astype(np.int64)
    order = np.lexsort((np.abs(exact - cell), cell))
    found, first = np.unique(cell[order], return_index=True)
    return found, order[first]


def _tokens(curve: Curve) -> Integers:
    return np.array([point.tokens for point in curve.points], np.int64)


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Ratios:
    """Latency as a share of the full model's at each point of a curve, with 95 % interval; arrays of one length."""

    ratio: Floats
    low: Floats
    high: Floats


def ratios_of(curve: Curve, full_tokens: int) -> Ratios | None:
    """The points of ``curve`` relative to its full model.

    The intervals of the two latencies are combined as those of a difference of logarithms: each side's distances add in
    quadrature, the upper one of the point with the lower one of the full model and the other way round (the MOVER of
    Zou and Donner 2008, Statistics in Medicine 27, 1693-1702). Errors of the two count as independent. The full model
    itself is 1 with no interval.

    Returns:
        None where the full model was not measured, or not to within anything above zero.
    """
    full = curve.point_at(full_tokens)
    if full is None or full.low_ns <= 0:
        return None
    latency, low, high = (_column(curve, name) for name in ("latency_ns", "low_ns", "high_ns"))
    with np.errstate(divide="ignore"):
        # An interval that reaches down to zero gives a ratio that does too.
        down = np.hypot(np.log(latency / low), np.log(full.high_ns / full.latency_ns))
        up = np.hypot(np.log(high / latency), np.log(full.latency_ns / full.low_ns))
    ratio = latency / full.latency_ns
    itself = _tokens(curve) == full_tokens
    return Ratios(
        ratio=ratio,
        low=np.where(itself, ratio, ratio * np.exp(-down)),
        high=np.where(itself, ratio, ratio * np.exp(up)),
    )


def _column(curve: Curve, name: str) -> Floats:
    return np.array([getattr(point, name) for point in curve.points], np.float64)


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Band:
    """Where the latency of a curve lies: counts, and the ends of their 95 % intervals in ns; arrays of one length."""

    tokens: Integers
    low_ns: Floats
    high_ns: Floats

    @classmethod
    def of(cls, curve: Curve) -> Band:
        """The band of ``curve``."""
        return cls(tokens=_tokens(curve), low_ns=_column(curve, "low_ns"), high_ns=_column(curve, "high_ns"))


@dataclass(frozen=True, slots=True, kw_only=True)
class Crossing:
    """Where the faster of two curves changes: one is up to ``after_tokens``, the other from ``next_tokens``.

    ``first_below``: the first of the two is faster with fewer tokens. Between the counts, if there are any, the two
    cannot be told apart.
    """

    after_tokens: int
    next_tokens: int
    first_below: bool


def crossings_of(first: Band, second: Band) -> tuple[Crossing, ...]:
    """Where ``first`` and ``second`` cross, by ascending tokens, over the counts that both have.

    One is faster at a count where its 95 % interval ends below the other's beginning. So one that is never clearly
    faster crosses nothing.
    """
    tokens, here, there = np.intersect1d(first.tokens, second.tokens, assume_unique=True, return_indices=True)
    slower = first.low_ns[here] > second.high_ns[there]
    faster = first.high_ns[here] < second.low_ns[there]
    sign = slower.astype(np.int64) - faster
    held = np.flatnonzero(_held(sign))
    turns = np.flatnonzero(sign[held[:-1]] != sign[held[1:]])
    return tuple(
        Crossing(after_tokens=int(tokens[before]), next_tokens=int(tokens[after]), first_below=bool(sign[before] < 0))
        for before, after in zip(held[turns].tolist(), held[turns + 1].tolist(), strict=True)
    )


def _held(sign: Integers) -> Booleans:
    """Where ``sign`` is not 0 and stands for `HELD_COUNTS` in a row at least."""
    if len(sign) < HELD_COUNTS:
        return np.zeros(len(sign), np.bool_)
    windows = np.lib.stride_tricks.sliding_window_view(sign, HELD_COUNTS)
    begins = np.flatnonzero((windows[:, 0] != 0) & np.all(windows == windows[:, :1], axis=1))
    held = np.zeros(len(sign), np.bool_)
    held[(begins[:, None] + np.arange(HELD_COUNTS)).ravel()] = True
    return held


@dataclass(frozen=True, slots=True, kw_only=True)
class Position:
    """Where a step lies, both ends included: the jump comes after one of these counts."""

    low_tokens: int
    high_tokens: int

    def __str__(self) -> str:
        return str(self.low_tokens) if self.low_tokens == self.high_tokens else f"{self.low_tokens}-{self.high_tokens}"


def position_of(step: Step) -> Position:
    """The position of ``step`` with its uncertainty. Where counts were skipped, the jump may come after any of them."""
    # A result that an older method stored knows no more than the counts on either side.
    low = step.after_tokens if step.after_low_tokens is None else step.after_low_tokens
    high = step.next_tokens - 1 if step.after_high_tokens is None else step.after_high_tokens
    return Position(low_tokens=low, high_tokens=high)


@dataclass(frozen=True, slots=True, kw_only=True)
class CurveStep:
    """A step of the curve at ``index`` among those compared."""

    index: int
    step: Step


@dataclass(frozen=True, slots=True, kw_only=True)
class StepAcross:
    """One step across curves: the steps that are taken to be the same, one a curve, by curve.

    ``looked_in`` are the indices of the curves that could have shown it: measured on both sides of it, and not too
    noisy to say.
    """

    up: bool
    low_tokens: int
    high_tokens: int
    members: tuple[CurveStep, ...]
    looked_in: tuple[int, ...]

    @property
    def looked(self) -> int:
        """How many curves could have shown it."""
        return len(self.looked_in)

    @property
    def shared(self) -> bool:
        """Whether more than one curve has it; else it is only here."""
        return len(self.members) > 1


def steps_across(curves: Sequence[Curve], found: Sequence[StepsFound]) -> tuple[StepAcross, ...]:
    """The steps of all ``curves``, those that are the same together, by ascending tokens.

    Steps are the same where they go the same way and every two of their positions overlap or lie side by side. The
    fewest groups are made that way: intervals that overlap two by two have a place in common.
    """
    groups: list[list[CurveStep]] = []
    for up in (True, False):
        steps = [
            CurveStep(index=index, step=step)
            for index, one in enumerate(found)
            for step in one.steps
            if (step.change_ns > 0) == up
        ]
        groups += _grouped(steps)
    across = (_across(group, curves, found) for group in groups)
    return tuple(sorted(across, key=lambda one: (one.low_tokens, one.high_tokens, not one.up)))


def _grouped(steps: Sequence[CurveStep]) -> list[list[CurveStep]]:
    groups = []
    left = sorted(steps, key=lambda one: (position_of(one.step).high_tokens, one.index))
    while left:
        reach = position_of(left[0].step).high_tokens + BESIDE_TOKENS
        group: dict[int, CurveStep] = {}
        rest = []
        for one in left:
            if position_of(one.step).low_tokens <= reach and one.index not in group:
                group[one.index] = one
            else:
                rest.append(one)
        groups.append([group[index] for index in sorted(group)])
        left = rest
    return groups


def _across(group: Sequence[CurveStep], curves: Sequence[Curve], found: Sequence[StepsFound]) -> StepAcross:
    positions = [position_of(one.step) for one in group]
    low, high = min(one.low_tokens for one in positions), max(one.high_tokens for one in positions)
    members = {one.index for one in group}
    looked_in = tuple(
        index
        for index, (curve, steps) in enumerate(zip(curves, found, strict=True))
        if index in members or _could_show(curve, steps, low, high)
    )
    return StepAcross(
        up=group[0].step.change_ns > 0, low_tokens=low, high_tokens=high, members=tuple(group), looked_in=looked_in
    )


def _could_show(curve: Curve, steps: StepsFound, low: int, high: int) -> bool:
    if not curve.points or steps.outcome in {StepsOutcome.TOO_NOISY, StepsOutcome.TOO_FEW}:
        return False
    return curve.points[0].tokens <= low and curve.points[-1].tokens > high
