"""What a curve is: the latency at each token count, from all passes of a job, with what there is to doubt."""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, fields, replace

import numpy as np

from agent.wire.conditions import Doubt, DoubtReason
from orchestrator.analysis.doubting import (
    ENOUGH_READINGS,
    STATISTICAL,
    PointDoubt,
    Tallies,
    doubts_of_bursts,
    doubts_of_curve,
    doubts_of_points,
    doubts_of_speed,
    in_words,
    rest_on_doubted,
)
from orchestrator.analysis.intervals import spread_of
from orchestrator.analysis.passes import (
    Booleans,
    Floats,
    Integers,
    PassReadings,
    accepted_of,
    column_medians,
    factors_of,
    making_points,
    medians_of,
    pass_of,
)

__all__ = ["ENOUGH_READINGS", "Curve", "PassFactor", "PassReadings", "Point", "curve_of", "in_words", "pass_of"]

LEAST_NS = 1.0
"""Readings are whole nanoseconds above zero; passes that contradict one another have factors that would make less."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Point:
    """All accepted readings at one count.

    ``latency_ns`` is the median over passes of each pass's median divided by its factor; ``low_ns`` to ``high_ns`` is
    its 95 % interval, ``standard_error_ns`` what it weighs in a fit. ``readings`` were accepted, ``rejected`` were not.
    ``doubted`` says that most of the passes with readings here were doubted; why stands in `Curve.point_doubts`.
    """

    tokens: int
    latency_ns: float
    low_ns: float
    high_ns: float
    standard_error_ns: float
    readings: int
    rejected: int
    passes: int
    doubted: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class PassFactor:
    """What one pass was divided by, how many of its readings were accepted and rejected, and why it is doubted.

    ``found`` is what other passes say against it; ``doubts`` are the reasons of those and of what its device said.
    """

    fence: int
    round: int
    number: int
    factor: float
    readings: int
    rejected: int
    doubts: tuple[DoubtReason, ...] = ()
    found: tuple[Doubt, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Curve:
    """All points of a job by ascending tokens, the factors of its passes in their order, and the doubts.

    ``doubts`` are of the whole curve, ``point_doubts`` of single points; those of a pass stand with its factor.
    `orchestrator.analysis.doubting` has the rules.
    """

    points: tuple[Point, ...]
    factors: tuple[PassFactor, ...]
    doubts: tuple[Doubt, ...]
    point_doubts: tuple[PointDoubt, ...] = ()

    @property
    def readings(self) -> int:
        """How many readings were accepted."""
        return sum(factor.readings for factor in self.factors)

    @property
    def rejected(self) -> int:
        """How many readings were rejected."""
        return sum(factor.rejected for factor in self.factors)

    @property
    def full(self) -> Point | None:
        """The point with the most tokens, the untouched model's where all were measured; None on an empty curve."""
        return self.points[-1] if self.points else None

    @property
    def distrusted(self) -> tuple[DoubtReason, ...]:
        """Why nothing here tells of the device as it usually is: reasons other than scatter and speed, in every pass.

        Empty where at least one pass with readings is free of such reasons.
        """
        reasons = [set(factor.doubts) - STATISTICAL for factor in self.factors if factor.readings]
        return tuple(sorted(set().union(*reasons))) if reasons and all(reasons) else ()

    def point_at(self, tokens: int) -> Point | None:
        """The point at ``tokens``, or None where nothing was accepted there."""
        return next((point for point in self.points if point.tokens == tokens), None)


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Measured:
    """A curve, and what each pass has at its points: ``per_pass_ns`` (passes, points), divided by the pass's factor.

    NaN stands where a pass has no accepted reading.
    """

    curve: Curve
    per_pass_ns: Floats


def curve_of(passes: Iterable[PassReadings]) -> Curve:
    """The curve that ``passes`` of one job make together, those broken off too, whatever order they come in.

    Passes of pairs, and of blocks, make no points and are left aside (`PassReadings.makes_points`). The same passes
    always give the same curve: nothing is drawn at random.
    """
    return measured_of(passes).curve


def measured_of(passes: Iterable[PassReadings]) -> Measured:
    """`curve_of` the ``passes``, with what each of them has at its points."""
    ordered = sorted(making_points(passes), key=lambda one: one.key)
    counts = _counts(ordered)
    medians = medians_of(ordered, counts)
    factors = factors_of(medians)
    per_pass_ns = np.maximum(medians / factors[:, None], LEAST_NS)
    tallies = _tallies(ordered, counts, per_pass_ns)
    latency_ns = column_medians(per_pass_ns)
    whole = [(*one.doubts, *doubts_of_speed(factor)) for one, factor in zip(ordered, factors.tolist(), strict=True)]
    reasons = [tuple(dict.fromkeys(doubt.reason for doubt in doubts)) for doubts in whole]
    point_doubts = doubts_of_points(reasons, tallies)
    curve = Curve(
        points=_points(tallies, per_pass_ns, rest_on_doubted(reasons, tallies.visited)),
        factors=tuple(
            _pass_factor(one, factor, counts, latency_ns) for one, factor in zip(ordered, factors.tolist(), strict=True)
        ),
        doubts=doubts_of_curve(ordered, whole, tallies, point_doubts, accepted_per_count(ordered)),
        point_doubts=point_doubts,
    )
    return Measured(curve=curve, per_pass_ns=per_pass_ns)


def usable(curve: Curve) -> Curve:
    """``curve`` with one point a count by ascending tokens, each a latency above zero that is a number.

    A curve from passes is that already; one that was put together elsewhere may not be. What is left out is doubted.
    """
    by_tokens = {point.tokens: point for point in reversed(curve.points) if _is_usable(point)}
    points = tuple(by_tokens[tokens] for tokens in sorted(by_tokens))
    if points == curve.points:
        return curve
    left_out = len(curve.points) - len(points)
    evidence = f"{left_out} of {len(curve.points)} points have no latency above zero, or repeat a count: left out"
    doubts = (*curve.doubts, Doubt(reason=DoubtReason.TOO_FEW, evidence=evidence)) if left_out else curve.doubts
    return replace(curve, points=points, doubts=doubts)


def _is_usable(point: Point) -> bool:
    numbers = (point.latency_ns, point.low_ns, point.high_ns, point.standard_error_ns)
    return point.tokens > 0 and all(map(math.isfinite, numbers)) and min(point.latency_ns, point.standard_error_ns) > 0


def accepted_per_count(passes: Iterable[PassReadings]) -> dict[int, int]:
    """How many accepted readings of the whole model there are at each count that was visited at all."""
    found: dict[int, int] = defaultdict(int)
    for one in making_points(passes):
        for tokens, accepted in zip(one.tokens.tolist(), accepted_of(one).tolist(), strict=True):
            found[tokens] += accepted
    return dict(found)


def _counts(passes: Sequence[PassReadings]) -> Integers:
    """The counts with at least one accepted reading, ascending."""
    if not passes:
        return np.empty(0, np.int64)
    return np.unique(np.concatenate([one.tokens[accepted_of(one)] for one in passes]))


def _tallies(passes: Sequence[PassReadings], counts: Integers, values: Floats) -> Tallies:
    tokens = np.concatenate([np.empty(0, np.int64), *(one.tokens for one in passes)])
    accepted = np.concatenate([np.empty(0, np.bool_), *(accepted_of(one) for one in passes)])
    return Tallies(
        counts=counts,
        readings=_tally(tokens[accepted], counts),
        rejected=_tally(tokens[~accepted], counts),
        tried=_tally(np.concatenate([np.empty(0, np.int64), *(np.unique(one.tokens) for one in passes)]), counts),
        visited=np.isfinite(values),
    )


def _points(tallies: Tallies, values: Floats, doubted: Booleans) -> tuple[Point, ...]:
    if len(tallies.counts) == 0:
        return ()
    latency_ns = column_medians(values)
    spread = spread_of(values, latency_ns)
    visits = tallies.visited.sum(axis=0)
    # A tenth of a nanosecond is beyond every clock, and halves the size of a stored curve.
    times = (np.round(column, 1) for column in (latency_ns, spread.low_ns, spread.high_ns, spread.error_ns))
    columns = (tallies.counts, *times, tallies.readings, tallies.rejected, visits, doubted)
    names = tuple(field.name for field in fields(Point))
    rows = zip(*(column.tolist() for column in columns), strict=True)
    return tuple(Point(**dict(zip(names, row, strict=True))) for row in rows)


def _tally(tokens: Integers, counts: Integers) -> Integers:
    ordered = np.sort(tokens)
    tally: Integers = np.searchsorted(ordered, counts, side="right") - np.searchsorted(ordered, counts, side="left")
    return tally


def _pass_factor(one: PassReadings, factor: float, counts: Integers, latency_ns: Floats) -> PassFactor:
    readings = int(accepted_of(one).sum())
    found = (*doubts_of_speed(factor), *doubts_of_bursts(one, factor, counts, latency_ns))
    return PassFactor(
        fence=one.fence,
        round=one.round,
        number=one.number,
        factor=float(factor),
        readings=readings,
        rejected=len(one.tokens) - readings,
        doubts=tuple(dict.fromkeys(doubt.reason for doubt in (*one.doubts, *found))),
        found=found,
    )
