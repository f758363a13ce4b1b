from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from orchestrator.analysis.comparison import (
    BESIDE_TOKENS,
    NOTHING,
    Axis,
    Band,
    Crossing,
    align,
    crossings_of,
    position_of,
    ratios_of,
    steps_across,
)
from orchestrator.analysis.curve import Curve, Point, curve_of
from orchestrator.analysis.steps import Step, StepsFound, StepsOutcome
from tests.support.curves import slope, some_passes


def a_point(tokens: int, latency_ns: float, *, off: float = 0.0) -> Point:
    """A point whose 95 % interval reaches the share ``off`` of its latency either way."""
    return Point(
        tokens=tokens,
        latency_ns=latency_ns,
        low_ns=latency_ns * (1 - off),
        high_ns=latency_ns * (1 + off),
        standard_error_ns=latency_ns * off / 1.96,
        readings=7,
        rejected=0,
        passes=7,
    )


def a_line(latencies: dict[int, float], *, off: float = 0.0) -> Curve:
    points = tuple(a_point(tokens, latency, off=off) for tokens, latency in latencies.items())
    return Curve(points=points, factors=(), doubts=())


def a_step(after: int, *, to: int | None = None, up: bool = True) -> Step:
    sign = 1 if up else -1
    return Step(
        after_tokens=after,
        next_tokens=to or after + 1,
        change_ns=sign * 1e6,
        change_percent=sign * 5.0,
        interval_low_ns=sign * 1e6 - 1e5,
        interval_high_ns=sign * 1e6 + 1e5,
        z=sign * 10.0,
    )


def found(*steps: Step, outcome: StepsOutcome = StepsOutcome.FOUND) -> StepsFound:
    return StepsFound(outcome=outcome, steps=steps, explanation="")


def crossings(first: Curve, second: Curve) -> tuple[Crossing, ...]:
    return crossings_of(Band.of(first), Band.of(second))


WIDE = a_line({tokens: 1e6 * tokens for tokens in range(1, 201)})


def test_by_tokens_points_meet_where_both_were_measured_and_holes_stay_holes() -> None:
    first, second = a_line({1: 1.0, 2: 2.0, 4: 4.0}), a_line({2: 5.0, 3: 6.0, 9: 7.0})
    aligned = align([first, second], [4, 9], Axis.TOKENS)
    assert aligned.positions.tolist() == [1, 2, 3, 4, 9]
    assert aligned.rows.tolist() == [[0, 1, NOTHING, 2, NOTHING], [NOTHING, 0, 1, NOTHING, 2]]


def test_by_share_curves_of_one_image_size_meet_at_their_counts() -> None:
    aligned = align([a_line({50: 1.0, 100: 2.0}), a_line({75: 1.0, 100: 2.0})], [100, 100], Axis.SHARE)
    assert aligned.positions.tolist() == [0.5, 0.75, 1.0]
    assert aligned.rows.tolist() == [[0, NOTHING, 1], [NOTHING, 0, 1]]


def test_by_share_a_model_with_more_tokens_lends_each_cell_its_nearest_count() -> None:
    small = a_line(dict.fromkeys(range(1, 198), 1.0))
    large = a_line(dict.fromkeys(range(1, 578), 1.0))
    aligned = align([small, large], [197, 577], Axis.SHARE)
    assert aligned.positions[-1] == 1.0
    kept = [large.points[row].tokens / 577 for row in aligned.rows[1] if row != NOTHING]
    met = aligned.positions[aligned.rows[1] != NOTHING]
    assert np.abs(np.array(kept) - met).max() <= 0.5 / 197
    assert large.points[aligned.rows[1][-1]].tokens == 577


@given(st.lists(st.sets(st.integers(1, 60), max_size=30), max_size=4), st.sampled_from(Axis))
def test_every_point_that_stands_somewhere_is_in_its_place_and_none_stands_twice(
    counts: list[set[int]], axis: Axis
) -> None:
    curves = [a_line(dict.fromkeys(sorted(own), 1.0)) for own in counts]
    full = [60 + 20 * index for index in range(len(curves))]
    aligned = align(curves, full, axis)
    for curve, tokens, rows in zip(curves, full, aligned.rows, strict=True):
        here = rows[rows != NOTHING]
        assert len(set(here.tolist())) == len(here)
        places = np.array([curve.points[row].tokens for row in here], np.float64)
        scale = 1 if axis is Axis.TOKENS else tokens
        slack = 1e-12 if axis is Axis.TOKENS else 0.5 / min(full) + 1e-12
        assert np.all(np.abs(places / scale - aligned.positions[rows != NOTHING]) <= slack)
        if axis is Axis.TOKENS:
            assert len(here) == len(curve.points)


def test_nothing_and_empty_curves_align_to_nothing() -> None:
    assert len(align([], [], Axis.SHARE).positions) == 0
    assert align([a_line({})], [197], Axis.TOKENS).rows.shape == (1, 0)


def test_the_full_model_is_one_and_half_its_latency_a_half() -> None:
    ratios = ratios_of(a_line({50: 5e6, 100: 1e7}, off=0.01), 100)
    assert ratios is not None
    assert ratios.ratio.tolist() == [0.5, 1.0]
    assert (ratios.low[-1], ratios.high[-1]) == (1.0, 1.0)


def test_a_ratio_is_less_sure_than_either_of_its_latencies() -> None:
    ratios = ratios_of(a_line({50: 5e6, 100: 1e7}, off=0.03), 100)
    assert ratios is not None
    off = (ratios.high[0] - ratios.low[0]) / 2 / ratios.ratio[0]
    assert off == pytest.approx(np.hypot(0.03, 0.03), rel=0.02)


def test_a_ratio_covers_the_truth_as_often_as_its_interval_says() -> None:
    generator = np.random.default_rng(5)
    covered = 0
    for _ in range(2_000):
        part, full = 5e6 * (1 + 0.02 * generator.standard_normal()), 1e7 * (1 + 0.03 * generator.standard_normal())
        points = (a_point(50, part, off=1.96 * 0.02), a_point(100, full, off=1.96 * 0.03))
        ratios = ratios_of(Curve(points=points, factors=(), doubts=()), 100)
        assert ratios is not None
        covered += ratios.low[0] <= 0.5 <= ratios.high[0]
    assert 0.935 < covered / 2_000 < 0.965


def test_an_interval_that_reaches_zero_gives_a_ratio_that_does_too() -> None:
    points = (a_point(50, 5e6, off=1.0), a_point(100, 1e7, off=0.1))
    ratios = ratios_of(Curve(points=points, factors=(), doubts=()), 100)
    assert ratios is not None
    assert ratios.low[0] == 0


@pytest.mark.parametrize(
    "curve", [a_line({}), a_line({50: 5e6}), Curve(points=(a_point(100, 1e7, off=1.0),), factors=(), doubts=())]
)
def test_without_a_full_model_worth_dividing_by_there_is_no_ratio(curve: Curve) -> None:
    assert ratios_of(curve, 100) is None


def test_a_device_with_a_cheap_start_and_a_steep_slope_is_overtaken_once() -> None:
    steep = curve_of(some_passes(lambda tokens: 1e6 + 1e5 * tokens, seed=1))
    flat = curve_of(some_passes(lambda tokens: 6e6 + 5e4 * tokens, seed=2))
    (crossing,) = crossings(steep, flat)
    assert crossing.first_below
    assert crossing.after_tokens <= 100 <= crossing.next_tokens
    (turned,) = crossings(flat, steep)
    assert (turned.after_tokens, turned.next_tokens) == (crossing.after_tokens, crossing.next_tokens)
    assert not turned.first_below


def test_two_measurements_of_the_same_device_do_not_cross() -> None:
    curves = [curve_of(some_passes(slope, noise=0.01, seed=seed)) for seed in range(8)]
    crossed = [crossings(one, other) for index, one in enumerate(curves) for other in curves[:index]]
    assert not any(crossed)


def test_one_lucky_count_is_no_crossing() -> None:
    first = a_line(dict.fromkeys(range(1, 9), 10.0), off=0.01)
    second = a_line({tokens: 9.0 if tokens == 8 else 11.0 for tokens in range(1, 9)}, off=0.01)
    assert crossings(first, second) == ()


def test_where_intervals_overlap_nothing_crosses() -> None:
    rising = a_line({tokens: 10.0 + tokens for tokens in range(1, 9)}, off=0.5)
    assert crossings(rising, a_line(dict.fromkeys(range(1, 9), 14.0), off=0.5)) == ()


def test_curves_without_a_common_count_do_not_cross() -> None:
    assert crossings(a_line({1: 1.0, 2: 2.0}), a_line({3: 3.0})) == ()


def test_a_jump_between_counts_that_were_skipped_may_come_after_any_of_them() -> None:
    assert str(position_of(a_step(64, to=68))) == "64-67"
    assert str(position_of(a_step(64))) == "64"


@pytest.mark.parametrize("other", [63, 64, 65])
def test_steps_at_the_same_place_or_beside_it_are_one(other: int) -> None:
    (step,) = steps_across([WIDE, WIDE], [found(a_step(64)), found(a_step(other))])
    assert step.shared
    assert [member.index for member in step.members] == [0, 1]
    assert (step.low_tokens, step.high_tokens) == (min(64, other), max(64, other))


def test_steps_further_apart_are_only_here_each() -> None:
    apart = 64 + BESIDE_TOKENS + 1
    steps = steps_across([WIDE, WIDE], [found(a_step(64)), found(a_step(apart))])
    assert [(step.low_tokens, step.shared, step.looked) for step in steps] == [(64, False, 2), (apart, False, 2)]


def test_a_rise_and_a_fall_at_one_place_are_two_steps() -> None:
    steps = steps_across([WIDE, WIDE], [found(a_step(64)), found(a_step(64, up=False))])
    assert [(step.up, step.shared) for step in steps] == [(True, False), (False, False)]


def test_a_coarse_curve_shares_a_step_that_lies_in_its_gap() -> None:
    (step,) = steps_across([WIDE, WIDE], [found(a_step(64, to=72)), found(a_step(70))])
    assert step.shared


def test_a_chain_of_neighbours_is_not_drawn_together_into_one_step() -> None:
    steps = steps_across([WIDE] * 3, [found(a_step(64)), found(a_step(65)), found(a_step(66))])
    assert [len(step.members) for step in steps] == [2, 1]


def test_two_steps_of_one_curve_are_never_one() -> None:
    (first, second) = steps_across([WIDE, WIDE], [found(a_step(64), a_step(65)), found(a_step(64))])
    assert [len(first.members), len(second.members)] == [2, 1]


@pytest.mark.parametrize(
    ("curve", "steps"),
    [
        (WIDE, found(outcome=StepsOutcome.TOO_NOISY)),
        (WIDE, found(outcome=StepsOutcome.TOO_FEW)),
        (a_line({100: 1.0, 200: 2.0}), found(outcome=StepsOutcome.NONE)),
        (a_line({}), found(outcome=StepsOutcome.NONE)),
    ],
)
def test_a_curve_that_could_not_show_a_step_says_nothing_of_it(curve: Curve, steps: StepsFound) -> None:
    (step,) = steps_across([WIDE, curve], [found(a_step(64)), steps])
    assert step.looked == 1


@given(
    st.lists(st.sets(st.integers(1, 40), max_size=8), min_size=1, max_size=5),
    st.sampled_from([1, 2, 5]),
)
def test_every_step_is_in_one_group_and_all_of_a_group_lie_together(places: list[set[int]], skipped: int) -> None:
    steps = [found(*(a_step(after, to=after + skipped) for after in sorted(own))) for own in places]
    across = steps_across([WIDE] * len(places), steps)
    members = [(member.index, member.step.after_tokens) for one in across for member in one.members]
    assert sorted(members) == sorted((index, after) for index, own in enumerate(places) for after in own)
    for one in across:
        positions = [position_of(member.step) for member in one.members]
        assert len({member.index for member in one.members}) == len(positions)
        assert max(p.low_tokens for p in positions) <= min(p.high_tokens for p in positions) + BESIDE_TOKENS
