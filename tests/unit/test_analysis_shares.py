from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from orchestrator.analysis.shares import Share, change_of, mean_of, share_of


def coverage(share: float, images: int) -> float:
    """How often the interval holds the true share: exact, over every count that may come out."""
    held = 0.0
    for count in range(images + 1):
        found = share_of(count, images)
        if found.low <= share <= found.high:
            held += math.comb(images, count) * share**count * (1 - share) ** (images - count)
    return held


def test_wilsons_interval_is_that_of_the_literature() -> None:
    # Newcombe, Statistics in Medicine 1998, table I, method 3: 81 of 263, 15 of 148, 0 of 20.
    for count, images, low, high in ((81, 263, 0.2553, 0.3662), (15, 148, 0.0624, 0.1605), (0, 20, 0.0, 0.1611)):
        found = share_of(count, images)
        assert (found.low, found.high) == pytest.approx((low, high), abs=5e-5)


@pytest.mark.parametrize("images", [40, 200])
def test_wilsons_interval_holds_the_true_share_about_as_often_as_it_says(images: int) -> None:
    covered = [coverage(share, images) for share in np.linspace(0.05, 0.95, 37)]

    assert 0.94 <= float(np.mean(covered)) <= 0.97
    assert min(covered) > 0.88


@given(st.integers(1, 1_000).flatmap(lambda images: st.tuples(st.integers(0, images), st.just(images))))
def test_a_share_lies_within_its_interval_and_between_nothing_and_all(counted: tuple[int, int]) -> None:
    found = share_of(*counted)

    assert 0 <= found.low <= found.value <= found.high <= 1


@given(st.integers(0, 40), st.integers(0, 40), st.integers(80, 200))
def test_a_change_is_what_was_counted_and_turns_round_with_what_was_lost_and_gained(
    lost: int, gained: int, images: int
) -> None:
    found, turned = change_of(lost, gained, images), change_of(gained, lost, images)

    assert found.value == (gained - lost) / images
    assert found.low <= found.value <= found.high
    assert (found.low, found.high) == pytest.approx((-turned.high, -turned.low))


def test_a_paired_change_is_surer_than_the_two_shares_alone() -> None:
    before, after = share_of(800, 1_000), share_of(780, 1_000)
    change = change_of(20, 0, 1_000)

    assert before.low < after.high, "the two intervals overlap"
    assert change.high < 0, "and yet the loss is sure"


def test_a_paired_change_is_held_about_as_often_as_it_says() -> None:
    generator = np.random.default_rng(0)
    drawn = generator.multinomial(300, (0.06, 0.03, 0.91), size=4_000)
    held = [change_of(int(lost), int(gained), 300) for lost, gained, _ in drawn]

    assert 0.935 <= np.mean([one.low <= -0.03 <= one.high for one in held]) <= 0.97


def test_the_interval_of_a_mean_is_that_of_its_values() -> None:
    values = np.random.default_rng(0).exponential(2.0, 50)
    found = mean_of(float(values.sum()), float((values**2).sum()), 50)

    reach = 1.959964 * float(values.std(ddof=1)) / math.sqrt(50)
    assert (found.value, found.high - found.value) == pytest.approx((float(values.mean()), reach))


def test_one_value_alone_has_no_width() -> None:
    assert mean_of(2.0, 4.0, 1) == Share(value=2.0, low=2.0, high=2.0)
