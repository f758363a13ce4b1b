"""Whether the passes of a job agree on a jump: a step that some passes have and others lack is none to rely on."""

from __future__ import annotations

import dataclasses

import numpy as np

from orchestrator.analysis.breaks import Break
from orchestrator.analysis.passes import Floats, column_medians

NEAR = 24
"""Points on each side of a break in which a pass is asked what it has to say of it."""

QUARTILE_OF_NORMAL = 1.15
"""Three quarters of Gaussian deviations are smaller than this many standard deviations."""

FEWEST_TELLING = 5
"""Passes below which their differences may be luck: the third quartile of three deviations is nearly the largest."""

MOST_LUCK = 3.0
"""Fewer passes disagree where they differ by more than so many times what each is unsure of by itself."""

MEDIAN_COSTS = 1.25
"""The error of a median by that of a mean."""


def as_passes_agree(found: Break, residuals_ns: Floats) -> Break:
    """``found`` with errors no smaller, and no more clearly a jump, than its size in each pass by itself allows.

    Errors along a curve count as independent from point to point. Where a pass is off over a whole stretch, as after a
    restart with other memory or another clock, they are not; but from pass to pass they are still.

    Args:
        found: a break of the curve.
        residuals_ns: (passes, points), what each pass has over the fitted curve; NaN where it has nothing.
    """
    error_ns = _error_over_passes(found, residuals_ns)
    if error_ns <= found.told_error_ns:
        return found
    grown = error_ns / found.told_error_ns
    return dataclasses.replace(
        found,
        jump_error_ns=found.jump_error_ns * grown,
        told_error_ns=error_ns,
        z=found.z / grown,
    )


def _error_over_passes(found: Break, residuals_ns: Floats) -> float:
    """The standard error in ns of the jump from how much it differs between passes; 0 where that tells nothing.

    One pass in seven may differ as it likes: the spread is taken at the third quartile.
    """
    left = residuals_ns[:, max(found.start, found.first - NEAR) : found.first]
    right = residuals_ns[:, found.first : min(found.end, found.first + NEAR)]
    tells = [2 * np.isfinite(side).sum(axis=1) >= side.shape[1] for side in (left, right)]
    both = tells[0] & tells[1]
    passes = int(both.sum())
    if passes < 2:
        return 0.0
    jumps = column_medians(right[both].T) - column_medians(left[both].T)
    spread = float(np.quantile(np.abs(jumps - np.median(jumps)), 0.75)) / QUARTILE_OF_NORMAL
    if passes < FEWEST_TELLING and spread <= MOST_LUCK * float(
        np.hypot(_own_error(left[both]), _own_error(right[both]))
    ):
        return 0.0
    return spread * float(np.sqrt(passes / (passes - 1))) * MEDIAN_COSTS / float(np.sqrt(passes))


def _own_error(side_ns: Floats) -> float:
    """The standard error in ns of the median of one pass over ``side_ns``, (passes, points), from its own scatter."""
    deviations = np.abs(side_ns - column_medians(side_ns.T)[:, None])
    scatter = 1.4826 * column_medians(deviations.T) / np.sqrt(np.isfinite(side_ns).sum(axis=1))
    return MEDIAN_COSTS * float(np.median(scatter))
