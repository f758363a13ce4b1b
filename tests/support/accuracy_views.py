"""What an accuracy job found: made to measure."""

from __future__ import annotations

import dataclasses
from typing import Any

from agent.wire.holdings import DatasetHeld, WeightsHeld
from agent.wire.jobs import Workload
from agent.wire.schedules import Method, Schedule
from orchestrator.analysis.shapes import single_prune
from orchestrator.analysis.shares import change_of, share_of
from orchestrator.analysis.trials import AccuracyPlan
from orchestrator.jobs.states import JobState
from orchestrator.views import AccuracyView, ScheduleAccuracy
from tests.support.curve_views import FACTS

IMAGES = 1_000


def pruned(keep: int, method: Method = Method.ONE_MORE) -> Schedule:
    """The single prune to ``keep`` tokens in the block a quarter of the depth down."""
    return Schedule(method=method, tokens=197, prefix_tokens=1, leaving=single_prune(keep, 197, 12))


def a_result(schedule: Schedule | None, right: int | None) -> ScheduleAccuracy:
    """So many of a thousand images were told rightly, 800 by the unpruned model; None where nothing says."""
    share = None if right is None else share_of(right, IMAGES)
    return ScheduleAccuracy(
        schedule=schedule,
        images=IMAGES,
        agreement=share_of(900, IMAGES),
        divergence=share_of(10, IMAGES),
        top_1=share,
        top_5=share,
        change=None if right is None else change_of(800 - right, 0, IMAGES),
    )


def an_accuracy(*results: ScheduleAccuracy, labelled: bool = True, **changes: Any) -> AccuracyView:
    """Job 7, which found ``results`` of DeiT-S on 1,000 images."""
    view = AccuracyView(
        job_id=7,
        sweep_id=3,
        job_state=JobState.DONE,
        device="bench-pi",
        model="deit_small_patch16_224",
        workload=Workload(batch_size=32),
        weights=WeightsHeld(model="deit_small_patch16_224", sha256="a" * 64, classes=10),
        dataset=DatasetHeld(name="val", images=IMAGES, classes=10 if labelled else None, listing_sha256="b" * 64),
        plan=AccuracyPlan(dataset="val"),
        facts=FACTS,
        images_planned=IMAGES,
        results=results,
        created_ms=1_760_000_000_000,
    )
    return dataclasses.replace(view, **changes)
