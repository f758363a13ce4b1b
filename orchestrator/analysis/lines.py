"""Weighted least-squares lines through many pieces at once, from the prefix sums of a `Problem`."""

from __future__ import annotations

from dataclasses import dataclass

from orchestrator.analysis.cutting import Problem, spread_of_x
from orchestrator.analysis.passes import Floats, Integers


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Lines:
    """A line through the bent latencies of each piece, arrays of one length in units of the problem.

    The line is ``mean_y + slope (x - mean_x)``; ``weight`` and ``spread_x`` are the inverse variances of its two parts,
    which do not vary together.
    """

    mean_x: Floats
    mean_y: Floats
    slope: Floats
    weight: Floats
    spread_x: Floats

    def at(self, x: Floats, which: Integers | slice = slice(None)) -> Floats:
        """The height at ``x`` of the lines ``which``."""
        return self.mean_y[which] + self.slope[which] * (x - self.mean_x[which])

    def variance_at(self, x: Floats, which: Integers | slice = slice(None)) -> Floats:
        """The variance of that height."""
        off = x - self.mean_x[which]
        return 1 / self.weight[which] + off * off / self.spread_x[which]


def lines_of(problem: Problem, convexity: float, starts: Integers, ends: Integers) -> Lines:
    """The lines through the pieces [start, end), of two points at least, once ``convexity`` is taken out."""
    w, x, y, q, xx, xy, xq, _, _, _ = problem.sums[:, ends] - problem.sums[:, starts]
    y, xy = y - convexity * q, xy - convexity * xq
    mean_x, mean_y = x / w, y / w
    spread_x = spread_of_x(xx, x, mean_x)
    return Lines(mean_x=mean_x, mean_y=mean_y, slope=(xy - x * mean_y) / spread_x, weight=w, spread_x=spread_x)
