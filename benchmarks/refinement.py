"""Measuring suspects again: a simple planner around the loose mode of the detector."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace

from benchmarks.planted import Noise, Planted, more_passes
from orchestrator.analysis.curve import curve_of
from orchestrator.analysis.passes import PassReadings
from orchestrator.analysis.suspects import Suspect, counts_around, suspects_of

LOOKS = (7, 7, 7, 14, 14)
"""Passes over the counts around suspects, one look after the other, each at those that are not settled yet."""

MOST_SUSPECTS = 40
SETTLED_Z = 5.0
"""A suspect as clear as this needs no further look."""

MOST_COST = 1.8
"""All readings, in those of the seven passes before."""


def refined(planted: Planted, noise: Noise, seed: int) -> tuple[tuple[PassReadings, ...], float]:
    """The passes after all looks, and what they cost: all readings by those of the passes before."""
    passes = planted.passes
    before = sum(len(one.tokens) for one in passes)
    left = int((MOST_COST - 1) * before)
    for number, look in enumerate(LOOKS, start=1):
        curve = curve_of(passes)
        suspects = [one for one in suspects_of(curve, most=MOST_SUSPECTS) if abs(one.z) < SETTLED_Z]
        # Every pass visits the sentinel too.
        counts = _affordable(suspects, planted.tokens.tolist(), left // look - 1)
        if not counts:
            break
        extra = more_passes(planted, noise, counts, passes=look, seed=seed + 10_000 * number)
        left -= sum(len(one.tokens) for one in extra)
        passes = (*passes, *(replace(one, round=number) for one in extra))
    return passes, sum(len(one.tokens) for one in passes) / before


def _affordable(suspects: Iterable[Suspect], measured: Sequence[int], most: int) -> list[int]:
    """The counts around the clearest suspects, as many as may be paid for."""
    chosen: set[int] = set()
    for suspect in suspects:
        wider = chosen | set(counts_around(suspect, measured))
        if len(wider) <= most:
            chosen = wider
    return sorted(chosen)
