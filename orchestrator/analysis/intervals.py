"""How far the latency of a point can be trusted: an exact bootstrap over whole passes, and errors fit to be weights."""

from __future__ import annotations

import functools
import math
from dataclasses import dataclass

import numpy as np

from orchestrator.analysis.passes import Floats, Integers

SMALLEST_ERROR = 0.001
"""No point is believed to better than 0.1 % of its latency.

Passes that happen to agree would otherwise get a weight without limit.
"""

CLOCK_NS = 0.5
"""Readings are whole nanoseconds, so no point is believed to better than half of one."""

NEIGHBOURS = 40
"""Points of a block whose scatter, with that of half as many on each side, tells how noisy the device is there.

Noise changes slowly along a curve.
"""

NEIGHBOURS_WEIGHT = 24.0
"""The scatter around a point counts as much as 25 passes at the point itself, whose own scatter is known only roughly.

With seven passes a point's own error is off by half, and heavy tails throw it off by several times.
"""

MOST_OWN = 4.0
"""A point's own variance counts for at most this many times that of its neighbourhood."""

WIDTH_95 = 1.96
"""Half of a 95 % interval in standard errors."""

MOST_EXACT = 60
"""Passes up to which the bootstrap is computed; beyond, the scatter alone tells the error as well."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Spread:
    """95 % interval and standard error in ns of each point, arrays of one length."""

    low_ns: Floats
    high_ns: Floats
    error_ns: Floats


def spread_of(values: Floats, latency_ns: Floats) -> Spread:
    """The spread of ``latency_ns``, the medians down ``values`` (passes, counts), whose NaN are counts not visited.

    Whole passes are what repeats, because the readings of one pass share its conditions: the standard error within a
    pass is far too small. The error of a point is its own bootstrap error, pooled with the scatter of the points
    around it, relative to latency. The ends of the interval lie half way between the bootstrap's, which is too narrow
    with few passes, and those that the error makes, which know too little of a count that is noisier than the others.
    """
    visits = np.isfinite(values).sum(axis=0)
    drawn_low, drawn_high, drawn_variance = _bootstrap(values, visits)
    error = _pooled_errors(values, latency_ns, visits, drawn_variance)
    return Spread(
        low_ns=np.maximum(_half_way(drawn_low, latency_ns - WIDTH_95 * error), 0),
        high_ns=_half_way(drawn_high, latency_ns + WIDTH_95 * error),
        error_ns=error,
    )


def _half_way(drawn_ns: Floats, by_error_ns: Floats) -> Floats:
    return np.where(np.isfinite(drawn_ns), (drawn_ns + by_error_ns) / 2, by_error_ns)


def _bootstrap(values: Floats, visits: Integers) -> tuple[Floats, Floats, Floats]:
    """Ends of the 95 % interval, and variance, of the median of as many passes drawn again with replacement."""
    ordered = np.sort(values, axis=0)  # NaN goes last
    counts = values.shape[1]
    low, high, variance = np.empty(counts), np.empty(counts), np.zeros(counts)
    for number in np.unique(visits).tolist():
        at = visits == number
        if number > MOST_EXACT:
            low[at] = high[at] = np.nan
            variance[at] = np.nan
            continue
        drawn = median_of_draws(number)
        own = ordered[:number, at]
        low[at], high[at] = own[drawn.low], own[drawn.high]
        middle = np.mean(own, axis=0)  # taken out first, or squares would lose their digits
        own = own - middle
        mean = drawn.each @ own
        variance[at] = np.maximum(np.einsum("in,ij,jn->n", own, drawn.together, own, optimize=True) - mean**2, 0)
    return low, high, variance


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class MedianOfDraws:
    """The exact bootstrap distribution of a median of k ordered values.

    ``each`` (k,) weighs the values in the mean of all medians, ``together`` (k, k) their products in the mean square.
    The median lies between the values ``low`` and ``high`` in at least 95 of 100 draws.
    """

    each: Floats
    together: Floats
    low: int
    high: int


@functools.cache
def median_of_draws(number: int) -> MedianOfDraws:
    """What drawing ``number`` values from as many, with replacement, makes of their median.

    The median of an even number is the mean of two values; the chance of each pair is counted out. For odd numbers it
    is the estimator of Maritz and Jarrett (1978) with binomial weights.
    """
    lower, upper = (number + 1) // 2, number // 2 + 1
    lower_is, upper_is = _rank_is(number, lower), _rank_is(number, upper)
    pairs = np.diag(lower_is)
    if number % 2 == 0:
        half = number // 2
        reached = (np.arange(number + 1) / number) ** half
        rises, falls = np.diff(reached), np.diff(reached)[::-1]
        pairs = np.triu(math.comb(number, half) * np.outer(rises, falls), 1)
        pairs += np.diag(lower_is - pairs.sum(axis=1))
    each = (lower_is + upper_is) / 2
    together = (np.diag(lower_is) + np.diag(upper_is) + pairs + pairs.T) / 4
    return MedianOfDraws(
        each=each,
        together=together,
        low=int(np.searchsorted(np.cumsum(lower_is), 0.025)),
        high=number - 1 - int(np.searchsorted(np.cumsum(upper_is[::-1]), 0.025)),
    )


def _rank_is(number: int, rank: int) -> Floats:
    """The chance that the value of ``rank`` (from 1) among the drawn is the i-th of the ordered values, (number,)."""
    drawn = np.arange(rank, number + 1)
    ways = np.array([float(math.comb(number, int(one))) for one in drawn])
    share = np.arange(number + 1)[:, None] / number
    below = (ways * share**drawn * (1 - share) ** (number - drawn)).sum(axis=1)
    return np.diff(below)


def _pooled_errors(values: Floats, latency_ns: Floats, visits: Integers, drawn_variance: Floats) -> Floats:
    around = np.square(_scatter(values, latency_ns, visits)) * _variance_of_median(visits)
    freedom = (visits - 1).astype(np.float64)
    # A bootstrap of k values sees (k - 1) / k of their variance.
    own = drawn_variance / np.square(latency_ns) * visits / np.maximum(freedom, 1)
    own = np.where(np.isfinite(own), np.minimum(own, MOST_OWN * around), around)
    variance = (NEIGHBOURS_WEIGHT * around + freedom * own) / (NEIGHBOURS_WEIGHT + freedom)
    error: Floats = np.maximum(latency_ns * np.maximum(np.sqrt(variance), SMALLEST_ERROR), CLOCK_NS)
    return error


def _variance_of_median(visits: Integers) -> Floats:
    """The variance of the median of k Gaussian values of variance 1, within 3 %; of one or two it is the mean."""
    k = visits.astype(np.float64)
    return np.where(k > 2, np.pi / 2 / (k + np.pi / 2 - 1), 1 / k)


def _scatter(values: Floats, latency_ns: Floats, visits: Integers) -> Floats:
    """The relative standard deviation of one pass at each count, from the median deviation around it, (counts,)."""
    repeated = np.flatnonzero(visits > 1)
    if not len(repeated):
        return np.full(len(latency_ns), _scatter_without_repeats(latency_ns))
    deviations = np.abs(values[:, repeated] / latency_ns[repeated] - 1) * _lost_by_median(visits[repeated])
    # The scatter of a neighbourhood: a median over blocks of neighbours, straight lines between their middles.
    blocks = np.array_split(np.arange(len(repeated)), max(1, len(repeated) // NEIGHBOURS))
    middles = [float(np.mean(repeated[block])) for block in blocks]
    medians = [float(np.nanmedian(deviations[:, _with_neighbours(block, len(repeated))])) for block in blocks]
    scatter: Floats = 1.4826 * np.interp(np.arange(len(latency_ns)), middles, medians)
    return scatter


def _with_neighbours(block: Integers, number: int) -> slice:
    half = NEIGHBOURS // 2
    return slice(max(0, int(block[0]) - half), min(number, int(block[-1]) + 1 + half))


def _lost_by_median(visits: Integers) -> Floats:
    """What makes good that deviations from a median of few are too small, (counts,).

    The share of variance lost beyond (k - 1) / k is about 1.5 / k for Gaussian values (by simulation, within 5 %).
    """
    k = visits.astype(np.float64)
    lost = np.select([k == 2, k == 3], [1.0, 0.72], 1 - 1.5 / k)
    factor: Floats = np.sqrt(k / (k - 1) / lost)
    return factor


def _scatter_without_repeats(latency_ns: Floats) -> float:
    """A guess from second differences, where each count was visited once; 2 % where there is nothing to go by."""
    if len(latency_ns) < 5:
        return 0.02
    bends = np.diff(latency_ns, 2) / latency_ns[1:-1]
    return float(1.4826 * np.median(np.abs(bends - np.median(bends))) / np.sqrt(6))
