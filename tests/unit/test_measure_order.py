from __future__ import annotations

from collections import Counter

import pytest

from agent.measure.order import visits_of_pass
from agent.wire.codec import WireError
from agent.wire.jobs import Order, Round


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


def pairs_of(visits: tuple[int, ...]) -> list[tuple[int, int]]:
    counts = [tokens for tokens in visits if tokens != 197]
    return list(zip(counts[::2], counts[1::2], strict=True))


def test_alternating_counts_come_two_and_two_and_change_places_from_pass_to_pass() -> None:
    round_ = a_round(counts=100, order=Order.ALTERNATING)
    asked = set(zip(range(2, 102, 2), range(3, 102, 2), strict=True))

    assert set(pairs_of(visits_of_pass(round_, 0))) == asked
    assert set(pairs_of(visits_of_pass(round_, 1))) == {(second, first) for first, second in asked}


def test_no_sentinel_parts_an_alternating_pair() -> None:
    visits = visits_of_pass(a_round(counts=100, sentinel_every=31, order=Order.ALTERNATING), 0)

    assert [place for place, tokens in enumerate(visits) if tokens == 197] == [0, 33, 66, 99, 104]


def test_alternating_pairs_are_shuffled() -> None:
    round_ = a_round(order=Order.ALTERNATING)

    assert pairs_of(visits_of_pass(round_, 0)) != pairs_of(visits_of_pass(round_, 2))


def test_alternating_an_odd_number_of_counts_is_refused() -> None:
    with pytest.raises(WireError, match="tokens: must be pairs"):
        a_round(counts=3, order=Order.ALTERNATING)
