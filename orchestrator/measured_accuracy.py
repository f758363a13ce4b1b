"""Accuracy that a device measured, joined to curves of the same model: for the commands and the pages alike.

What pruning costs of accuracy depends on weights and images, not on the device, so one accuracy job serves every curve.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from agent.errors import StepfarmError
from agent.wire.jobs import ModelFacts
from agent.wire.schedules import Method, Schedule
from orchestrator.analysis.accuracy import AccuracyCurve
from orchestrator.analysis.schedules import Saving, saving_predicted
from orchestrator.analysis.shapes import single_prune
from orchestrator.views import AccuracyView, CurveView, ScheduleAccuracy


@dataclass(frozen=True, slots=True, kw_only=True)
class Traded:
    """What a schedule is predicted to take on a device and what it was measured to keep of accuracy.

    ``schedule`` is None for the unpruned model, ``latency`` where the blocks of the device do not tell.
    """

    schedule: Schedule | None
    latency: Saving | None
    accuracy: ScheduleAccuracy


def accuracy_curve(found: AccuracyView, facts: ModelFacts, method: Method) -> AccuracyCurve:
    """Top-1 over the tokens that a single prune keeps, by ``method``, as an accuracy job measured it.

    Args:
        found: what the job found.
        facts: of the curve that it is to be weighed against.
        method: how blocks choose the tokens that go; each is its own curve.

    Raises:
        StepfarmError: the job is of a model with other tokens, has no labels, or has tried fewer than two counts.
    """
    if found.facts is not None and not _same_model(found.facts, facts):
        raise StepfarmError(
            f"Accuracy job {found.job_id} is of {found.model} with {found.facts.tokens} tokens, the curve of one with "
            f"{facts.tokens}.",
            "Choose one of the same model and image size: stepfarm accuracy list",
        )
    stated = {facts.tokens: found.unpruned.top_1.value} if found.unpruned and found.unpruned.top_1 else {}
    for one in found.results:
        schedule = one.schedule
        if schedule is None or one.top_1 is None or schedule.method is not method:
            continue
        kept = schedule.leaving[-1]
        if schedule.leaving == single_prune(kept, facts.tokens, facts.blocks):
            stated[kept] = one.top_1.value
    if len(stated) < 2:
        because = "its images have no labels" if not found.labelled else f"it tried no single prunes by {method.value}"
        raise StepfarmError(
            f"Accuracy job {found.job_id} does not say what pruning by {method.value} costs: {because}.",
            f"Measure it: stepfarm accuracy measure {found.model} --dataset NAME --method {method.value}",
        )
    source = f"top-1 on {found.dataset.name}, measured by accuracy job {found.job_id}"
    return AccuracyCurve(stated=tuple(sorted(stated.items())), source=source)


def accuracy_of(schedule: Schedule, accuracies: Iterable[AccuracyView]) -> ScheduleAccuracy | None:
    """What the newest job that tried exactly ``schedule`` on labelled images found, of those given newest first."""
    results = (one for found in accuracies if found.labelled for one in found.results)
    return next((one for one in results if one.schedule == schedule), None)


def traded(view: CurveView, found: AccuracyView) -> tuple[Traded, ...]:
    """Every schedule that the job tried, with the latency predicted on the device of ``view``; the unpruned first."""
    facts = view.summary.facts
    untouched = Schedule(
        method=Method.ONE_MORE,
        tokens=facts.tokens,
        prefix_tokens=facts.prefix_tokens,
        leaving=(facts.tokens,) * facts.blocks,
    )
    return tuple(
        Traded(
            schedule=one.schedule,
            latency=saving_predicted(view.analysis.blocks, view.analysis.curve, one.schedule or untouched),
            accuracy=one,
        )
        for one in found.results
    )


def _same_model(one: ModelFacts, other: ModelFacts) -> bool:
    return (one.tokens, one.prefix_tokens, one.blocks) == (other.tokens, other.prefix_tokens, other.blocks)
