"""What sweet spots and the recommendation promise."""

from __future__ import annotations

import itertools

import pytest

from orchestrator.analysis.analyse import Analysis, analyse, analyse_curve
from orchestrator.analysis.sweet_spots import SweetSpotKind
from tests.support.curves import DEIT_COUNTS, Law, a_curve, sawtooth, slope, some_passes, staircase


def flat(_tokens: int) -> float:
    return 5e6


def spots_of(law: Law, noise: float = 0.003) -> dict[int, SweetSpotKind]:
    return {spot.tokens: spot.kind for spot in analyse_curve(a_curve(law=law, noise=noise)).sweet_spots}


def test_the_sweet_spots_of_a_staircase_lie_below_its_rises() -> None:
    spots = spots_of(staircase, noise=0.001)
    assert [tokens for tokens, kind in spots.items() if kind is SweetSpotKind.BELOW_RISE] == [32, 64, 96, 128, 160, 192]
    assert len(spots) <= 9


def test_the_first_count_past_a_drop_is_sweet_and_those_just_below_it_are_not() -> None:
    spots = spots_of(sawtooth, noise=0.001)
    assert spots[128] is spots[192] is SweetSpotKind.PAST_DROP
    assert not set(spots) & set(range(123, 128))


def test_no_larger_count_is_as_fast_as_a_sweet_spot() -> None:
    truth = sawtooth
    for tokens in spots_of(truth, noise=0.001):
        larger = [truth(count) for count in DEIT_COUNTS if count > tokens]
        assert not larger or truth(tokens) < min(larger) * 1.002


@pytest.mark.parametrize("seed", range(5))
def test_no_sweet_spot_was_measured_slower_than_a_larger_count(seed: int) -> None:
    curve = a_curve(noise=0.2, seed=seed)

    for spot in analyse_curve(curve).sweet_spots:
        larger = [point.latency_ns for point in curve.points if point.tokens > spot.tokens]
        assert not larger or spot.latency_ns < min(larger)


def test_on_a_smooth_slope_each_sweet_spot_is_worthwhile() -> None:
    spots = list(spots_of(slope))
    assert all(slope(fewer) < slope(more) * 0.995 for fewer, more in itertools.pairwise(spots))


def test_a_flat_curve_has_one_sweet_spot_all_tokens() -> None:
    assert spots_of(flat) == {197: SweetSpotKind.FULL}


def test_a_count_that_is_fast_alone_is_a_dip() -> None:
    assert spots_of(lambda n: slope(n) * (0.8 if n == 100 else 1), noise=0.002)[100] is SweetSpotKind.DIP


def test_each_sweet_spot_names_the_next_larger_one_and_what_it_saves() -> None:
    analysis = analyse_curve(a_curve(law=staircase))
    for fewer, more in itertools.pairwise(analysis.sweet_spots):
        assert fewer.next_tokens == more.tokens
        assert fewer.saves_percent > more.saves_percent
    assert analysis.sweet_spots[-1].next_tokens is None
    assert analysis.sweet_spots[-1].saves_percent == 0


@pytest.mark.parametrize(("law", "curves"), [(slope, 3), (staircase, 12), (sawtooth, 3)])
def test_what_a_sweet_spot_saves_comes_with_an_interval_that_holds_the_truth(law: Law, curves: int) -> None:
    # A staircase has few sweet spots, a slope one at nearly every count.
    spots = [spot for seed in range(curves) for spot in analyse_curve(a_curve(law=law, seed=seed)).sweet_spots[:-1]]
    truths = [100 * (1 - law(spot.tokens) / law(197)) for spot in spots]
    holds = [
        spot.saves_low_percent <= truth <= spot.saves_high_percent for spot, truth in zip(spots, truths, strict=True)
    ]
    assert sum(holds) >= 0.9 * len(holds)


def test_a_sweet_spot_says_how_surely_every_larger_count_is_slower() -> None:
    quiet, noisy = (analyse_curve(a_curve(law=staircase, noise=noise)).sweet_spots for noise in (0.001, 0.05))
    assert all(spot.certainty > 0.95 for spot in quiet if spot.kind is SweetSpotKind.BELOW_RISE)
    assert quiet[-1].certainty == 1
    assert min(spot.certainty for spot in noisy) < min(spot.certainty for spot in quiet)


def choices_of(analysis: Analysis) -> list[int]:
    return [choice.tokens for choice in analysis.recommendation.choices]


def test_edges_are_recommended_and_said_to_be_edges() -> None:
    choices = analyse_curve(a_curve(law=staircase, noise=0.002)).recommendation.choices
    assert {choice.tokens for choice in choices} == {192, 160, 128, 96, 64}
    assert next(c.reason for c in choices if c.tokens == 160).startswith("just below the rise of 18.")


def test_a_drop_is_recommended_as_fewer_tokens_cost_more() -> None:
    choices = analyse_curve(a_curve(law=sawtooth, noise=0.002)).recommendation.choices
    assert "fewer tokens cost more" in next(choice.reason for choice in choices if choice.tokens == 128)


@pytest.mark.parametrize("law", [slope, staircase, sawtooth])
def test_choices_are_few_unverified_and_ranked_by_what_they_surely_save_for_a_token(law: Law) -> None:
    choices = analyse_curve(a_curve(law=law)).recommendation.choices
    worth = [choice.saves_low_percent / choice.removed for choice in choices]
    assert 1 <= len(choices) <= 6
    assert worth == sorted(worth, reverse=True)
    assert not any(choice.verified for choice in choices)
    assert all(0 < choice.saves_low_percent < choice.saves_percent < choice.saves_high_percent for choice in choices)


def test_on_a_slope_the_choices_are_spread_over_the_range() -> None:
    choices = sorted(choices_of(analyse_curve(a_curve(law=slope))))
    assert len(choices) == 6
    assert all(more - fewer > 10 for fewer, more in itertools.pairwise(choices))


def test_a_flat_curve_has_no_choice_and_says_so() -> None:
    recommendation = analyse_curve(a_curve(law=flat)).recommendation
    assert recommendation.choices == ()
    assert "nothing is worth removing" in recommendation.note


def test_the_note_says_what_the_saving_is_and_what_is_doubted() -> None:
    note = analyse(some_passes(rejected=0.5)).recommendation.note
    assert "before the first block" in note
    assert "Accuracy is not considered" in note
    assert "doubted: contended" in note
