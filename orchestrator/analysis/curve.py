"""What a curve is: the latency at each token count, from all passes of a job, with what there is to doubt."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

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

BOOTSTRAP_SEED = 20240705
"""So that the same readings always give the same curve."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Point:
    """All accepted readings at one count.

    ``latency_ns`` is the median over passes of each pass's median divided by its factor; ``low_ns`` to ``high_ns`` is
    its 95 % interval, ``standard_error_ns`` what it weighs in a fit. ``readings`` were accepted, ``rejected`` were not.
    """

    tokens: int
    latency_ns: float
    low_ns: float
    high_ns: float
    standard_error_ns: float
    readings: int
    rejected: int
    passes: int


@dataclass(frozen=True, slots=True, kw_only=True)
class PassFactor:
    """What one pass was divided by, and how many of its readings were accepted and rejected."""

    fence: int
    round: int
    number: int
    factor: float
    readings: int
    rejected: int


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

    def point_at(self, tokens: int) -> Point | None:
        """The point at ``tokens``, or None where nothing was accepted there."""
        return next((point for point in self.points if point.tokens == tokens), None)


def curve_of(passes: Iterable[PassReadings], *, generator: np.random.Generator | None = None) -> Curve:
    """The curve that ``passes`` make together, whatever order they come in and whichever counts each visited.

    Args:
        passes: every pass of one job, those broken off too.
        generator: draws the bootstrap; a fixed seed by default.
    """
    ordered = sorted(passes, key=lambda one: one.key)
    counts = _counts(ordered)
    medians = medians_of(ordered, counts)
    factors = factors_of(medians)
    points = _points(ordered, counts, medians / factors[:, None], generator or np.random.default_rng(BOOTSTRAP_SEED))
    pass_factors = tuple(_pass_factor(one, float(factor)) for one, factor in zip(ordered, factors, strict=True))
    doubts = (
        *_contended(pass_factors),
        *_too_few(ordered, points),
        *_unsteady(pass_factors),
        *_seen_by_the_device(ordered),
    )
    return Curve(points=points, factors=pass_factors, doubts=doubts)


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


def _points(
    passes: Sequence[PassReadings], counts: Integers, values: Floats, generator: np.random.Generator
) -> tuple[Point, ...]:
    if len(counts) == 0:
        return ()
    latency_ns = column_medians(values)
    spread = spread_of(values, latency_ns, generator)
    tokens = np.concatenate([one.tokens for one in passes])
    accepted = np.concatenate([accepted_of(one) for one in passes])
    readings = _tally(tokens[accepted], counts)
    rejected = _tally(tokens[~accepted], counts)
    visits = np.isfinite(values).sum(axis=0)
    # A tenth of a nanosecond is beyond every clock, and halves the size of a stored curve.
    times = (np.round(column, 1) for column in (latency_ns, spread.low_ns, spread.high_ns, spread.error_ns))
    columns = (counts, *times, readings, rejected, visits)
    names = ("tokens", "latency_ns", "low_ns", "high_ns", "standard_error_ns", "readings", "rejected", "passes")
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
