"""What a break between two pieces is: how large a jump, where, and how clearly a jump rather than a bend."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from orchestrator.analysis.cutting import (
    SHORTEST_PIECE,
    Bounds,
    Problem,
    convexity_variance,
    cost_under,
    piece_costs,
)
from orchestrator.analysis.lines import lines_of
from orchestrator.analysis.passes import Floats, Integers

COVERED = 0.95
"""The share of belief that the interval of a position holds."""

DISBELIEF = 1.25
"""Chi-squares between positions count for less by this, since heavy tails favour a wrong place more than they say."""

LONG_PIECE = 16
"""Points in each of two pieces from which a jump must beat a smooth curve too, of degree 3.

Against pieces any shorter such a curve passes for the jump itself.
"""

SHORT_PIECE = 8
"""Points of a piece below which it may be no more than a disturbance of a point or two.

A jump beside it must then stand with any one of the points around it set aside.
"""

AROUND = 3
"""How many points on each side of a break those are."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Break:
    """A break before the point ``first``, seen over the points [``start``, ``end``) of the two pieces beside it.

    ``jump_ns`` is taken half way between the points beside the break, slopes out; ``jump_error_ns`` is its standard
    error, the doubt about the position included, ``told_error_ns`` without that doubt. ``z`` says how clearly it is a
    jump: the root of the chi-square that it saves over the best curve without one, with the sign of the jump. The break
    lies before one of the points ``first_low`` to ``first_high`` with a probability of 95 %.
    """

    start: int
    first: int
    end: int
    first_low: int
    first_high: int
    jump_ns: float
    jump_error_ns: float
    told_error_ns: float
    z: float


def breaks_of(problem: Problem, convexity: float, bounds: Bounds, dispersion: float) -> tuple[Break, ...]:
    """The breaks between the pieces of ``bounds``."""
    doubt = convexity_variance(problem, bounds)
    return tuple(
        _break(problem, convexity, doubt, bounds[index - 1 : index + 2], dispersion)
        for index in range(1, len(bounds) - 1)
    )


def _break(problem: Problem, convexity: float, doubt: float, bounds: Bounds, dispersion: float) -> Break:
    """The break in the middle of ``bounds``; ``doubt`` is the variance of the convexity."""
    start, first, end = bounds
    places = np.arange(min(start + SHORTEST_PIECE, first), max(end - SHORTEST_PIECE, first) + 1)
    here = int(first - places[0])
    belief = _belief(problem, convexity, (start, end), places, dispersion)
    low, high = _likely(belief, here)
    jumps, variances = _jumps(problem, convexity, (start, end), places)
    moved, _ = _jumps(problem, convexity + 1, (start, end), places)
    variances = (variances + doubt * np.square(moved - jumps)) * dispersion
    saved = _saved_by_jump(problem, convexity, bounds)
    return Break(
        start=start,
        first=first,
        end=end,
        first_low=int(places[low]),
        first_high=int(places[high]),
        jump_ns=float(jumps[here]) * problem.unit_ns,
        jump_error_ns=float(np.sqrt(belief @ (variances + np.square(jumps - jumps[here])))) * problem.unit_ns,
        told_error_ns=float(np.sqrt(variances[here])) * problem.unit_ns,
        z=float(np.sign(jumps[here]) * np.sqrt(saved / dispersion)),
    )


def _belief(problem: Problem, convexity: float, window: tuple[int, int], places: Integers, dispersion: float) -> Floats:
    """How probable it is that the break lies at each of ``places``, all of them alike before anything was measured."""
    start, end = window
    left = piece_costs(problem, slice(start, start + 1), places)
    right = piece_costs(problem, places, slice(end, end + 1))
    costs = cost_under(convexity, left) + cost_under(convexity, right)
    likelihood = np.exp(-(costs - costs.min()) / (2 * dispersion * DISBELIEF))
    belief: Floats = likelihood / likelihood.sum()
    return belief


def _jumps(problem: Problem, convexity: float, window: tuple[int, int], places: Integers) -> tuple[Floats, Floats]:
    """The jump at each of ``places`` if it lay there, and its variance."""
    left = lines_of(problem, convexity, np.full_like(places, window[0]), places)
    right = lines_of(problem, convexity, places, np.full_like(places, window[1]))
    at = (problem.x[places - 1] + problem.x[places]) / 2
    return right.at(at) - left.at(at), left.variance_at(at) + right.variance_at(at)


def _likely(belief: Floats, here: int) -> tuple[int, int]:
    """The ends of the likeliest places that together hold `COVERED` of the belief, ``here`` among them."""
    order = np.argsort(-belief, kind="stable")
    enough = int(np.searchsorted(np.cumsum(belief[order]), COVERED)) + 1
    chosen = [here, *order[:enough].tolist()]
    return min(chosen), max(chosen)


def _saved_by_jump(problem: Problem, convexity: float, bounds: Bounds) -> float:
    """How much less the weighted squares are over two pieces with a jump between them than without; 0 or more."""
    start, first, end = bounds
    saved = _saved(problem, convexity, bounds)
    if saved > 0 and min(first - start, end - first) < SHORT_PIECE:
        around = range(max(start, first - AROUND), min(end, first + AROUND))
        within = (0, first - start, end - start)
        saved = min(saved, *(_saved(problem.part(start, end, without=index), convexity, within) for index in around))
    return max(saved, 0.0)


def _saved(problem: Problem, convexity: float, bounds: Bounds) -> float:
    start, first, end = bounds
    edges = np.array(bounds)
    with_jump = float(cost_under(convexity, piece_costs(problem, edges[:-1], edges[1:])).sum())
    bend = with_one_bend(problem, convexity, start, end)
    if min(first - start, end - first) < LONG_PIECE:
        return bend - with_jump
    return min(bend, _smooth(problem, start, end)) - with_jump


def _smooth(problem: Problem, start: int, end: int) -> float:
    """The weighted squares about the best polynomial of degree 3."""
    x, root = problem.x[start:end], np.sqrt(problem.weights[start:end])
    middle, half = (x[0] + x[-1]) / 2, (x[-1] - x[0]) / 2
    basis = np.linalg.qr(np.vander((x - middle) / half, 4) * root[:, None])[0]
    y = problem.y[start:end] * root
    rest = y - basis @ (basis.T @ y)
    return float(rest @ rest)


def with_one_bend(problem: Problem, convexity: float, start: int, end: int) -> float:
    """The weighted squares about the best continuous line with one bend, at a point or half way between two.

    A bend at t adds the ramp max(x - t, 0) to a line; what that saves is one projection, and the products it needs are
    sums over the points beyond t.
    """
    whole = piece_costs(problem, slice(start, start + 1), slice(end, end + 1))
    x = problem.x[start:end]
    after = np.arange(start + 1, end)  # the first point beyond the bend
    bends = np.stack([x[:-1], (x[:-1] + x[1:]) / 2])
    beyond = _moments(problem, convexity, after, end)
    ramp_1, ramp_x, ramp_y = (beyond[upper] - bends * beyond[lower] for upper, lower in ((1, 0), (3, 1), (4, 2)))
    ramp_ramp = beyond[3] - 2 * bends * beyond[1] + bends * bends * beyond[0]
    w, sum_x, sum_y, xx, xy = _moments(problem, convexity, np.array([start]), end)
    mean_x, mean_y = sum_x / w, sum_y / w
    spread_x = xx - sum_x * mean_x
    tilt = (ramp_x - mean_x * ramp_1) / spread_x
    with_y = ramp_y - mean_y * ramp_1 - tilt * (xy - mean_x * sum_y)
    own = ramp_ramp - ramp_1 * ramp_1 / w - tilt * tilt * spread_x
    saved = np.where(own > 1e-9 * ramp_ramp, np.square(with_y) / np.maximum(own, 1e-300), 0)
    return float(cost_under(convexity, whole)[0] - np.max(saved, initial=0))


def _moments(problem: Problem, convexity: float, starts: Integers, end: int) -> Floats:
    """The sums over [start, end) of w times 1, x, y, x x and x y, y less the square; (5, starts)."""
    w, x, y, q, xx, xy, xq, _, _, _ = problem.sums[:, end, None] - problem.sums[:, starts]
    return np.stack([w, x, y - convexity * q, xx, xy - convexity * xq])
