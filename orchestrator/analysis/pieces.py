"""A curve as straight pieces with jumps between them: levels, slopes, and what each break is worth as a step."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from orchestrator.analysis.breaks import Break, breaks_of
from orchestrator.analysis.curve import Curve
from orchestrator.analysis.cutting import (
    PENALTY,
    SHORTEST_PIECE,
    Bounds,
    Problem,
    best_cut,
    convexity_of,
    convexity_variance,
)
from orchestrator.analysis.lines import lines_of
from orchestrator.analysis.outliers import without_outliers
from orchestrator.analysis.passes import Floats, Integers

PRIOR_FREEDOM = 10
"""The repeats count for this many degrees of freedom in the dispersion: few points tell it badly."""

LEAST_DISPERSION = 0.25
"""Passes that agree by luck, or to the nanosecond, do not make an error half as large as the repeats say."""

MOST_OF_A_POINT = 25.0
"""No point counts for more than one that is 5 standard errors off: one that fits nowhere must not hide all steps."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Pieces:
    """Straight pieces over the points of a curve, latencies in ns.

    ``bounds`` holds the index of each piece's first point, and the number of points at the end. ``fitted_ns`` and
    ``line_errors_ns``, its standard error under the given convexity, stand at each point, as do ``sways_ns``: by how
    much it moves where the convexity, which all pieces share, moves by its standard error. ``slopes_ns`` are what one
    token more adds in the middle of each piece; ``slope_errors_ns`` their standard errors under the given convexity.
    ``dispersion`` is the variance about the pieces in units of what the repeats explain. ``breaks`` stand between the
    pieces, one fewer than these.
    """

    bounds: Bounds
    fitted_ns: Floats
    line_errors_ns: Floats
    sways_ns: Floats
    slopes_ns: Floats
    slope_errors_ns: Floats
    dispersion: float
    breaks: tuple[Break, ...]

    @property
    def fitted_error_ns(self) -> Floats:
        """The standard error of ``fitted_ns``, the doubt about the convexity included."""
        return np.hypot(self.line_errors_ns, self.sways_ns)

    def rise_error_ns(self, tokens: Integers, index: int, other: int) -> float:
        """The standard error of what ``fitted_ns`` rises from one point to another; ``tokens`` at all points."""
        sway = float(self.sways_ns[other] - self.sways_ns[index])
        piece = self.piece_at(index)
        if piece == self.piece_at(other):
            # The height of their common line is in both and cancels.
            apart = abs(int(tokens[other] - tokens[index]))
            return math.hypot(apart * float(self.slope_errors_ns[piece]), sway)
        return math.hypot(float(self.line_errors_ns[index]), float(self.line_errors_ns[other]), sway)

    def piece_at(self, index: int) -> int:
        """Which piece the point at ``index`` belongs to."""
        return int(np.searchsorted(self.bounds, index, side="right")) - 1


def pieces_of(curve: Curve, *, penalty: float = PENALTY) -> Pieces:
    """The pieces of ``curve``, outliers set aside; a single piece where there are too few points to say more.

    Args:
        curve: at most one point a count, by ascending tokens, latencies and errors above zero.
        penalty: what a piece costs in ln(points); less makes more pieces.
    """
    if len(curve.points) < SHORTEST_PIECE:
        return _points_alone(curve)
    problem = problem_of(curve)
    return fit(problem, *best_cut(problem, penalty))


def problem_of(curve: Curve) -> Problem:
    """What the pieces of ``curve``, of at least two points, are fitted to: outliers set aside."""
    tokens = np.array([point.tokens for point in curve.points], np.int64)
    latency_ns = np.array([point.latency_ns for point in curve.points])
    error_ns = np.array([point.standard_error_ns for point in curve.points])
    return Problem.of(tokens, without_outliers(latency_ns, error_ns), error_ns)


def pieces_with_break(curve: Curve, pieces: Pieces, first: int) -> Pieces:
    """``pieces`` of ``curve`` with a break before the point ``first``, in place of any too near to it.

    For a step whose place is known beforehand. ``first`` has `SHORTEST_PIECE` points on either side of it.
    """
    others = [bound for bound in pieces.bounds if abs(bound - first) >= SHORTEST_PIECE]
    bounds = tuple(sorted({*others, first}))
    problem = problem_of(curve)
    return fit(problem, bounds, convexity_of(problem, bounds))


def fit(problem: Problem, bounds: Bounds, convexity: float) -> Pieces:
    """The pieces between ``bounds`` under ``convexity``."""
    x, edges = problem.x, np.array(bounds)
    of_point = np.repeat(np.arange(len(bounds) - 1), np.diff(edges))
    lines, moved = (lines_of(problem, one, edges[:-1], edges[1:]) for one in (convexity, convexity + 1))
    on_line = lines.at(x, of_point)
    dispersion = _dispersion(problem.weights * np.square(problem.bent(convexity) - on_line), pieces=len(bounds) - 1)
    scale = problem.unit_ns * math.sqrt(dispersion)
    convexity_error = math.sqrt(convexity_variance(problem, bounds))
    middles = (x[edges[:-1]] + x[edges[1:] - 1]) / 2
    return Pieces(
        bounds=bounds,
        fitted_ns=(on_line + convexity * np.square(x) + problem.mean) * problem.unit_ns,
        line_errors_ns=np.sqrt(lines.variance_at(x, of_point)) * scale,
        sways_ns=(moved.at(x, of_point) + np.square(x) - on_line) * convexity_error * scale,
        slopes_ns=(lines.slope + 2 * convexity * middles) / problem.half * problem.unit_ns,
        slope_errors_ns=np.sqrt(1 / lines.spread_x) / problem.half * scale,
        dispersion=dispersion,
        breaks=breaks_of(problem, convexity, bounds, dispersion),
    )


def _dispersion(squares: Floats, *, pieces: int) -> float:
    """The variance about the pieces in units of what the repeats explain, from the squares of all points."""
    freedom = max(len(squares) - 2 * pieces - 1, 0)
    chi_square = float(np.sum(np.minimum(squares, MOST_OF_A_POINT)))
    return max((chi_square + PRIOR_FREEDOM) / (freedom + PRIOR_FREEDOM), LEAST_DISPERSION)


def _points_alone(curve: Curve) -> Pieces:
    """Fewer points than a piece has: each is what it was measured, and two have a slope between them."""
    tokens = np.array([point.tokens for point in curve.points], np.float64)
    latency_ns = np.array([point.latency_ns for point in curve.points])
    error_ns = np.array([point.standard_error_ns for point in curve.points])
    two = len(tokens) == 2
    alone = min(len(tokens), 1)
    return Pieces(
        bounds=(0, len(tokens)) if alone else (0,),
        fitted_ns=latency_ns,
        line_errors_ns=error_ns,
        sways_ns=np.zeros(len(tokens)),
        slopes_ns=np.diff(latency_ns) / np.diff(tokens) if two else np.zeros(alone),
        slope_errors_ns=np.hypot(error_ns[1:], error_ns[:-1]) / np.diff(tokens) if two else np.full(alone, np.inf),
        dispersion=1.0,
        breaks=(),
    )
