from __future__ import annotations

import itertools

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from orchestrator.analysis.passes import Floats
from orchestrator.analysis.programming import cheapest, front, most_counts, worthiest


def every_path(costs: Floats, last: Floats, worth: Floats, start: int) -> list[tuple[float, float]]:
    """Cost and worth of all paths, one by one: what the dynamic program must not be better or worse than."""
    blocks, counts = worth.shape
    found = []
    for places in itertools.product(range(counts), repeat=blocks):
        into = (start, *places[:-1])
        cost = sum(costs[block, a, b] for block, (a, b) in enumerate(zip(into, places, strict=True)))
        if np.isfinite(cost):
            found.append((cost + last[places[-1]], sum(worth[block, b] for block, b in enumerate(places))))
    return found


@st.composite
def problems(draw: st.DrawFn) -> tuple[Floats, Floats, Floats, int]:
    blocks, counts = draw(st.integers(1, 4)), draw(st.integers(1, 4))
    generator = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    # Whole numbers, so that many paths tie.
    costs = generator.integers(1, 9, (blocks, counts, counts)).astype(float)
    costs[generator.random(costs.shape) < 0.3] = np.inf
    worth = generator.integers(0, 6, (blocks, counts)).astype(float)
    return costs, generator.integers(0, 5, counts).astype(float), worth, draw(st.integers(0, counts - 1))


@settings(max_examples=60)
@given(problems())
def test_the_front_is_what_trying_every_path_finds(problem: tuple[Floats, Floats, Floats, int]) -> None:
    tried = every_path(*problem)
    unbeaten = {
        (cost, worth)
        for cost, worth in tried
        if not any(c <= cost and w >= worth and (c, w) != (cost, worth) for c, w in tried)
    }

    found = front(*problem)

    assert {(path.cost, path.worth) for path in found} == unbeaten
    assert [path.cost for path in found] == sorted(path.cost for path in found)


@settings(max_examples=30)
@given(problems())
def test_each_path_of_the_front_costs_and_is_worth_what_it_says(problem: tuple[Floats, Floats, Floats, int]) -> None:
    costs, last, worth, start = problem
    for path in front(*problem):
        into = (start, *path.places[:-1])
        cost = sum(costs[block, a, b] for block, (a, b) in enumerate(zip(into, path.places, strict=True)))
        assert path.cost == pytest.approx(cost + last[path.places[-1]])
        assert path.worth == pytest.approx(sum(worth[block, b] for block, b in enumerate(path.places)))


def test_a_floor_finds_the_cheapest_path_above_it_and_a_budget_the_worthiest_within_it() -> None:
    costs = np.array([[[5.0, 2.0, 1.0]] * 3])
    paths = front(costs, np.zeros(3), np.array([[9.0, 6.0, 1.0]]), 0)

    assert cheapest(paths, worth=5) == paths[1]
    assert cheapest(paths, worth=10) is None
    assert worthiest(paths, cost=4.9) == paths[1]
    assert worthiest(paths, cost=0.5) is None


def test_fewer_counts_are_searched_where_there_are_more_blocks_and_tokens() -> None:
    assert most_counts(12, 197) == 40
    assert most_counts(24, 577) < most_counts(12, 577)
    assert most_counts(48, 4_096) == 6
