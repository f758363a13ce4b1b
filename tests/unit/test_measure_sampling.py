from __future__ import annotations

import gc
import itertools
from collections.abc import Callable
from dataclasses import replace

import pytest

from agent.clock import SystemClock
from agent.errors import MeasurementFailed
from agent.measure.gauge import GaugeReading, ThreadGauge
from agent.measure.sampling import MOST_RETRIES, Sampler
from agent.measure.synthetic import SyntheticSubject, VirtualClock, busy_waiting
from agent.wire.jobs import FailureReason, ModelFacts, Round, Subject
from agent.wire.readings import MOST_BLOCK_TIMES, MOST_READINGS, Rejection, most_readings
from agent.wire.schedules import Method, Schedule

FACTS = ModelFacts(tokens=197, prefix_tokens=1, blocks=12, image_size=224, threads=1, runtime_version="synthetic")


class ScriptedGauge:
    """Adds to the clock's counters what the script says was taken in each timed call, in turn."""

    def __init__(self, clock: VirtualClock, switches: list[int]) -> None:
        self._clock = clock
        self._script = switches
        self._reads = 0
        self._switches = 0

    def read(self) -> GaugeReading:
        call, is_after = divmod(self._reads, 2)
        self._reads += 1
        if is_after and call < len(self._script):
            self._switches += self._script[call]
        return GaugeReading(cpu_ns=self._clock.monotonic_ns(), involuntary_switches=self._switches)


def a_round(*tokens: int, sentinel_every: int = 30, subject: Subject = Subject.MODEL) -> Round:
    return Round(
        number=0,
        subject=subject,
        tokens=tokens,
        sentinel=197,
        sentinel_every=sentinel_every,
        min_passes=1,
        max_passes=1,
        seed=7,
    )


def a_sampler(
    latency_ns: Callable[[int], int], *, switches: list[int] | None = None, facts: ModelFacts = FACTS
) -> Sampler:
    clock = VirtualClock()
    subject = SyntheticSubject(facts, latency_ns, clock.advance)
    return Sampler(subject=subject, clock=clock, gauge=ScriptedGauge(clock, switches or []), threads=1)


def test_a_reading_is_exactly_the_time_of_its_call() -> None:
    sampled = a_sampler(lambda tokens: 1_000 * tokens + 1).measure_pass(a_round(2, 50, 120), 0)
    assert sampled.complete
    assert {reading.tokens: reading.latency_ns for reading in sampled.readings} == {
        tokens: 1_000 * tokens + 1 for tokens in (2, 50, 120, 197)
    }


def test_positions_are_consecutive_and_starts_ascend() -> None:
    readings = a_sampler(lambda _: 500, switches=[1, 0, 1]).measure_pass(a_round(*range(2, 80)), 0).readings
    assert [reading.position for reading in readings] == list(range(len(readings)))
    assert all(a.start_ns + a.latency_ns <= b.start_ns for a, b in itertools.pairwise(readings))


def test_each_visit_warms_up_once_before_it_is_timed() -> None:
    calls: list[int] = []

    def latency_ns(tokens: int) -> int:
        calls.append(tokens)
        return 1_000_000 if calls.count(tokens) == 1 else 10

    sampled = a_sampler(latency_ns).measure_pass(a_round(2, 50), 0)
    assert {reading.latency_ns for reading in sampled.readings} == {10}


def test_a_rejected_visit_is_tried_again_and_all_its_readings_are_kept() -> None:
    readings = a_sampler(lambda _: 500, switches=[2, 0]).measure_pass(a_round(2), 0).readings
    assert [(r.tokens, r.rejected) for r in readings] == [
        (197, Rejection.PREEMPTED),
        (197, None),
        (2, None),
        (197, None),
    ]


def test_a_visit_is_tried_again_at_most_twice() -> None:
    readings = a_sampler(lambda _: 500, switches=[1] * 3).measure_pass(a_round(2), 0).readings
    assert [r.rejected for r in readings if r.tokens == 197][:-1] == [Rejection.PREEMPTED] * (1 + MOST_RETRIES)


def test_retries_never_make_a_pass_too_long_for_the_wire() -> None:
    sampler = a_sampler(lambda _: 5, switches=[1] * 3 * MOST_READINGS)
    sampled = sampler.measure_pass(a_round(*range(1, 4_097), sentinel_every=1), 0)
    assert sampled.complete
    assert len(sampled.readings) == MOST_READINGS


def test_a_pass_that_is_stopped_is_not_complete_and_keeps_its_readings() -> None:
    answers = iter([False, False, True])
    sampled = a_sampler(lambda _: 500).measure_pass(a_round(2, 3, 4), 0, lambda: next(answers))
    assert not sampled.complete
    assert len(sampled.readings) == 2


def test_the_garbage_collector_rests_during_a_pass_and_works_again_after_it() -> None:
    seen: list[bool] = []

    def latency_ns(tokens: int) -> int:
        seen.append(gc.isenabled())
        return 5

    a_sampler(latency_ns).measure_pass(a_round(2), 0)
    assert not any(seen)
    assert gc.isenabled()


def test_blocks_are_timed_in_place_within_the_time_of_the_whole_call() -> None:
    readings = (
        a_sampler(lambda tokens: 13_000 * tokens).measure_pass(a_round(2, 50, subject=Subject.BLOCKS), 0).readings
    )
    assert {reading.tokens for reading in readings} == {2, 50, 197}
    for reading in readings:
        assert reading.latency_ns == 13_000 * reading.tokens
        assert reading.blocks_ns == (1_000 * reading.tokens,) * FACTS.blocks


def test_a_pass_of_the_whole_model_says_nothing_of_its_blocks() -> None:
    readings = a_sampler(lambda _: 500).measure_pass(a_round(2), 0).readings
    assert [reading.blocks_ns for reading in readings] == [(), (), ()]


def test_retries_of_blocks_leave_room_for_the_visits_to_come() -> None:
    counts = range(2, 195)
    facts = replace(FACTS, blocks=MOST_BLOCK_TIMES // 200)
    sampler = a_sampler(lambda _: 10**6, switches=[1] * 1_000, facts=facts)
    sampled = sampler.measure_pass(a_round(*counts, subject=Subject.BLOCKS, sentinel_every=100), 0)
    assert sampled.complete
    assert len(sampled.readings) == most_readings(facts.blocks)
    assert {reading.tokens for reading in sampled.readings} == {*counts, 197}


def test_more_times_of_blocks_than_a_pass_has_room_for_are_refused_with_the_number() -> None:
    sampler = a_sampler(lambda _: 5, facts=replace(FACTS, blocks=1_000))
    with pytest.raises(MeasurementFailed, match="room for 200 readings of 1000 blocks") as refused:
        sampler.measure_pass(a_round(*range(1, 300), subject=Subject.BLOCKS), 0)
    assert refused.value.reason is FailureReason.WORKLOAD_UNSUPPORTED


def test_on_the_real_clock_a_reading_is_at_least_the_work_that_was_done() -> None:
    clock = SystemClock()
    subject = SyntheticSubject(FACTS, lambda tokens: 10_000 * tokens, busy_waiting(clock))
    sampler = Sampler(subject=subject, clock=clock, gauge=ThreadGauge(), threads=1)
    for reading in sampler.measure_pass(a_round(2, 20), 0).readings:
        assert reading.latency_ns >= 10_000 * reading.tokens


def test_where_schedules_are_timed_each_reading_says_the_number_of_its_schedule() -> None:
    schedules = tuple(
        Schedule(method=Method.RANDOM, tokens=200, prefix_tokens=1, leaving=leaving)
        for leaving in ((200, 200), (200, 100), (100, 100))
    )
    round_ = Round(
        number=0,
        subject=Subject.SCHEDULES,
        tokens=(2, 3),
        sentinel=1,
        min_passes=1,
        max_passes=1,
        seed=1,
        schedules=schedules,
    )
    one = a_sampler(lambda tokens: 1_000 * tokens).measure_pass(round_, 0)
    assert sorted(reading.tokens for reading in one.readings) == [1, 1, 2, 3]
    latencies = {reading.tokens: reading.latency_ns for reading in one.readings}
    assert latencies[1] > latencies[2] > latencies[3]
