"""Every route, every role, one's own and somebody else's: who may do what, and who is refused changes nothing."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from enum import Enum
from typing import Any

import pytest
import sqlalchemy as sa

from agent.wire.codec import to_plain
from agent.wire.jobs import Workload
from agent.wire.protocol import PROTOCOL_HEADER
from agent.wire.schedules import Method, Schedule
from orchestrator.analysis.planning import Plan
from orchestrator.roles import Role
from orchestrator.storage import curves, key_changes, reanalyses
from orchestrator.storage.tables import Table
from orchestrator.views import AccuracyRequest, SweepRequest, VerificationRequest
from tests.support.curve_files import a_curve_file
from tests.support.filling import FACTS, FakeDevice, FakeJob, begun, enrolled
from tests.support.plain_http import ask, json_of, problem_of
from tests.support.processes import wait_until
from tests.support.serving import Served, serving
from tests.support.store import ACCURACY_PLAN, a_description, a_request, a_tally_batch, sha256

FEW = Plan(exhaustive=True, confirm=False, passes=1, min_tokens=190, stride=4)


class Caller(str, Enum):
    """Who asks. Owner and stranger are devices: the job is the owner's."""

    NOBODY = "no key"
    UNKNOWN = "an unknown key"
    REVOKED = "a revoked key"
    EXPIRED = "an expired key"
    SHUT_OUT = "a revoked device"
    STRANGER = "another device"
    VIEWER = "a viewer"
    OWNER = "the device"
    OPERATOR = "the operator"


NOT_SIGNED_IN = (Caller.NOBODY, Caller.UNKNOWN, Caller.REVOKED, Caller.EXPIRED, Caller.SHUT_OUT)


@dataclass(frozen=True)
class Things:
    """What there is to ask for: all of it the owner's or the operator's, made for one route alone."""

    owner: FakeDevice
    job: FakeJob
    code: str
    numbers: Mapping[str, Any]


@dataclass(frozen=True)
class Rule:
    """Who gets a good answer, who is told that there is no such thing, and what is sent; all others get 401 or 403."""

    good: tuple[Caller, ...]
    unseen: tuple[Caller, ...] = ()
    body: Callable[[Things], Any] = lambda _things: None
    status: int = 200
    """What the first of those gets to whom the answer would be good: another where this farm has no such thing."""


def fixed(body: Any) -> Callable[[Things], Any]:
    return lambda _things: body


EVERYBODY = tuple(Caller)
DEVICES = (Caller.STRANGER, Caller.OWNER)
LOOKING = (Caller.VIEWER, Caller.OPERATOR)
OPERATING = (Caller.OPERATOR,)


def of_the_owner(body: Callable[[Things], Any]) -> Rule:
    """A job's route: no other device is told that there is such a job."""
    return Rule((Caller.OWNER,), (Caller.STRANGER,), body)


def a_sweep(things: Things) -> Any:
    wish = SweepRequest(models=("a",), workloads=(Workload(),), devices=(things.owner.name,), plan=FEW)
    return to_plain(wish)


def an_accuracy(things: Things) -> Any:
    return to_plain(
        AccuracyRequest(models=("a",), plan=ACCURACY_PLAN, workload=Workload(), devices=(things.owner.name,))
    )


def a_verification(things: Things) -> Any:
    schedule = Schedule.pruned_once(
        Method.ONE_MORE,
        tokens=FACTS.tokens,
        prefix_tokens=FACTS.prefix_tokens,
        blocks=FACTS.blocks,
        block=0,
        keep=FACTS.tokens - 1,
    )
    return to_plain(VerificationRequest(curve_id=things.job.curve_id, schedules=(schedule,)))


def an_enrolment(things: Things) -> Any:
    return to_plain(a_request(things.code, name=f"{things.owner.name}-new", key=things.code))


RULES = {
    "GET /healthz": Rule(EVERYBODY),
    "GET /readyz": Rule(EVERYBODY),
    "GET /metrics": Rule(LOOKING),
    # The code stands in for a key.
    "POST /v1/enrol": Rule(EVERYBODY, body=an_enrolment),
    "POST /v1/device": Rule(DEVICES, body=fixed(to_plain(a_description()))),
    "POST /v1/device/key": Rule((Caller.OWNER,), body=lambda things: {"key_sha256": sha256(things.code + "next")}),
    "POST /v1/leases": Rule(DEVICES, body=fixed({"claim": "c" * 16, "run": "f" * 16})),
    "POST /v1/jobs/{job_id}/heartbeat": of_the_owner(lambda things: {"fence": things.job.fence}),
    "POST /v1/jobs/{job_id}/rounds": of_the_owner(
        lambda things: {"fence": things.job.fence, "facts": to_plain(FACTS), "completed": None}
    ),
    "POST /v1/jobs/{job_id}/batches": of_the_owner(lambda things: to_plain(things.job.batch(0))),
    # The owner's job needs no exported model, and none was made.
    "POST /v1/jobs/{job_id}/export": replace(of_the_owner(lambda things: {"fence": things.job.fence}), status=400),
    "GET /v1/exports/{sha256}": Rule((*DEVICES, *LOOKING), status=404),
    # The owner's job is no accuracy job, nobody holds weights or images, and so nothing was found.
    "POST /v1/jobs/{job_id}/trial": replace(
        of_the_owner(lambda things: {"fence": things.job.fence, "facts": to_plain(FACTS)}), status=404
    ),
    "POST /v1/jobs/{job_id}/tallies": replace(
        of_the_owner(lambda things: to_plain(a_tally_batch(things.job.fence))), status=404
    ),
    "POST /v1/accuracy": Rule(OPERATING, body=an_accuracy, status=409),
    "GET /v1/accuracy": Rule(LOOKING),
    "GET /v1/accuracy/{job_id}": Rule(LOOKING, status=404),
    "POST /v1/jobs/{job_id}/end": of_the_owner(lambda things: {"fence": things.job.fence, "ending": "given-back"}),
    "GET /v1/me": Rule((*DEVICES, *LOOKING)),
    "GET /v1/keys": Rule(OPERATING),
    "POST /v1/keys": Rule(OPERATING, body=fixed({"label": "ada"})),
    "POST /v1/keys/{key_id}/rotate": Rule(OPERATING, body=fixed({})),
    "POST /v1/keys/{key_id}/revoke": Rule(OPERATING, body=fixed({})),
    "POST /v1/join-codes": Rule(OPERATING, body=fixed({})),
    "GET /v1/join-codes/{join_code_id}": Rule(LOOKING),
    "GET /v1/devices": Rule(LOOKING),
    "GET /v1/devices/{name}": Rule(LOOKING),
    "POST /v1/devices/{name}/labels": Rule(OPERATING, body=fixed({"put": [{"name": "board"}]})),
    "POST /v1/devices/{name}/revoke": Rule(OPERATING, body=fixed({})),
    "GET /v1/sweeps": Rule(LOOKING),
    "POST /v1/sweeps": Rule(OPERATING, body=a_sweep),
    "GET /v1/sweeps/{sweep_id}": Rule(LOOKING),
    "POST /v1/sweeps/{sweep_id}/cancel": Rule(OPERATING, body=fixed({})),
    "POST /v1/sweeps/{sweep_id}/retry": Rule(OPERATING, body=fixed({})),
    "GET /v1/curves": Rule(LOOKING),
    "POST /v1/curves": Rule(OPERATING, body=fixed(to_plain(a_curve_file()))),
    "GET /v1/curves/{curve_id}": Rule(LOOKING),
    "GET /v1/curves/{curve_id}/readings": Rule(LOOKING),
    "GET /v1/curves/{curve_id}/file": Rule(LOOKING),
    "GET /v1/curves/{curve_id}/verifications": Rule(LOOKING),
    # The owner's job verifies nothing.
    "POST /v1/verifications": Rule(OPERATING, body=a_verification),
    "GET /v1/verifications/{job_id}": Rule(LOOKING, status=404),
    "GET /v1/analyses": Rule(OPERATING),
    # What still grows is analysed by itself.
    "POST /v1/analyses": Rule(OPERATING, body=fixed({"everything": True})),
}
"""A new route needs a line here. What is not said to be good is refused."""


@dataclass(frozen=True)
class Farm:
    """A served orchestrator and a key for each sort of caller but the owner."""

    served: Served
    keys: Mapping[Caller, str | None]

    def things(self, number: int) -> Things:
        """A device with a job in its hands, and all that hangs on it."""
        operator = self.served.client
        owner = enrolled(self.served.url, operator, f"owner-{number}")
        job = begun(owner, operator, plan=FEW)
        job.post(0)
        sweep = operator.create_sweep(models=["a"], workloads=[Workload()], devices=[owner.name], plan=FEW)
        sweep.cancel()
        code = operator.new_join_code()
        known = operator.keys()
        its_key = next(key for key in known if key.device == owner.name)
        operator.rotate_key(its_key.id)
        numbers = {
            "sha256": "0" * 64,
            "job_id": job.job_id,
            "sweep_id": sweep.id,
            "curve_id": job.curve_id,
            "join_code_id": code.id,
            "key_id": operator.new_key(f"key-{number}").key.id,
            "name": owner.name,
        }
        return Things(owner, job, code.code, numbers)

    def ask(self, route: str, caller: Caller, things: Things, *, missing: bool = False) -> Any:
        """The answer to ``caller``; for things that are not there where they are ``missing``."""
        method, path = route.split(" ")
        for name, value in things.numbers.items():
            path = path.replace(f"{{{name}}}", "999999" if missing else str(value))
        key = things.owner.key if caller is Caller.OWNER else self.keys[caller]
        return ask(self.served.url, method, path, key=key, body=RULES[route].body(things))

    def settled(self) -> bool:
        """Whether the analyst, who writes of itself, has nothing left to do."""
        with self.served.orchestrator.database.read() as session:
            return not (curves.to_seal(session) or curves.to_analyse(session) or reanalyses.waiting(session))

    def state(self) -> dict[str, list[Any]]:
        """Every row of every table, but for when a device was seen."""
        with self.served.orchestrator.database.read() as session:
            return {
                table.name: [
                    tuple(row)
                    for row in session.execute(
                        sa.select(*(column for column in table.c if column.name != "last_seen_ms"))
                    )
                ]
                for table in Table.metadata.sorted_tables
            }


@pytest.fixture(scope="module")
def farm(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Farm]:
    with serving(tmp_path_factory.mktemp("farm")) as served:
        operator, database = served.client, served.orchestrator.database
        revoked = operator.new_key("revoked", role=Role.OPERATOR)
        operator.revoke_key(revoked.key.id)
        with database.write() as session:
            key_changes.create(session, "sfo_expired", role=Role.OPERATOR, label="expired", days=1, now_ms=0)
        shut_out = enrolled(served.url, operator, "shut-out")
        operator.revoke_device("shut-out")
        keys = {
            Caller.NOBODY: None,
            Caller.UNKNOWN: "sfo_unknown",
            Caller.REVOKED: revoked.secret,
            Caller.EXPIRED: "sfo_expired",
            Caller.SHUT_OUT: shut_out.key,
            Caller.STRANGER: enrolled(served.url, operator, "stranger").key,
            Caller.VIEWER: operator.new_key("viewer").secret,
            Caller.OPERATOR: served.operator_key,
        }
        yield Farm(served, keys)


@pytest.fixture(autouse=True)
def _unlimited(farm: Farm, monkeypatch: pytest.MonkeyPatch) -> None:
    """So many wrong keys are tried here that they would be limited, which is tested elsewhere."""
    monkeypatch.setattr("orchestrator.api.attempts.Allowance.wait_s", 0)


def test_every_route_has_a_rule(farm: Farm) -> None:
    paths = json_of(ask(farm.served.url, "GET", "/openapi.json"))["paths"]

    routes = {f"{method.upper()} {path}" for path, methods in paths.items() for method in methods}
    assert routes == set(RULES)


@pytest.mark.parametrize(("number", "route"), list(enumerate(RULES)), ids=list(RULES))
def test_each_caller_gets_what_is_theirs_and_who_is_refused_changes_nothing(
    farm: Farm, number: int, route: str
) -> None:
    things, rule = farm.things(number), RULES[route]
    wait_until(farm.settled, what="what was handed in is analysed")
    before = farm.state()

    for caller in Caller:
        if caller in rule.good:
            continue
        answer = farm.ask(route, caller, things)
        expected = 404 if caller in rule.unseen else 401 if caller in NOT_SIGNED_IN else 403
        if route == "POST /v1/device/key" and caller is Caller.STRANGER:
            expected = 409  # that device was not asked for another key
        assert answer.status == expected, (caller, answer.data)
        assert answer.headers[PROTOCOL_HEADER] == "1"
        assert problem_of(answer).advice
        assert str(things.numbers["key_id"]) not in problem_of(answer).detail or caller in rule.unseen
    assert farm.state() == before

    for caller in rule.good:
        answer = farm.ask(route, caller, things)
        # The first of them may have used up what there was: a code is good once.
        first = caller is rule.good[0]
        assert answer.status == rule.status if first else answer.status not in (401, 403), (caller, answer.data)


@pytest.mark.parametrize("route", [route for route in RULES if "{" in route])
def test_what_is_not_there_is_told_to_those_alone_who_may_ask(farm: Farm, route: str) -> None:
    things, rule = farm.things(1_000 + list(RULES).index(route)), RULES[route]

    for caller in (Caller.NOBODY, Caller.STRANGER, Caller.VIEWER, Caller.OWNER, Caller.OPERATOR):
        answer = farm.ask(route, caller, things, missing=True)
        may_ask = caller in (*rule.good, *rule.unseen)
        assert answer.status == (404 if may_ask else 401 if caller is Caller.NOBODY else 403), (caller, answer.data)


@pytest.mark.parametrize("route", [route for route in RULES if " /v1/" in route])
def test_another_protocol_is_refused_with_advice_to_the_older_side(farm: Farm, route: str) -> None:
    method, path = route.split(" ")
    for protocol, advice in (
        ("0", "on the caller"),
        ("2", "on the orchestrator"),
        (None, PROTOCOL_HEADER),
        ("x", "whole"),
    ):
        answer = ask(farm.served.url, method, re.sub(r"\{\w+\}", "999999", path), protocol=protocol, body={})

        assert answer.status == 426
        assert advice in problem_of(answer).detail
