"""Where a search looks: the grid, the places that are not sure, and when it leaves them alone."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agent.wire.jobs import Order
from orchestrator.analysis.budget import left_of, visits_of
from orchestrator.analysis.curve import curve_of
from orchestrator.analysis.planning import Plan
from orchestrator.analysis.searching import Effort, grid_of, looks_of, spacing_of
from tests.support.curves import DEIT_COUNTS, slope, some_passes, with_step
from tests.support.planned import a_job

EFFORT = Effort.of(7, 98)


@given(st.integers(3, 200), st.integers(1, 9), st.integers(10, 1_000))
def test_every_plateau_that_is_asked_for_holds_two_counts_of_the_grid(narrowest: int, stride: int, counts: int) -> None:
    spacing = spacing_of(narrowest, stride, counts)
    assert spacing == 1 or 2 * spacing * stride < narrowest


def test_the_grid_goes_down_from_all_tokens_and_keeps_the_fewest() -> None:
    assert grid_of(range(2, 14), 4) == (2, 5, 9, 13)


@pytest.mark.parametrize(("grid", "first"), [(1, 4), (98, 4), (190, 2), (457, 2)])
def test_a_longer_grid_gets_fewer_visits_a_count(grid: int, first: int) -> None:
    assert Effort.of(7, grid).first == first


def test_more_passes_are_more_of_every_visit() -> None:
    assert (Effort.of(14, 98).first, Effort.of(14, 98).look, Effort.of(1, 98).first) == (8, 4, 1)


def test_around_an_edge_that_the_grid_only_brackets_the_counts_between_are_asked_for() -> None:
    grid = grid_of(DEIT_COUNTS, 2)
    curve = curve_of(some_passes(with_step(slope, 96, 8), counts=grid, passes=4))

    look, *_ = looks_of(curve, DEIT_COUNTS, dict.fromkeys(grid, 4), EFFORT, 1)

    assert {95, 96, 97, 98} <= set(look.tokens)
    assert look.passes == EFFORT.look


def test_a_clear_step_whose_neighbours_are_all_measured_is_left_alone() -> None:
    curve = curve_of(some_passes(with_step(slope, 96, 8), passes=4))

    assert looks_of(curve, DEIT_COUNTS, dict.fromkeys(DEIT_COUNTS, 4), EFFORT, 1) == []


def test_what_was_visited_often_enough_is_given_up_however_unclear() -> None:
    curve = curve_of(some_passes(with_step(slope, 96, 0.6), noise=0.01, passes=4, seed=3))

    assert looks_of(curve, DEIT_COUNTS, dict.fromkeys(DEIT_COUNTS, EFFORT.last), EFFORT, 1) == []


def staircase(tokens: int) -> float:
    return 1e7 + 6e5 * ((tokens - 1) // 24)


def falling(tokens: int) -> float:
    return 1e7 + 3e4 * tokens - 8e5 * (tokens > 100) - 8e5 * (tokens > 140)


@pytest.mark.parametrize(
    ("law", "after"), [(staircase, [24, 48, 72, 96, 120, 144, 168, 192]), (falling, [100, 140]), (slope, [])]
)
def test_a_search_finds_and_confirms_what_is_there_with_less_than_half_the_readings(
    law: Callable[[int], float], after: list[int]
) -> None:
    job = a_job(Plan(), law)

    steps = job.analysis.steps.steps
    assert [step.after_tokens for step in steps] == after
    assert all(step.confirmed for step in steps)
    shuffled = sum(len(one.tokens) for one in job.passes if one.order is Order.SHUFFLED)
    assert shuffled < 0.55 * 7 * visits_of(len(DEIT_COUNTS))


def test_what_is_left_of_a_budget_counts_every_reading_and_second() -> None:
    passes = some_passes(counts=[2, 3], passes=2, rejected=0.5)

    left = left_of(10, 1.0, passes, curve_of(passes))

    assert left.readings == 6
    assert left.seconds is not None
    assert 0.98 < left.seconds < 1.0
    assert left.passes_for([2, 3], 197) == 1
