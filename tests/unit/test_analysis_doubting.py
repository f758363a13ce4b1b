"""When a pass, a point and a curve are doubted: each rule on either side of its limit."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import pytest

from agent.wire.conditions import Doubt, DoubtReason
from orchestrator.analysis.curve import Curve, curve_of
from orchestrator.analysis.passes import PassReadings
from tests.support.curves import some_passes

HOT = Doubt(reason=DoubtReason.THROTTLED, evidence="too hot")
JUMPY = Doubt(reason=DoubtReason.UNSTEADY, evidence="the sentinel jumped")


def with_doubt(passes: Sequence[PassReadings], doubt: Doubt, first: int) -> list[PassReadings]:
    """``passes`` of which the ``first`` were doubted by the device."""
    return [replace(one, doubts=(doubt,)) if at < first else one for at, one in enumerate(passes)]


def reasons(curve: Curve) -> set[DoubtReason]:
    return {doubt.reason for doubt in curve.doubts}


def at_points(curve: Curve, reason: DoubtReason) -> list[tuple[str, int]]:
    """The evidence for ``reason`` at points, and at how many."""
    return [(doubt.evidence, len(doubt.tokens)) for doubt in curve.point_doubts if doubt.reason is reason]


def test_a_curve_is_doubted_where_more_than_a_third_of_it_rests_on_passes_that_were_on_another_device() -> None:
    two, three = (curve_of(with_doubt(some_passes(), HOT, first)) for first in (2, 3))
    assert two.doubts == ()
    assert [factor.doubts for factor in two.factors].count((DoubtReason.THROTTLED,)) == 2
    assert [doubt.evidence for doubt in three.doubts] == ["in 3 of 7 passes: too hot"]
    assert three.point_doubts == ()


def test_unsteady_passes_doubt_the_curve_where_most_are_and_with_it_its_points() -> None:
    three, four = (curve_of(with_doubt(some_passes(), JUMPY, first)) for first in (3, 4))
    assert (three.doubts, three.point_doubts) == ((), ())
    assert [doubt.evidence for doubt in four.doubts] == ["in 4 of 7 passes: the sentinel jumped"]
    assert at_points(four, DoubtReason.UNSTEADY) == [("4 of its 7 passes were doubted for it", 196)]
    assert all(point.doubted for point in four.points)


@pytest.mark.parametrize(("counts", "doubted"), [(19, False), (20, True)])
def test_a_curve_is_doubted_where_more_than_a_tenth_of_its_points_are(counts: int, *, doubted: bool) -> None:
    steady = some_passes(counts=range(2, 198 - counts))
    jumpy = with_doubt(some_passes(counts=range(198 - counts, 198), seed=1), JUMPY, 7)
    curve = curve_of([*steady, *(replace(one, round=1) for one in jumpy)])
    assert sum(point.doubted for point in curve.points) == counts
    assert (curve.doubts != ()) == doubted


def test_passes_at_many_speeds_doubt_the_curve_and_say_how_far_off_they_were() -> None:
    curve = curve_of(some_passes(slower={0: 1.3, 1: 1.2, 2: 0.8, 3: 0.9}))
    (doubt,) = curve.doubts
    assert doubt.reason is DoubtReason.UNSTEADY
    assert doubt.evidence.startswith("in 4 of 7 passes: it was 30.")
    assert "% slower than usual" in doubt.evidence


def slowed(one: PassReadings, places: Sequence[int], *, by: float = 1.5) -> PassReadings:
    """``one`` with the readings at these places in the order of time made slower."""
    latency_ns = one.latency_ns.copy()
    latency_ns[list(places)] = (by * latency_ns[list(places)]).astype(latency_ns.dtype)
    return replace(one, latency_ns=latency_ns)


def test_a_burst_in_a_pass_is_held_against_that_pass_alone() -> None:
    passes = some_passes()
    passes[2] = slowed(passes[2], range(40, 47))
    curve = curve_of(passes)
    assert [factor.doubts for factor in curve.factors] == [()] * 2 + [(DoubtReason.UNSTEADY,)] + [()] * 4
    assert curve.factors[2].found[0].evidence.startswith("7 of 8 readings in a row, from number 40 on")
    assert (curve.doubts, curve.point_doubts) == ((), ())


@pytest.mark.parametrize(
    ("places", "by"), [(range(40, 44), 1.5), (range(0, 196, 4), 1.5), (range(40, 60), 1.05)], ids=["few", "far", "less"]
)
def test_scattered_and_slight_disturbances_are_left_to_the_median(places: range, by: float) -> None:
    passes = some_passes()
    passes[2] = slowed(passes[2], places, by=by)
    assert [factor.doubts for factor in curve_of(passes).factors] == [()] * 7


def test_a_curve_of_which_more_than_forty_percent_of_the_readings_were_rejected_is_contended() -> None:
    assert DoubtReason.CONTENDED in reasons(curve_of(some_passes(rejected=0.45)))
    assert DoubtReason.CONTENDED not in reasons(curve_of(some_passes(rejected=0.35)))


def test_a_point_of_which_more_than_forty_percent_of_the_readings_were_rejected_is_contended() -> None:
    passes = some_passes(counts=range(2, 60), passes=10)
    for one in passes[:5]:
        one.accepted[one.tokens == 30] = False
    for one in passes[:4]:
        one.accepted[one.tokens == 40] = False
    curve = curve_of(passes)
    assert at_points(curve, DoubtReason.CONTENDED) == [("5 of its 10 readings were rejected", 1)]
    assert curve.doubts == ()


def test_a_few_points_with_too_few_readings_are_doubted_and_not_their_curve() -> None:
    curve = curve_of([*some_passes(passes=5), *some_passes(counts=[300], passes=1, seed=1)])
    assert at_points(curve, DoubtReason.TOO_FEW) == [("1 of at least 2 readings were accepted", 1)]
    assert curve.doubts == ()


def test_more_than_a_tenth_of_the_counts_with_too_few_readings_are_named() -> None:
    poor = some_passes(counts=range(300, 330), passes=1, seed=1)
    (doubt,) = curve_of([*some_passes(passes=5), *poor]).doubts
    assert doubt.reason is DoubtReason.TOO_FEW
    assert doubt.evidence.endswith("the poorest 1: 300-329")


@pytest.mark.parametrize(("passes", "words"), [(0, "no readings at all"), (3, "not one reading was accepted")])
def test_a_curve_without_an_accepted_reading_has_too_few(passes: int, words: str) -> None:
    (*_, doubt) = curve_of(some_passes(passes=passes, rejected=1.0)).doubts
    assert doubt.reason is DoubtReason.TOO_FEW
    assert words in doubt.evidence
