"""From pass to pass, by the sentinel: a disturbance is measured again, a change that stays becomes the baseline."""

from __future__ import annotations

import threading
from dataclasses import dataclass, field

import pytest

from agent.measure.baseline import Baseline, Verdict
from agent.measure.child_protocol import PassMeasured
from agent.measure.rounds import measure_round
from agent.wire.conditions import Conditions, DoubtReason
from agent.wire.jobs import Round
from agent.wire.readings import Batch, Reading, Rejection

SENTINEL = 5


def readings(*latencies_ns: int, rejected: Rejection | None = None) -> tuple[Reading, ...]:
    return tuple(
        Reading(position=place, tokens=SENTINEL, start_ns=place, latency_ns=latency, rejected=rejected)
        for place, latency in enumerate(latencies_ns)
    )


def judged(*levels_ns: int) -> list[Verdict]:
    baseline = Baseline()
    return [baseline.judge(readings(level), SENTINEL) for level in levels_ns]


def reasons(verdicts: list[Verdict]) -> list[list[DoubtReason]]:
    return [[doubt.reason for doubt in verdict.doubts] for verdict in verdicts]


def test_passes_within_five_percent_of_the_first_are_steady() -> None:
    assert judged(1_000, 1_049, 951, 1_000) == [Verdict()] * 4


def test_a_pass_that_is_off_is_doubted_and_measured_again_once() -> None:
    verdicts = judged(1_000, 1_100, 1_000, 1_000)

    assert reasons(verdicts) == [[], [DoubtReason.UNSTEADY], [], []]
    assert [verdict.measure_again for verdict in verdicts] == [False, True, False, False]
    assert "+10.0% off its baseline" in verdicts[1].doubts[0].evidence


def test_a_change_that_stays_is_the_new_baseline_with_one_doubt() -> None:
    verdicts = judged(1_000, 1_100, 1_110, 1_100, 1_090)

    assert reasons(verdicts) == [[], [DoubtReason.UNSTEADY], [DoubtReason.BASELINE_MOVED], [], []]
    assert sum(verdict.measure_again for verdict in verdicts) == 1


def test_a_device_that_jumps_about_is_doubted_and_not_measured_for_ever() -> None:
    verdicts = judged(1_000, 1_200, 1_400, 1_600, 1_800)

    assert all(DoubtReason.UNSTEADY in found for found in reasons(verdicts)[1:])
    assert sum(verdict.measure_again for verdict in verdicts) == 1


def test_a_second_disturbance_is_measured_again_like_the_first() -> None:
    assert [verdict.measure_again for verdict in judged(1_000, 1_100, 1_000, 1_100, 1_000)] == [
        False,
        True,
        False,
        True,
        False,
    ]


def test_the_level_of_a_pass_is_the_median_of_its_accepted_sentinels() -> None:
    baseline = Baseline()
    baseline.judge(readings(1_000), SENTINEL)

    assert baseline.judge(readings(1_000, 5_000, 1_010), SENTINEL) == Verdict()
    assert baseline.judge(readings(9_000, rejected=Rejection.PREEMPTED), SENTINEL) == Verdict()


@dataclass
class ScriptedChild:
    """Measures nothing: the sentinel of each pass takes what the script says."""

    levels_ns: list[int]
    asked: list[int] = field(default_factory=list)

    def measure_pass(self, _round: Round, number: int, *, deadline_s: float) -> PassMeasured:
        assert deadline_s > 0
        self.asked.append(number)
        level = self.levels_ns[min(len(self.asked), len(self.levels_ns)) - 1]
        return PassMeasured(
            started_ms=0, complete=True, before=Conditions(), after=Conditions(), readings=readings(level)
        )


class StillClock:
    def monotonic_ns(self) -> int:
        return 0

    def epoch_ms(self) -> int:
        return 0

    def wait(self, stop: threading.Event, seconds: float) -> bool:
        raise AssertionError(f"nothing here waits {seconds} s for {stop}")


def kept_of_a_round(levels_ns: list[int], *, passes_done: int = 0) -> list[Batch]:
    round_ = Round(number=0, tokens=(SENTINEL,), sentinel=SENTINEL, min_passes=4, max_passes=4, seed=0)
    kept: list[Batch] = []
    measure_round(
        ScriptedChild(levels_ns),  # type: ignore[arg-type]
        round_,
        passes_done=passes_done,
        fence=1,
        clock=StillClock(),
        keep=kept.append,
    )
    return kept


def test_a_steady_round_has_as_many_passes_as_were_asked_for() -> None:
    assert [batch.number for batch in kept_of_a_round([1_000])] == [0, 1, 2, 3]


def test_a_disturbed_pass_is_kept_under_its_doubt_and_another_is_measured_in_its_place() -> None:
    kept = kept_of_a_round([1_000, 1_300, 1_000])

    assert [batch.number for batch in kept] == [0, 1, 2, 3, 4]
    assert [[doubt.reason for doubt in batch.doubts] for batch in kept] == [[], [DoubtReason.UNSTEADY], [], [], []]


@pytest.mark.parametrize("passes_done", [1, 3, 4])
def test_what_is_stored_already_is_not_measured_again(passes_done: int) -> None:
    numbers = [batch.number for batch in kept_of_a_round([1_000], passes_done=passes_done)]
    assert numbers == list(range(passes_done, 4))
