"""Cutting a curve into straight pieces with jumps between them, by an exact dynamic program.

The model is L(n) = a_k + b_k n + c n^2: a line of its own in each piece k, and one convexity c >= 0 for the whole
curve, because attention costs the square of the tokens. Points weigh 1 / SE^2, so the sum of squares is a chi-square,
and each piece pays a penalty, a multiple of ln(points) as the Bayesian information criterion has it (a line has two
numbers, its start is a third). The cost of a piece comes from prefix sums, which makes the program O(points^2) in time
and O(points) in memory.
"""

from __future__ import annotations

import dataclasses
import itertools
from dataclasses import dataclass

import numpy as np

from orchestrator.analysis.passes import Floats, Integers

SHORTEST_PIECE = 3
"""Points of a piece: two always lie on a line and prove nothing."""

PENALTY = 3.0
"""What a piece costs in ln(points)."""

CONVEXITIES = 8
"""How many values of the shared convexity are tried first, from none to all of the rise."""

COARSE_POINTS = 320
"""Points of the thinned curve on which those are tried."""

FINE_OFFSETS = (-0.3, -0.1, 0.0, 0.1, 0.3)
"""What is tried around the best of them, in parts of the distance between two."""

Bounds = tuple[int, ...]
"""The index of each piece's first point, and the number of points at the end."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Problem:
    """What the dynamic program works on.

    ``x`` is the tokens on [-1, 1], ``y`` the latency in units of ``unit_ns`` less ``mean``, ``weights`` 1 / SE^2 in
    those units: prefix sums lose no digits that matter. ``half`` is the tokens to 1 of x, ``most_convex`` the convexity
    that alone explains all of the rise. ``sums`` is (10, points + 1): prefix sums of w times 1, x, y, q, xx, xy, xq,
    yy, yq, qq, where q = x^2.
    """

    x: Floats
    y: Floats
    weights: Floats
    unit_ns: float
    mean: float
    half: float
    most_convex: float
    sums: Floats

    @classmethod
    def of(cls, tokens: Integers, latency_ns: Floats, error_ns: Floats) -> Problem:
        """The problem that at least two points by ascending tokens pose."""
        unit_ns = float(np.median(latency_ns))
        n = tokens.astype(np.float64)
        middle, half = (n[-1] + n[0]) / 2, (n[-1] - n[0]) / 2
        weights = np.square(unit_ns / error_ns)
        mean = float(np.average(latency_ns / unit_ns, weights=weights))
        y = latency_ns / unit_ns - mean
        # At most, all of the rise is the square's: c (last^2 - first^2) = rise, and c n^2 = c half^2 x^2 + a line.
        most_convex = float(np.ptp(y) * half**2 / (n[-1] ** 2 - n[0] ** 2))
        x = (n - middle) / half
        return cls(
            x=x,
            y=y,
            weights=weights,
            unit_ns=unit_ns,
            mean=mean,
            half=float(half),
            most_convex=most_convex,
            sums=_prefix_sums(x, y, weights),
        )

    def thinned(self, points: int) -> Problem:
        """The same with runs of neighbours averaged, to at most ``points``; itself where there are no more."""
        run = -(-len(self.x) // points)
        if run == 1:
            return self
        starts = np.arange(0, len(self.x), run)
        weights = np.add.reduceat(self.weights, starts)
        x, y = (np.add.reduceat(self.weights * column, starts) / weights for column in (self.x, self.y))
        return self._with_points(x, y, weights)

    def part(self, start: int, end: int, *, without: int) -> Problem:
        """The points [start, end) alone, the one at ``without`` set aside."""
        weights = self.weights[start:end].copy()
        weights[without - start] = 0
        return self._with_points(self.x[start:end], self.y[start:end], weights)

    def _with_points(self, x: Floats, y: Floats, weights: Floats) -> Problem:
        return dataclasses.replace(self, x=x, y=y, weights=weights, sums=_prefix_sums(x, y, weights))

    def bent(self, convexity: float) -> Floats:
        """``y`` less the square that ``convexity`` stands for: what is left is straight in each piece."""
        return self.y - convexity * np.square(self.x)


def _prefix_sums(x: Floats, y: Floats, weights: Floats) -> Floats:
    q = x * x
    columns = np.stack([np.ones_like(x), x, y, q, q, x * y, x * q, y * y, y * q, q * q]) * weights
    return np.concatenate([np.zeros((10, 1)), np.cumsum(columns, axis=1)], axis=1)


def penalty_of(points: int, penalty: float = PENALTY) -> float:
    """What a piece costs in chi-square: ``penalty`` ln(points)."""
    return penalty * float(np.log(points))


def piece_costs(problem: Problem, starts: Integers | slice, ends: Integers | slice) -> Floats:
    """What is left of y y, y q and q q in the pieces [start, end) once a line is taken out, (3, pieces).

    ``starts`` and ``ends`` select as many sums, or one of them a single one. The weighted squares about the best line
    under convexity c are then ``yy - 2 c yq + c^2 qq``.
    """
    w, x, y, q, xx, xy, xq, yy, yq, qq = problem.sums[:, ends] - problem.sums[:, starts]
    mean_x = x / w
    spread = spread_of_x(xx, x, mean_x)
    slope_y, slope_q = xy - y * mean_x, xq - q * mean_x
    y_over, q_over = y / w, slope_y / spread
    return np.stack(
        [
            yy - y * y_over - slope_y * q_over,
            yq - q * y_over - slope_q * q_over,
            qq - q * q / w - slope_q * slope_q / spread,
        ]
    )


def spread_of_x(xx: Floats, x: Floats, mean_x: Floats) -> Floats:
    """The weighted squares of x about its mean, from their sums.

    Infinite where one point outweighs all others of a piece beyond the digits that there are: its line is level.
    """
    spread = xx - x * mean_x
    found: Floats = np.where(spread > 0, spread, np.inf)
    return found


def cost_under(convexity: float, costs: Floats) -> Floats:
    """The weighted squares about the best lines, (pieces,), from `piece_costs`."""
    under: Floats = np.maximum(np.array([1, -2 * convexity, convexity**2]) @ costs, 0)
    return under


def best_cut(problem: Problem, penalty: float = PENALTY) -> tuple[Bounds, float]:
    """Bounds and convexity of the best pieces: a coarse profile of the convexity, then a fine one around its best.

    The coarse one is taken on a thinned curve, where a step costs little more and a convexity shows as well.
    """
    thin = problem.thinned(COARSE_POINTS)
    coarse = np.linspace(0, problem.most_convex, CONVEXITIES)
    _, bounds, _ = cheapest_pieces(thin, coarse, penalty)
    around = convexity_of(thin, bounds)
    distance = problem.most_convex / (CONVEXITIES - 1)
    fine = np.unique(np.maximum(around + distance * np.array(FINE_OFFSETS), 0))
    _, bounds, _ = cheapest_pieces(problem, fine, penalty)
    return bounds, convexity_of(problem, bounds)


def cheapest_pieces(problem: Problem, convexities: Floats, penalty: float = PENALTY) -> tuple[float, Bounds, float]:
    """The least cost, its bounds and its convexity, over all ways to cut the points into pieces. Exact."""
    points = len(problem.x)
    a_piece = penalty_of(points, penalty)
    best = np.full((len(convexities), points + 1), np.inf)
    came_from = np.zeros((len(convexities), points + 1), np.int64)
    best[:, 0] = 0
    powers = np.stack([np.ones_like(convexities), -2 * convexities, convexities**2], axis=1)
    rows = np.arange(len(convexities))
    for end in range(SHORTEST_PIECE, points + 1):
        starts = slice(0, end - SHORTEST_PIECE + 1)
        total = powers @ piece_costs(problem, starts, slice(end, end + 1))
        np.maximum(total, 0, out=total)
        total += best[:, starts]
        chosen = np.argmin(total, axis=1)
        came_from[:, end] = chosen
        best[:, end] = total[rows, chosen] + a_piece
    row = int(np.argmin(best[:, points]))
    bounds = [points]
    while bounds[-1] > 0:
        bounds.append(int(came_from[row, bounds[-1]]))
    return float(best[row, points]), tuple(reversed(bounds)), float(convexities[row])


def convexity_of(problem: Problem, bounds: Bounds) -> float:
    """The convexity that fits best between given bounds: a least-squares slope over all pieces, not below zero."""
    yq, qq = _left_of_square(problem, bounds)
    return max(yq / qq, 0.0) if qq > 0 else 0.0


def convexity_variance(problem: Problem, bounds: Bounds) -> float:
    """The variance of that convexity, repeats taken at their word; 0 where the pieces say nothing of it."""
    _, qq = _left_of_square(problem, bounds)
    return 1 / qq if qq > 0 else 0.0


def _left_of_square(problem: Problem, bounds: Bounds) -> tuple[float, float]:
    """What lines through all pieces leave of y q and of q q."""
    starts, ends = np.array(list(itertools.pairwise(bounds))).T
    _, yq, qq = piece_costs(problem, starts, ends).sum(axis=1).tolist()
    # Where every piece is short, nothing but rounding is left of the square.
    return (yq, qq) if qq > 1e-9 * float(problem.sums[9, -1]) else (0.0, 0.0)
