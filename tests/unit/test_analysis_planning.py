"""What every plan promises: counts in range, an end, the same answer to the same readings, repairs, exhaustiveness."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from agent.wire.codec import to_plain
from agent.wire.jobs import ModelFacts, Order, Round, Subject
from orchestrator.analysis.passes import PassReadings
from orchestrator.analysis.planning import MOST_ROUNDS, Plan, budget_used_up, counts_of, next_round, stored_plan
from tests.support.curves import some_passes
from tests.support.planned import Job, a_job, some_facts

EVERYTHING = Plan(exhaustive=True, confirm=False)


def everything(**other: Any) -> Plan:
    return replace(EVERYTHING, **other)


def first_round(plan: Plan) -> Round:
    found = next_round(plan, some_facts(), [], [])
    assert found is not None
    return found


def test_an_exhaustive_plan_asks_for_every_count_first() -> None:
    found = first_round(everything(passes=9, seed=4))
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


def test_an_exhaustive_job_with_enough_readings_everywhere_is_done() -> None:
    assert next_round(EVERYTHING, some_facts(), [first_round(EVERYTHING)], some_passes(passes=5)) is None


def test_counts_with_too_few_readings_are_asked_for_again_with_one_pass_more_than_is_missing() -> None:
    passes = [*some_passes(passes=2), *some_passes(counts=[n for n in range(2, 198) if n not in {50, 60}], passes=5)]
    repair = next_round(EVERYTHING, some_facts(), [first_round(EVERYTHING)], passes)
    assert repair is not None
    assert repair.tokens == (50, 60)
    assert (repair.number, repair.min_passes, repair.max_passes) == (1, 4, 4)
    assert repair.seed != first_round(EVERYTHING).seed


def test_a_plan_of_two_passes_is_content_with_two_readings() -> None:
    plan = everything(passes=2)
    assert next_round(plan, some_facts(), [first_round(plan)], some_passes(passes=2)) is None


@pytest.mark.parametrize("plan", [EVERYTHING, Plan()])
def test_a_count_of_which_nothing_is_accepted_is_asked_for_four_times(plan: Plan) -> None:
    rounds = [first_round(plan)]
    nothing: list[PassReadings] = []
    while (found := next_round(plan, some_facts(), rounds, nothing)) is not None:
        rounds.append(found)
    assert [one.number for one in rounds] == [0, 1, 2, 3]


def test_a_plan_with_blocks_asks_for_them_last_and_then_for_nothing_more() -> None:
    plan = everything(blocks=True)
    rounds = [first_round(plan)]
    blocks = next_round(plan, some_facts(), rounds, some_passes(passes=7))
    assert blocks is not None
    assert (blocks.subject, blocks.number) == (Subject.BLOCKS, 1)
    assert next_round(plan, some_facts(), [*rounds, blocks], some_passes(passes=7)) is None


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("passes", 0),
        ("passes", 101),
        ("stride", 0),
        ("min_tokens", 0),
        ("max_tokens", 5_000),
        ("seed", -1),
        ("narrowest", 0),
        ("budget_s", 0.0),
        ("budget_readings", 0),
    ],
)
def test_a_plan_that_cannot_be_is_refused_by_field(field: str, value: object) -> None:
    with pytest.raises(ValueError, match=f"{field}: must lie between"):
        Plan(**{field: value})  # type: ignore[arg-type]


def test_a_plan_from_more_to_fewer_tokens_is_refused() -> None:
    with pytest.raises(ValueError, match="min_tokens: must not be above max_tokens, 50"):
        Plan(min_tokens=51, max_tokens=50)


def test_a_plan_that_was_stored_before_searches_measures_everything_and_confirms_nothing() -> None:
    before = {"passes": 5, "min_tokens": None, "max_tokens": 90, "stride": 2, "seed": 3}
    assert stored_plan(before) == everything(passes=5, max_tokens=90, stride=2, seed=3)


@pytest.mark.parametrize("plan", [Plan(), EVERYTHING, Plan(narrowest=16, budget_s=60.0, confirm=False)])
def test_a_plan_that_is_stored_now_means_the_same_when_it_is_read(plan: Plan) -> None:
    assert stored_plan(to_plain(plan)) == plan


def test_by_itself_a_plan_searches_and_confirms() -> None:
    assert (Plan().exhaustive, Plan().confirm) == (False, True)
    assert len(first_round(Plan()).tokens) < len(counts_of(Plan(), some_facts())) / 1.9


def staircase(tokens: int) -> float:
    return 1e7 + 5e5 * ((tokens - 1) // 24)


def flat(_: int) -> float:
    return 1e7


def wavy(tokens: int) -> float:
    return 1e7 * (1 + 0.02 * (tokens // 5 % 2))


plans = st.builds(
    Plan,
    passes=st.integers(1, 9),
    min_tokens=st.none() | st.integers(1, 40),
    max_tokens=st.none() | st.integers(40, 300),
    stride=st.integers(1, 9),
    seed=st.integers(0, 9),
    exhaustive=st.booleans(),
    narrowest=st.integers(1, 40),
    confirm=st.booleans(),
    budget_s=st.none() | st.floats(1, 20),
    budget_readings=st.none() | st.integers(10, 3_000),
)


@settings(max_examples=25)
@given(
    plan=plans,
    facts=st.builds(some_facts, tokens=st.sampled_from([1, 2, 5, 30, 90]), prefix_tokens=st.just(0)),
    law=st.sampled_from([staircase, flat, wavy]),
    rejected=st.sampled_from([0.0, 0.5, 1.0]),
)
def test_any_job_ends_never_asks_a_count_out_of_range_and_would_ask_the_same_again(
    plan: Plan, facts: ModelFacts, law: Callable[[int], float], rejected: float
) -> None:
    job = a_job(plan, law, facts=facts, rejected=rejected, most_rounds=2 * MOST_ROUNDS)

    allowed = set(counts_of(plan, facts))
    assert all(set(one.tokens) <= allowed for one in job.rounds)
    assert [one.number for one in job.rounds] == list(range(len(job.rounds)))
    for done in range(len(job.rounds)):
        before = [one for one in job.passes if one.round < done]
        assert next_round(plan, facts, job.rounds[:done], before) == job.rounds[done]


@settings(max_examples=15)
@given(budget=st.integers(30, 2_500), exhaustive=st.booleans(), confirm=st.booleans(), seed=st.integers(0, 5))
def test_no_budget_of_readings_is_overspent_where_none_is_rejected(
    budget: int, exhaustive: bool, confirm: bool, seed: int
) -> None:
    plan = Plan(budget_readings=budget, exhaustive=exhaustive, confirm=confirm, seed=seed)
    job = a_job(plan, staircase)

    assert 0 < job.readings <= budget


def test_a_budget_that_cut_a_job_short_is_told_and_one_that_did_not_is_not() -> None:
    free = a_job(Plan(), staircase)
    short = a_job(Plan(budget_readings=free.readings // 2), staircase)
    ample = a_job(Plan(budget_readings=2 * free.readings), staircase)

    assert told(short)
    assert not told(ample)
    assert not told(free)
    assert [replace(one, budget_readings=None, min_passes=one.max_passes) for one in ample.rounds] == free.rounds


def told(job: Job) -> bool:
    return budget_used_up(job.plan, job.facts, job.rounds, job.passes)


def test_a_budget_of_seconds_stops_the_device_within_a_pass_or_two() -> None:
    free = a_job(Plan(), staircase)
    short = a_job(Plan(budget_s=max(1.0, free.seconds / 2)), staircase)

    assert short.seconds < 0.7 * free.seconds
    assert all(one.budget_s is not None and one.budget_s <= free.seconds / 2 for one in short.rounds)


def test_pairs_come_after_the_search_and_only_where_a_step_was_found() -> None:
    orders = [one.order for one in a_job(Plan(), staircase).rounds]
    assert orders == sorted(orders, key=lambda order: order is Order.ALTERNATING)
    assert Order.ALTERNATING in orders
    assert all(one.order is Order.SHUFFLED for one in a_job(Plan(), flat).rounds)
    assert all(one.order is Order.SHUFFLED for one in a_job(Plan(confirm=False), staircase).rounds)
