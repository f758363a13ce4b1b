"""How far the latency of a point can be trusted: a bootstrap over whole passes, and errors fit to be weights."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from orchestrator.analysis.passes import Floats, column_medians

REPLICATES = 400
"""Bootstrap replicates: the ends of a 95 % interval are then the 10th smallest and largest of them."""

SMALLEST_ERROR = 0.001
"""No point is believed to better than 0.1 % of its latency.

Passes that happen to agree would otherwise get a weight without limit.
"""

CLOCK_NS = 0.5
"""Readings are whole nanoseconds, so no point is believed to better than half of one."""

POOLED_WEIGHT = 6.0
"""The error of all points together counts as much as seven passes at the point itself."""

WIDTH_95 = 1.96
"""Half of a 95 % interval in standard errors."""

MOST_ELEMENTS = 2_000_000
"""The most numbers that the bootstrap holds at once, 16 MB."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Spread:
    """95 % interval and standard error in ns of each point, arrays of one length."""

    low_ns: Floats
    high_ns: Floats
    error_ns: Floats


def spread_of(values: Floats, latency_ns: Floats, generator: np.random.Generator) -> Spread:
    """The spread of ``latency_ns``, the medians down ``values`` (passes, counts), whose NaN are counts not visited.

    Whole passes are drawn, because the readings of one pass share its conditions: the standard error within a pass is
    far too small. The error of a point is then pooled with that of all points, relative to latency, since seven passes
    alone tell an error only roughly. The interval covers both the bootstrap's and the one the pooled error makes.
    """
    drawn_low, drawn_high, drawn_error = _bootstrap(values, latency_ns, generator)
    repeats = np.isfinite(values).sum(axis=0)
    error = _pooled_errors(values, latency_ns, repeats, drawn_error)
    return Spread(
        low_ns=np.maximum(np.minimum(drawn_low, latency_ns - WIDTH_95 * error), 0),
        high_ns=np.maximum(drawn_high, latency_ns + WIDTH_95 * error),
        error_ns=error,
    )


def _bootstrap(values: Floats, latency_ns: Floats, generator: np.random.Generator) -> tuple[Floats, Floats, Floats]:
    passes, counts = values.shape
    drawn = generator.integers(passes, size=(REPLICATES, passes))
    at_once = max(1, MOST_ELEMENTS // (REPLICATES * passes))
    low, high, error = np.empty(counts), np.empty(counts), np.empty(counts)
    for first in range(0, counts, at_once):
        part = slice(first, first + at_once)
        medians = column_medians(values[:, part][drawn])
        # A draw may hold no pass that visited the count; it then says nothing.
        medians = np.where(np.isfinite(medians), medians, latency_ns[part])
        low[part], high[part] = np.percentile(medians, (2.5, 97.5), axis=0)
        error[part] = medians.std(axis=0)
    return low, high, error


def _pooled_errors(values: Floats, latency_ns: Floats, repeats: Floats, drawn_error: Floats) -> Floats:
    # The median of three or more has sqrt(pi / 2) times the error of the mean; of one or two it is the mean.
    loss = np.where(repeats > 2, np.sqrt(np.pi / 2), 1.0)
    pooled = _noise(values, latency_ns, repeats) * loss / np.sqrt(repeats)
    freedom = (repeats - 1).astype(np.float64)
    # A bootstrap of k values sees (k - 1) / k of their variance.
    own = np.square(drawn_error / latency_ns) * repeats / np.maximum(freedom, 1)
    variance = (POOLED_WEIGHT * np.square(pooled) + freedom * own) / (POOLED_WEIGHT + freedom)
    error: Floats = np.maximum(latency_ns * np.maximum(np.sqrt(variance), SMALLEST_ERROR), CLOCK_NS)
    return error


def _noise(values: Floats, latency_ns: Floats, repeats: Floats) -> float:
    """The relative standard deviation of one pass at one count, from the median deviation over the whole curve."""
    repeated = repeats > 1
    if not repeated.any():
        return _noise_without_repeats(latency_ns)
    shrunk = np.sqrt(repeats[repeated] / (repeats[repeated] - 1))
    deviations = np.abs(values[:, repeated] / latency_ns[repeated] - 1) * shrunk
    return float(1.4826 * np.median(deviations[np.isfinite(deviations)]))


def _noise_without_repeats(latency_ns: Floats) -> float:
    """A guess from second differences, where each count was visited once; 2 % where there is nothing to go by."""
    if len(latency_ns) < 5:
        return 0.02
    bends = np.diff(latency_ns, 2) / latency_ns[1:-1]
    return float(1.4826 * np.median(np.abs(bends - np.median(bends))) / np.sqrt(6))
