from __future__ import annotations

from collections import Counter

import pytest

from agent.errors import MeasurementFailed
from agent.measure.order import visits_of_pass
from agent.wire.jobs import FailureReason, Order, Round


def a_round(*, counts: int = 100, sentinel_every: int = 30, seed: int = 7, order: Order = Order.SHUFFLED) -> Round:
    return Round(
        number=0,
        order=order,
        tokens=tuple(range(2, 2 + counts)),
        sentinel=197,
        sentinel_every=sentinel_every,
        min_passes=1,
        max_passes=1,
        seed=seed,
    )


def test_every_count_is_visited_once_a_pass() -> None:
    visits = Counter(visits_of_pass(a_round(), 0))
    del visits[197]
    assert visits == Counter(range(2, 102))


def test_the_sentinel_comes_first_then_after_every_so_many_counts_and_last() -> None:
    visits = visits_of_pass(a_round(), 0)
    assert [place for place, tokens in enumerate(visits) if tokens == 197] == [0, 31, 62, 93, 104]


def test_the_sentinel_is_not_visited_twice_in_a_row() -> None:
    visits = visits_of_pass(a_round(counts=60, sentinel_every=30), 0)
    assert [place for place, tokens in enumerate(visits) if tokens == 197] == [0, 31, 62]


def test_the_same_pass_has_the_same_order_again() -> None:
    assert visits_of_pass(a_round(), 3) == visits_of_pass(a_round(), 3)


def test_another_pass_and_another_seed_have_another_order() -> None:
    orders = {visits_of_pass(a_round(seed=seed), number) for seed in (1, 2) for number in (0, 1)}
    assert len(orders) == 4


def test_an_order_that_this_agent_does_not_know_is_refused_by_name() -> None:
    with pytest.raises(MeasurementFailed, match="alternating") as refused:
        visits_of_pass(a_round(order=Order.ALTERNATING), 0)
    assert refused.value.reason is FailureReason.WORKLOAD_UNSUPPORTED
