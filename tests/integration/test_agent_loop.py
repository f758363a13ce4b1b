"""The agent's loop against the real application, and against one that drops, repeats, refuses and goes away."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
import urllib3

from agent.errors import Refused
from agent.measure.isolation import COMMAND
from agent.wire.jobs import FailureReason, Workload
from agent.wire.protocol import PROTOCOL_HEADER, PROTOCOL_VERSION
from orchestrator.analysis.planning import Plan
from orchestrator.jobs.states import JobState
from orchestrator.views import JobView, ReadingsView
from tests.support import synthetic_child
from tests.support.agents import at_work, enrolled, eventually
from tests.support.scripted_orchestrator import DROPPED, Asked, Said, scripted
from tests.support.serving import Served, serving

PASSES = 4


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    with serving(tmp_path_factory.mktemp("orchestrator")) as running:
        yield running


def a_job(served: Served, device: str, *, model: str = "test_vit", plan: Plan | None = None) -> int:
    """The number of a new sweep of one job."""
    workload = Workload(threads=1)
    return served.client.create_sweep(
        models=[model],
        workloads=[workload],
        devices=[device],
        plan=plan or Plan(exhaustive=True, confirm=False, passes=PASSES),
    ).id


def job_of(served: Served, sweep_id: int) -> JobView:
    (job,) = served.client.sweep(sweep_id).jobs
    return job


def ended(served: Served, sweep_id: int) -> JobView:
    eventually(lambda: served.client.sweep(sweep_id).ended, "the job ends")
    return job_of(served, sweep_id)


def passes_stored(served: Served, sweep_id: int) -> int:
    progress = job_of(served, sweep_id).progress
    return 0 if progress is None else progress.passes_done


def readings_of(served: Served, sweep_id: int) -> ReadingsView:
    curve_id = job_of(served, sweep_id).curve_id
    assert curve_id is not None
    return served.client.readings(curve_id)


def keys_of(served: Served, sweep_id: int) -> list[tuple[int, int]]:
    """Fence and number of each pass that is stored, in order."""
    return [(one.fence, one.number) for one in readings_of(served, sweep_id).passes]


def test_a_real_model_is_measured_and_every_reading_is_stored(served: Served, tmp_path: Path) -> None:
    identity = enrolled(served, tmp_path, "real")
    sweep = a_job(served, "real", plan=Plan(exhaustive=True, confirm=False, passes=2, min_tokens=2, stride=33))
    with at_work(served.url, identity.key, tmp_path, child=COMMAND, hasty=False) as agent:
        job = ended(served, sweep)
        eventually(lambda: any("done" in line for line in agent.told), "the agent hears that the job is done")
    assert job.state is JobState.DONE
    stored = readings_of(served, sweep)
    assert {tokens for one in stored.passes for tokens in one.tokens} == {2, 35, 68, 101}
    assert all(latency_ns > 0 for one in stored.passes for latency_ns in one.latency_ns)
    assert agent.spool.waiting() == []


def test_when_every_answer_is_lost_once_no_reading_is_lost_or_stored_twice(served: Served, tmp_path: Path) -> None:
    seen: set[tuple[str, bytes]] = set()
    pool = urllib3.PoolManager(retries=False)

    def lossy(asked: Asked) -> Said:
        headers = {
            "Authorization": f"Bearer {asked.key}",
            "Content-Type": "application/json",
            PROTOCOL_HEADER: str(PROTOCOL_VERSION),
        }
        answer = pool.request("POST", served.url + asked.path, body=asked.body, headers=headers)
        if (asked.path, asked.body) not in seen:
            seen.add((asked.path, asked.body))
            return DROPPED
        return Said(answer.status, answer.data, answer.headers["Content-Type"])

    identity = enrolled(served, tmp_path, "lossy")
    sweep = a_job(served, "lossy")
    with scripted(lossy) as between, at_work(between.url, identity.key, tmp_path) as agent:
        job = ended(served, sweep)
        eventually(lambda: between.asked[-1].path == "/v1/leases", "the agent asks for more work")
    assert (job.state, job.attempts) == (JobState.DONE, 1)
    assert keys_of(served, sweep) == [(1, number) for number in range(PASSES)]
    assert agent.spool.waiting() == agent.spool.aside() == []
    assert agent.ended() is None


def test_a_cancelled_job_stops_in_mid_pass_and_its_readings_are_kept(served: Served, tmp_path: Path) -> None:
    identity = enrolled(served, tmp_path, "cancelled")
    sweep = a_job(served, "cancelled")
    with at_work(served.url, identity.key, tmp_path, child=synthetic_child.command("1")) as agent:
        eventually(lambda: passes_stored(served, sweep) == 1, "a pass is stored")
        served.client.cancel_sweep(sweep)
        job = ended(served, sweep)
    assert job.state is JobState.CANCELLED
    assert keys_of(served, sweep) == [(1, 0)]
    assert any("somebody cancelled the job" in line for line in agent.told)


def test_a_model_that_does_not_exist_fails_the_job_with_advice(served: Served, tmp_path: Path) -> None:
    identity = enrolled(served, tmp_path, "modelless")
    sweep = a_job(served, "modelless", model="test_vitt")
    with at_work(served.url, identity.key, tmp_path) as agent:
        job = ended(served, sweep)
    assert job.state is JobState.FAILED
    assert job.failure is not None
    assert job.failure.reason is FailureReason.MODEL_UNKNOWN
    assert "Did you mean test_vit?" in job.failure.advice
    assert agent.ended() is None


def test_an_agent_whose_key_is_not_known_ends_and_says_so(served: Served, tmp_path: Path) -> None:
    with at_work(served.url, "sfd_" + "x" * 43, tmp_path) as agent:
        error = agent.ended()
    assert isinstance(error, Refused)
    assert error.status == 401


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_gives_the_job_back_and_ends_the_agent_in_good_order(
    served: Served, tmp_path: Path, number: signal.Signals
) -> None:
    name = f"stopped-{number.name.lower()}"
    enrolled(served, tmp_path / "agent", name)
    sweep = a_job(served, name)
    arguments = [sys.executable, "-m", "agent.cli", "run"]
    environment = {**os.environ, "STEPFARM_HOME": str(tmp_path)}
    with subprocess.Popen(
        arguments,
        env=environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        cwd=Path(__file__).parents[2],
    ) as process:
        eventually(lambda: job_of(served, sweep).state is JobState.LEASED, "the job is leased")
        process.send_signal(number)
        output, errors = process.communicate(timeout=60)
    assert (process.returncode, errors) == (0, "")
    assert "the agent is being stopped" in output
    assert output.endswith("Stopped.\n")
    job = job_of(served, sweep)
    assert (job.state, job.attempts) == (JobState.QUEUED, 1)
