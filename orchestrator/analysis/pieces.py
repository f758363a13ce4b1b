"""A curve as straight pieces with jumps between them, by an exact dynamic program.

The model is L(n) = a_k + b_k n + c n^2: a line of its own in each piece k, and one convexity c >= 0 for the whole
curve, because attention costs the square of the tokens. Points weigh 1 / SE^2, so the sum of squares is a chi-square,
and each piece pays the penalty 3 ln(points) of the Bayesian information criterion (a line has two numbers, its start is
a third). The cost of a piece comes from prefix sums, which makes the program O(points^2).
"""

from __future__ import annotations

import itertools
from dataclasses import dataclass

import numpy as np

from orchestrator.analysis.curve import Curve
from orchestrator.analysis.passes import Floats, Integers

SHORTEST_PIECE = 3
"""Points of a piece: two always lie on a line and prove nothing."""

CONVEXITIES = 8
"""How many values of the shared convexity are tried at a time."""

HAMPEL_REACH = 3
"""Neighbours on each side that a point is compared with before it counts as an outlier."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Pieces:
    """Straight pieces over the points of a curve.

    ``bounds`` holds the index of each piece's first point, and the number of points at the end. Latencies are in ns.
    ``fitted_ns`` and ``fitted_error_ns`` stand at each point, ``dispersion`` is the variance about the pieces in
    units of what the repeats explain, at least 1. ``jumps_ns`` and ``jump_errors_ns``, one shorter than the pieces, are
    taken half way between the last point of a piece and the first of the next.
    """

    bounds: tuple[int, ...]
    fitted_ns: Floats
    fitted_error_ns: Floats
    dispersion: float
    jumps_ns: Floats
    jump_errors_ns: Floats


def pieces_of(curve: Curve) -> Pieces:
    """The pieces of ``curve``, outliers set aside; a single piece where there are too few points to say more."""
    tokens = np.array([point.tokens for point in curve.points], np.int64)
    latency_ns = np.array([point.latency_ns for point in curve.points])
    error_ns = np.array([point.standard_error_ns for point in curve.points])
    if len(tokens) < SHORTEST_PIECE:
        nothing = np.empty(0)
        return Pieces(
            bounds=(0, len(tokens)) if len(tokens) else (0,),
            fitted_ns=latency_ns,
            fitted_error_ns=error_ns,
            dispersion=1.0,
            jumps_ns=nothing,
            jump_errors_ns=nothing,
        )
    problem = Problem.of(tokens, without_outliers(latency_ns, error_ns), error_ns)
    return _fit(problem, *_best_pieces(problem))


def without_outliers(latency_ns: Floats, error_ns: Floats) -> Floats:
    """``latency_ns`` with lonely outliers replaced by the median of their neighbourhood (a Hampel filter).

    A point is an outlier where it lies over 3 robust standard deviations of its neighbourhood from the median, *and* is
    a spike, over 5 standard errors off both neighbours in one direction: the last point before a drop is none. The
    neighbourhood is symmetric, so that a slope moves no median.
    """
    filtered = latency_ns.copy()
    last = len(latency_ns) - 1
    for index in range(1, last):
        reach = min(HAMPEL_REACH, index, last - index)
        around = latency_ns[index - reach : index + reach + 1]
        median = np.median(around)
        beside = [index - 1, index + 1]
        before, after = (latency_ns[index] - latency_ns[beside]) / np.hypot(error_ns[index], error_ns[beside])
        spike = before * after > 0 and min(abs(before), abs(after)) > 5
        if spike and abs(latency_ns[index] - median) > 3 * 1.4826 * np.median(np.abs(around - median)):
            filtered[index] = median
    return filtered


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Problem:
    """What the dynamic program works on.

    ``x`` is the tokens on [-1, 1], ``y`` the latency in units of ``unit_ns`` less its mean, ``weights`` 1 / SE^2 in
    those units: prefix sums lose no digits that matter. ``most_convex`` is the convexity that alone explains all of the
    rise. ``sums`` is (10, points + 1): prefix sums of w times 1, x, y, q, xx, xy, xq, yy, yq, qq, where q = x^2.
    """

    x: Floats
    y: Floats
    weights: Floats
    unit_ns: float
    mean: float
    most_convex: float
    sums: Floats

    @classmethod
    def of(cls, tokens: Integers, latency_ns: Floats, error_ns: Floats) -> Problem:
        """The problem that these points pose."""
        unit_ns = float(np.median(latency_ns))
        n = tokens.astype(np.float64)
        middle, half = (n[-1] + n[0]) / 2, (n[-1] - n[0]) / 2
        x = (n - middle) / half
        weights = np.square(unit_ns / error_ns)
        mean = float(np.average(latency_ns / unit_ns, weights=weights))
        y = latency_ns / unit_ns - mean
        # At most, all of the rise is the square's: c (last^2 - first^2) = rise, and c n^2 = c half^2 x^2 + a line.
        most_convex = float(np.ptp(y) * half**2 / (n[-1] ** 2 - n[0] ** 2))
        q = x * x
        columns = np.stack([np.ones_like(x), x, y, q, x * x, x * y, x * q, y * y, y * q, q * q]) * weights
        sums = np.concatenate([np.zeros((10, 1)), np.cumsum(columns, axis=1)], axis=1)
        return cls(x=x, y=y, weights=weights, unit_ns=unit_ns, mean=mean, most_convex=most_convex, sums=sums)


def piece_costs(problem: Problem, starts: Integers | slice, end: int) -> tuple[Floats, Floats, Floats]:
    """What is left of y y, y q and q q in the pieces [start, end) once a line is taken out, for each of ``starts``.

    The weighted squares about the best line under convexity c are then ``yy - 2 c yq + c^2 qq``.
    """
    w, x, y, q, xx, xy, xq, yy, yq, qq = problem.sums[:, end, None] - problem.sums[:, starts]
    mean_x, mean_y, mean_q = x / w, y / w, q / w
    spread = xx - x * mean_x
    slope_y, slope_q = xy - x * mean_y, xq - x * mean_q
    return (
        yy - y * mean_y - slope_y * slope_y / spread,
        yq - y * mean_q - slope_y * slope_q / spread,
        qq - q * mean_q - slope_q * slope_q / spread,
    )


def penalty_of(points: int) -> float:
    """What a piece costs: 3 ln(points)."""
    return 3 * float(np.log(points))


def _best_pieces(problem: Problem) -> tuple[tuple[int, ...], float]:
    """Bounds and convexity: a coarse profile from none to all of the rise, then a fine one around its best."""
    coarse = np.linspace(0, problem.most_convex, CONVEXITIES)
    _, bounds, _ = cheapest_pieces(problem, coarse)
    around = _convexity_of(problem, bounds)
    offsets = np.array([-0.5, -0.25, -0.1, 0, 0.1, 0.25, 0.5]) * problem.most_convex / (CONVEXITIES - 1)
    fine = np.unique(np.maximum(np.append(around + offsets, 0), 0))
    _, bounds, _ = cheapest_pieces(problem, fine)
    return bounds, _convexity_of(problem, bounds)


def cheapest_pieces(problem: Problem, convexities: Floats) -> tuple[float, tuple[int, ...], float]:
    """The least cost, its bounds and its convexity, over all ways to cut the points into pieces. Exact."""
    points = len(problem.x)
    penalty = penalty_of(points)
    best = np.full((len(convexities), points + 1), np.inf)
    came_from = np.zeros((len(convexities), points + 1), np.int64)
    best[:, 0] = 0
    c = convexities[:, None]
    rows = np.arange(len(convexities))
    for end in range(SHORTEST_PIECE, points + 1):
        starts = slice(0, end - SHORTEST_PIECE + 1)
        yy, yq, qq = piece_costs(problem, starts, end)
        total = best[:, starts] + np.maximum(yy - 2 * c * yq + c * c * qq, 0)
        chosen = np.argmin(total, axis=1)
        came_from[:, end] = chosen
        best[:, end] = total[rows, chosen] + penalty
    row = int(np.argmin(best[:, points]))
    bounds = [points]
    while bounds[-1] > 0:
        bounds.append(int(came_from[row, bounds[-1]]))
    return float(best[row, points]), tuple(reversed(bounds)), float(convexities[row])


def _convexity_of(problem: Problem, bounds: tuple[int, ...]) -> float:
    """The convexity that fits best between given bounds: a least-squares slope over all pieces, not below zero."""
    yq = qq = 0.0
    for start, end in itertools.pairwise(bounds):
        _, cross, square = piece_costs(problem, np.array([start]), end)
        yq, qq = yq + float(cross[0]), qq + float(square[0])
    # Where every piece is short, nothing but rounding is left of the square.
    return max(yq / qq, 0.0) if qq > 1e-9 * float(problem.sums[9, -1]) else 0.0


def _fit(problem: Problem, bounds: tuple[int, ...], convexity: float) -> Pieces:
    x, bent = problem.x, problem.y - convexity * np.square(problem.x)
    lines = [_line(problem, bent, start, end) for start, end in itertools.pairwise(bounds)]
    fitted, variance = np.empty_like(x), np.empty_like(x)
    for (start, end), (line, covariance) in zip(itertools.pairwise(bounds), lines, strict=True):
        fitted[start:end] = line[0] + line[1] * x[start:end]
        variance[start:end] = [_variance_at(covariance, at) for at in x[start:end]]
    chi_square = float(np.sum(problem.weights * np.square(bent - fitted)))
    dispersion = max(1.0, chi_square / max(1, len(x) - 2 * len(lines) - 1))
    jumps, errors = np.empty(len(lines) - 1), np.empty(len(lines) - 1)
    for index, ((left, left_covariance), (right, right_covariance)) in enumerate(itertools.pairwise(lines)):
        start, first, end = bounds[index : index + 3]
        at = (x[first - 1] + x[first]) / 2
        jumps[index] = (right[0] - left[0]) + (right[1] - left[1]) * at
        # A jump is worth no more than what it explains beyond a mere bend, wherever the bend may lie.
        worth = _worth_of_jump(problem, bent, fitted, slice(start, end))
        alone = _variance_at(left_covariance, at) + _variance_at(right_covariance, at)
        errors[index] = np.sqrt(max(alone, jumps[index] ** 2 / max(worth, 1e-9)))
    scale = problem.unit_ns * np.sqrt(dispersion)
    return Pieces(
        bounds=bounds,
        fitted_ns=(fitted + convexity * np.square(x) + problem.mean) * problem.unit_ns,
        fitted_error_ns=np.sqrt(variance) * scale,
        dispersion=dispersion,
        jumps_ns=jumps * problem.unit_ns,
        jump_errors_ns=errors * scale,
    )


def _line(problem: Problem, bent: Floats, start: int, end: int) -> tuple[Floats, Floats]:
    """Intercept and slope of the weighted line through [start, end), and their covariance."""
    design = np.stack([np.ones(end - start), problem.x[start:end]], axis=1)
    weighted = design * problem.weights[start:end, None]
    covariance = np.linalg.inv(design.T @ weighted).astype(np.float64)
    line: Floats = covariance @ (weighted.T @ bent[start:end])
    return line, covariance


def _worth_of_jump(problem: Problem, bent: Floats, fitted: Floats, part: slice) -> float:
    """How much chi-square two pieces with a jump save over the best continuous line with one bend, 0 or more."""
    x, y, root = problem.x[part], bent[part], np.sqrt(problem.weights[part])
    bends = np.concatenate([x[1:-1], (x[:-1] + x[1:]) / 2])
    ramp = np.maximum(x[None, :] - bends[:, None], 0)
    straight = np.stack([np.ones_like(x), x])
    # Two lines in an orthonormal basis; what a ramp adds to them is one projection a bend.
    basis = np.linalg.qr((straight * root).T)[0].astype(np.float64)
    rest = y * root - basis @ (basis.T @ (y * root))
    ramp *= root
    ramp -= (ramp @ basis) @ basis.T
    gain = np.square(ramp @ rest) / np.maximum(np.sum(ramp * ramp, axis=1), 1e-30)
    with_jump = np.sum(np.square((y - fitted[part]) * root))
    return max(0.0, float(rest @ rest - np.max(gain) - with_jump))


def _variance_at(covariance: Floats, x: float) -> float:
    return float(covariance[0, 0] + 2 * x * covariance[0, 1] + x * x * covariance[1, 1])
