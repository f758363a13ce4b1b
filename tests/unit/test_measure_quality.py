from __future__ import annotations

import pytest

from agent.measure.quality import doubts_of_pass, rejection
from agent.wire.conditions import ClockRate, Conditions, Counter, DoubtReason
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


def test_a_sentinel_whose_middle_half_spreads_more_than_five_percent_makes_the_pass_unsteady() -> None:
    assert reasons(readings_of(100, 100, 105, 105)) == []
    assert reasons(readings_of(100, 100, 106, 106)) == [DoubtReason.UNSTEADY]


def test_one_sentinel_that_is_far_off_does_not_make_the_pass_unsteady() -> None:
    assert reasons(readings_of(100, 100, 300, 101, 99)) == []


def test_rejected_sentinels_say_nothing_of_steadiness() -> None:
    latencies = [200] * 3 + [100] * 5
    assert reasons(readings_of(*latencies)) == [DoubtReason.UNSTEADY]
    assert reasons(readings_of(*latencies, rejected=3)) == []


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


def counted(**counts: int) -> Conditions:
    return Conditions(counters=tuple(Counter(name=name, count=count) for name, count in counts.items()))


def test_a_counter_that_grew_during_the_pass_is_throttling_and_its_past_is_not() -> None:
    assert reasons(readings_of(100), counted(oc3=37), counted(oc3=37)) == []
    (doubt,) = doubts_of_pass(readings_of(100), 197, counted(oc1=0, oc3=37), counted(oc1=1, oc3=39))
    assert doubt.reason is DoubtReason.THROTTLED
    assert doubt.evidence == "counters grew during the pass: oc1 by 1, oc3 by 2"


def test_a_counter_without_a_reading_before_or_that_began_anew_says_nothing() -> None:
    assert reasons(readings_of(100), CALM, counted(oc3=37)) == []
    assert reasons(readings_of(100), counted(oc3=37), CALM) == []
    assert reasons(readings_of(100), counted(oc3=37), counted(oc3=0)) == []


def clocks(**mhz: float) -> Conditions:
    rates = (ClockRate(domain=f"{kind} 0", mhz=rate, max_mhz=3_000) for kind, rate in mhz.items())
    return Conditions(clocks=tuple(rates))


def test_each_kind_of_clock_is_compared_with_itself() -> None:
    # The memory's clock is the fastest and stands still: it must not hide that the cores slowed down.
    before, after = clocks(cpu=2_200, memory=3_199), clocks(cpu=1_000, memory=3_199)
    assert reasons(readings_of(100), before, after) == [DoubtReason.CLOCKS_MOVED]


def test_gpu_and_memory_rest_after_a_pass_but_their_limits_stay() -> None:
    assert reasons(readings_of(100), clocks(gpu=1_300, memory=3_199), clocks(gpu=306, memory=204)) == []
    before, after = (
        Conditions(clocks=(ClockRate(domain="gpu 0", mhz=306, max_mhz=limit),)) for limit in (1_300, 1_000)
    )
    (doubt,) = doubts_of_pass(readings_of(100), 197, before, after)
    assert doubt.evidence == "the limit of gpu 0 fell from 1300 to 1000 MHz during the pass"


@pytest.mark.parametrize(
    ("before", "after", "doubted"),
    [
        ("top-app", "top-app", False),
        ("top-app", "foreground", False),
        (None, None, False),
        ("top-app", "background", True),
        ("background", "background", True),
        ("restricted", "top-app", True),
    ],
)
def test_a_pass_that_a_phone_ran_behind_is_on_the_wrong_cores(
    before: str | None, after: str | None, doubted: bool
) -> None:
    found = reasons(readings_of(100), Conditions(group=before), Conditions(group=after))
    assert found == ([DoubtReason.WRONG_CORES] if doubted else [])


def test_a_reason_is_given_once_with_all_of_its_evidence() -> None:
    before = Conditions(throttled=("hot",), counters=(Counter(name="oc3", count=1),))
    after = Conditions(counters=(Counter(name="oc3", count=2),))
    (doubt,) = doubts_of_pass(readings_of(100), 197, before, after)
    assert doubt.evidence == "the device reports: hot; counters grew during the pass: oc3 by 1"
