"""The latency that each count of a curve is taken to have, and how surely two counts differ."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from orchestrator.analysis.curve import Curve
from orchestrator.analysis.passes import Booleans, Floats
from orchestrator.analysis.pieces import Pieces
from orchestrator.analysis.steps import LEAST_Z

BELIEVED_ERRORS = 4.0
"""A point this many standard errors off its piece is believed as it was measured, not as its piece would have it."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Levels:
    """Latency in ns at each point of a curve, its standard error, and which points are dips.

    The fastest of many noisy medians would be fast by luck, so a level is what the piece says; but what was measured
    where the point is far off its piece, or where a step may lie on either side of it: ``as_measured``.
    """

    tokens: NDArray[np.int64]
    latency_ns: Floats
    error_ns: Floats
    as_measured: Booleans
    dips: Booleans
    pieces: Pieces

    def gain(self, index: int, other: int) -> tuple[float, float]:
        """How much slower the point at ``other`` is than the one at ``index`` in ns, and the standard error of that."""
        gained = float(self.latency_ns[other] - self.latency_ns[index])
        if self.as_measured[index] or self.as_measured[other]:
            return gained, float(np.hypot(self.error_ns[index], self.error_ns[other]))
        return gained, self.pieces.rise_error_ns(self.tokens, index, other)


def levels_of(curve: Curve, pieces: Pieces, *, straight: bool = True) -> Levels:
    """The levels of ``curve``, whose pieces ``pieces`` are.

    Args:
        straight: false where jumps could hide in the pieces, so that every point is believed as measured alone.
    """
    measured = np.array([point.latency_ns for point in curve.points])
    error_ns = np.array([point.standard_error_ns for point in curve.points])
    off = measured - pieces.fitted_ns
    far_off = np.abs(off) > BELIEVED_ERRORS * error_ns * np.sqrt(max(pieces.dispersion, 1.0))
    as_measured = far_off | _beside_unsure_steps(pieces) | (not straight)
    return Levels(
        tokens=np.array([point.tokens for point in curve.points], np.int64),
        latency_ns=np.where(as_measured, measured, pieces.fitted_ns),
        error_ns=np.where(as_measured, error_ns, pieces.fitted_error_ns),
        as_measured=as_measured,
        dips=far_off & (off < 0),
        pieces=pieces,
    )


def _beside_unsure_steps(pieces: Pieces) -> Booleans:
    """The points that a step may lie on either side of."""
    unsure = np.zeros(len(pieces.fitted_ns), np.bool_)
    for one in pieces.breaks:
        if abs(one.z) >= LEAST_Z:
            unsure[one.first_low : one.first_high] = True
    return unsure
