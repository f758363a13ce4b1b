"""What a curve promises: factors, points, intervals and doubts from the passes of a job."""

from __future__ import annotations

import itertools
import math
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from agent.wire.conditions import Conditions, Doubt, DoubtReason
from agent.wire.jobs import Order, Round
from agent.wire.readings import Batch, Reading, Rejection
from orchestrator.analysis.curve import Curve, accepted_per_count, curve_of, in_words, pass_of, usable
from orchestrator.analysis.intervals import median_of_draws
from tests.support.curves import DEIT_COUNTS, a_curve, readings_at, slope, some_passes

A_ROUND = Round(number=1, tokens=(10, 11), sentinel=12, min_passes=1, max_passes=3, seed=0)


def reasons(curve: Curve) -> set[DoubtReason]:
    return {doubt.reason for doubt in curve.doubts}


def largest_error(curve: Curve) -> float:
    return max(abs(point.latency_ns / slope(point.tokens) - 1) for point in curve.points)


def a_batch(*latencies: int, rejected: Rejection | None = None) -> Batch:
    readings = tuple(
        Reading(position=index, tokens=10 + index, start_ns=index, latency_ns=latency, rejected=rejected)
        for index, latency in enumerate(latencies)
    )
    return Batch(
        fence=3,
        round=1,
        number=2,
        started_ms=0,
        complete=True,
        before=Conditions(),
        after=Conditions(),
        readings=readings,
    )


def test_a_batch_becomes_columns() -> None:
    one = pass_of(a_batch(100, 200), A_ROUND)
    assert one.key == (3, 1, 2)
    assert one.tokens.tolist() == [10, 11]
    assert one.latency_ns.tolist() == [100, 200]
    assert one.accepted.all()


def test_a_pass_knows_what_its_round_asked() -> None:
    assert pass_of(a_batch(100, 200), A_ROUND).order is Order.SHUFFLED
    assert pass_of(a_batch(100, 200), replace(A_ROUND, order=Order.ALTERNATING)).order is Order.ALTERNATING


def test_pairs_are_in_no_point_and_no_doubt() -> None:
    shuffled = some_passes(passes=7)
    pairs = [
        replace(one, round=1, latency_ns=2 * one.latency_ns, order=Order.ALTERNATING) for one in some_passes(passes=3)
    ]
    assert curve_of([*shuffled, *pairs]) == curve_of(shuffled)


def test_a_rejected_reading_is_counted_and_makes_no_point() -> None:
    curve = curve_of([pass_of(a_batch(100, rejected=Rejection.WAITED), A_ROUND)])
    assert curve.points == ()
    assert (curve.readings, curve.rejected) == (0, 1)
    assert DoubtReason.TOO_FEW in reasons(curve)


def test_a_quiet_curve_is_the_truth_without_a_doubt() -> None:
    curve = a_curve(noise=0.001)
    assert [point.tokens for point in curve.points] == list(DEIT_COUNTS)
    assert largest_error(curve) < 0.003
    assert curve.doubts == ()


def test_the_interval_holds_the_truth_about_95_times_in_100() -> None:
    points = [point for seed in range(5) for point in a_curve(noise=0.01, seed=seed).points]
    covered = np.mean([point.low_ns <= slope(point.tokens) <= point.high_ns for point in points])
    assert 0.93 <= covered <= 0.97


def test_standard_errors_are_the_size_of_the_errors_made() -> None:
    points = [point for seed in range(5) for point in a_curve(noise=0.01, seed=seed).points]
    errors = [(point.latency_ns - slope(point.tokens)) / point.standard_error_ns for point in points]
    assert 0.8 <= np.std(errors) <= 1.2


def test_passes_that_agree_exactly_still_leave_an_error() -> None:
    curve = a_curve(noise=0)
    assert all(point.standard_error_ns >= 0.00099 * point.latency_ns for point in curve.points)


def test_a_throttled_pass_is_divided_by_its_factor_and_doubted_by_itself() -> None:
    curve = curve_of(some_passes(noise=0.002, slower={3: 1.15}))
    assert curve.factors[3].factor == pytest.approx(1.15, abs=0.005)
    assert largest_error(curve) < 0.006
    assert [factor.doubts for factor in curve.factors] == [()] * 3 + [(DoubtReason.UNSTEADY,)] + [()] * 3
    assert (curve.doubts, curve.point_doubts) == ((), ())


def test_two_fast_passes_of_seven_move_nothing() -> None:
    assert largest_error(curve_of(some_passes(noise=0.002, slower={0: 0.9, 5: 0.85}))) < 0.006


def test_passes_over_different_counts_are_put_on_one_scale() -> None:
    low = some_passes(counts=range(2, 120), noise=0.002, passes=4)
    high = some_passes(counts=range(80, 198), noise=0.002, passes=4, seed=1, slower={0: 1.2, 1: 1.2})
    assert largest_error(curve_of([*low, *high])) < 0.01


def test_a_pass_over_two_counts_leans_on_its_sentinel() -> None:
    full = some_passes(noise=0.001)
    repair = readings_at([50, 197], [int(1.1 * slope(50)), int(1.1 * slope(197))], number=7)
    assert curve_of([*full, repair]).factors[-1].factor == pytest.approx(1.1, abs=0.005)


def test_the_order_in_which_passes_come_does_not_matter() -> None:
    passes = some_passes()
    assert curve_of(reversed(passes)) == curve_of(passes)


@settings(max_examples=15)
@given(values=st.lists(st.integers(1, 1_000), min_size=1, max_size=6, unique=True))
def test_the_bootstrap_of_a_median_is_what_trying_every_draw_finds(values: list[int]) -> None:
    ordered = np.sort(np.array(values, np.float64))
    medians = np.median(ordered[np.array(list(itertools.product(range(len(values)), repeat=len(values))))], axis=1)
    drawn = median_of_draws(len(values))
    assert drawn.each @ ordered == pytest.approx(medians.mean())
    assert ordered @ drawn.together @ ordered == pytest.approx(np.mean(medians**2))
    assert np.mean((ordered[drawn.low] <= medians) & (medians <= ordered[drawn.high])) >= 0.95


def test_the_error_of_a_point_follows_the_noise_around_it() -> None:
    passes = some_passes(noise=0.002, counts=range(2, 200))
    louder = some_passes(noise=0.02, counts=range(200, 400))
    both = [
        readings_at([*one.tokens, *two.tokens], [*one.latency_ns, *two.latency_ns], number=one.number)
        for one, two in zip(passes, louder, strict=True)
    ]
    relative = [point.standard_error_ns / point.latency_ns for point in curve_of(both).points]
    assert np.median(relative[-100:]) > 5 * np.median(relative[:100])


def test_one_wild_reading_does_not_blow_up_the_error_of_its_count() -> None:
    calm = some_passes(noise=0.005)
    wild = readings_at(range(2, 198), [int(slope(n) * (5 if n == 50 else 1)) for n in range(2, 198)], number=7)
    errors = {point.tokens: point.standard_error_ns / point.latency_ns for point in curve_of([*calm, wild]).points}
    assert errors[50] < 3 * np.median(list(errors.values()))


def test_seventy_passes_make_a_curve_with_intervals() -> None:
    curve = curve_of(some_passes(counts=range(2, 30), passes=70, noise=0.01))
    assert all(point.low_ns < slope(point.tokens) < point.high_ns for point in curve.points[::9])
    assert all(0.001 <= point.standard_error_ns / point.latency_ns < 0.003 for point in curve.points)


def test_passes_that_were_doubted_say_why_and_doubt_the_points_that_rest_on_them() -> None:
    hot = Doubt(reason=DoubtReason.THROTTLED, evidence="too hot")
    for most, distrusted in ((7, (DoubtReason.THROTTLED,)), (4, ()), (3, ())):
        curve = curve_of([replace(one, doubts=(hot,)) if one.number < most else one for one in some_passes()])
        assert [factor.doubts for factor in curve.factors].count((DoubtReason.THROTTLED,)) == most
        assert all(point.doubted == (most > 3) for point in curve.points)
        assert curve.distrusted == distrusted


def test_points_without_a_usable_latency_are_left_out_and_that_is_said() -> None:
    curve = a_curve()
    broken = {10: math.nan, 11: 0.0, 12: -5.0, 13: math.inf}
    points = [replace(point, latency_ns=broken.get(point.tokens, point.latency_ns)) for point in curve.points]
    left = usable(replace(curve, points=(*points[::-1], points[50])))
    assert [point.tokens for point in left.points] == [n for n in DEIT_COUNTS if n not in broken]
    assert left.doubts[-1].evidence.startswith("5 of 197 points")
    assert usable(curve) is curve


@pytest.mark.parametrize("passes", [0, 1, 2, 3])
@pytest.mark.parametrize("counts", [(), (5,), (5, 9), (5, 6, 9)])
@pytest.mark.parametrize("rejected", [0.0, 0.5, 1.0])
def test_odd_input_makes_a_curve_of_what_there_is(passes: int, counts: tuple[int, ...], rejected: float) -> None:
    curve = curve_of(some_passes(counts=counts, passes=passes, rejected=rejected))
    assert len(curve.factors) == passes
    assert all(point.low_ns <= point.latency_ns <= point.high_ns for point in curve.points)


def test_accepted_readings_are_counted_per_count_also_where_there_are_none() -> None:
    assert accepted_per_count(some_passes(counts=[3, 4], passes=2, rejected=1)) == {3: 0, 4: 0}


def test_many_counts_are_said_in_runs() -> None:
    assert in_words([2, 3, 4, 9, 11, 12]) == "2-4, 9, 11-12"
    assert in_words(range(1, 40, 2), most=2) == "1, 3 and 18 more runs"


def test_passes_of_blocks_in_place_are_left_out_of_the_curve() -> None:
    passes = some_passes(passes=5)
    slowed = [
        replace(one, round=9, latency_ns=2 * one.latency_ns, blocks_ns=np.ones((len(one.tokens), 3), np.int64))
        for one in passes
    ]
    assert curve_of([*passes, *slowed]) == curve_of(passes)
    assert accepted_per_count([*passes, *slowed]) == accepted_per_count(passes)
