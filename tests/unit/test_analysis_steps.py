"""What the search for steps promises: planted steps found, nothing found in smooth curves, exact optimisation."""

from __future__ import annotations

import itertools
import tracemalloc
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from agent.wire.conditions import Doubt, DoubtReason
from orchestrator.analysis.analyse import analyse
from orchestrator.analysis.breaks import with_one_bend
from orchestrator.analysis.curve import Curve, curve_of
from orchestrator.analysis.cutting import SHORTEST_PIECE, Problem, cheapest_pieces, penalty_of
from orchestrator.analysis.outliers import without_outliers
from orchestrator.analysis.pieces import pieces_of
from orchestrator.analysis.steps import (
    LEAST_Z,
    Direction,
    Step,
    StepsFound,
    StepsOutcome,
    change_at,
    confidence_of,
    find_steps,
)
from tests.support.curves import Law, a_curve, sawtooth, slope, some_passes, staircase, with_step


def places(curve: Curve) -> list[int]:
    return [step.after_tokens for step in find_steps(curve).steps]


def short_curve(*, percent: float, seed: int) -> Curve:
    """61 counts with a step in their middle, after 96 tokens."""
    return curve_of(some_passes(with_step(slope, 96, percent), counts=range(66, 127), seed=seed))


def times(curve: Curve, factor: float, plus_ns: float = 0) -> Curve:
    """The curve with its latencies multiplied and moved; errors are only multiplied."""
    points = tuple(
        replace(
            point,
            latency_ns=point.latency_ns * factor + plus_ns,
            low_ns=point.low_ns * factor + plus_ns,
            high_ns=point.high_ns * factor + plus_ns,
            standard_error_ns=point.standard_error_ns * factor,
        )
        for point in curve.points
    )
    return replace(curve, points=points)


@pytest.mark.parametrize("seed", range(5))
@pytest.mark.parametrize("step_at", [20, 96, 180])
def test_a_planted_step_is_found_within_one_token(step_at: int, seed: int) -> None:
    found = places(a_curve(step_at=step_at, percent=4, seed=seed))
    assert any(abs(place - step_at) <= 1 for place in found)


@pytest.mark.parametrize("noise", [0, 0.002, 0.01])
def test_every_stair_of_a_staircase_is_found_within_one_token(noise: float) -> None:
    found = places(a_curve(law=staircase, noise=noise))
    assert len(found) == 6
    assert all(abs(place - planted) <= 1 for place, planted in zip(found, range(32, 197, 32), strict=True))


@pytest.mark.parametrize("seed", range(5))
def test_the_drops_of_a_sawtooth_are_steps_with_negative_change(seed: int) -> None:
    steps = find_steps(a_curve(law=sawtooth, seed=seed)).steps
    for planted in (63, 127, 191):
        step = next(step for step in steps if abs(step.after_tokens - planted) <= 1)
        assert step.change_ns < 0
        assert step.change_percent == pytest.approx(-4.2, abs=1.5)


def test_the_size_of_a_step_lies_in_its_interval() -> None:
    (step,) = find_steps(a_curve(step_at=96, percent=6, noise=0.003)).steps
    assert step.interval_low_ns <= 0.06 * slope(96) <= step.interval_high_ns
    assert step.next_tokens == step.after_tokens + 1
    assert not step.confirmed


@pytest.mark.parametrize(
    "law",
    [slope, lambda n: 1e6 + 3e4 * n**1.5, lambda n: max(5e6, 1e5 * n)],
    ids=["slope", "power-law", "flat-then-slope"],
)
def test_hardly_any_smooth_curve_has_a_false_step(law: Law) -> None:
    # About one in 70 has one (docs/benchmarks.md), so every step is a candidate until paired timing confirms it.
    curves = [a_curve(law=law, noise=noise, seed=seed) for noise in (0.003, 0.01) for seed in range(6)]
    assert sum(bool(places(curve)) for curve in curves) <= 1


def test_a_clean_convex_curve_has_no_step() -> None:
    assert places(a_curve(law=lambda n: 1e6 + 400 * n**2, noise=0)) == []


def test_a_clean_bend_is_no_step() -> None:
    assert places(a_curve(law=lambda n: max(5e6, 1e5 * n), noise=0)) == []


@pytest.mark.parametrize("factor", [0.01, 1000])
def test_the_unit_of_latency_does_not_matter(factor: float) -> None:
    curve = a_curve(law=sawtooth)
    assert places(times(curve, factor)) == places(curve)


def test_a_constant_added_to_latency_does_not_matter() -> None:
    curve = a_curve(law=sawtooth)
    assert places(times(curve, 1, plus_ns=5e8)) == places(curve)


@settings(max_examples=12)
@given(factor=st.floats(1e-3, 1e3), plus_ms=st.floats(0, 1e3), seed=st.integers(0, 50))
def test_neither_the_unit_nor_the_zero_of_latency_matters(factor: float, plus_ms: float, seed: int) -> None:
    curve = short_curve(percent=3, seed=seed)
    found, moved = (find_steps(one).steps for one in (curve, times(curve, factor, plus_ns=1e6 * plus_ms)))
    assert [step.after_tokens for step in moved] == [step.after_tokens for step in found]
    assert [step.change_ns for step in moved] == pytest.approx([factor * step.change_ns for step in found], rel=1e-4)
    assert [step.z for step in moved] == pytest.approx([step.z for step in found], rel=1e-4)


def test_a_throttled_pass_hides_no_step_and_makes_none() -> None:
    curve = curve_of(some_passes(with_step(slope, 96, 6), noise=0.003, slower={2: 1.1, 4: 1.2}))
    assert places(curve) == [96]


def test_a_curve_with_holes_names_the_counts_around_the_jump() -> None:
    (step,) = find_steps(curve_of(some_passes(with_step(slope, 100, 10), counts=range(2, 198, 5), noise=0.003))).steps
    assert (step.after_tokens, step.next_tokens) == (97, 102)


def test_a_staircase_measured_at_every_eighth_count_has_its_stairs() -> None:
    found = places(curve_of(some_passes(staircase, counts=range(2, 198, 8), noise=0.003)))
    assert found[:5] == [26, 58, 90, 122, 154]


@pytest.mark.parametrize("counts", range(6))
def test_too_few_counts_are_said_to_be_too_few(counts: int) -> None:
    assert find_steps(curve_of(some_passes(counts=range(2, 2 + counts)))).outcome is StepsOutcome.TOO_FEW


def test_a_curve_in_which_a_large_step_could_hide_is_too_noisy() -> None:
    found = find_steps(a_curve(noise=0.3))
    assert found.outcome is StepsOutcome.TOO_NOISY
    assert "measure more passes" in found.explanation


def test_a_lonely_outlier_is_set_aside_and_the_edge_of_a_drop_is_not() -> None:
    errors = np.full(11, 0.1)
    spike = np.array([1.0, 2, 3, 4, 5, 30, 7, 8, 9, 10, 11])
    drop = np.array([1.0, 2, 3, 4, 5, 6, 2, 3, 4, 5, 6])
    assert without_outliers(spike, errors)[5] < 10
    assert (without_outliers(drop, errors) == drop).all()


def test_a_count_that_is_slow_alone_is_no_step() -> None:
    assert places(a_curve(law=lambda n: slope(n) * (1.08 if n == 100 else 1), noise=0.003)) == []


def test_a_step_up_and_one_down_say_so() -> None:
    up, down = (find_steps(a_curve(step_at=96, percent=percent)).steps[0] for percent in (8, -8))
    assert (up.direction, down.direction) == (Direction.UP, Direction.DOWN)


def interval_of_position(step: Step) -> range:
    assert step.after_low_tokens is not None
    assert step.after_high_tokens is not None
    return range(step.after_low_tokens, step.after_high_tokens + 1)


def test_the_interval_of_a_position_holds_the_truth_95_times_in_100() -> None:
    steps = [step for seed in range(40) for step in find_steps(short_curve(percent=1.1, seed=seed)).steps]
    intervals = [interval_of_position(step) for step in steps if abs(step.after_tokens - 96) < 9]
    assert len(intervals) >= 20
    assert np.mean([96 in interval for interval in intervals]) >= 0.95
    assert max(map(len, intervals)) > 1


def test_the_interval_of_a_change_at_a_told_place_holds_the_truth_95_times_in_100() -> None:
    told = [change_at(short_curve(percent=3, seed=seed), 96) for seed in range(40)]
    holds = [one.interval_low_ns <= 0.03 * slope(96) <= one.interval_high_ns for one in told if one]
    assert len(holds) == 40
    assert np.mean(holds) >= 0.9


def test_a_change_can_be_told_where_there_is_no_step() -> None:
    told = change_at(a_curve(), 96)
    assert told is not None
    assert told.interval_low_ns < 0 < told.interval_high_ns
    assert abs(told.z) < LEAST_Z


@pytest.mark.parametrize("after", [1, 2, 3, 195, 196, 197, 400])
def test_no_change_is_told_outside_the_curve_or_at_its_very_ends(after: int) -> None:
    assert change_at(a_curve(), after) is None


def test_the_clearer_a_step_the_more_confidence_and_none_is_certain() -> None:
    (step,) = find_steps(short_curve(percent=0.9, seed=1)).steps
    assert step.confidence == confidence_of(step.z)
    assert 0.95 < confidence_of(LEAST_Z) < confidence_of(LEAST_Z + 0.3) < confidence_of(50) < 1


def test_the_slope_between_steps_lies_in_its_interval() -> None:
    slopes = find_steps(a_curve(law=staircase, noise=0.001)).slopes
    assert [(one.from_tokens, one.to_tokens) for one in slopes][:2] == [(2, 32), (33, 64)]
    assert sum(one.low_ns <= 2e3 <= one.high_ns for one in slopes) >= 6


def doubted(reason: DoubtReason, *, passes: int = 7) -> Curve:
    """A curve with a step after 96 tokens of whose seven passes the first ``passes`` are doubted."""
    doubt = Doubt(reason=reason, evidence="as the test wants it")
    every = some_passes(with_step(slope, 96, 8))
    return curve_of([replace(one, doubts=(doubt,)) if one.number < passes else one for one in every])


def test_a_curve_whose_every_pass_was_doubted_has_no_step_and_says_why() -> None:
    found = find_steps(doubted(DoubtReason.THROTTLED))
    assert (found.outcome, found.steps) == (StepsOutcome.TOO_NOISY, ())
    assert "throttled" in found.explanation


def test_a_step_that_rests_on_unsteady_points_alone_has_little_confidence_and_says_so() -> None:
    found = find_steps(doubted(DoubtReason.UNSTEADY))
    assert [(step.after_tokens, step.doubted) for step in found.steps] == [(96, True)]
    assert found.steps[0].confidence <= 0.5
    assert "doubted points alone" in found.explanation


def test_a_few_doubted_passes_take_no_confidence() -> None:
    (step,) = find_steps(doubted(DoubtReason.THROTTLED, passes=3)).steps
    assert not step.doubted
    assert step.confidence > 0.99


def of_two_minds(first: Law, second: Law, *, passes: int, of: int) -> StepsFound:
    """What is found where ``passes`` of ``of`` passes are of the first law, and the others of the second."""
    mixed = [*some_passes(first, passes=passes), *some_passes(second, passes=of - passes, seed=9)]
    return analyse([replace(one, number=number) for number, one in enumerate(mixed)]).steps


@pytest.mark.parametrize(("passes", "of"), [(1, 2), (2, 4), (3, 6), (4, 7)])
def test_where_only_some_passes_jump_there_is_no_step_and_that_is_said(passes: int, of: int) -> None:
    found = of_two_minds(with_step(slope, 96, 40), slope, passes=passes, of=of)
    assert (found.outcome, found.steps) == (StepsOutcome.TOO_NOISY, ())
    assert "the passes do not agree" in found.explanation


def test_one_pass_of_seven_that_is_of_another_mind_takes_no_step_away() -> None:
    found = of_two_minds(with_step(slope, 96, 8), with_step(slope, 40, -30), passes=6, of=7)
    assert [step.after_tokens for step in found.steps] == [96]


def test_4096_counts_are_searched_in_little_memory() -> None:
    curve = curve_of(some_passes(with_step(slope, 1_500, 3), counts=range(1, 4_097), noise=0.004))
    tracemalloc.start()
    found = places(curve)
    _, most_bytes = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert found == [1_500]
    assert most_bytes < 64 * 2**20


def cost_of(problem: Problem, bounds: tuple[int, ...], convexity: float) -> float:
    """The slow twin: each piece by least squares on its own points."""
    total = 0.0
    for start, end in itertools.pairwise(bounds):
        root = np.sqrt(problem.weights[start:end])
        x = problem.x[start:end]
        y = (problem.y[start:end] - convexity * x**2) * root
        design = np.stack([root, x * root], axis=1)
        line = np.linalg.lstsq(design, y, rcond=None)[0]
        total += float(np.sum((y - design @ line) ** 2)) + penalty_of(len(problem.x))
    return total


def all_bounds(points: int) -> list[tuple[int, ...]]:
    return [
        (0, *cuts, points)
        for pieces in range(points // SHORTEST_PIECE)
        for cuts in itertools.combinations(range(SHORTEST_PIECE, points - SHORTEST_PIECE + 1), pieces)
        if all(right - left >= SHORTEST_PIECE for left, right in itertools.pairwise((0, *cuts, points)))
    ]


@settings(max_examples=25)
@given(
    latencies=st.lists(st.integers(1_000_000, 1_200_000), min_size=6, max_size=12),
    errors=st.lists(st.integers(2_000, 20_000), min_size=12, max_size=12),
    gaps=st.lists(st.integers(1, 5), min_size=12, max_size=12),
)
def test_the_dynamic_program_finds_what_trying_everything_finds(
    latencies: list[int], errors: list[int], gaps: list[int]
) -> None:
    points = len(latencies)
    tokens = np.cumsum(gaps[:points]).astype(np.int64)
    problem = Problem.of(tokens, np.array(latencies, np.float64), np.array(errors[:points], np.float64))
    convexities = np.array([0, 0.5, 1]) * problem.most_convex
    cost, bounds, convexity = cheapest_pieces(problem, convexities)
    cheapest = min(cost_of(problem, every, float(c)) for every in all_bounds(points) for c in convexities)
    assert cost == pytest.approx(cheapest, rel=1e-6, abs=1e-6)
    assert cost_of(problem, bounds, convexity) == pytest.approx(cheapest, rel=1e-6, abs=1e-6)


@settings(max_examples=40)
@given(
    latencies=st.lists(st.integers(1_000_000, 1_200_000), min_size=6, max_size=14),
    errors=st.lists(st.integers(2_000, 20_000), min_size=14, max_size=14),
    gaps=st.lists(st.integers(1, 5), min_size=14, max_size=14),
    convex=st.sampled_from([0.0, 0.4]),
)
def test_the_best_bend_is_what_trying_every_bend_finds(
    latencies: list[int], errors: list[int], gaps: list[int], convex: float
) -> None:
    points = len(latencies)
    tokens = np.cumsum(gaps[:points]).astype(np.int64)
    problem = Problem.of(tokens, np.array(latencies, np.float64), np.array(errors[:points], np.float64))
    x, y = problem.x, problem.bent(convex)
    root = np.sqrt(problem.weights)
    bends = [*x[:-1], *((x[:-1] + x[1:]) / 2)]
    tried = []
    for bend in bends:
        design = np.stack([np.ones_like(x), x, np.maximum(x - bend, 0)], axis=1) * root[:, None]
        fitted = design @ np.linalg.lstsq(design, y * root, rcond=None)[0]
        tried.append(float(np.sum((y * root - fitted) ** 2)))
    assert with_one_bend(problem, convex, 0, points) == pytest.approx(min(tried), rel=1e-6, abs=1e-6)


def test_every_point_belongs_to_one_piece() -> None:
    curve = a_curve(law=staircase)
    pieces = pieces_of(curve)
    assert pieces.bounds[0] == 0
    assert pieces.bounds[-1] == len(curve.points) == len(pieces.fitted_ns)
    assert min(np.diff(pieces.bounds)) >= SHORTEST_PIECE
