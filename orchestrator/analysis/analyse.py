"""The whole analysis of a job: passes in, values out. It is what a task of the cluster runs."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from orchestrator.analysis.curve import Curve, PassReadings, measured_of, usable
from orchestrator.analysis.pairing import with_pairs
from orchestrator.analysis.passes import Floats
from orchestrator.analysis.pieces import pieces_of
from orchestrator.analysis.prediction import BlocksMeasured, blocks_of
from orchestrator.analysis.recommendation import Recommendation, recommend
from orchestrator.analysis.steps import StepsFound, find_steps
from orchestrator.analysis.sweet_spots import SweetSpot, find_sweet_spots

METHOD = "piecewise-linear"
METHOD_VERSION = 8
"""Grows with every change that can alter a result, so that stored results say what made them."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Analysis:
    """Everything that follows from the readings of a job, and the method that it follows by.

    ``blocks`` is what schedules are predicted from, None where blocks were not timed in place.
    """

    method: str
    method_version: int
    curve: Curve
    steps: StepsFound
    sweet_spots: tuple[SweetSpot, ...]
    recommendation: Recommendation
    blocks: BlocksMeasured | None = None


def analyse(passes: Iterable[PassReadings]) -> Analysis:
    """The analysis of ``passes``. The same passes give the same analysis, in whatever order they come."""
    known = list(passes)
    measured = measured_of(known)
    return _analysis(measured.curve, measured.per_pass_ns, known)


def analyse_curve(curve: Curve) -> Analysis:
    """The analysis of a curve that is there already; points without a usable latency are left out, and that is said.

    Whether the passes agree on its steps cannot be seen from a curve alone.
    """
    return _analysis(usable(curve), None, [])


def _analysis(curve: Curve, per_pass_ns: Floats | None, passes: Sequence[PassReadings]) -> Analysis:
    pieces = pieces_of(curve)
    steps = with_pairs(find_steps(curve, pieces, per_pass_ns), passes)
    sweet_spots = find_sweet_spots(curve, steps, pieces)
    return Analysis(
        method=METHOD,
        method_version=METHOD_VERSION,
        curve=curve,
        steps=steps,
        sweet_spots=sweet_spots,
        recommendation=recommend(curve, sweet_spots, steps),
        blocks=blocks_of(passes, curve),
    )
