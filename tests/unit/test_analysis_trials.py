from __future__ import annotations

import dataclasses

import pytest

from agent.wire.codec import WireError
from agent.wire.holdings import DatasetHeld
from agent.wire.jobs import ModelFacts
from agent.wire.schedules import Method, Schedule
from orchestrator.analysis.trials import AccuracyPlan, trial_of

FACTS = ModelFacts(tokens=197, prefix_tokens=1, blocks=12, image_size=224, threads=1, runtime_version="")
DATASET = DatasetHeld(name="val", images=1_000, classes=10, listing_sha256="0" * 64)
PLAN = AccuracyPlan(dataset="val")


def kept(plan: AccuracyPlan) -> list[tuple[Method, int]]:
    schedules = trial_of(plan, FACTS, DATASET, batch_images=32).schedules
    return [(schedule.method, schedule.leaving[-1]) for schedule in schedules]


def test_without_counts_single_prunes_are_spread_over_what_can_be_kept() -> None:
    assert kept(PLAN) == [(Method.ONE_MORE, n) for n in (177, 158, 138, 118, 98, 79, 59, 39)]


def test_counts_that_a_method_cannot_reach_in_one_block_are_left_out_where_nobody_named_them() -> None:
    merged = kept(dataclasses.replace(PLAN, methods=(Method.TOKEN_MERGING,)))

    assert merged == [(Method.TOKEN_MERGING, n) for n in (177, 158, 138, 118)]


def test_a_count_that_was_named_and_cannot_be_kept_is_refused() -> None:
    with pytest.raises(WireError, match="token-merging can leave no fewer of 197 tokens"):
        kept(dataclasses.replace(PLAN, methods=(Method.TOKEN_MERGING,), tokens=(50,)))


def test_a_single_prune_happens_a_quarter_of_the_depth_down() -> None:
    (schedule,) = trial_of(dataclasses.replace(PLAN, tokens=(98,)), FACTS, DATASET, batch_images=32).schedules

    assert schedule.leaving == (197, 197, 197, *(98,) * 9)


def test_schedules_stand_beside_the_single_prunes_and_none_stands_twice() -> None:
    own = Schedule(method=Method.EVIT, tokens=197, prefix_tokens=1, leaving=(197, *(150,) * 11))
    same = Schedule.pruned_once(Method.ONE_MORE, tokens=197, prefix_tokens=1, blocks=12, block=3, keep=98)
    plan = dataclasses.replace(PLAN, tokens=(98,), schedules=(own, same))

    assert trial_of(plan, FACTS, DATASET, batch_images=32).schedules == (same, own)


def test_no_more_images_are_asked_for_than_there_are() -> None:
    trial = trial_of(PLAN, FACTS, DATASET, batch_images=300)

    assert (trial.images, trial.batches) == (1_000, 4)
    assert [len(trial.images_in(number)) for number in range(trial.batches)] == [300, 300, 300, 100]


def test_a_plan_of_too_many_schedules_is_refused() -> None:
    with pytest.raises(WireError, match="makes 72 schedules"):
        AccuracyPlan(dataset="val", methods=(Method.ONE_MORE, Method.EVIT), tokens=tuple(range(100, 136)))
