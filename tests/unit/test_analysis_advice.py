"""What advice for a count in mind promises: what more costs nothing, what fewer saves, and how sure that is."""

from __future__ import annotations

import pytest

from orchestrator.analysis.advice import FREE_PERCENT, Advice, advice_for
from orchestrator.analysis.analyse import analyse, analyse_curve
from orchestrator.analysis.curve import Curve
from orchestrator.analysis.pieces import pieces_of
from orchestrator.analysis.steps import StepsOutcome
from tests.support.curves import Law, a_curve, sawtooth, slope, some_passes, staircase


def advised(tokens: int, *, law: Law = staircase, noise: float = 0.002, seed: int = 0) -> Advice:
    return advice_for(analyse_curve(a_curve(law=law, noise=noise, seed=seed)), tokens)


def test_on_a_plateau_the_tokens_up_to_its_end_are_free() -> None:
    keep = advised(140).keep
    assert keep is not None
    assert (keep.tokens, keep.more) == (160, 20)
    assert keep.low_percent <= keep.change_percent <= keep.high_percent < FREE_PERCENT


def test_just_above_a_rise_dropping_to_its_foot_saves_the_rise() -> None:
    drop = advised(162).drop
    assert drop is not None
    assert (drop.tokens, drop.more) == (160, -2)
    truth = 100 * (staircase(160) / staircase(162) - 1)
    assert drop.low_percent <= truth <= drop.high_percent
    assert drop.change_percent == pytest.approx(truth, abs=1)


def test_where_one_more_token_is_cheaper_the_advice_is_to_keep_it() -> None:
    advice = advised(127, law=sawtooth)
    assert advice.faster is not None
    assert (advice.faster.tokens, advice.faster.more) == (128, 1)
    assert advice.faster.high_percent < 0
    assert advice.words.startswith("Keep 1 more, 128, and save ")


def test_at_the_end_of_a_plateau_nothing_more_is_free_and_the_next_end_is_offered() -> None:
    advice = advised(160)
    assert advice.keep is None
    assert advice.faster is None
    assert advice.drop is not None
    assert advice.drop.tokens == 128


def test_with_nothing_to_gain_the_advice_says_so() -> None:
    advice = advised(197, law=lambda _: 5e6)
    assert (advice.keep, advice.faster, advice.drop) == (None, None, None)
    assert "as good as any count near" in advice.words


def test_noise_alone_makes_nothing_free() -> None:
    keep = advised(100, law=slope, noise=0.1).keep
    assert keep is None or keep.high_percent < FREE_PERCENT


@pytest.mark.parametrize("law", [slope, staircase, sawtooth])
def test_the_intervals_of_offers_hold_the_truth(law: Law) -> None:
    holds = []
    for seed in range(4):
        analysis = analyse_curve(a_curve(law=law, seed=seed))
        pieces = pieces_of(analysis.curve)
        for tokens in range(20, 198, 29):
            advice = advice_for(analysis, tokens, pieces)
            for offer in filter(None, (advice.keep, advice.faster, advice.drop)):
                truth = 100 * (law(offer.tokens) / law(tokens) - 1)
                holds.append(offer.low_percent <= truth <= offer.high_percent)
    assert len(holds) > 20
    assert sum(holds) >= 0.9 * len(holds)


def test_a_count_that_was_not_measured_is_advised_as_the_next_larger_one() -> None:
    analysis = analyse(some_passes(staircase, counts=range(2, 198, 5)))
    advice = advice_for(analysis, 100)
    assert advice.measured_tokens == 102
    assert advice.words.startswith("100 was not measured; 102,")


@pytest.mark.parametrize("tokens", [-4, 0, 198, 10**9])
def test_a_count_outside_the_curve_is_told_what_to_choose_from(tokens: int) -> None:
    advice = advised(tokens)
    assert (advice.measured_tokens, advice.keep, advice.drop) == (None, None, None)
    assert "choose a count from 1 to 197" in advice.words


def test_without_a_measurement_there_is_no_advice() -> None:
    nothing = analyse_curve(Curve(points=(), factors=(), doubts=()))
    assert advice_for(nothing, 5).words == "Nothing was measured, so there is no advice."


def test_of_two_counts_the_smaller_is_offered_for_what_it_saves() -> None:
    drop = advice_for(analyse(some_passes(counts=(100, 197), noise=0.002)), 197).drop
    assert drop is not None
    assert drop.low_percent <= 100 * (slope(100) / slope(197) - 1) <= drop.high_percent


@pytest.mark.parametrize("counts", range(1, 8))
def test_the_shortest_curves_are_advised_on_without_an_exception(counts: int) -> None:
    analysis = analyse(some_passes(counts=range(5, 5 + counts)))
    assert all(advice_for(analysis, tokens).words for tokens in range(1, 14))


def test_advice_that_rests_on_a_doubted_curve_says_so() -> None:
    assert "doubted: contended" in advice_for(analyse(some_passes(rejected=0.5)), 100).words


def test_where_jumps_could_hide_nothing_rests_on_a_straight_piece_and_that_is_said() -> None:
    noisy = analyse(some_passes(noise=0.3))
    assert noisy.steps.outcome is StepsOutcome.TOO_NOISY
    advice = advice_for(noisy, 120)
    assert advice.keep is None
    assert "Jumps could hide in this curve" in advice.words
