"""Lonely spikes among the points of a curve."""

from __future__ import annotations

import numpy as np

from orchestrator.analysis.passes import Floats

REACH = 3
"""Neighbours on each side that a point is compared with before it counts as an outlier."""

SPIKE_ERRORS = 5
"""Standard errors by which a spike stands out from both of its neighbours."""


def without_outliers(latency_ns: Floats, error_ns: Floats) -> Floats:
    """``latency_ns`` with lonely outliers replaced by the median of their neighbourhood (a Hampel filter).

    A point is an outlier where it lies over 3 robust standard deviations of its neighbourhood from the median, *and* is
    a spike, over 5 standard errors off both neighbours in one direction: the last point before a drop is none. The
    neighbourhood is symmetric, so that a slope moves no median.
    """
    filtered = latency_ns.copy()
    last = len(latency_ns) - 1
    for index in _spikes(latency_ns, error_ns):
        reach = min(REACH, index, last - index)
        around = latency_ns[index - reach : index + reach + 1]
        median = np.median(around)
        if abs(latency_ns[index] - median) > 3 * 1.4826 * np.median(np.abs(around - median)):
            filtered[index] = median
    return filtered


def _spikes(latency_ns: Floats, error_ns: Floats) -> list[int]:
    rises = np.diff(latency_ns) / np.hypot(error_ns[1:], error_ns[:-1])
    into, out = rises[:-1], rises[1:]
    spikes = (into * out < 0) & (np.minimum(np.abs(into), np.abs(out)) > SPIKE_ERRORS)
    found: list[int] = (np.flatnonzero(spikes) + 1).tolist()
    return found
