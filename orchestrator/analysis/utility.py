"""The paper's own choice of a token count: the largest utility, of latency and accuracy weighed against each other."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from orchestrator.analysis.accuracy import AccuracyCurve
from orchestrator.analysis.curve import Curve
from orchestrator.analysis.intervals import WIDTH_95
from orchestrator.analysis.passes import Floats

ALPHA = 0.5
"""What latency weighs in the paper's utility; the rest is accuracy's."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PapersChoice:
    """The count of the largest utility, and those that noise in the latencies cannot tell from it, ascending."""

    tokens: int
    utility: float
    as_good: tuple[int, ...]


def utility(latency_ns: Floats, accuracy: Floats, alpha: float) -> Floats:
    """The paper's U(n) = a (1 - L(n) / max L) + (1 - a) A(n) / max A (Eliopoulos et al. 2025, arXiv 2407.05941)."""
    useful: Floats = alpha * (1 - latency_ns / latency_ns.max()) + (1 - alpha) * accuracy / accuracy.max()
    return useful


def papers_choice(
    curve: Curve, *, full_tokens: int, fewest: int, alpha: float, accuracy: AccuracyCurve | None
) -> PapersChoice | None:
    """The paper's choice among the counts of ``curve`` from ``fewest`` to all; None where the accuracy covers none."""
    tokens = np.array([point.tokens for point in curve.points], np.int64)
    latency_ns = np.array([point.latency_ns for point in curve.points])
    error_ns = np.array([point.standard_error_ns for point in curve.points])
    known = tokens / full_tokens if accuracy is None else accuracy.at(tokens)
    among = np.flatnonzero(np.isfinite(known) & (tokens >= fewest) & (tokens <= full_tokens))[::-1]
    if len(among) == 0 or not np.max(known[among]) > 0:
        return None
    useful = utility(latency_ns[among], known[among], alpha)
    best = int(np.argmax(useful))
    # The latencies' errors alone: an accuracy counts as exact.
    error = alpha * np.hypot(error_ns[among], error_ns[among[best]]) / latency_ns[among].max()
    as_good = np.flatnonzero(useful[best] - useful <= WIDTH_95 * error)
    return PapersChoice(
        tokens=int(tokens[among[best]]),
        utility=float(useful[best]),
        as_good=tuple(sorted(int(tokens[among[index]]) for index in as_good if index != best)),
    )
