"""Sweet spots: token counts that no larger count matches in latency, the only counts worth choosing."""

from __future__ import annotations

import math
from dataclasses import dataclass
from enum import Enum

import numpy as np

from orchestrator.analysis.comparison import Ratios, ratios_of
from orchestrator.analysis.curve import Curve
from orchestrator.analysis.levels import Levels, levels_of
from orchestrator.analysis.pieces import Pieces, pieces_of
from orchestrator.analysis.steps import StepsFound

CLEARLY = 2.0
"""Joint standard errors by which a count must be faster than the next larger sweet spot."""

WORTH_PERCENT = 1.0
"""On a slope, what a sweet spot saves at least on the next larger one, in per cent of that one's latency."""


class SweetSpotKind(str, Enum):
    """What makes a count a sweet spot."""

    FULL = "full"
    """The most tokens measured: there is no larger count."""
    BELOW_RISE = "below-rise"
    """The last count before a step up: one token more is dearer."""
    PAST_DROP = "past-drop"
    """The first count after a step down: one token fewer is dearer."""
    DIP = "dip"
    """Alone faster than the counts around it."""
    SLOPE = "slope"
    """A level on a slope, the most tokens that have it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SweetSpot:
    """A count worth choosing, with its latency as measured and the 95 % interval of it.

    ``saves_percent`` is against the largest count measured, the untouched model, with its 95 % interval;
    ``next_tokens`` is the next larger sweet spot, None for the largest. ``certainty`` is the probability, 0 to 1, that
    the fastest larger count is slower; 1 where there is no larger count.
    """

    tokens: int
    kind: SweetSpotKind
    latency_ns: float
    low_ns: float
    high_ns: float
    saves_percent: float
    next_tokens: int | None
    saves_low_percent: float = 0.0
    saves_high_percent: float = 0.0
    certainty: float = 1.0


UNSURE_PERCENT = (-100.0, 100.0)
"""The interval of a saving that nothing is known of: from twice the latency to none."""


def find_sweet_spots(curve: Curve, found: StepsFound, pieces: Pieces | None = None) -> tuple[SweetSpot, ...]:
    """The sweet spots of ``curve`` by ascending tokens.

    Going down from all tokens, a count is kept where it is faster than *every* larger count, and faster than the sweet
    spot above it by more than 2 joint standard errors and 1 %. So each run of counts that cannot be told apart
    collapses to its largest, most tokens for the same latency. The edge of a step is kept even if it is less than that
    faster, and then takes the place of a mere level of the slope beside it. Latencies are compared as the pieces of the
    curve have them: the fastest of many noisy medians would be fast by luck. But a count that was measured slower than
    a larger one is never kept, whatever its piece says of it.
    """
    if not curve.points:
        return ()
    level = levels_of(curve, pieces or pieces_of(curve))
    kinds = _edges(found) | {curve.points[index].tokens: SweetSpotKind.DIP for index in np.flatnonzero(level.dips)}
    last = len(curve.points) - 1
    kept = [(last, SweetSpotKind.FULL)]
    fastest = level.latency_ns[last]
    # For each point the lowest latency that was measured of any larger count.
    measured = np.array([point.latency_ns for point in curve.points])
    beyond = np.minimum.accumulate(measured[::-1])[::-1]
    for index in range(last - 1, -1, -1):
        if level.latency_ns[index] >= fastest:
            continue
        if measured[index] >= beyond[index + 1]:
            continue
        fastest = level.latency_ns[index]
        kind = kinds.get(curve.points[index].tokens, SweetSpotKind.SLOPE)
        above, kind_above = kept[-1]
        clear = _clearly_faster(level, index, above)
        if not clear and kind is SweetSpotKind.SLOPE:
            continue
        if not clear and kind_above is SweetSpotKind.SLOPE:
            kept.pop()
        kept.append((index, kind))
    return _described(curve, level, kept)


def _clearly_faster(level: Levels, index: int, above: int) -> bool:
    """Whether the point at ``index`` is clearly and worthwhile faster than the one at ``above``."""
    saved_ns, error_ns = level.gain(index, above)
    return saved_ns > max(CLEARLY * error_ns, float(level.latency_ns[above]) * WORTH_PERCENT / 100)


def _certainty(level: Levels, index: int) -> float:
    """The probability that the fastest larger count is slower than the point at ``index``."""
    if index + 1 == len(level.latency_ns):
        return 1.0
    fastest = index + 1 + int(np.argmin(level.latency_ns[index + 1 :]))
    saved_ns, error_ns = level.gain(index, fastest)
    return 0.5 * math.erfc(-saved_ns / error_ns / math.sqrt(2))


def _edges(found: StepsFound) -> dict[int, SweetSpotKind]:
    return {
        step.after_tokens if step.change_ns > 0 else step.next_tokens: (
            SweetSpotKind.BELOW_RISE if step.change_ns > 0 else SweetSpotKind.PAST_DROP
        )
        for step in found.steps
    }


def _described(curve: Curve, level: Levels, kept: list[tuple[int, SweetSpotKind]]) -> tuple[SweetSpot, ...]:
    full = curve.points[kept[0][0]]
    ratios = ratios_of(curve, full.tokens)
    larger: list[int | None] = [None, *(curve.points[index].tokens for index, _ in kept[:-1])]
    spots = []
    for (index, kind), above in zip(kept, larger, strict=True):
        point = curve.points[index]
        low, high = _saves(ratios, index)
        spots.append(
            SweetSpot(
                tokens=point.tokens,
                kind=kind,
                latency_ns=point.latency_ns,
                low_ns=point.low_ns,
                high_ns=point.high_ns,
                saves_percent=100 * (1 - point.latency_ns / full.latency_ns),
                next_tokens=above,
                saves_low_percent=low,
                saves_high_percent=high,
                certainty=_certainty(level, index),
            )
        )
    return tuple(reversed(spots))


def _saves(ratios: Ratios | None, index: int) -> tuple[float, float]:
    """The 95 % interval of what the point at ``index`` saves of the largest count, in per cent.

    Where the latency of that may be nothing at all no saving is sure.
    """
    if ratios is None:
        return UNSURE_PERCENT
    return 100 * (1 - float(ratios.high[index])), 100 * (1 - float(ratios.low[index]))
