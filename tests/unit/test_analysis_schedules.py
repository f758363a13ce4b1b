from __future__ import annotations

import functools
import math
from itertools import pairwise
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from agent.errors import StepfarmError
from agent.wire.codec import decode, encode
from agent.wire.schedules import Method
from orchestrator.analysis.accuracy import ADVICE, AccuracyCurve, BadAccuracy, read_accuracy
from orchestrator.analysis.analyse import Analysis, analyse
from orchestrator.analysis.frontier import Wish
from orchestrator.analysis.schedules import Origin, SchedulesFound, schedules_of, uniform_beside
from orchestrator.analysis.shapes import single_prune, uniform_pruning
from orchestrator.analysis.utility import utility
from tests.support.curve_views import analysed_with_blocks
from tests.support.curves import DEIT_COUNTS, Law, passes_of_blocks, sawtooth, some_passes, staircase, with_step

BLOCKS = 12


def analysed(law: Law, *, noise: float = 0.001, counts: tuple[int, ...] = DEIT_COUNTS) -> Analysis:
    return analyse(some_passes(law, noise=noise, counts=counts))


def line(tokens: int) -> float:
    return 1e5 * tokens


@functools.cache
def stairs() -> Analysis:
    return analysed(staircase)


@functools.cache
def sloped() -> Analysis:
    return analysed(line)


def schedules(analysis: Analysis, **wanted: Any) -> SchedulesFound:
    return schedules_of(analysis, full_tokens=197, prefix_tokens=1, blocks=BLOCKS, **wanted)


def test_the_recommended_prune_is_that_of_the_analysis_and_was_measured() -> None:
    option = schedules(stairs()).option(Origin.RECOMMENDED)
    best = stairs().recommendation.choices[0]
    assert option is not None
    assert option.measured is not None
    assert (option.tokens, option.measured.latency_ns) == (best.tokens, best.latency_ns)
    assert option.measured.saves_percent == pytest.approx(best.saves_percent)


def test_a_prune_in_a_later_block_is_predicted_to_save_less_than_the_cut_that_was_measured() -> None:
    option = schedules(analysed_with_blocks()).option(Origin.RECOMMENDED)
    assert option is not None
    assert option.measured is not None
    assert option.predicted is not None
    # Three blocks of 12 are left by all tokens, and a fourth does its attention on them.
    assert 0.6 < option.predicted.saves_percent / option.measured.saves_percent < 0.75
    assert option.predicted.saves_low_percent < option.predicted.saves_percent < option.predicted.saves_high_percent


def test_without_blocks_timed_in_place_nothing_is_predicted_and_it_is_said_how_to_get_there() -> None:
    found = schedules(stairs())
    assert found.option(Origin.BEST) is None
    assert all(option.predicted is None for option in found.options)
    assert found.front == ()
    assert "stepfarm sweep create MODEL --device NAME --blocks" in found.missing[0]


def test_uniform_pruning_leaves_as_many_tokens_in_all_blocks_together() -> None:
    found = schedules(stairs())
    recommended, uniform = found.option(Origin.RECOMMENDED), found.option(Origin.UNIFORM)
    assert recommended is not None
    assert uniform is not None
    assert uniform.density == pytest.approx(recommended.density, abs=0.5 / 197)
    assert uniform.measured is None
    assert uniform.tokens is None
    assert uniform_beside(recommended.schedule) == uniform.schedule


@pytest.mark.parametrize("law", [staircase, sawtooth])
def test_the_best_schedule_is_predicted_to_be_no_slower_than_the_others_with_as_many_tokens(law: Law) -> None:
    found = schedules(analysed_with_blocks(law))
    best, recommended, uniform = (found.option(one) for one in (Origin.BEST, Origin.RECOMMENDED, Origin.UNIFORM))
    assert best is not None
    assert recommended is not None
    assert uniform is not None
    assert best.predicted is not None
    assert recommended.predicted is not None
    assert uniform.predicted is not None
    assert best.density >= recommended.density - 1e-9
    assert best.predicted.latency_ns <= recommended.predicted.latency_ns * 1.001
    assert best.predicted.latency_ns <= uniform.predicted.latency_ns * 1.001


def test_the_best_schedule_keeps_to_the_budget_or_floor_that_is_wished_for() -> None:
    analysis = analysed_with_blocks()
    kind = AccuracyCurve(stated=((2, 10.0), (100, 79.0), (197, 80.0)))
    quick = schedules(analysis, wish=Wish(latency_ns=1.6e7)).option(Origin.BEST)
    small = schedules(analysis, wish=Wish(mean_tokens=150)).option(Origin.BEST)
    good = schedules(analysis, wish=Wish(accuracy=0.99), accuracy=kind).option(Origin.BEST)
    assert quick is not None
    assert quick.predicted is not None
    assert quick.predicted.latency_ns <= 1.6e7
    assert small is not None
    assert small.density * 197 >= 150
    assert good is not None
    assert sum(kind.at(np.array(good.leaving))) / BLOCKS >= 0.99 * 80


@pytest.mark.parametrize(
    ("wanted", "said"),
    [
        ({"wish": Wish(accuracy=0.99)}, "no accuracy is known"),
        ({"wish": Wish(latency_ns=1e3)}, "No schedule surely keeps to that"),
    ],
)
def test_a_wish_that_cannot_be_met_is_told(wanted: dict[str, Any], said: str) -> None:
    try:
        words = " ".join(schedules(analysed_with_blocks(), **wanted).missing)
    except StepfarmError as error:
        words = error.message
    assert said in words


@pytest.mark.parametrize("wishes", [{"latency_ns": 1.0, "accuracy": 0.5}, {"mean_tokens": 0.0}, {"accuracy": 1.1}])
def test_a_wish_that_makes_no_sense_is_refused(wishes: dict[str, float]) -> None:
    with pytest.raises(StepfarmError):
        Wish(**wishes)


def test_what_a_method_cannot_leave_is_told_instead_of_chosen() -> None:
    found = schedules(analysed_with_blocks(), method=Method.TOKEN_MERGING, alpha=1)
    assert found.option(Origin.PAPER) is not None
    for option in found.options:
        halves = [after >= before - (before - 1) // 2 for before, after in pairwise((197, *option.leaving))]
        assert all(halves)


def test_single_prune_leaves_all_tokens_until_a_quarter_of_the_depth() -> None:
    assert single_prune(139, 197, 12) == (197, 197, 197, *(139,) * 9)


@given(st.integers(1, 600), st.integers(1, 40), st.data())
def test_uniform_pruning_removes_equally_many_everywhere_and_meets_its_sum(
    full: int, blocks: int, data: st.DataObject
) -> None:
    keep = data.draw(st.integers(1, full))
    wanted = sum(single_prune(keep, full, blocks))
    leaving = uniform_pruning(wanted, full, blocks)
    if leaving is None:
        return
    assert abs(sum(leaving) - wanted) <= blocks / 2
    removed = -np.diff((full, *leaving))
    assert removed.min() >= 0
    assert min(leaving) >= 1
    assert np.ptp(removed) <= 2


def test_uniform_pruning_that_would_leave_nothing_is_refused() -> None:
    assert uniform_pruning(12 * 50, 197, 12) is None


def test_the_papers_utility_is_its_formula() -> None:
    latency, accuracy = np.array([5.0, 10.0]), np.array([40.0, 80.0])
    assert utility(latency, accuracy, 0.5).tolist() == [0.5, 0.5]
    assert utility(latency, accuracy, 0.25).tolist() == [0.25 * 0.5 + 0.75 * 0.5, 0.75]


def test_the_papers_choice_is_deployed_as_chosen_not_two_tokens_above() -> None:
    # Next to free until 150, then far dearer than what a token is worth.
    analysis = analysed(lambda tokens: 1e5 + 1e2 * tokens + 1e6 * (tokens > 150))
    paper = schedules(analysis).option(Origin.PAPER)
    assert paper is not None
    assert paper.tokens == 150
    assert paper.leaving[-1] == 150


def test_the_untouched_model_is_among_what_the_paper_may_choose() -> None:
    paper = schedules(stairs(), alpha=0).option(Origin.PAPER)
    assert paper is not None
    assert paper.tokens == 197
    assert paper.measured is not None
    assert (paper.measured.saves_percent, paper.measured.saves_high_percent) == (0, 0)


def test_with_latency_alone_the_paper_chooses_the_fastest_count() -> None:
    paper = schedules(sloped(), alpha=1).option(Origin.PAPER)
    assert paper is not None
    # Below three the method cannot go: the class token, a patch and the fused one.
    assert paper.tokens == 3


def test_counts_that_the_utility_cannot_tell_apart_are_told() -> None:
    flat = analysed(lambda tokens: 1e7 * tokens / 197, noise=0.02)
    paper = schedules(flat).option(Origin.PAPER)
    assert paper is not None
    assert len(paper.as_good) > 50
    assert paper.tokens not in paper.as_good
    sharp = schedules(analysed(with_step(lambda tokens: 1e6 + 1e3 * tokens, 100, 60))).option(Origin.PAPER)
    assert sharp is not None
    assert max(sharp.as_good, default=100) <= 100


def test_a_stated_accuracy_moves_the_papers_choice_and_is_called_by_its_name() -> None:
    kind = AccuracyCurve(stated=((2, 0.0), (100, 79.0), (197, 80.0)))
    found, dense = schedules(sloped(), accuracy=kind), schedules(sloped())
    paper = found.option(Origin.PAPER)
    assert paper is not None
    assert paper.tokens == 100
    assert "stated accuracy curve" in found.accuracy
    assert dense.accuracy.startswith("token density")


def test_accuracy_that_was_stated_nowhere_near_is_told_and_nothing_is_chosen() -> None:
    far = AccuracyCurve(stated=((300, 1.0), (400, 2.0)))
    found = schedules(stairs(), accuracy=far)
    assert found.option(Origin.PAPER) is None
    assert any("covers no measured token count" in words for words in found.missing)


def test_without_the_full_model_nothing_is_chosen_and_it_is_told() -> None:
    found = schedules(analysed(staircase, counts=tuple(range(2, 100))))
    assert found.options == ()
    assert "197 tokens, was not measured" in found.missing[0]


def test_a_curve_without_readings_gives_reasons_and_no_options() -> None:
    found = schedules(analyse([]))
    assert (found.options, len(found.missing)) == ((), 1)


def test_where_nothing_is_worth_removing_nothing_is_recommended() -> None:
    found = schedules(analysed(lambda tokens: 1e7 + 0 * tokens, noise=0.01))
    assert found.option(Origin.RECOMMENDED) is None
    assert found.option(Origin.UNIFORM) is None
    assert found.option(Origin.PAPER) is not None
    assert len(found.missing) == 3


def test_what_the_blocks_do_not_reach_is_not_predicted() -> None:
    counts = tuple(range(150, 198))
    analysis = analyse([*some_passes(staircase), *passes_of_blocks(staircase, counts=counts)])
    found = schedules(analysis, alpha=1)
    paper = found.option(Origin.PAPER)
    assert paper is not None
    assert min(paper.leaving) < 150
    assert paper.predicted is None


@pytest.mark.parametrize("alpha", [-0.1, 1.1, math.nan, math.inf])
def test_alpha_lies_between_zero_and_one(alpha: float) -> None:
    with pytest.raises(StepfarmError, match="between 0"):
        schedules(stairs(), alpha=alpha)


def test_schedules_survive_json() -> None:
    found = schedules(analysed_with_blocks())
    assert decode(SchedulesFound, encode(found)) == found


def test_an_accuracy_file_is_read_in_any_order_with_any_line_ends() -> None:
    text = '\ufeff"tokens","accuracy"\r\n197,79.8\r\n\r\n100, 71.5\r\n'
    assert read_accuracy(text).stated == ((100, 71.5), (197, 79.8))


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("", "does not begin with"),
        ("197,79.8\n100,71\n", "does not begin with"),
        ("accuracy,tokens\n1,2\n", "does not begin with"),
        ("tokens,accuracy\n", "at least"),
        ("tokens,accuracy\n197,79.8\n", "at least"),
        ("tokens,accuracy\n197,79.8\n197,79.9\n", "twice"),
        ("tokens,accuracy\n197,79.8\nx,1\n", "Line 3"),
        ("tokens,accuracy\n197,79.8\n100\n", "Line 3"),
        ("tokens,accuracy\n197,79.8\n1.5,3\n", "Line 3"),
        ("tokens,accuracy\n197,nan\n100,1\n", "zero or more"),
        ("tokens,accuracy\n197,-1\n100,1\n", "zero or more"),
        ("tokens,accuracy\n197,0\n100,0\n", "Every accuracy is zero"),
        ("tokens,accuracy\n0,1\n100,1\n", "lie between"),
        ("tokens,accuracy\n1,1\n100000000,1\n", "lie between"),
        ("tokens,accuracy\n" + "".join(f"{n},1\n" for n in range(1, 5_000)), "at most"),
        ("tokens,accuracy\n" + "9" * 10_000 + ",1\n100,1\n", "Line 2"),
    ],
)
def test_an_accuracy_file_that_cannot_be_meant_is_refused_with_what_it_should_be(text: str, words: str) -> None:
    with pytest.raises(BadAccuracy, match=words) as refused:
        read_accuracy(text)
    assert refused.value.advice == ADVICE
    assert len(refused.value.message) < 200


def test_accuracy_between_stated_counts_lies_on_the_line_and_nowhere_else() -> None:
    curve = AccuracyCurve(stated=((100, 70.0), (200, 80.0)))
    assert curve.at(np.array([100, 150, 200])).tolist() == [70.0, 75.0, 80.0]
    assert np.isnan(curve.at(np.array([99, 201]))).all()
