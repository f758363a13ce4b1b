"""Other ways to find steps, given the same points as Stepfarm. Those that are not installed are left out."""

from __future__ import annotations

import importlib
import importlib.util
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from orchestrator.analysis.curve import Curve
from orchestrator.analysis.passes import Floats

Detector = Callable[[Curve], Sequence[int]]
"""A curve -> the counts after which it jumps."""

PELT_PENALTY = 4.0
"""In ln(points) a piece: the best of 2, 3, 4, 5 for the linear model on the seeds 0 to 5, 197 tokens."""


@dataclass(frozen=True)
class Peer:
    """A way to find steps, and how many seeds it is run on at each size: some are too slow for more."""

    name: str
    detect: Detector
    seeds: dict[int, int]


def peers() -> list[Peer]:
    """What there is to compare with on this machine."""
    found = [Peer("first differences over 4 SE", first_differences, {197: 100, 577: 100, 1370: 100})]
    if importlib.util.find_spec("ruptures"):
        found.append(Peer("ruptures Pelt linear, jump 1", _pelt_linear, {197: 20, 577: 2}))
        found.append(Peer("ruptures Pelt l2, jump 1", _pelt_l2, {197: 20, 577: 2}))
    return found


def first_differences(curve: Curve) -> list[int]:
    """A threshold of 4 joint standard errors between neighbours."""
    latency = np.array([point.latency_ns for point in curve.points])
    error = np.array([point.standard_error_ns for point in curve.points])
    over = np.abs(np.diff(latency)) > 4 * np.hypot(error[1:], error[:-1])
    return [curve.points[index].tokens for index in np.flatnonzero(over)]


def _pelt_linear(curve: Curve) -> list[int]:
    latency = np.array([point.latency_ns for point in curve.points])
    error = np.array([point.standard_error_ns for point in curve.points])
    tokens = np.array([point.tokens for point in curve.points], np.float64)
    x = (tokens - tokens.mean()) / np.ptp(tokens)
    # Its linear model regresses the first column on the others; dividing all by the error weighs the points.
    return _pelt(curve, "linear", np.column_stack([latency / error, 1 / error, x / error]))


def _pelt_l2(curve: Curve) -> list[int]:
    latency = np.array([point.latency_ns for point in curve.points])
    error = np.median([point.standard_error_ns for point in curve.points])
    return _pelt(curve, "l2", latency / error)


def _pelt(curve: Curve, model: str, signal: Floats) -> list[int]:
    ruptures: Any = importlib.import_module("ruptures")

    ends = ruptures.Pelt(model=model, min_size=3, jump=1).fit(signal).predict(pen=PELT_PENALTY * np.log(len(signal)))
    return [curve.points[end - 1].tokens for end in ends[:-1]]
