from __future__ import annotations

import dataclasses
from collections.abc import Callable

import numpy as np
import pytest

from agent.wire.conditions import Doubt, DoubtReason
from agent.wire.jobs import Round, Subject
from agent.wire.schedules import Method, Schedule
from orchestrator.analysis.confirmation import LOOKS
from orchestrator.analysis.passes import PassReadings
from orchestrator.analysis.proving import MOST_ROUNDS, Entry, Finding, next_round, timed_schedules, verify
from orchestrator.analysis.schedules import uniform_beside

ONCE = Schedule.pruned_once(Method.ONE_MORE, tokens=197, prefix_tokens=1, blocks=12, block=3, keep=141)
LATER = Schedule.pruned_once(Method.ONE_MORE, tokens=197, prefix_tokens=1, blocks=12, block=6, keep=100)
ENTRY = Entry(schedule=ONCE, uniform=uniform_beside(ONCE))


def passes(
    *ratios: float, count: int = 30, noise: float = 0.01, drift: float = 0.3, rejected: int | None = None, seed: int = 0
) -> list[PassReadings]:
    """Passes over the plain model, twice, and schedules that take ``ratios`` of its time, on a device that drifts."""
    generator = np.random.default_rng(seed)

    def one(number: int) -> PassReadings:
        numbers = np.array([1, *generator.permutation(np.arange(2, len(ratios) + 2)), 1])
        level = np.array([1.0, *ratios])[numbers - 1] * (1 + drift * number / count)
        latency_ns = (1e7 * level * (1 + noise * generator.standard_normal(len(numbers)))).astype(np.int64)
        accepted = np.ones(len(numbers), np.bool_) if rejected is None else numbers != rejected
        return PassReadings(
            fence=1,
            round=0,
            number=number,
            complete=True,
            tokens=numbers,
            start_ns=np.cumsum(latency_ns),
            latency_ns=latency_ns,
            accepted=accepted,
        )

    return [one(number) for number in range(count)]


def finding(*ratios: float, entry: Entry = ENTRY, **how: float) -> Finding:
    return verify([entry], passes(*ratios, **how)).findings[0]  # type: ignore[arg-type]


def test_a_schedule_that_beats_both_is_proved_whatever_the_device_drifts() -> None:
    found = finding(0.80, 0.90)
    assert found.proved
    assert found.against_plain is not None
    assert found.against_uniform is not None
    assert found.measured is not None
    assert found.plain is not None
    assert found.against_plain.low < 0.80 < found.against_plain.high
    assert found.against_uniform.low < 0.80 / 0.90 < found.against_uniform.high
    assert found.measured.latency_ns / found.plain.latency_ns == pytest.approx(0.80, rel=0.01)
    assert found.measured.low_ns < found.measured.latency_ns < found.measured.high_ns


@pytest.mark.parametrize(("own", "uniform"), [(1.0, 1.1), (0.9, 0.9), (0.9, 0.85), (1.05, 1.0)])
def test_a_schedule_that_does_not_beat_one_of_them_is_not_proved(own: float, uniform: float) -> None:
    assert not finding(own, uniform).proved


def test_one_that_is_surely_slower_is_known_to_be_no_good() -> None:
    assert finding(0.9, 0.8).disproved
    assert finding(1.1, 1.2).disproved
    assert not finding(0.8, 0.9).disproved


def test_where_uniform_pruning_cannot_be_made_the_plain_model_is_all_there_is_to_beat() -> None:
    found = finding(0.8, entry=Entry(schedule=ONCE, uniform=None))
    assert found.proved
    assert (found.uniform, found.against_uniform) == (None, None)


def test_before_ten_passes_nothing_is_said_and_between_looks_nothing_new() -> None:
    assert finding(0.8, 0.9, count=9).against_plain is None
    assert verify([ENTRY], []).findings[0].passes == 0
    assert finding(0.8, 0.9, count=10, drift=0.0).against_plain == finding(0.8, 0.9, count=19, drift=0.0).against_plain


def test_a_pass_without_an_accepted_reading_of_all_three_is_no_pair() -> None:
    found = verify([ENTRY], [*passes(0.8, 0.9, count=12), *passes(0.8, 0.9, count=5, rejected=3)]).findings[0]
    assert found.passes == 12


def test_of_schedules_no_better_than_uniform_pruning_at_most_one_verification_in_twenty_proves_any() -> None:
    entries = [ENTRY, Entry(schedule=LATER, uniform=uniform_beside(LATER))]
    wrong = 0
    for seed in range(100):
        every = passes(0.8, 0.8, 0.7, 0.7, seed=seed, drift=0.0)
        wrong += any(
            one.proved for look in LOOKS for one in verify(entries, [p for p in every if p.number < look]).findings
        )
    assert wrong <= 5


def test_the_doubts_of_the_device_are_told() -> None:
    doubt = Doubt(reason=DoubtReason.THROTTLED, evidence="hot")
    doubted = [dataclasses.replace(one, doubts=(doubt,)) for one in passes(0.8, 0.9)]
    assert verify([ENTRY], doubted).doubts == (DoubtReason.THROTTLED,)


def test_everything_is_timed_once_with_the_plain_model_first_as_the_sentinel() -> None:
    twice = [ENTRY, Entry(schedule=LATER, uniform=ENTRY.uniform)]
    timed = timed_schedules(twice)
    assert not timed[0].prunes
    assert timed[1:] == (ONCE, ENTRY.uniform, LATER)
    first = next_round(twice, [], [], seed=5)
    assert first is not None
    assert (first.subject, first.sentinel, first.tokens, first.schedules) == (Subject.SCHEDULES, 1, (2, 3, 4), timed)
    assert first.max_passes == LOOKS[0]


def rounds_until_done(judge: Callable[[int], list[PassReadings]]) -> int:
    """How many rounds are asked for where ``judge`` gives the passes so far, of so many."""
    rounds: list[Round] = []
    done = 0
    while (following := next_round([ENTRY], rounds, judge(done), seed=0)) is not None:
        rounds.append(following)
        done += following.max_passes
    return len(rounds)


def test_a_clear_case_is_settled_at_the_first_look_and_a_tie_at_the_last() -> None:
    assert rounds_until_done(lambda done: passes(0.7, 0.9, count=done)) == 1
    assert rounds_until_done(lambda done: passes(0.9, 0.9, count=done)) == len(LOOKS)


def test_a_device_that_rejects_everything_is_not_asked_for_ever() -> None:
    assert rounds_until_done(lambda done: passes(0.7, 0.9, count=done, rejected=2)) == MOST_ROUNDS
