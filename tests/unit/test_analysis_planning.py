"""What the planner promises: everything first, then what is missing, then the end."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from agent.measure.order import visits_of_pass
from agent.wire.jobs import ModelFacts, Round, Subject
from agent.wire.readings import most_readings
from orchestrator.analysis.blocks import blocks_round
from orchestrator.analysis.passes import PassReadings
from orchestrator.analysis.planning import Plan, counts_of, next_round
from tests.support.curves import some_passes


def some_facts(*, tokens: int = 197, prefix_tokens: int = 1) -> ModelFacts:
    return ModelFacts(
        tokens=tokens, prefix_tokens=prefix_tokens, blocks=12, image_size=224, threads=1, runtime_version="torch 2"
    )


def first_round(plan: Plan | None = None) -> Round:
    found = next_round(plan or Plan(), some_facts(), [], [])
    assert found is not None
    return found


def test_the_first_round_asks_for_every_count() -> None:
    found = first_round(Plan(passes=9, seed=4))
    assert found.tokens == tuple(range(2, 198))
    assert (found.min_passes, found.max_passes, found.sentinel, found.number) == (9, 9, 197, 0)


@pytest.mark.parametrize(("prefix", "fewest"), [(0, 2), (1, 2), (2, 3), (5, 6)])
def test_no_count_cuts_into_the_prefix_or_goes_below_two(prefix: int, fewest: int) -> None:
    assert counts_of(Plan(), some_facts(prefix_tokens=prefix))[0] == fewest


def test_limits_and_stride_are_kept_and_all_tokens_are_always_measured() -> None:
    assert counts_of(Plan(min_tokens=90, max_tokens=110, stride=10), some_facts()) == (90, 100, 110, 197)


@pytest.mark.parametrize("plan", [Plan(min_tokens=500), Plan(max_tokens=1), Plan(stride=4096)])
def test_a_plan_that_fits_no_other_count_measures_all_tokens(plan: Plan) -> None:
    assert counts_of(plan, some_facts()) == (197,)


def test_a_model_of_one_token_has_one_count() -> None:
    assert counts_of(Plan(), some_facts(tokens=1, prefix_tokens=0)) == (1,)


def test_a_job_with_enough_readings_everywhere_is_done() -> None:
    assert next_round(Plan(), some_facts(), [first_round()], some_passes(passes=5)) is None


def test_counts_with_too_few_readings_are_asked_for_again_with_one_pass_more_than_is_missing() -> None:
    passes = [*some_passes(passes=2), *some_passes(counts=[n for n in range(2, 198) if n not in {50, 60}], passes=5)]
    repair = next_round(Plan(), some_facts(), [first_round()], passes)
    assert repair is not None
    assert repair.tokens == (50, 60)
    assert (repair.number, repair.min_passes, repair.max_passes) == (1, 4, 4)
    assert repair.seed != first_round().seed


def test_a_plan_of_two_passes_is_content_with_two_readings() -> None:
    assert next_round(Plan(passes=2), some_facts(), [first_round()], some_passes(passes=2)) is None


def test_after_three_repairs_a_job_is_done_whatever_is_missing() -> None:
    rounds = [first_round()]
    nothing: list[PassReadings] = []
    while (found := next_round(Plan(), some_facts(), rounds, nothing)) is not None:
        rounds.append(found)
    assert [one.number for one in rounds] == [0, 1, 2, 3]


@pytest.mark.parametrize(
    ("field", "value"),
    [("passes", 0), ("passes", 101), ("stride", 0), ("min_tokens", 0), ("max_tokens", 5_000), ("seed", -1)],
)
def test_a_plan_that_cannot_be_is_refused_by_field(field: str, value: int) -> None:
    with pytest.raises(ValueError, match=f"{field}: must lie between"):
        replace(Plan(), **{field: value})  # type: ignore[arg-type]


def test_a_plan_from_more_to_fewer_tokens_is_refused() -> None:
    with pytest.raises(ValueError, match="min_tokens: must not be above max_tokens, 50"):
        Plan(min_tokens=51, max_tokens=50)


def of_blocks(passes: list[PassReadings]) -> list[PassReadings]:
    return [replace(one, blocks_ns=np.ones((len(one.tokens), 12), np.int64)) for one in passes]


def test_blocks_are_timed_once_at_the_counts_of_the_curve_after_all_of_it_is_measured() -> None:
    plan, measured = Plan(blocks=True, seed=3), some_passes(counts=(2, 64, 128, 197), passes=5)
    plan = replace(plan, stride=64)
    whole = first_round(plan)
    found = next_round(plan, some_facts(), [whole], some_passes(counts=whole.tokens, passes=5))
    assert found is not None
    assert (found.subject, found.tokens, found.number) == (Subject.BLOCKS, whole.tokens, 1)
    assert (found.min_passes, found.max_passes, found.seed) == (7, 7, 4)
    assert next_round(plan, some_facts(), [whole, found], measured) is None


def test_what_blocks_took_is_no_reading_of_the_whole_model() -> None:
    plan = Plan(blocks=True)
    repair = next_round(plan, some_facts(), [first_round()], of_blocks(some_passes(passes=9)))
    assert repair is not None
    assert repair.subject is Subject.MODEL


def test_blocks_are_not_timed_where_nothing_of_the_whole_model_was_accepted() -> None:
    assert blocks_round(some_facts(), [], number=1, passes_asked=7, seed=0) is None


def test_where_blocks_are_many_every_second_count_is_left_out_and_all_tokens_stay() -> None:
    facts = replace(some_facts(), blocks=1_024)
    found = blocks_round(facts, some_passes(counts=range(1, 198), passes=1), number=1, passes_asked=7, seed=0)
    assert found is not None
    assert found.tokens == tuple(range(1, 198, 2))
    assert len(visits_of_pass(found, 0)) <= most_readings(facts.blocks)


@pytest.mark.parametrize("count", [4_000, 4_096])
def test_a_round_of_blocks_always_fits_into_a_pass(count: int) -> None:
    for blocks in (12, 47, 48, 49, 1_024):
        facts = ModelFacts(
            tokens=count, prefix_tokens=0, blocks=blocks, image_size=224, threads=1, runtime_version="torch 2"
        )
        found = blocks_round(facts, some_passes(counts=range(1, count + 1), passes=1), number=1, passes_asked=7, seed=0)
        assert found is not None
        assert len(visits_of_pass(found, 0)) <= most_readings(blocks)
