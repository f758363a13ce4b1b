"""The agent's loop against an orchestrator that goes away, takes the lease back, and refuses."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from pathlib import Path

import pytest

from agent.client import AGENT_DOUBLED
from agent.errors import Refused, StateError
from agent.measure.turn import Turn
from agent.spool import Spool
from agent.wire.jobs import (
    Done,
    Ending,
    EndReport,
    FailureReason,
    HeartbeatAnswer,
    Lease,
    LeaseAnswer,
    LeaseRequest,
    Round,
    RoundAnswer,
    RoundRequest,
    Task,
    Workload,
)
from agent.wire.readings import Accepted, Batch
from tests.support import synthetic_child
from tests.support.agents import AgentAtWork, at_work
from tests.support.messages import a_batch
from tests.support.scripted_orchestrator import AWAY, Asked, Said, ScriptedOrchestrator, refused, said, scripted

KEY = "sfd_key"
LEASE = Lease(job_id=7, fence=3, task=Task.SWEEP, model="test_vit", workload=Workload(), lease_s=90.0, heartbeat_s=15.0)
NO_DATABASE = refused(503, "database-away", "The database does not answer (OperationalError)")
ROUND = Round(number=0, tokens=(2, 3, 5), sentinel=5, min_passes=3, max_passes=3, seed=0)


@dataclass
class OneJob:
    """A well-behaved orchestrator with one job of three passes; ``trouble`` may answer first."""

    trouble: Callable[[Asked], Said | None] = lambda _asked: None
    lease: Lease = LEASE
    claim: str | None = None
    stored: dict[tuple[int, int], Batch] = field(default_factory=dict)

    def __call__(self, asked: Asked) -> Said:
        return self.trouble(asked) or self._answer(asked)

    def _answer(self, asked: Asked) -> Said:
        match asked.path.rpartition("/")[2]:
            case "leases":
                claim = asked.message(LeaseRequest).claim
                self.claim = self.claim or claim
                return said(LeaseAnswer(lease=self.lease if claim == self.claim else None, retry_after_s=2.0))
            case "rounds":
                first = asked.message(RoundRequest).completed is None
                return said(RoundAnswer(round=ROUND if first else None, passes_done=0))
            case "batches":
                batch = asked.message(Batch)
                assert self.stored.setdefault((batch.round, batch.number), batch) == batch
                return said(Accepted(readings=len(batch.readings)))
            case "heartbeat":
                return said(HeartbeatAnswer(lease_s=90.0, cancel=False))
            case _:
                return said(Done())


def asks_again(orchestrator: ScriptedOrchestrator) -> bool:
    """Whether the agent has let go of its job and asks for another."""
    return len({asked.message(LeaseRequest).claim for asked in orchestrator.on("/leases")}) > 1


def at_first(times: int, ending: str, answer: Said) -> Callable[[Asked], Said | None]:
    """Answers so to the first ``times`` requests to paths with this ending."""
    left = iter(range(times))
    return lambda asked: answer if asked.path.endswith(ending) and next(left, None) is not None else None


def end_reports(orchestrator: ScriptedOrchestrator) -> list[EndReport]:
    return [asked.message(EndReport) for asked in orchestrator.on("/end")]


def worked_until_it_asks_again(
    job: OneJob, home: Path, behaviour: str = synthetic_child.ENDLESS
) -> tuple[AgentAtWork, ScriptedOrchestrator]:
    child = synthetic_child.command(behaviour)
    with scripted(job) as orchestrator, at_work(orchestrator.url, KEY, home, child=child) as agent:
        orchestrator.wait_for(lambda: asks_again(orchestrator))
    return agent, orchestrator


@pytest.mark.parametrize("answer", [AWAY, NO_DATABASE], ids=["bad gateway", "no database"])
def test_passes_measured_while_the_orchestrator_is_away_are_kept_and_delivered_in_order(
    tmp_path: Path, answer: Said
) -> None:
    def away(asked: Asked) -> Said | None:
        kept = len(list((tmp_path / "spool").glob("*.json")))
        return answer if asked.path.endswith("/batches") and not job.stored and kept < ROUND.max_passes else None

    job = OneJob(away)
    agent, _ = worked_until_it_asks_again(job, tmp_path)
    assert list(job.stored) == [(0, 0), (0, 1), (0, 2)]
    assert agent.spool.waiting() == []
    went, came_back = (line for line in agent.told if not line.startswith("Job"))
    assert "what is measured is kept here and sent later" in went
    assert came_back == "The orchestrator answers again."


def test_a_database_that_is_away_before_there_is_work_is_told_once_and_waited_for(tmp_path: Path) -> None:
    job = OneJob(at_first(4, "/leases", NO_DATABASE))
    agent, _ = worked_until_it_asks_again(job, tmp_path)
    assert sorted(job.stored) == [(0, 0), (0, 1), (0, 2)]
    assert agent.told[0].startswith("The orchestrator at")
    assert "The database does not answer" in agent.told[0]
    assert agent.told[1] == "The orchestrator answers again."


def test_a_database_that_goes_away_between_rounds_is_told_and_waited_for(tmp_path: Path) -> None:
    job = OneJob(at_first(3, "/rounds", NO_DATABASE))
    agent, _ = worked_until_it_asks_again(job, tmp_path)
    assert sorted(job.stored) == [(0, 0), (0, 1), (0, 2)]
    assert sum("The database does not answer" in line for line in agent.told) == 1


def test_readings_of_an_earlier_run_are_delivered_before_anything_else(tmp_path: Path) -> None:
    Spool(tmp_path / "spool").put(5, a_batch(number=9))
    _, orchestrator = worked_until_it_asks_again(OneJob(), tmp_path)
    assert orchestrator.asked[0].path == "/v1/jobs/5/batches"


def test_an_agent_whose_lease_is_over_stops_in_mid_pass_keeps_its_readings_and_asks_for_work(tmp_path: Path) -> None:
    def over(asked: Asked) -> Said | None:
        return refused(409, "lease-lost") if asked.path.endswith("/heartbeat") and job.stored else None

    job = OneJob(over)
    agent, orchestrator = worked_until_it_asks_again(job, tmp_path, "1")
    assert list(job.stored) == [(0, 0)]
    assert end_reports(orchestrator) == []
    assert any("the lease is over" in line for line in agent.told)


def test_a_key_that_is_revoked_in_mid_job_ends_the_agent_and_leaves_its_readings(tmp_path: Path) -> None:
    def revoked(asked: Asked) -> Said | None:
        return refused(401, "not-signed-in") if asked.path.endswith("/batches") else None

    with scripted(OneJob(revoked)) as orchestrator, at_work(orchestrator.url, KEY, tmp_path) as agent:
        error = agent.ended()
    assert isinstance(error, Refused)
    assert [path.name for path in agent.spool.waiting()] == ["7-0-3-0.json"]


def test_a_key_that_is_revoked_ends_the_agent_at_the_next_heartbeat_and_nothing_is_said_of_the_lease(
    tmp_path: Path,
) -> None:
    def revoked(asked: Asked) -> Said | None:
        return refused(401, "not-signed-in") if asked.path.endswith("/heartbeat") and job.stored else None

    job = OneJob(revoked)
    child = synthetic_child.command("1")
    with scripted(job) as orchestrator, at_work(orchestrator.url, KEY, tmp_path, child=child) as agent:
        error = agent.ended()
    assert isinstance(error, Refused)
    assert error.status == 401
    assert end_reports(orchestrator) == []
    assert agent.told[-1] == "Job 7: stopped, the orchestrator refuses this device. What was measured is kept."


def test_the_older_of_two_agents_with_one_identity_hands_its_readings_over_and_ends(tmp_path: Path) -> None:
    def doubled(asked: Asked) -> Said | None:
        if asked.path.endswith("/heartbeat") and job.stored:
            return refused(409, "lease-lost")
        return refused(409, "agent-doubled") if asked.path.endswith("/leases") and job.stored else None

    job = OneJob(doubled)
    child = synthetic_child.command("1")
    with scripted(job) as orchestrator, at_work(orchestrator.url, KEY, tmp_path, child=child) as agent:
        error = agent.ended()
    assert isinstance(error, Refused)
    assert error.type == AGENT_DOUBLED
    assert list(job.stored) == [(0, 0)]
    assert end_reports(orchestrator) == []


def test_every_request_of_one_agent_for_work_names_its_run_and_another_agents_another(tmp_path: Path) -> None:
    runs = []
    for home in ("first", "second"):
        with scripted(OneJob()) as orchestrator, at_work(orchestrator.url, KEY, tmp_path / home):
            orchestrator.wait_for(lambda: asks_again(orchestrator))
        runs.append({asked.message(LeaseRequest).run for asked in orchestrator.on("/leases")})
    assert [len(of_one) for of_one in runs] == [1, 1]
    assert runs[0] != runs[1]


def test_a_job_given_back_while_nobody_listened_is_given_back_before_the_next_agent_asks_for_work(
    tmp_path: Path,
) -> None:
    def deaf(asked: Asked) -> Said | None:
        return AWAY if asked.path.endswith("/end") else None

    child = synthetic_child.command("1")
    job = OneJob(deaf)
    with scripted(job) as orchestrator, at_work(orchestrator.url, KEY, tmp_path, child=child) as agent:
        orchestrator.wait_for(lambda: job.stored)
        agent.agent.stop()
        assert agent.ended() is None
    with scripted(OneJob()) as later, at_work(later.url, KEY, tmp_path):
        later.wait_for(lambda: later.on("/leases"))
    report = end_reports(later)[0]
    assert (report.fence, report.ending) == (LEASE.fence, Ending.GIVEN_BACK)
    assert [asked.path for asked in later.asked[:3]] == ["/v1/jobs/7/end", "/v1/device", "/v1/leases"]


def test_why_a_job_failed_is_said_until_somebody_hears_it(tmp_path: Path) -> None:
    job = OneJob(at_first(2, "/end", AWAY), replace(LEASE, model="test_vitt"))
    _, orchestrator = worked_until_it_asks_again(job, tmp_path)
    failures = [report.failure for report in end_reports(orchestrator)]
    assert [failure and failure.reason for failure in failures] == [FailureReason.MODEL_UNKNOWN] * 3


def test_a_job_whose_round_is_refused_is_failed_with_what_the_orchestrator_said(tmp_path: Path) -> None:
    def conflict(asked: Asked) -> Said | None:
        if asked.path.endswith("/rounds"):
            return refused(409, "conflict", "The model has other tokens now.", "Queue the sweep again.")
        return None

    _, orchestrator = worked_until_it_asks_again(OneJob(conflict), tmp_path)
    (report,) = end_reports(orchestrator)
    assert report.ending is Ending.FAILED
    assert report.failure is not None
    assert "The model has other tokens now." in report.failure.message
    assert report.failure.advice == "Queue the sweep again."


def test_an_agent_waits_for_another_measurement_on_its_machine_with_the_lease_in_hand(tmp_path: Path) -> None:
    other, its = Turn("stepfarm-test-troubles"), Turn("stepfarm-test-troubles")
    assert other.take()
    job = OneJob()
    with scripted(job) as orchestrator, at_work(orchestrator.url, KEY, tmp_path, turn=its) as agent:
        orchestrator.wait_for(lambda: len(orchestrator.on("/heartbeat")) >= 2)
        assert not orchestrator.on("/rounds")
        other.give()
        orchestrator.wait_for(lambda: asks_again(orchestrator))
    assert len(job.stored) == 3
    assert sum("Another measurement is under way" in line for line in agent.told) == 1


def test_a_task_that_this_agent_does_not_know_is_failed_unmeasured(tmp_path: Path) -> None:
    job = OneJob(lease=replace(LEASE, task=Task.HEALTH))
    _, orchestrator = worked_until_it_asks_again(job, tmp_path)
    (report,) = end_reports(orchestrator)
    assert report.failure is not None
    assert "health" in report.failure.message
    assert job.stored == {}


def test_readings_that_cannot_be_kept_give_the_job_back_and_end_the_agent(tmp_path: Path) -> None:
    (tmp_path / "spool").write_text("in the way")
    with scripted(OneJob()) as orchestrator, at_work(orchestrator.url, KEY, tmp_path) as agent:
        error = agent.ended()
    assert isinstance(error, StateError)
    assert [report.ending for report in end_reports(orchestrator)] == [Ending.GIVEN_BACK]


def test_a_full_disk_gives_the_job_back_sends_the_pass_in_hand_and_asks_again_once_there_is_room(
    tmp_path: Path,
) -> None:
    def full_from_now_on(asked: Asked) -> Said | None:
        if asked.path.endswith("/rounds"):
            (tmp_path / "spool").mkdir()
            for name in ("7-0-3-1.json.part", "room.part"):
                (tmp_path / "spool" / name).symlink_to("/dev/full")
        return None

    agent, orchestrator = worked_until_it_asks_again(OneJob(full_from_now_on), tmp_path)
    assert [asked.message(Batch).number for asked in orchestrator.on("/batches")] == [0, 1]
    assert [report.ending for report in end_reports(orchestrator)] == [Ending.GIVEN_BACK]
    assert agent.errors == []
    assert [("no room" in line, "given back" in line) for line in agent.told[-2:]] == [(True, True), (True, False)]


@pytest.mark.parametrize("status", [404, 200])
def test_what_another_server_answers_in_the_orchestrators_place_costs_no_reading(tmp_path: Path, status: int) -> None:
    strange = Said(status=status, body=b"<html>sign in</html>", content_type="text/html", protocol=None)

    job = OneJob(at_first(2, "/batches", strange))
    agent, _ = worked_until_it_asks_again(job, tmp_path)
    assert sorted(job.stored) == [(0, 0), (0, 1), (0, 2)]
    assert agent.spool.aside() == []
