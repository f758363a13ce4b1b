"""The fleet through the client: enrolling, labels, sweeps by label, revoking, doubled agents, jobs that fail."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from agent.errors import Refused
from agent.wire.enrolment import DeviceKind
from agent.wire.jobs import (
    Ending,
    EndReport,
    Failure,
    FailureReason,
    Heartbeat,
    LeaseRequest,
    RoundRequest,
    Workload,
)
from orchestrator.analysis.planning import Plan
from orchestrator.jobs.states import JobState
from orchestrator.views import DeviceState, JoinCodeState, Label
from tests.support.filling import FACTS, RUN, FakeJob, begun, enrolled, fail_next, leased
from tests.support.serving import Served, serving

FEW = Plan(exhaustive=True, confirm=False, passes=2, min_tokens=190, stride=4)
FAILURE = Failure(reason=FailureReason.MODEL_UNKNOWN, message="timm knows no such model.", advice="Look it up.")


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    with serving(tmp_path_factory.mktemp("served"), public_url="https://farm.example.org") as running:
        yield running


def a_job(served: Served, name: str, *, plan: Plan = FEW, rejected: float = 0.0) -> FakeJob:
    """A job in the hands of a new device."""
    return begun(enrolled(served.url, served.client, name), served.client, plan=plan, rejected=rejected)


def test_a_join_code_says_where_devices_go_and_who_came(served: Served) -> None:
    code = served.client.new_join_code()
    before = served.client.join_code(code.id)
    enrolled(served.url, served.client, "newcomer", code=code.code)

    after = served.client.join_code(code.id)

    assert code.url == "https://farm.example.org"
    assert (before.state, before.device) == (JoinCodeState.WAITING, None)
    assert (after.state, after.device) == (JoinCodeState.USED, "newcomer")
    assert code.code not in repr(after)


def test_one_device_is_what_the_fleet_says_of_it(served: Served) -> None:
    enrolled(served.url, served.client, "single")

    assert served.client.device("single") in served.client.devices()


@pytest.mark.parametrize("name", ["", "a/b", "..", "a b", "ä", "a" * 64])
def test_what_can_be_no_device_is_not_even_asked_for(served: Served, name: str) -> None:
    for ask in (served.client.device, served.client.revoke_device, served.client.label_device):
        with pytest.raises(ValueError, match="name"):
            ask(name)


def test_a_sweep_finds_devices_by_name_and_by_label_each_once(served: Served) -> None:
    for name, label in (("shelf-a", "shelf=a"), ("shelf-b", "shelf=b"), ("floor", "floor")):
        enrolled(served.url, served.client, name)
        served.client.label_device(name, put=[Label.parse(label)])

    sweep = served.client.create_sweep(
        models=["m"], workloads=[Workload()], devices=["shelf-b"], labels=[Label.parse("shelf"), Label.parse("floor")]
    )

    assert [job.device for job in sweep.jobs] == ["shelf-b", "shelf-a", "floor"]
    assert served.client.device("shelf-a").queued == 1


def test_a_sweep_that_finds_no_device_queues_nothing(served: Served) -> None:
    enrolled(served.url, served.client, "lonely")
    served.client.label_device("lonely", put=[Label(name="lone")])
    served.client.revoke_device("lonely")
    before = len(served.client.sweeps())

    for devices, labels in (([], [Label(name="lone")]), (["lonely"], [])):
        with pytest.raises(Refused):
            served.client.create_sweep(models=["m"], workloads=[Workload()], devices=devices, labels=labels)

    assert len(served.client.sweeps()) == before


def test_a_device_that_is_revoked_in_mid_job_is_shut_out_at_its_next_word(served: Served) -> None:
    job = a_job(served, "stolen")
    job.post(0)
    sweep = served.client.create_sweep(models=["m"], workloads=[Workload()], devices=["stolen"])

    view = served.client.revoke_device("stolen")

    attempts = (
        lambda: job.device.client.heartbeat(job.job_id, Heartbeat(fence=job.fence)),
        lambda: job.post(1),
        lambda: job.device.client.end(job.job_id, EndReport(fence=job.fence, ending=Ending.GIVEN_BACK)),
        lambda: job.device.client.lease(LeaseRequest(claim="0" * 16, run=RUN)),
    )
    for attempt in attempts:
        with pytest.raises(Refused, match="revoked") as refusal:
            attempt()
        assert (refusal.value.status, refusal.value.type) == (401, "not-signed-in")
    assert (view.state, view.job, view.queued) == (DeviceState.REVOKED, None, 0)
    assert {job.state for job in sweep.refresh().jobs} == {JobState.CANCELLED}
    assert served.client.curve(job.curve_id).summary.readings > 0


def test_revoking_again_gives_the_same_answer(served: Served) -> None:
    enrolled(served.url, served.client, "twice")

    assert served.client.revoke_device("twice") == served.client.revoke_device("twice")


def test_the_older_of_two_agents_with_one_identity_is_told_so(served: Served) -> None:
    job = a_job(served, "cloned")
    newest = job.device.client.lease(LeaseRequest(claim="a" * 16, run="b" * 16)).lease

    with pytest.raises(Refused) as refusal:
        job.device.client.lease(LeaseRequest(claim="c" * 16, run=RUN))

    assert (refusal.value.status, refusal.value.type) == (409, "agent-doubled")
    assert newest is not None
    assert job.device.client.heartbeat(newest.job_id, Heartbeat(fence=newest.fence)).cancel is False
    assert served.client.device("cloned").doubled_ms is not None


def test_a_job_whose_every_reading_was_rejected_fails_and_says_so(served: Served) -> None:
    job = a_job(served, "noisy", rejected=1.0)

    view = job.finish()

    (shown,) = served.client.sweeps()[0].jobs
    assert (shown.state, shown.attempts) == (JobState.FAILED, 1)
    assert shown.failure is not None
    assert shown.failure.reason is FailureReason.ALL_REJECTED
    assert "Not one of" in shown.failure.message
    assert view.summary.accepted == 0
    again = RoundRequest(fence=job.fence, facts=FACTS, completed=job.round.number)
    assert job.device.client.next_round(job.job_id, again).round is None


def test_a_retry_measures_what_failed_and_leaves_the_first_sweep_as_it_was(served: Served) -> None:
    device = enrolled(served.url, served.client, "second-try")
    first = served.client.create_sweep(models=["m"], workloads=[Workload()], devices=["second-try"], plan=FEW)
    fail_next(device, FAILURE)
    before = first.refresh().view

    again = first.retry()
    leased(device, served.client).finish()

    assert again.refresh().ended
    assert [job.state for job in again.jobs] == [JobState.DONE]
    assert [curve.summary.job_id for curve in again.curves()] == [again.jobs[0].id]
    assert first.refresh().view == before
    with pytest.raises(Refused, match="No job"):
        again.retry()


def test_simulated_devices_are_found_like_others(served: Served) -> None:
    enrolled(served.url, served.client, "pretend", DeviceKind.SIMULATED)
    served.client.label_device("pretend", put=[Label(name="pretending")])

    sweep = served.client.create_sweep(models=["m"], workloads=[Workload()], labels=[Label(name="pretending")])

    assert [job.device for job in sweep.jobs] == ["pretend"]


def test_a_workload_with_more_threads_than_cores_is_refused_with_the_device(served: Served) -> None:
    enrolled(served.url, served.client, "quad")

    with pytest.raises(Refused, match="quad has 4 cores") as refusal:
        served.client.create_sweep(models=["m"], workloads=[Workload(threads=4), Workload(threads=5)], devices=["quad"])

    assert refusal.value.status == 400


def test_the_time_left_grows_out_of_the_passes_that_came_in(served: Served) -> None:
    job = a_job(served, "steady", plan=Plan(exhaustive=True, confirm=False, passes=4, min_tokens=190, stride=4))
    unknown = served.client.sweeps()[0]
    job.post(0)

    known = served.client.sweeps()[0]

    assert unknown.left_s is None
    assert known.left_s is not None
    assert known.jobs[0].progress is not None
    assert known.jobs[0].progress.left_s is not None
    job.finish()
    assert served.client.sweeps()[0].left_s == 0
