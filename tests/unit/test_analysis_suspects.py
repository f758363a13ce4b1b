"""What the loose search promises: the places worth measuring again, no more of them than asked for."""

from __future__ import annotations

import pytest

from orchestrator.analysis.curve import Curve, curve_of
from orchestrator.analysis.steps import find_steps
from orchestrator.analysis.suspects import Suspect, counts_around, suspects_of
from tests.support.curves import a_curve, slope, some_passes, staircase, with_step

FAINT_PERCENT = 0.55


def faint_curve(seed: int) -> Curve:
    """97 counts with a step after 60 tokens that is a good two standard errors of a point."""
    return curve_of(some_passes(with_step(slope, 60, FAINT_PERCENT), counts=range(2, 99), seed=seed))


def test_steps_too_faint_to_be_found_are_suspected() -> None:
    curves = [faint_curve(seed) for seed in range(12)]
    found = sum(any(abs(step.after_tokens - 60) <= 4 for step in find_steps(curve).steps) for curve in curves)
    suspected = sum(any(abs(one.after_tokens - 60) <= 4 for one in suspects_of(curve, most=9)) for curve in curves)
    assert suspected >= 8
    assert found < suspected


def test_every_step_is_a_suspect_and_the_clearest_come_first() -> None:
    curve = a_curve(law=staircase)
    suspects = suspects_of(curve, most=6)
    assert {one.after_tokens for one in suspects} == {step.after_tokens for step in find_steps(curve).steps}
    assert [abs(one.z) for one in suspects] == sorted((abs(one.z) for one in suspects), reverse=True)


def test_no_more_are_suspected_than_asked_for() -> None:
    assert len(suspects_of(a_curve(law=staircase), most=2)) == 2


@pytest.mark.parametrize("counts", range(6))
def test_too_few_counts_suspect_nothing(counts: int) -> None:
    assert suspects_of(curve_of(some_passes(counts=range(2, 2 + counts))), most=5) == ()


def a_suspect(after: int, low: int | None = None, high: int | None = None) -> Suspect:
    return Suspect(after_tokens=after, low_tokens=low or after, high_tokens=high or after, z=3)


def test_four_counts_on_each_side_settle_a_suspect_whose_place_is_sure() -> None:
    assert counts_around(a_suspect(60), range(2, 198)) == tuple(range(57, 65))


def test_a_wide_interval_is_measured_whole_up_to_24_counts() -> None:
    assert counts_around(a_suspect(60, 55, 66), range(2, 198)) == tuple(range(53, 70))
    assert counts_around(a_suspect(60, 10, 150), range(2, 198)) == tuple(range(49, 73))


def test_counts_that_were_not_measured_before_are_not_asked_for() -> None:
    assert counts_around(a_suspect(62, 62, 66), range(2, 198, 5)) == (47, 52, 57, 62, 67, 72, 77, 82)
    assert counts_around(a_suspect(3), range(2, 198)) == (2, 3, 4, 5, 6, 7)
