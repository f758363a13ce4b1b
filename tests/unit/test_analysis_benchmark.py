"""What the benchmark of the steps promises: curves are what they say, and scores count what they should."""

from __future__ import annotations

import itertools

import numpy as np
import pytest

from benchmarks import steps
from benchmarks.planner import CONFIRMING, Curve, outcome
from benchmarks.planted import NARROWEST, STEP_FREE_SHAPES, STEP_SHAPES, Direction, Noise, planted_curve, point_error
from benchmarks.scoring import Score, score
from orchestrator.analysis.curve import curve_of


@pytest.mark.parametrize("shape", STEP_SHAPES)
@pytest.mark.parametrize("direction", Direction)
def test_planted_steps_are_where_and_as_large_as_they_are_said_to_be(shape: str, direction: Direction) -> None:
    law = STEP_SHAPES[shape]
    planted = planted_curve(law, Noise.GAUSSIAN, tokens=197, size=5, direction=direction, seed=3)
    smooth = 1e6 * law(planted.tokens / 197)
    jumps = np.diff(planted.truth_ns - smooth)
    places = planted.tokens[:-1][np.abs(jumps) > 1]
    assert places.tolist() == list(planted.after)
    assert jumps[np.abs(jumps) > 1].tolist() == pytest.approx(planted.change_ns)
    signs = {Direction.UP: {1}, Direction.DOWN: {-1}, Direction.BOTH: {-1, 1}}[direction]
    assert set(np.sign(planted.change_ns)) <= signs


@pytest.mark.parametrize("seed", range(10))
def test_no_two_planted_steps_are_nearer_than_the_narrowest_tile(seed: int) -> None:
    planted = planted_curve(STEP_SHAPES["flat"], Noise.HEAVY, tokens=97, size=5, direction=Direction.UP, seed=seed)
    edges = (1, *planted.after, 97)
    assert min(more - fewer for fewer, more in itertools.pairwise(edges)) >= NARROWEST


def test_the_error_of_a_point_is_what_the_size_of_a_step_is_counted_in() -> None:
    planted = planted_curve(STEP_SHAPES["flat"], Noise.GAUSSIAN, tokens=577, size=5, direction=Direction.UP, seed=1)
    latencies = np.array([point.latency_ns for point in curve_of(planted.passes).points])
    assert np.std(latencies / planted.truth_ns) == pytest.approx(point_error(Noise.GAUSSIAN), rel=0.1)


def test_a_step_is_hit_within_one_token_and_once() -> None:
    assert score([10, 11, 40], [10, 39, 90]) == Score(hits=2, false=1, missed=1)
    assert score([12], [10]) == Score(hits=0, false=1, missed=1)
    assert Score(hits=2, false=1, missed=1).f1 == pytest.approx(4 / 6)
    assert score([], []).f1 == 0


def test_the_command_prints_the_table_asked_for(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("sys.argv", ["steps", "--seeds", "0", "--tokens", "97", "--only", "free"])
    monkeypatch.setattr(steps, "peers", list)
    steps.main()
    printed = capsys.readouterr().out
    assert all(f"| {shape} | " in printed for shape in STEP_FREE_SHAPES)
    assert "F1" not in printed


def test_a_benchmark_of_the_planner_counts_finding_and_confirming_apart() -> None:
    curve = Curve(tokens=97, shape="flat", noise=Noise.GAUSSIAN, direction=Direction.UP, size=20, seed=1)

    found = outcome((curve, CONFIRMING, True))

    assert found.scores["the planner"].f1 == found.scores["7 a count"].f1 == 1
    assert 0 < found.finding < 1
    assert found.confirming > 0
    assert found.confirmed.missed == 0
