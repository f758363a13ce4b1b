"""Simulated devices as a person starts them, each ``stepfarm-agent`` a process, against the real application."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path

import psycopg
import pytest

from agent.cli import UNWANTED
from agent.identity import read_identity
from agent.measure.simulated.profiles import PROFILES, ProfileName
from agent.spool import Spool
from agent.wire.conditions import DoubtReason
from agent.wire.enrolment import DeviceKind
from agent.wire.jobs import FailureReason, Processor, Workload
from orchestrator.analysis.planning import Plan
from orchestrator.jobs.states import JobState
from orchestrator.views import DeviceView, JobView, PassView
from tests.support import postgres
from tests.support.agents import eventually
from tests.support.serving import Served, serving

ROOT = Path(__file__).parents[2]
PASSES = 6
MODEL = "deit_tiny_patch16_224"
ONE_THREAD = Workload(threads=1)
AT_ONCE = ("--pace", "0")
FOR_A_PERSON = ("--pace", "0.4")


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    with serving(tmp_path_factory.mktemp("orchestrator")) as running:
        yield running


def command(home: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    """What ``stepfarm-agent`` comes to with its state in ``home``."""
    return subprocess.run(
        [sys.executable, "-m", "agent.cli", *arguments],
        env=environment(home),
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


def environment(home: Path) -> Mapping[str, str]:
    return {**os.environ, "STEPFARM_HOME": str(home)}


def enrolled(served: Served, home: Path, profile: ProfileName, name: str) -> None:
    """A new simulated device."""
    code = served.client.new_join_code().code
    ended = command(home, "enroll", served.url, "--code", code, "--simulate", profile.value, "--name", name)
    assert ended.returncode == 0, ended.stderr


@contextlib.contextmanager
def running(home: Path, *options: str) -> Iterator[subprocess.Popen[str]]:
    """An agent at work until the context ends, when it is killed if it still lives."""
    process = subprocess.Popen(
        [sys.executable, "-m", "agent.cli", "run", *options],
        env=environment(home),
        cwd=ROOT,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    try:
        yield process
    finally:
        process.kill()
        process.communicate()


def a_sweep(served: Served, *devices: str, model: str = MODEL, workload: Workload = ONE_THREAD) -> int:
    """The number of a new sweep of one job a device."""
    plan = Plan(exhaustive=True, confirm=False, passes=PASSES, stride=7)
    return served.client.create_sweep(models=[model], workloads=[workload], devices=list(devices), plan=plan).id


def jobs_of(served: Served, sweep_id: int) -> tuple[JobView, ...]:
    return served.client.sweep(sweep_id).jobs


def ended(served: Served, sweep_id: int) -> tuple[JobView, ...]:
    eventually(lambda: served.client.sweep(sweep_id).ended, "the sweep ends")
    return jobs_of(served, sweep_id)


def passes_of(served: Served, job: JobView) -> tuple[PassView, ...]:
    return () if job.curve_id is None else served.client.readings(job.curve_id).passes


def stored(served: Served, sweep_id: int) -> int:
    """How many passes of the sweep are in the database."""
    return sum(len(passes_of(served, job)) for job in jobs_of(served, sweep_id))


def device(served: Served, name: str) -> DeviceView:
    (found,) = [one for one in served.client.devices() if one.name == name]
    return found


def test_several_simulated_devices_of_one_machine_measure_what_they_truly_are(served: Served, tmp_path: Path) -> None:
    for profile in (ProfileName.STAIRS, ProfileName.SAWTOOTH):
        enrolled(served, tmp_path / profile.value, profile, f"sim-{profile.value}")
    sweep = a_sweep(served, "sim-stairs", "sim-sawtooth")
    with running(tmp_path / "stairs", *AT_ONCE), running(tmp_path / "sawtooth", *AT_ONCE):
        jobs = ended(served, sweep)
    assert {job.state for job in jobs} == {JobState.DONE}
    for job, profile in zip(jobs, (ProfileName.STAIRS, ProfileName.SAWTOOTH), strict=True):
        truth = PROFILES[profile].curve(MODEL, job.workload)
        for one in passes_of(served, job):
            for tokens, latency_ns in zip(one.tokens, one.latency_ns, strict=True):
                assert abs(latency_ns / truth.latency_ns(tokens) - 1) < 0.03
        view = device(served, job.device)
        assert (view.kind, view.description.hardware) == (DeviceKind.SIMULATED, f"simulated: {profile.value}")


def test_the_profile_of_a_run_is_simulated_and_the_device_stays_what_it_was_enrolled_as(
    served: Served, tmp_path: Path
) -> None:
    enrolled(served, tmp_path, ProfileName.STAIRS, "sim-hot")
    sweep = a_sweep(served, "sim-hot")
    with running(tmp_path, *AT_ONCE, "--simulate", "throttle"):
        (job,) = ended(served, sweep)
    doubted = [DoubtReason.THROTTLED in {doubt.reason for doubt in one.doubts} for one in passes_of(served, job)]
    # The pass before the middle of the run ends with the limit reached.
    middle = PASSES // 2 - 1
    assert (doubted[:middle], set(doubted[middle:])) == ([False] * middle, {True})
    assert device(served, "sim-hot").kind is DeviceKind.SIMULATED
    identity = read_identity(tmp_path / "agent")
    assert identity is not None
    assert identity.profile is ProfileName.STAIRS


@pytest.mark.parametrize(
    ("model", "workload", "failure"),
    [
        ("deit_tinny_patch16_224", ONE_THREAD, (FailureReason.MODEL_UNKNOWN, "Did you mean deit_tiny_patch16_224?")),
        (MODEL, Workload(processor=Processor.CUDA), (FailureReason.WORKLOAD_UNSUPPORTED, "Ask for cpu.")),
    ],
)
def test_a_job_that_a_simulated_device_cannot_do_fails_with_its_reason(
    served: Served, tmp_path: Path, model: str, workload: Workload, failure: tuple[FailureReason, str]
) -> None:
    reason, advice = failure
    name = f"sim-{reason.value}"
    enrolled(served, tmp_path, ProfileName.STAIRS, name)
    sweep = a_sweep(served, name, model=model, workload=workload)
    with running(tmp_path, *AT_ONCE):
        (job,) = ended(served, sweep)
    assert job.state is JobState.FAILED
    assert job.failure is not None
    assert job.failure.reason is reason
    assert advice in job.failure.advice


def test_an_agent_killed_in_mid_pass_and_started_again_measures_only_what_is_missing(
    served: Served, tmp_path: Path
) -> None:
    enrolled(served, tmp_path, ProfileName.SAWTOOTH, "sim-killed")
    sweep = a_sweep(served, "sim-killed")
    with running(tmp_path, *FOR_A_PERSON) as first:
        eventually(lambda: stored(served, sweep) >= 2, "two passes are stored")
        first.send_signal(signal.SIGKILL)
        first.wait()
    before = stored(served, sweep)
    assert 2 <= before < PASSES
    with running(tmp_path, *AT_ONCE):
        (job,) = ended(served, sweep)
    assert (job.state, job.attempts) == (JobState.DONE, 2)
    keys = [(one.fence, one.number) for one in passes_of(served, job)]
    assert sorted(number for _, number in keys) == list(range(PASSES))
    assert {fence for fence, number in keys if number < before} == {1}
    assert {fence for fence, number in keys if number > before} <= {2}
    assert Spool(tmp_path / "agent" / "spool").waiting() == []


def test_of_two_agents_with_one_identity_the_older_ends_and_says_what_to_do(served: Served, tmp_path: Path) -> None:
    enrolled(served, tmp_path / "original", ProfileName.STAIRS, "sim-twin")
    copy = tmp_path / "clone" / "agent" / "identity.json"
    copy.parent.mkdir(parents=True)
    copy.write_bytes((tmp_path / "original" / "agent" / "identity.json").read_bytes())
    with running(tmp_path / "original", *AT_ONCE) as older:
        ended(served, a_sweep(served, "sim-twin"))
        with running(tmp_path / "clone", *AT_ONCE) as newer:
            _, errors = older.communicate(timeout=60)
            (job,) = ended(served, a_sweep(served, "sim-twin"))
            assert newer.poll() is None
    assert older.returncode == UNWANTED
    assert "Two agents work with the identity of this device" in errors
    assert "Traceback" not in errors
    assert job.state is JobState.DONE


def test_a_device_revoked_in_mid_job_ends_at_its_next_request_and_keeps_what_waits(
    served: Served, tmp_path: Path
) -> None:
    enrolled(served, tmp_path, ProfileName.STAIRS, "sim-revoked")
    sweep = a_sweep(served, "sim-revoked")
    with running(tmp_path, *FOR_A_PERSON) as agent:
        eventually(lambda: stored(served, sweep) >= 1, "a pass is stored")
        served.client.revoke_device("sim-revoked")
        _, errors = agent.communicate(timeout=60)
    assert agent.returncode == UNWANTED
    assert "1 pass waits to be sent, kept in" in errors
    assert "Traceback" not in errors
    assert len(Spool(tmp_path / "agent" / "spool").waiting()) == 1
    (job,) = jobs_of(served, sweep)
    assert job.state is JobState.CANCELLED


def test_a_database_that_is_away_in_mid_job_is_told_once_and_costs_no_reading(tmp_path: Path) -> None:
    if os.environ.get(postgres.WITHOUT) == "1":
        pytest.skip(f"{postgres.WITHOUT}=1")
    with postgres.server() as database:
        with psycopg.connect(database.url("postgres"), autocommit=True) as connection:
            connection.execute("CREATE DATABASE farm")
        with serving(tmp_path / "orchestrator", database_url=database.url("farm")) as served:
            home = tmp_path / "device"
            enrolled(served, home, ProfileName.STAIRS, "sim-patient")
            sweep = a_sweep(served, "sim-patient")
            with running(home, *FOR_A_PERSON) as agent:
                eventually(lambda: stored(served, sweep) >= 1, "a pass is stored")
                database.stop()
                spool = Spool(home / "agent" / "spool")
                eventually(lambda: len(spool.waiting()) >= 2, "passes wait")
                database.start()
                eventually(lambda: still_ended(served, sweep), "the sweep ends")
                agent.send_signal(signal.SIGTERM)
                output, errors = agent.communicate(timeout=60)
            (job,) = jobs_of(served, sweep)
            assert (job.state, job.attempts) == (JobState.DONE, 1)
            assert [one.number for one in passes_of(served, job)] == list(range(PASSES))
    assert (agent.returncode, errors) == (0, "")
    assert output.count("what is measured is kept here and sent later") == 1
    assert output.count("The orchestrator answers again.") == 1
    assert spool.waiting() == spool.aside() == []


def still_ended(served: Served, sweep_id: int) -> bool:
    """Whether the sweep has ended; the orchestrator may not answer yet."""
    with contextlib.suppress(Exception):
        return served.client.sweep(sweep_id).ended
    return False
