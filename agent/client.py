"""The orchestrator as a device sees it."""

from __future__ import annotations

from collections.abc import Iterator

from agent.connection import Connection
from agent.wire.accuracy import TallyBatch, TrialAnswer, TrialRequest
from agent.wire.enrolment import DeviceDescription, Enrolled, EnrolRequest, NextKey
from agent.wire.exports import ExportAnswer, ExportFile, ExportRequest
from agent.wire.jobs import (
    Done,
    EndReport,
    Heartbeat,
    HeartbeatAnswer,
    LeaseAnswer,
    LeaseRequest,
    RoundAnswer,
    RoundRequest,
)
from agent.wire.readings import Accepted, Batch

FATAL = frozenset({401, 403, 426})
"""Refusals that every further request would meet too: the key or the version is not good any more."""

LEASE_LOST = "lease-lost"
"""The problem of a request that rests on a lease which is over; its name in ``orchestrator.api.problems``."""

KEY_TAKEN = "key-taken"
"""The problem of a next key that was known before; its name in ``orchestrator.api.problems``."""

AGENT_DOUBLED = "agent-doubled"
"""The problem of the older of two agents that work under one key; its name in ``orchestrator.api.problems``."""


class OrchestratorClient:
    """What a device may ask. Every call may be repeated: a lost answer costs nothing but time.

    Every method raises `agent.errors.OrchestratorAway` where asking again later may help, and `agent.errors.Refused`
    where it does not.
    """

    def __init__(self, url: str, key: str | None, *, ca: str | None = None) -> None:
        self._connection = Connection(url, key, caller="agent", ca=ca)

    def enrol(self, request: EnrolRequest) -> Enrolled:
        """Join the fleet with a join code."""
        return self._connection.post("/v1/enrol", request, Enrolled)

    def describe(self, description: DeviceDescription) -> None:
        """Tell what this device is, again, since packages and kernels change."""
        self._connection.post("/v1/device", description, Done)

    def renew_key(self, next_key: NextKey) -> None:
        """Hand over the hash of the next key; from the first request that it signs, the one before is good no more."""
        self._connection.post("/v1/device/key", next_key, Done)

    def sign_in_with(self, key: str) -> None:
        """Use ``key`` from now on. Not while another thread asks."""
        self._connection.sign_in_with(key)

    def lease(self, request: LeaseRequest) -> LeaseAnswer:
        """Ask for work."""
        return self._connection.post("/v1/leases", request, LeaseAnswer)

    def heartbeat(self, job_id: int, heartbeat: Heartbeat) -> HeartbeatAnswer:
        """Keep the lease."""
        return self._connection.post(f"/v1/jobs/{job_id}/heartbeat", heartbeat, HeartbeatAnswer)

    def next_round(self, job_id: int, request: RoundRequest) -> RoundAnswer:
        """Report a round measured and get the next."""
        return self._connection.post(f"/v1/jobs/{job_id}/rounds", request, RoundAnswer)

    def post_batch(self, job_id: int, batch: Batch) -> Accepted:
        """Hand over the readings of one pass; once this returns they are in the database."""
        return self._connection.post(f"/v1/jobs/{job_id}/batches", batch, Accepted)

    def export(self, job_id: int, request: ExportRequest) -> ExportAnswer:
        """Which exported model the job measures; it is made where it is not there."""
        return self._connection.post(f"/v1/jobs/{job_id}/export", request, ExportAnswer)

    def fetch_export(self, file: ExportFile, offset: int) -> Iterator[bytes]:
        """The content of an exported model from byte ``offset`` on."""
        return self._connection.stream(f"/v1/exports/{file.sha256}", offset)

    def next_trial(self, job_id: int, request: TrialRequest) -> TrialAnswer:
        """Say what was loaded, and get the trial and how much of it is stored."""
        return self._connection.post(f"/v1/jobs/{job_id}/trial", request, TrialAnswer)

    def post_tallies(self, job_id: int, batch: TallyBatch) -> None:
        """Hand over what one batch of images came to; once this returns it is in the database."""
        self._connection.post(f"/v1/jobs/{job_id}/tallies", batch, Done)

    def end(self, job_id: int, report: EndReport) -> None:
        """Let go of a job that is not done."""
        self._connection.post(f"/v1/jobs/{job_id}/end", report, Done)
