"""What a curve is: the latency at each token count, from all passes of a job, with what there is to doubt."""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, fields, replace

import numpy as np

from agent.wire.conditions import Doubt, DoubtReason
from orchestrator.analysis.intervals import spread_of
from orchestrator.analysis.passes import (
    Floats,
    Integers,
    PassReadings,
    accepted_of,
    column_medians,
    factors_of,
    medians_of,
    pass_of,
)

__all__ = ["Curve", "PassFactor", "PassReadings", "Point", "curve_of", "pass_of"]

ENOUGH_READINGS = 5
"""Accepted readings that a point needs to stand without a doubt."""

MOST_REJECTED = 0.4
"""The share of rejected readings from which a curve is doubted."""

STEADY_WITHIN = 0.05
"""How far from 1 the factor of a pass may lie before the device counts as unsteady."""

STATISTICAL = frozenset({DoubtReason.UNSTEADY, DoubtReason.BASELINE_MOVED})
"""Doubts about scatter and speed: intervals over whole passes in shuffled order carry the one, factors the other.

The other reasons say that the device was not the device asked for, which no repeating mends.
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Point:
    """All accepted readings at one count.

    ``latency_ns`` is the median over passes of each pass's median divided by its factor; ``low_ns`` to ``high_ns`` is
    its 95 % interval, ``standard_error_ns`` what it weighs in a fit. ``readings`` were accepted, ``rejected`` were not.
    ``doubted`` says that most of the passes with readings here were doubted by the device.
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
    """What one pass was divided by, how many of its readings were accepted and rejected, and why it is doubted."""

    fence: int
    round: int
    number: int
    factor: float
    readings: int
    rejected: int
    doubts: tuple[DoubtReason, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Curve:
    """All points of a job by ascending tokens, the factors of its passes in their order, and the doubts."""

    points: tuple[Point, ...]
    factors: tuple[PassFactor, ...]
    doubts: tuple[Doubt, ...]

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

    The same passes always give the same curve: nothing is drawn at random.
    """
    return measured_of(passes).curve


def measured_of(passes: Iterable[PassReadings]) -> Measured:
    """`curve_of` the ``passes``, with what each of them has at its points."""
    ordered = sorted(passes, key=lambda one: one.key)
    counts = _counts(ordered)
    medians = medians_of(ordered, counts)
    factors = factors_of(medians)
    per_pass_ns = medians / factors[:, None]
    points = _points(ordered, counts, per_pass_ns)
    pass_factors = tuple(_pass_factor(one, float(factor)) for one, factor in zip(ordered, factors, strict=True))
    doubts = (
        *_contended(pass_factors),
        *_too_few(ordered, points),
        *_unsteady(pass_factors),
        *_seen_by_the_device(ordered),
    )
    return Measured(curve=Curve(points=points, factors=pass_factors, doubts=doubts), per_pass_ns=per_pass_ns)


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
    """How many accepted readings there are at each count that was visited at all."""
    found: dict[int, int] = defaultdict(int)
    for one in passes:
        for tokens, accepted in zip(one.tokens.tolist(), accepted_of(one).tolist(), strict=True):
            found[tokens] += accepted
    return dict(found)


def _counts(passes: Sequence[PassReadings]) -> Integers:
    """The counts with at least one accepted reading, ascending."""
    if not passes:
        return np.empty(0, np.int64)
    return np.unique(np.concatenate([one.tokens[accepted_of(one)] for one in passes]))


def _points(passes: Sequence[PassReadings], counts: Integers, values: Floats) -> tuple[Point, ...]:
    if len(counts) == 0:
        return ()
    latency_ns = column_medians(values)
    spread = spread_of(values, latency_ns)
    tokens = np.concatenate([one.tokens for one in passes])
    accepted = np.concatenate([accepted_of(one) for one in passes])
    readings = _tally(tokens[accepted], counts)
    rejected = _tally(tokens[~accepted], counts)
    visited = np.isfinite(values)
    visits = visited.sum(axis=0)
    by_doubted = visited[[bool(one.doubts) for one in passes]].sum(axis=0)
    # A tenth of a nanosecond is beyond every clock, and halves the size of a stored curve.
    times = (np.round(column, 1) for column in (latency_ns, spread.low_ns, spread.high_ns, spread.error_ns))
    columns = (counts, *times, readings, rejected, visits, 2 * by_doubted > visits)
    names = tuple(field.name for field in fields(Point))
    rows = zip(*(column.tolist() for column in columns), strict=True)
    return tuple(Point(**dict(zip(names, row, strict=True))) for row in rows)


def _tally(tokens: Integers, counts: Integers) -> Integers:
    ordered = np.sort(tokens)
    tally: Integers = np.searchsorted(ordered, counts, side="right") - np.searchsorted(ordered, counts, side="left")
    return tally


def _pass_factor(one: PassReadings, factor: float) -> PassFactor:
    readings = int(accepted_of(one).sum())
    return PassFactor(
        fence=one.fence,
        round=one.round,
        number=one.number,
        factor=factor,
        readings=readings,
        rejected=len(one.tokens) - readings,
        doubts=tuple(dict.fromkeys(doubt.reason for doubt in one.doubts)),
    )


def _contended(factors: Sequence[PassFactor]) -> Iterable[Doubt]:
    rejected = sum(factor.rejected for factor in factors)
    total = rejected + sum(factor.readings for factor in factors)
    if total and rejected > MOST_REJECTED * total:
        yield Doubt(
            reason=DoubtReason.CONTENDED,
            evidence=f"{rejected} of {total} readings ({100 * rejected / total:.0f} %) were rejected, because other "
            f"work held the processor; up to {100 * MOST_REJECTED:.0f} % is usual",
        )


def _too_few(passes: Sequence[PassReadings], points: Sequence[Point]) -> Iterable[Doubt]:
    found = accepted_per_count(passes)
    few = sorted(tokens for tokens, readings in found.items() if readings < ENOUGH_READINGS)
    if not found:
        yield Doubt(reason=DoubtReason.TOO_FEW, evidence="there are no readings at all")
    elif not points:
        yield Doubt(reason=DoubtReason.TOO_FEW, evidence="not one reading was accepted")
    elif few:
        least = min(found.values())
        yield Doubt(
            reason=DoubtReason.TOO_FEW,
            evidence=f"{len(few)} of {len(found)} token counts have fewer than {ENOUGH_READINGS} accepted readings, "
            f"the poorest {least}: {in_words(few)}",
        )


def _unsteady(factors: Sequence[PassFactor]) -> Iterable[Doubt]:
    off = [factor for factor in factors if abs(factor.factor - 1) > STEADY_WITHIN]
    if not off:
        return
    worst = max(off, key=lambda factor: abs(factor.factor - 1))
    off_percent = 100 * abs(worst.factor - 1)
    direction = "slower" if worst.factor > 1 else "faster"
    verb = "was" if len(off) == 1 else "were"
    yield Doubt(
        reason=DoubtReason.UNSTEADY,
        evidence=f"{len(off)} of {len(factors)} passes {verb} more than {100 * STEADY_WITHIN:.0f} % off the usual "
        f"speed; pass {worst.number} of round {worst.round} was {off_percent:.1f} % {direction} at all its counts",
    )


def _seen_by_the_device(passes: Sequence[PassReadings]) -> Iterable[Doubt]:
    """The doubts that came with the passes, one a reason."""
    evidence: dict[DoubtReason, list[str]] = defaultdict(list)
    for one in passes:
        for reason, words in {doubt.reason: doubt.evidence for doubt in one.doubts}.items():
            evidence[reason].append(words)
    for reason, found in evidence.items():
        yield Doubt(reason=reason, evidence=f"in {len(found)} of {len(passes)} passes: {found[0]}"[:4_000])


def in_words(counts: Sequence[int], most: int = 12) -> str:
    """Ascending ``counts`` for a reader: runs as "5-9", and how many more there are past ``most`` runs."""
    runs: list[list[int]] = []
    for tokens in counts:
        if runs and tokens == runs[-1][-1] + 1:
            runs[-1][1:] = [tokens]
        else:
            runs.append([tokens])
    shown = ", ".join("-".join(map(str, run)) for run in runs[:most])
    left = len(runs) - most
    return f"{shown} and {left} more runs" if left > 0 else shown
