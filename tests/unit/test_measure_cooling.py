"""After heat: measuring goes on once temperature and sentinel are back, and in any case after a while."""

from __future__ import annotations

from dataclasses import dataclass, field

import pytest

from agent.measure.baseline import level_of
from agent.measure.child_protocol import PassMeasured
from agent.measure.cooling import LOOK_EVERY_S, MOST_BLIND_S, CoolDown, Feel, next_look_s, should_cool
from agent.measure.rounds import measure_round
from agent.measure.synthetic import VirtualClock
from agent.wire.conditions import Conditions, Doubt, DoubtReason, Temperature
from agent.wire.jobs import Round
from agent.wire.readings import Batch, Reading

COOL = Feel(celsius=40.0, sentinel_ns=1_000.0)
SENTINEL = 5


def feel(celsius: float | None, sentinel_ns: float | None) -> Feel:
    return Feel(celsius=celsius, sentinel_ns=sentinel_ns)


@pytest.mark.parametrize(
    ("now", "waits"),
    [
        (feel(43, 1_050), False),
        (feel(43.1, 1_000), True),
        (feel(40, 1_051), True),
        (feel(40, 900), False),
        (feel(None, 1_051), True),
        (feel(None, 1_050), False),
        (feel(44, None), True),
        (feel(None, None), False),
    ],
)
def test_a_device_is_cool_when_temperature_and_sentinel_are_back(now: Feel, *, waits: bool) -> None:
    assert (next_look_s(COOL, now, 0, 300) is not None) == waits


def test_the_last_wait_is_what_is_left_and_then_there_is_none() -> None:
    hot = feel(80, 2_000)
    assert [next_look_s(COOL, hot, waited, 100, 9) for waited in (0, 95, 100)] == [LOOK_EVERY_S, 5, None]


def test_the_first_look_is_soon_and_each_wait_twice_the_one_before() -> None:
    hot = feel(80, 2_000)
    assert [next_look_s(COOL, hot, 0, 300, looks) for looks in range(6)] == [1, 2, 4, 8, LOOK_EVERY_S, LOOK_EVERY_S]


def test_where_no_temperature_is_known_a_slow_sentinel_is_not_waited_for_long() -> None:
    slow = feel(None, 2_000)
    assert next_look_s(COOL, slow, MOST_BLIND_S - 1, 300, 9) == 1
    assert next_look_s(COOL, slow, MOST_BLIND_S, 300, 9) is None


def test_a_pass_that_was_throttled_or_slower_may_have_been_hot_and_a_faster_one_not() -> None:
    throttled = Doubt(reason=DoubtReason.THROTTLED, evidence="hot")
    unsteady = Doubt(reason=DoubtReason.UNSTEADY, evidence="faster")
    assert should_cool([throttled], 1_000, 1_000)
    assert should_cool([unsteady], 1_060, 1_000)
    assert not should_cool([unsteady], 940, 1_000)
    assert not should_cool([], None, 1_000)


@dataclass
class WarmChild:
    """Each pass warms the device by ``heating`` degrees and each second cools it; it is slower over 60 degrees."""

    heating: float
    clock: VirtualClock = field(default_factory=VirtualClock)
    celsius: float = 40.0
    cools: float = 0.5
    asked: list[int] = field(default_factory=list)
    told: list[str] = field(default_factory=list)

    def measure_pass(self, round_: Round, number: int, *, deadline_s: float) -> PassMeasured:
        assert deadline_s > 0
        before = self.conditions()
        if round_.tokens != (SENTINEL,):
            self.asked.append(number)
            self.celsius += self.heating
        latency_ns = 1_200 if self.celsius > 60 else 1_000
        reading = Reading(position=0, tokens=SENTINEL, start_ns=0, latency_ns=latency_ns)
        return PassMeasured(started_ms=0, complete=True, before=before, after=self.conditions(), readings=(reading,))

    def conditions(self) -> Conditions:
        return Conditions(temperatures=(Temperature(sensor="cpu", celsius=self.celsius),))

    def rest(self, seconds: float) -> None:
        self.clock.advance(round(seconds * 1e9))
        self.celsius = max(40.0, self.celsius - self.cools * seconds)


def round_of(child: WarmChild, *, most_s: float) -> list[Batch]:
    kept: list[Batch] = []
    round_ = Round(number=0, tokens=(3, SENTINEL), sentinel=SENTINEL, min_passes=4, max_passes=4, seed=0)
    cool_down = CoolDown(child.rest, child.told.append, most_s=most_s)
    measure_round(
        child,  # type: ignore[arg-type]
        round_,
        passes_done=0,
        fence=1,
        clock=child.clock,
        keep=kept.append,
        cool_down=cool_down,
    )
    return kept


def test_a_pass_that_was_slowed_by_heat_is_measured_again_when_the_device_is_cool() -> None:
    child = WarmChild(heating=11)
    kept = round_of(child, most_s=300)
    levels = [level_of(batch.readings, SENTINEL) for batch in kept]
    assert levels == [1_000, 1_200, 1_000, 1_200, 1_000, 1_200, 1_000]
    assert child.told[0].startswith("Cooling down: 62 C, 40 C when the round began")


def test_a_device_that_never_cools_is_waited_for_once_and_told_and_measured_all_the_same() -> None:
    child = WarmChild(heating=15, cools=0.0)
    kept = round_of(child, most_s=60)
    assert len(kept) >= 4
    assert child.clock.monotonic_ns() == 60 * 10**9
    begins, ends = child.told
    assert begins.startswith("Cooling down: 70 C")
    assert ends.startswith("Cooled down for 60 s, as long as a job may")


def test_a_device_that_stays_cool_is_never_waited_for() -> None:
    child = WarmChild(heating=1)
    round_of(child, most_s=300)
    assert (child.clock.monotonic_ns(), child.told) == (0, [])
