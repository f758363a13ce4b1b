from __future__ import annotations

import pytest

from agent.measure.stopping import relative_standard_error, round_is_done
from agent.wire.jobs import Round
from agent.wire.readings import Reading, Rejection


def a_round(
    *, stop_error: float | None = None, budget_s: float | None = None, budget_readings: int | None = None
) -> Round:
    return Round(
        number=0,
        tokens=(50, 100),
        sentinel=197,
        min_passes=3,
        max_passes=9,
        stop_error=stop_error,
        budget_s=budget_s,
        budget_readings=budget_readings,
        seed=1,
    )


def a_pass(scale: float = 1.0, *, off: float = 1.0, reject: int | None = None) -> tuple[Reading, ...]:
    """Latencies in proportion to tokens, all times ``scale``; those of 50 tokens times ``off`` as well."""
    return tuple(
        Reading(
            position=place,
            tokens=tokens,
            start_ns=place,
            latency_ns=round(tokens * 1_000_000 * scale * (off if tokens == 50 else 1)),
            rejected=Rejection.PREEMPTED if tokens == reject else None,
        )
        for place, tokens in enumerate((197, 50, 100, 197))
    )


def test_a_round_is_never_done_before_its_fewest_passes() -> None:
    assert not round_is_done(a_round(stop_error=1, budget_s=0), 2, [a_pass()] * 2, 1e6)


def test_a_round_is_done_after_its_most_passes() -> None:
    assert round_is_done(a_round(), 9, [], 0)
    assert not round_is_done(a_round(), 8, [], 0)


def test_a_round_is_done_when_its_budget_is_used_up() -> None:
    assert round_is_done(a_round(budget_s=60), 3, [], 60)
    assert not round_is_done(a_round(budget_s=60), 3, [], 59.9)


def test_a_round_is_done_when_its_budget_of_readings_has_no_room_for_another_pass() -> None:
    assert round_is_done(a_round(budget_readings=15), 3, [a_pass()] * 3, 0)
    assert not round_is_done(a_round(budget_readings=16), 3, [a_pass()] * 3, 0)


def test_readings_taken_again_count_against_the_budget() -> None:
    taken_again = [a_pass(), a_pass(), (*a_pass(), *a_pass()[:2])]
    assert round_is_done(a_round(budget_readings=19), 3, taken_again, 0)
    assert not round_is_done(a_round(budget_readings=20), 3, taken_again, 0)


def test_a_budget_of_readings_does_not_stop_a_round_before_its_fewest_passes() -> None:
    assert not round_is_done(a_round(budget_readings=0), 2, [a_pass()] * 2, 0)


def test_a_round_is_done_when_every_count_is_known_well_enough() -> None:
    passes = [a_pass(off=1.0), a_pass(off=1.01), a_pass(off=0.99)]
    assert round_is_done(a_round(stop_error=0.006), 3, passes, 0)
    assert not round_is_done(a_round(stop_error=0.005), 3, passes, 0)


def test_drift_between_passes_is_no_error() -> None:
    assert round_is_done(a_round(stop_error=0.001), 3, [a_pass(1), a_pass(1.2), a_pass(1.5)], 0)


def test_a_count_with_rejected_readings_alone_keeps_the_round_going() -> None:
    assert not round_is_done(a_round(stop_error=0.5), 3, [a_pass(reject=50)] * 3, 0)


def test_passes_without_an_accepted_sentinel_keep_the_round_going() -> None:
    assert not round_is_done(a_round(stop_error=0.5), 3, [a_pass(reject=197)] * 3, 0)


def test_the_relative_standard_error_is_that_of_the_mean() -> None:
    assert relative_standard_error([9, 11, 9, 11]) == pytest.approx(0.0577, abs=1e-4)
    assert relative_standard_error([5]) is None
