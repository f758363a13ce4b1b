"""One schedule for the devices of several curves: what they must have in common, and what is to be kept."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from agent.errors import StepfarmError
from agent.wire.schedules import Method
from orchestrator.analysis.fleet import FleetSchedule, Member, fleet_schedule
from orchestrator.analysis.schedules import Origin, schedules_of
from orchestrator.choosing import names_of

if TYPE_CHECKING:
    from orchestrator.analysis.accuracy import AccuracyCurve
    from orchestrator.views import CurveView

MOST_CURVES = 12


def common_schedule(
    views: Sequence[CurveView],
    *,
    method: Method = Method.ONE_MORE,
    kept: float | None = None,
    accuracy: AccuracyCurve | None = None,
) -> FleetSchedule:
    """The schedule that no device of ``views`` loses much by.

    Curves may differ in device, batch size, data type and runtime, but not in the model and its tokens.

    Args:
        views: two curves or more, each with blocks timed in place.
        method: how blocks choose the tokens that go.
        kept: what is to be kept of the tokens, or of the stated accuracy, 0 to 1; None for what the least pruning of
            the devices' own recommended schedules keeps, so that nowhere is more removed than was recommended there.
        accuracy: the stated accuracy curve.

    Raises:
        StepfarmError: the curves have no schedule in common, or nothing is recommended for any.
    """
    if len({view.summary.id for view in views}) < 2:
        raise StepfarmError("One schedule for a fleet needs two curves or more.", "Name another curve.")
    if len(views) > MOST_CURVES:
        raise StepfarmError(f"{len(views)} curves are too many.", f"Choose {MOST_CURVES} at most.")
    _refuse_strangers(views)
    members = []
    for view, name in zip(views, names_of([view.summary for view in views]), strict=True):
        blocks = view.analysis.blocks
        if blocks is None:
            raise StepfarmError(
                f"The blocks of {name} were not timed in place, so no schedule can be predicted for it.",
                f"Time them: stepfarm sweep create {view.summary.model} --device {view.summary.device} --blocks",
            )
        members.append(Member(name=name, blocks=blocks, spots=tuple(view.analysis.sweet_spots)))
    facts = views[0].summary.facts
    return fleet_schedule(
        members,
        kept=_kept_by_the_recommended(views, method, accuracy) if kept is None else kept,
        method=method,
        full_tokens=facts.tokens,
        prefix_tokens=facts.prefix_tokens,
        accuracy=accuracy,
    )


def _refuse_strangers(views: Sequence[CurveView]) -> None:
    first = views[0].summary
    for view in views[1:]:
        summary = view.summary
        same = (summary.facts.tokens, summary.facts.prefix_tokens) == (first.facts.tokens, first.facts.prefix_tokens)
        if summary.model != first.model or not same:
            raise StepfarmError(
                f"Curve {summary.id} is of {summary.model} with {summary.facts.tokens} tokens, and curve {first.id} of "
                f"{first.model} with {first.facts.tokens}.",
                "One schedule is for one model: choose curves of it.",
            )


def _kept_by_the_recommended(views: Sequence[CurveView], method: Method, accuracy: AccuracyCurve | None) -> float:
    kept = []
    for view in views:
        facts = view.summary.facts
        found = schedules_of(
            view.analysis,
            full_tokens=facts.tokens,
            prefix_tokens=facts.prefix_tokens,
            blocks=facts.blocks,
            method=method,
            accuracy=accuracy,
        )
        option = found.option(Origin.RECOMMENDED)
        if option is not None and option.schedule.prunes:
            kept.append(option.kept(accuracy))
    if not kept:
        raise StepfarmError(
            "No token is worth removing on any of these devices.",
            "Ask for a budget to have a schedule: --mean-tokens N.",
        )
    return max(kept)
