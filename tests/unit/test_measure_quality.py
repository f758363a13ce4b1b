from __future__ import annotations

import pytest

from agent.measure.quality import doubts_of_pass, rejection
from agent.wire.conditions import ClockRate, Conditions, DoubtReason
from agent.wire.readings import Reading, Rejection

CALM = Conditions()


def readings_of(*latencies_ms: float, tokens: int = 197, rejected: int = 0) -> tuple[Reading, ...]:
    return tuple(
        Reading(
            position=place,
            tokens=tokens,
            start_ns=place * 10**9,
            latency_ns=round(latency_ms * 1e6),
            rejected=Rejection.PREEMPTED if place < rejected else None,
        )
        for place, latency_ms in enumerate(latencies_ms)
    )


def reasons(readings: tuple[Reading, ...], before: Conditions = CALM, after: Conditions = CALM) -> list[DoubtReason]:
    return [doubt.reason for doubt in doubts_of_pass(readings, 197, before, after)]


def at(mhz: float) -> Conditions:
    return Conditions(clocks=(ClockRate(domain="cpu policy0", mhz=mhz, min_mhz=400, max_mhz=3_000),))


@pytest.mark.parametrize(
    ("wall_ns", "cpu_ns", "switches", "threads", "expected"),
    [
        (1_000, 1_000, 0, 1, None),
        (1_020, 1_000, 0, 1, None),
        (1_021, 1_000, 0, 1, Rejection.WAITED),
        (1_021, 1_000, 0, 2, None),
        (1_021, 1_000, 0, None, None),
        (1_000, 1_000, 1, 1, Rejection.PREEMPTED),
        (1_000, 1_000, 1, 4, Rejection.PREEMPTED),
        (9_000, 1_000, 1, 1, Rejection.PREEMPTED),
    ],
)
def test_a_reading_is_rejected_when_the_processor_was_taken_away_or_waited_for(
    wall_ns: int, cpu_ns: int, switches: int, threads: int | None, expected: Rejection | None
) -> None:
    assert rejection(wall_ns, cpu_ns, switches, threads) is expected


def test_a_calm_pass_has_no_doubts() -> None:
    assert reasons(readings_of(80, 81, 79)) == []


def test_a_sentinel_that_spreads_more_than_five_percent_makes_the_pass_unsteady() -> None:
    assert reasons(readings_of(100, 105, 100)) == []
    assert reasons(readings_of(100, 105.1, 100)) == [DoubtReason.UNSTEADY]


def test_rejected_sentinels_say_nothing_of_steadiness() -> None:
    assert reasons(readings_of(200, 100, 100, 100), CALM, CALM) == [DoubtReason.UNSTEADY]
    assert reasons(readings_of(200, 100, 100, 100, rejected=1)) == []


def test_more_than_forty_percent_of_rejected_readings_is_contention() -> None:
    assert reasons(readings_of(*[100] * 10, rejected=4)) == []
    assert reasons(readings_of(*[100] * 10, rejected=5)) == [DoubtReason.CONTENDED]


def test_a_throttle_flag_before_or_after_is_a_doubt_that_names_it() -> None:
    hot = Conditions(throttled=("soft temperature limit",))
    (doubt,) = doubts_of_pass(readings_of(100), 197, CALM, hot)
    assert doubt.reason is DoubtReason.THROTTLED
    assert "soft temperature limit" in doubt.evidence


def test_a_clock_that_falls_by_more_than_five_percent_has_moved() -> None:
    assert reasons(readings_of(100), at(2_000), at(1_899)) == [DoubtReason.CLOCKS_MOVED]
    assert reasons(readings_of(100), at(2_000), at(1_900)) == []


def test_a_clock_that_rises_from_idle_is_no_doubt() -> None:
    assert reasons(readings_of(100), at(400), at(3_000)) == []


def test_other_cores_after_the_pass_than_before_are_a_doubt() -> None:
    before, after = Conditions(cores_allowed=(0, 1, 2, 3)), Conditions(cores_allowed=(0, 1))
    assert reasons(readings_of(100), before, after) == [DoubtReason.WRONG_CORES]
