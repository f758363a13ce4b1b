from __future__ import annotations

import contextlib
import random
import threading
from collections.abc import Callable, Iterator
from itertools import pairwise

import pytest

from agent.client import OrchestratorClient
from agent.errors import OrchestratorAway, Refused
from agent.heartbeat import Heart, Stopped
from agent.measure.synthetic import VirtualClock
from agent.wire.jobs import Heartbeat, HeartbeatAnswer, Lease, Task, Workload

SECOND_NS = 10**9
LEASE = Lease(job_id=7, fence=3, task=Task.SWEEP, model="test_vit", workload=Workload(), lease_s=90.0, heartbeat_s=15.0)
RENEWED = HeartbeatAnswer(lease_s=90.0, cancel=False)
AWAY = OrchestratorAway("away", "wait")


class ScriptedClient(OrchestratorClient):
    """Answers the heartbeats by a function of how many came before."""

    def __init__(self, answer: Callable[[int], HeartbeatAnswer]) -> None:
        super().__init__("http://127.0.0.1:1", None)
        self._answer = answer
        self.beats: list[tuple[int, Heartbeat]] = []

    def heartbeat(self, job_id: int, heartbeat: Heartbeat) -> HeartbeatAnswer:
        self.beats.append((job_id, heartbeat))
        return self._answer(len(self.beats) - 1)


def a_heart(
    answer: Callable[[int], HeartbeatAnswer], clock: VirtualClock, on_stop: Callable[[], None] = lambda: None
) -> Heart:
    client = ScriptedClient(answer)
    return Heart(client, LEASE, asked_ns=0, clock=clock, rng=random.Random(0), spooled=lambda: 4, on_stop=on_stop)


def beaten(answer: Callable[[int], HeartbeatAnswer], clock: VirtualClock) -> tuple[Heart, int]:
    """The heart after it told that the work must stop, and how often it told."""
    told = threading.Semaphore(0)
    heart = a_heart(answer, clock, on_stop=told.release)
    with heart:
        assert told.acquire(timeout=10)
    return heart, 1 + told.acquire(blocking=False)


def away(_beat: int) -> HeartbeatAnswer:
    raise AWAY


def test_a_heartbeat_is_sent_where_it_may_be_and_its_time_begins_there() -> None:
    clock = VirtualClock()
    order: list[str] = []

    @contextlib.contextmanager
    def between() -> Iterator[None]:
        order.append("may")
        clock.advance(80 * SECOND_NS)
        yield
        order.append("over")

    def answer(_beat: int) -> HeartbeatAnswer:
        order.append("sent")
        return RENEWED

    heart = a_heart(answer, clock)
    heart._between = between
    assert heart._one_beat() is None
    assert order == ["may", "sent", "over"]
    assert heart._trusted_until_ns == 170 * SECOND_NS


@pytest.mark.parametrize(("since_s", "why"), [(90.0, None), (90.000001, Stopped.LOST)])
def test_a_lease_is_trusted_for_its_time_and_not_a_microsecond_longer(since_s: float, why: Stopped | None) -> None:
    clock = VirtualClock()
    heart = a_heart(away, clock)
    clock.advance(round(since_s * SECOND_NS))
    assert heart._one_beat() is why


def test_a_lease_is_trusted_from_the_sending_of_the_heartbeat_not_from_its_answer() -> None:
    clock = VirtualClock()

    def answer(beat: int) -> HeartbeatAnswer:
        if beat == 0:
            clock.advance(80 * SECOND_NS)
            return RENEWED
        raise AWAY

    heart = a_heart(answer, clock)
    assert heart._one_beat() is None
    clock.advance(10 * SECOND_NS)
    assert heart._one_beat() is None
    clock.advance(1)
    assert heart._one_beat() is Stopped.LOST


def test_a_renewed_lease_lasts_as_long_as_the_answer_says() -> None:
    clock = VirtualClock()

    def answer(beat: int) -> HeartbeatAnswer:
        if beat == 0:
            return HeartbeatAnswer(lease_s=200.0, cancel=False)
        raise AWAY

    heart = a_heart(answer, clock)
    heart._one_beat()
    clock.advance(200 * SECOND_NS)
    assert heart._one_beat() is None


def test_heartbeats_name_the_job_and_the_fence_and_come_at_the_orchestrators_pace() -> None:
    clock = VirtualClock()
    came_ns = []

    def answer(beat: int) -> HeartbeatAnswer:
        came_ns.append(clock.monotonic_ns())
        return HeartbeatAnswer(lease_s=90.0, cancel=beat == 20)

    heart, _ = beaten(answer, clock)
    gaps_s = [(later - earlier) / SECOND_NS for earlier, later in pairwise(came_ns)]
    assert min(gaps_s) >= 12.0
    assert max(gaps_s) <= 18.0
    assert isinstance(heart._client, ScriptedClient)
    assert set(heart._client.beats) == {(7, Heartbeat(fence=3, spooled=4))}


def test_a_cancel_in_the_answer_stops_the_work_and_the_heart_once() -> None:
    heart, times = beaten(lambda _beat: HeartbeatAnswer(lease_s=90.0, cancel=True), VirtualClock())
    assert (heart.stopped, times) == (Stopped.CANCELLED, 1)
    assert isinstance(heart._client, ScriptedClient)
    assert len(heart._client.beats) == 1


def test_a_refused_heartbeat_means_that_the_lease_is_over() -> None:
    def refuse(_beat: int) -> HeartbeatAnswer:
        raise Refused("over", "", status=409, type="lease-lost")

    heart, _ = beaten(refuse, VirtualClock())
    assert (heart.stopped, heart.refusal) == (Stopped.LOST, None)


@pytest.mark.parametrize("status", [401, 403, 426])
def test_a_heartbeat_refused_for_good_says_so_and_not_that_the_lease_is_over(status: int) -> None:
    refusal = Refused("That key was revoked.", "", status=status, type="not-signed-in")

    def refuse(_beat: int) -> HeartbeatAnswer:
        raise refusal

    heart, times = beaten(refuse, VirtualClock())
    assert (heart.stopped, heart.refusal, times) == (Stopped.REFUSED, refusal, 1)


def test_an_orchestrator_that_stays_away_costs_the_lease_when_its_time_is_over() -> None:
    clock = VirtualClock()
    heart, _ = beaten(away, clock)
    assert heart.stopped is Stopped.LOST
    assert 90.0 < clock.monotonic_ns() / SECOND_NS <= 90.0 + 18.0
