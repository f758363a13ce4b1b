"""The API: what is refused, and how a refusal reads. Who may do what is in ``test_access``."""

from __future__ import annotations

import gzip
import logging
import socket
from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Any

import pytest
import sqlalchemy as sa
from urllib3.util import parse_url

from agent.errors import OrchestratorAway, Refused
from agent.wire.codec import MAX_BODY_BYTES, to_plain
from agent.wire.jobs import Ending, EndReport, Heartbeat, LeaseRequest, RoundRequest, Workload
from agent.wire.protocol import PROTOCOL_HEADER, PROTOCOL_VERSION
from orchestrator.analysis.planning import Plan
from orchestrator.jobs.states import JobState
from orchestrator.roles import Role
from orchestrator.storage.keys import add_key
from orchestrator.views import SweepRequest
from tests.support.filling import FACTS, FakeDevice, begun, enrolled
from tests.support.plain_http import ask, problem_of
from tests.support.processes import wait_until
from tests.support.serving import Served, serving
from tests.support.store import a_batch

NO_KEY, DEVICE, VIEWER, OPERATOR = ("no key", "device", "viewer", "operator")
SWEEP = to_plain(SweepRequest(models=("a",), workloads=(Workload(),), devices=("nobody",), plan=Plan()))
FEW = Plan(exhaustive=True, confirm=False, passes=1, min_tokens=190, stride=4)


@dataclass(frozen=True)
class Farm:
    """A served orchestrator with a device, and a key for each sort of caller."""

    served: Served
    device: FakeDevice
    keys: dict[str, str | None]

    def ask(self, route: str, caller: str = OPERATOR, **options: Any) -> Any:
        method, path = route.split(" ")
        for name in ("job_id", "sweep_id", "curve_id", "join_code_id", "key_id", "name"):
            path = path.replace(f"{{{name}}}", "999999")
        path = path.replace("{sha256}", "0" * 64)
        return ask(self.served.url, method, path, key=self.keys[caller], **options)


@pytest.fixture(scope="module")
def farm(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Farm]:
    with serving(tmp_path_factory.mktemp("farm")) as served:
        with served.orchestrator.database.write() as session:
            add_key(session, "sfv_viewer", Role.VIEWER, "viewer", now_ms=0)
        device = enrolled(served.url, served.client, "board")
        keys = {NO_KEY: None, DEVICE: device.key, VIEWER: "sfv_viewer", OPERATOR: served.operator_key}
        yield Farm(served, device, keys)


@pytest.mark.parametrize("header", ["", "Bearer", "Bearer ", "Basic abc", "Bearer wrong"])
def test_what_is_no_good_key_is_refused_in_http_s_own_terms(farm: Farm, header: str) -> None:
    answer = ask(farm.served.url, "GET", "/v1/me", headers={"Authorization": header})

    assert answer.status == 401
    assert answer.headers["WWW-Authenticate"] == "Bearer"
    assert "wrong" not in problem_of(answer).detail


def test_a_body_that_is_too_large_is_refused(farm: Farm) -> None:
    answer = farm.ask("POST /v1/leases", DEVICE, raw=b" " * (MAX_BODY_BYTES + 1))

    assert (answer.status, problem_of(answer).type) == (413, "body-too-large")


def test_a_caller_that_is_cut_off_in_its_body_is_no_fault_of_the_orchestrator(
    farm: Farm, caplog: pytest.LogCaptureFixture
) -> None:
    address = parse_url(farm.served.url)
    head = (
        f"POST /v1/leases HTTP/1.1\r\nHost: {address.netloc}\r\nAuthorization: Bearer {farm.keys[DEVICE]}\r\n"
        f"{PROTOCOL_HEADER}: {PROTOCOL_VERSION}\r\nContent-Type: application/json\r\nContent-Length: 99\r\n\r\n"
    )
    with socket.create_connection((str(address.host), int(address.port or 0))) as connection:
        connection.sendall(head.encode() + b"{")
    wait_until(lambda: _leases_refused(farm), what="the orchestrator has noticed")

    assert not [record for record in caplog.records if record.levelno >= logging.ERROR]


def _leases_refused(farm: Farm) -> bool:
    told = ask(farm.served.url, "GET", "/metrics", key=farm.keys[OPERATOR]).data.decode()
    return 'stepfarm_request_seconds_count{method="POST",route="/v1/leases",status="400"}' in told


@pytest.mark.parametrize(
    ("raw", "said"),
    [
        (b"", "not JSON"),
        (b"{", "not JSON"),
        (b"\xff", "not JSON"),
        (b"[]", "must be an object"),
        (b"{}", "claim: is missing"),
        (b'{"claim": "0000000000000000"}', "run: is missing"),
        (b'{"claim": 12, "run": "0000000000000000"}', "claim: must be a text"),
        (b'{"claim": NaN}', "NaN"),
        (b'{"claim": "0000000000000000", "colour": 1}', "colour: is not a field"),
        (b'{"claim": "0000000000000000", "claim": "0000000000000000"}', "claim: is given twice"),
    ],
)
def test_a_body_that_is_no_message_is_refused_with_the_place(farm: Farm, raw: bytes, said: str) -> None:
    answer = farm.ask("POST /v1/leases", DEVICE, raw=raw)

    assert (answer.status, problem_of(answer).type) == (422, "not-a-message")
    assert said in problem_of(answer).detail


@pytest.mark.parametrize("name", [rb"\ud800", rb"\u0000", "x" * 10_000])
def test_a_refusal_can_quote_what_nobody_could_send(farm: Farm, name: bytes | str) -> None:
    raw = b'{"' + (name if isinstance(name, bytes) else name.encode()) + b'": 1}'

    assert problem_of(farm.ask("POST /v1/leases", DEVICE, raw=raw)).type == "not-a-message"


def test_the_place_is_named_deep_inside_too(farm: Farm) -> None:
    body = to_plain(a_batch())
    body["readings"][2]["latency_ns"] = "12"

    assert (
        "readings[2].latency_ns: must be an integer"
        in problem_of(farm.ask("POST /v1/jobs/{job_id}/batches", DEVICE, body=body)).detail
    )


@pytest.mark.parametrize(
    ("headers", "said"),
    [
        ({"Content-Encoding": "gzip"}, "Compressed"),
        ({"Content-Type": "text/plain"}, "must be JSON"),
        ({"Content-Type": "application/x-www-form-urlencoded"}, "must be JSON"),
    ],
)
def test_a_body_in_another_form_is_refused(farm: Farm, headers: dict[str, str], said: str) -> None:
    raw = gzip.compress(b'{"claim": "0000000000000000"}')

    answer = farm.ask("POST /v1/leases", DEVICE, raw=raw, headers=headers)

    assert answer.status == 415
    assert said in problem_of(answer).detail


def test_a_content_type_may_name_its_letters(farm: Farm) -> None:
    headers = {"Content-Type": "Application/JSON; charset=utf-8"}

    assert farm.ask("POST /v1/leases", DEVICE, body={"claim": "0" * 16, "run": "0" * 16}, headers=headers).status == 200


@pytest.mark.parametrize(
    "path", ["/nothing", "/v1/nothing", "/docs", "/v1/sweeps/0", "/v1/sweeps/abc", f"/v1/sweeps/{2**63}"]
)
def test_a_path_that_leads_nowhere_is_a_problem(farm: Farm, path: str) -> None:
    answer = ask(farm.served.url, "GET", path, key=farm.keys[OPERATOR])

    assert (answer.status, problem_of(answer).type) == (404, "not-found")


def test_a_method_that_is_not_taken_is_answered_with_those_that_are(farm: Farm) -> None:
    answer = ask(farm.served.url, "DELETE", "/v1/me", key=farm.keys[OPERATOR])

    assert (answer.status, problem_of(answer).type, answer.headers["Allow"]) == (405, "method-not-allowed", "GET")


def test_a_sweep_that_names_the_same_twice_is_refused(farm: Farm) -> None:
    answer = farm.ask("POST /v1/sweeps", body={**SWEEP, "devices": ["board", "board"]})

    assert "devices: must not name the same twice" in problem_of(answer).detail


def test_a_sweep_of_absurd_size_is_refused(farm: Farm) -> None:
    workloads = [to_plain(Workload(batch_size=size)) for size in range(1, 101)]

    absurd = {"models": [f"m{n}" for n in range(100)], "workloads": workloads, "devices": ["board"]}
    answer = farm.ask("POST /v1/sweeps", body={**SWEEP, **absurd})

    assert (answer.status, problem_of(answer).type) == (400, "bad-request")
    assert "10000 jobs" in problem_of(answer).detail


def test_no_device_can_touch_the_job_of_another(farm: Farm) -> None:
    operator, stranger = farm.served.client, enrolled(farm.served.url, farm.served.client, "stranger")
    job = begun(enrolled(farm.served.url, operator, "owner"), operator, plan=FEW)
    attempts = (
        lambda: stranger.client.heartbeat(job.job_id, Heartbeat(fence=job.fence)),
        lambda: stranger.client.next_round(job.job_id, RoundRequest(fence=job.fence, facts=FACTS, completed=0)),
        lambda: stranger.client.post_batch(job.job_id, a_batch(job.fence)),
        lambda: stranger.client.end(job.job_id, EndReport(fence=job.fence, ending=Ending.GIVEN_BACK)),
    )

    for attempt in attempts:
        with pytest.raises(Refused) as refusal:
            attempt()
        assert refusal.value.status == 404

    assert job.finish().summary.job_state is JobState.DONE


def test_the_last_round_asked_for_again_is_answered_again(farm: Farm) -> None:
    job = begun(enrolled(farm.served.url, farm.served.client, "forgetful"), farm.served.client, plan=FEW)
    job.finish()

    again = job.device.client.next_round(
        job.job_id, RoundRequest(fence=job.fence, facts=FACTS, completed=job.round.number)
    )

    assert again.round is None


def test_an_end_that_is_said_again_is_said(farm: Farm) -> None:
    job = begun(enrolled(farm.served.url, farm.served.client, "stutterer"), farm.served.client, plan=FEW)
    report = EndReport(fence=job.fence, ending=Ending.GIVEN_BACK)

    job.device.client.end(job.job_id, report)
    job.device.client.end(job.job_id, report)

    (view,) = next(sweep for sweep in farm.served.client.sweeps() if sweep.jobs[0].id == job.job_id).jobs
    assert (view.state, view.attempts) == (JobState.QUEUED, 1)


def test_a_job_given_back_goes_on_after_the_passes_that_are_stored(farm: Farm) -> None:
    plan = Plan(exhaustive=True, confirm=False, passes=3, min_tokens=190, stride=4)
    job = begun(enrolled(farm.served.url, farm.served.client, "resumer"), farm.served.client, plan=plan)
    job.post(0)
    job.device.client.end(job.job_id, EndReport(fence=job.fence, ending=Ending.GIVEN_BACK))

    lease = job.device.client.lease(LeaseRequest(claim="1" * 16, run="2" * 16)).lease
    assert lease is not None
    answer = job.device.client.next_round(job.job_id, RoundRequest(fence=lease.fence, facts=FACTS, completed=None))

    assert (lease.fence, answer.round, answer.passes_done) == (2, job.round, 1)


def test_another_model_than_before_is_refused(farm: Farm) -> None:
    job = begun(enrolled(farm.served.url, farm.served.client, "changer"), farm.served.client, plan=FEW)

    with pytest.raises(Refused) as refusal:
        job.device.client.next_round(
            job.job_id, RoundRequest(fence=job.fence, facts=replace(FACTS, tokens=196), completed=None)
        )

    assert (refusal.value.status, refusal.value.type) == (409, "conflict")


def test_a_round_that_was_never_asked_for_cannot_be_completed(farm: Farm) -> None:
    job = begun(enrolled(farm.served.url, farm.served.client, "dreamer"), farm.served.client, plan=FEW)

    with pytest.raises(Refused) as refusal:
        job.device.client.next_round(job.job_id, RoundRequest(fence=job.fence, facts=FACTS, completed=1))

    assert refusal.value.status == 400


def test_readyz_says_503_when_the_schema_is_another_and_healthz_that_it_lives(
    tmp_path_factory: pytest.TempPathFactory,
) -> None:
    with serving(tmp_path_factory.mktemp("other")) as served:
        with served.orchestrator.database.write() as session:
            session.execute(sa.text("UPDATE alembic_version SET version_num = '9999'"))

        ready = ask(served.url, "GET", "/readyz")
        alive = ask(served.url, "GET", "/healthz")

    assert (ready.status, problem_of(ready).type, ready.headers["Retry-After"]) == (503, "schema-mismatch", "5")
    assert alive.status == 200


def test_what_breaks_inside_is_no_fault_of_the_caller_and_tells_no_secret(
    tmp_path_factory: pytest.TempPathFactory, caplog: pytest.LogCaptureFixture
) -> None:
    with serving(tmp_path_factory.mktemp("broken")) as served:
        enrolled(served.url, served.client, "board")
        with served.orchestrator.database.write() as session:
            session.execute(sa.text("UPDATE devices SET description = '{}'"))

        answer = ask(served.url, "GET", "/v1/devices", key=served.operator_key)
        # Whoever keeps its connection open is told that this one ends, and is answered on another.
        client = served.client
        for _ in range(5):
            with pytest.raises(OrchestratorAway, match="failed at this"):
                client.devices()
            assert client.me().role is Role.OPERATOR

    assert (answer.status, problem_of(answer).type, answer.headers["Connection"]) == (500, "internal", "close")
    assert "GET /v1/devices failed" in caplog.text
    assert served.operator_key not in caplog.text
