"""Paired timing: what it confirms, what it leaves open, and how rarely it errs."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from agent.wire.jobs import Order
from orchestrator.analysis.confirmation import (
    LOOK_Z,
    LOOKS,
    confirm,
    differences_of,
    pairs_until_next_look,
    pseudo_median,
)
from orchestrator.analysis.passes import PassReadings

SENTINEL = 197


def a_pass(*readings: tuple[int, int], number: int = 0, rejected: tuple[int, ...] = ()) -> PassReadings:
    """A pass of (tokens, latency) in that order; ``rejected`` are places."""
    return PassReadings(
        fence=1,
        round=2,
        number=number,
        complete=True,
        tokens=np.array([tokens for tokens, _ in readings], np.int64),
        start_ns=np.arange(len(readings), dtype=np.int64),
        latency_ns=np.array([latency for _, latency in readings], np.int64),
        accepted=np.array([place not in rejected for place in range(len(readings))], np.bool_),
        order=Order.ALTERNATING,
    )


def pairs(count: int, *, change: float, noise: float, seed: int = 0) -> list[PassReadings]:
    """``count`` passes with one pair of 96 and 97 tokens each, the order turning round, with drift all along."""
    generator = np.random.default_rng(seed)
    found = []
    for number in range(count):
        level = 1e6 * (1 + 0.01 * number)
        readings = [(96, round(level + noise * generator.standard_t(3)))]
        readings.append((97, round(level + change + noise * generator.standard_t(3))))
        found.append(a_pass((SENTINEL, 2_000_000), *readings[:: 1 if number % 2 else -1], number=number))
    return found


def test_a_clear_jump_is_confirmed_at_the_first_look_with_its_size() -> None:
    found = confirm(pairs(10, change=50_000, noise=5_000), 96, 97)

    assert found.rises
    assert not found.open
    assert found.low_ns is not None
    assert found.high_ns is not None
    assert found.low_ns < 50_000 < found.high_ns


def test_a_fall_is_confirmed_as_one() -> None:
    assert confirm(pairs(10, change=-50_000, noise=5_000), 96, 97).falls


def test_what_is_not_there_is_never_sure_and_is_given_up_after_the_last_look() -> None:
    found = confirm(pairs(30, change=0, noise=5_000), 96, 97)

    assert not found.rises
    assert not found.falls
    assert not found.open


def test_before_the_first_look_nothing_is_said() -> None:
    found = confirm(pairs(9, change=50_000, noise=5), 96, 97)

    assert (found.pairs, found.change_ns, found.open) == (9, None, True)


def test_pairs_between_two_looks_change_nothing() -> None:
    passes = pairs(19, change=3_000, noise=5_000)

    assert confirm(passes, 96, 97).change_ns == confirm(passes[:10], 96, 97).change_ns


def test_of_nothing_at_all_fewer_than_five_in_a_hundred_are_confirmed_over_all_looks() -> None:
    wrong = 0
    for seed in range(200):
        passes = pairs(LOOKS[-1], change=0, noise=5_000, seed=seed)
        looks = [confirm(passes[:look], 96, 97) for look in LOOKS]
        wrong += any(look.rises or look.falls for look in looks)

    assert wrong / 200 <= 0.05


def test_the_next_look_is_so_many_pairs_away() -> None:
    assert [pairs_until_next_look(pairs) for pairs in (0, 7, 10, 29, 30, 31)] == [10, 3, 10, 1, 0, 0]


def test_a_pair_is_two_neighbours_and_a_rejected_reading_between_them_does_not_part_them() -> None:
    one = a_pass((96, 100), (97, 999), (97, 130), (5, 1), (97, 150), (96, 110), (96, 7), (5, 1), rejected=(1,))

    assert differences_of(one, 96, 97).tolist() == [30, 40]


def test_another_count_between_them_parts_a_pair() -> None:
    assert differences_of(a_pass((96, 100), (SENTINEL, 9), (97, 130)), 96, 97).tolist() == []


@pytest.mark.parametrize("passes", [[], [a_pass()], [a_pass((96, 0), (97, 0))]])
def test_without_pairs_there_is_no_answer_and_no_error(passes: list[PassReadings]) -> None:
    assert confirm(passes, 96, 97).pairs == 0


@given(st.lists(st.floats(-1e9, 1e9), min_size=1, max_size=20), st.floats(-1e6, 1e6), st.floats(0.1, 10))
def test_the_interval_moves_and_scales_with_the_differences(values: list[float], shift: float, scale: float) -> None:
    plain = np.array(pseudo_median(np.array(values), LOOK_Z))

    moved = pseudo_median(np.array(values) * scale + shift, LOOK_Z)

    np.testing.assert_allclose(moved, plain * scale + shift, rtol=1e-6, atol=1e-2)


@given(st.lists(st.floats(-1e6, 1e6), min_size=1, max_size=20))
def test_the_pseudo_median_lies_in_its_interval(values: list[float]) -> None:
    middle, low, high = pseudo_median(np.array(values), LOOK_Z)

    assert low <= middle <= high
