"""What changed between dates: believed where two curves agree, else seen once; unsaid where nobody can tell."""

from __future__ import annotations

import dataclasses
import functools

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agent.wire.conditions import Doubt, DoubtReason
from orchestrator.analysis.changes import OverTime, State, Trait, over_time, shifts
from orchestrator.analysis.curve import Curve, measured_of
from orchestrator.analysis.steps import StepsFound, find_steps
from tests.support.curves import Law, slope, some_passes, with_step

THROTTLED = Doubt(reason=DoubtReason.THROTTLED, evidence="it was hot")
STEP = with_step(slope, 96, 8)
LARGER = with_step(slope, 96, 16)
COUNTS = tuple(range(50, 150))


@functools.cache
def measured(law: Law, seed: int, *, noise: float = 0.003, doubted: bool = False) -> tuple[Curve, StepsFound]:
    passes = some_passes(law, counts=COUNTS, passes=5, noise=noise, seed=seed)
    if doubted:
        passes = [dataclasses.replace(one, doubts=(THROTTLED,)) for one in passes]
    found = measured_of(passes)
    return found.curve, find_steps(found.curve, per_pass_ns=found.per_pass_ns)


def history(*dates: tuple[Curve, StepsFound]) -> OverTime:
    return over_time([curve for curve, _ in dates], [steps for _, steps in dates])


def told(seen: OverTime, trait: Trait = Trait.STEP) -> list[tuple[int, tuple[int, ...], bool]]:
    """The changes of ``trait``: the last curve before it, those that show it, and whether it is believed."""
    return [(one.shift.before, one.shift.seen_in, one.shift.believed) for one in seen.changes if one.trait is trait]


def state(percent: float, reach: float = 0.5) -> State:
    return State(percent=percent, low_percent=percent - reach, high_percent=percent + reach)


def test_a_step_that_is_the_same_at_every_date_is_steady() -> None:
    seen = history(measured(STEP, 1), measured(STEP, 2), measured(STEP, 3))
    assert (seen.changes, seen.steady) == ((), 1)


def test_a_step_that_one_curve_alone_shows_is_seen_once() -> None:
    seen = history(measured(slope, 1), measured(STEP, 2))
    assert told(seen) == [(0, (1,), False)]


def test_a_step_that_two_later_curves_show_is_believed() -> None:
    seen = history(measured(slope, 1), measured(STEP, 2), measured(STEP, 3))
    assert told(seen) == [(0, (1, 2), True)]
    (change,) = [one for one in seen.changes if one.trait is Trait.STEP]
    assert (change.low_tokens, change.high_tokens) == (96, 96)
    assert change.old.low_percent <= 0 <= change.old.high_percent
    assert change.new.percent == pytest.approx(8, abs=0.5)


def test_a_step_that_is_gone_is_believed_gone_where_two_curves_say_so() -> None:
    assert told(history(measured(STEP, 1), measured(slope, 2))) == [(0, (1,), False)]
    assert told(history(measured(STEP, 1), measured(slope, 2), measured(slope, 3))) == [(0, (1, 2), True)]


def test_a_step_that_grew_is_a_change_too() -> None:
    assert told(history(measured(STEP, 1), measured(LARGER, 2), measured(LARGER, 3))) == [(0, (1, 2), True)]


def test_a_step_that_comes_and_goes_was_seen_once_and_is_told_to_be_gone() -> None:
    seen = history(measured(slope, 1), measured(STEP, 2), measured(slope, 3))
    assert told(seen) == [(0, (1,), False)]
    assert all(one.shift.back for one in seen.changes if one.trait is Trait.STEP)


def test_that_a_noisy_curve_shows_no_step_is_no_change() -> None:
    assert told(history(measured(STEP, 1), measured(slope, 2, noise=0.2), measured(STEP, 3))) == []


def test_a_curve_that_its_device_doubted_throughout_says_nothing() -> None:
    doubted = measured(LARGER, 2, doubted=True)
    assert history(measured(STEP, 1), doubted, doubted).changes == ()


def test_a_faster_level_is_seen_once_until_a_second_curve_agrees() -> None:
    def faster(tokens: int) -> float:
        return 0.9 * slope(tokens)

    assert told(history(measured(slope, 1), measured(faster, 2)), Trait.LEVEL) == [(0, (1,), False)]
    seen = history(measured(slope, 1), measured(faster, 2), measured(faster, 3))
    (change,) = seen.changes
    assert (change.trait, change.shift.believed) == (Trait.LEVEL, True)
    assert change.new.percent == pytest.approx(-10, abs=0.5)


def test_a_slow_drift_is_seen_once_it_is_away_from_where_it_began() -> None:
    drifting = [measured(_slower(percent), 10 + index) for index, percent in enumerate((0, 0.6, 1.2, 1.8))]
    assert [believed for _, _, believed in told(history(*drifting), Trait.LEVEL)] == [True]


@functools.cache
def _slower(percent: float) -> Law:
    return lambda tokens: (1 + percent / 100) * slope(tokens)


def test_curves_without_common_counts_say_nothing_of_the_level() -> None:
    low, _ = measured(slope, 1)
    few = dataclasses.replace(low, points=low.points[:3])
    assert over_time([low, few], [find_steps(low), find_steps(few)]).changes == ()


@pytest.mark.parametrize(
    ("percents", "seen"),
    [
        ([0, 10, 10], [(0, (1, 2))]),
        ([0, 10, 20], [(0, (1,)), (0, (2,))]),
        ([0, 10, 20, 20], [(0, (1,)), (0, (2, 3))]),
        ([0, 10, 0], [(0, (1,))]),
        ([0, None, 10, None, 10], [(0, (2, 4))]),
        ([0, 10, 10, 0, 0], [(0, (1, 2)), (1, (3, 4))]),
        ([None, None], []),
        ([None, 5], []),
        ([0, 0.9], []),
    ],
)
def test_a_change_is_believed_where_two_of_those_that_can_say_agree(
    percents: list[float | None], seen: list[tuple[int, tuple[int, ...]]]
) -> None:
    states = [None if percent is None else state(percent) for percent in percents]
    assert [(one.before, one.seen_in) for one in shifts(states)] == seen


@given(st.lists(st.one_of(st.none(), st.integers(0, 3)), max_size=12))
def test_no_change_is_believed_that_fewer_than_two_curves_show_and_none_is_told_of_a_silent_one(
    levels: list[int | None],
) -> None:
    states = [None if level is None else state(10 * level) for level in levels]
    for one in shifts(states):
        assert one.believed == (len(one.seen_in) >= 2)
        assert one.before < one.after == one.seen_in[0]
        assert all(levels[index] == levels[one.after] is not None for index in one.seen_in)
        assert levels[one.before] not in (None, levels[one.after])
