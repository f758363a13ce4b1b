"""The agent's one loop: deliver what is spooled, ask for work, do it, and again."""

from __future__ import annotations

import secrets
import threading
from dataclasses import replace

from agent.errors import NoRoom, OrchestratorAway
from agent.outage import Outage
from agent.pace import back_off, jittered
from agent.wire.enrolment import DeviceDescription
from agent.wire.jobs import LeaseAnswer, LeaseRequest
from agent.work import JobAtWork, Tools


class Agent:
    """A device at work for one orchestrator."""

    def __init__(self, tools: Tools) -> None:
        self._tools = tools
        self._stop = threading.Event()
        self._job: JobAtWork | None = None
        self._described: DeviceDescription | None = None
        # Two agents with one identity are told apart by it.
        self._run = secrets.token_hex(16)
        self._outage = Outage(tools.tell)
        self._failures = 0
        self._without_room = False

    def stop(self) -> None:
        """End the loop soon: a job in hand is given back. For other threads and signal handlers."""
        self._stop.set()
        job = self._job
        if job is not None:
            job.interrupt()

    def run(self, description: DeviceDescription) -> None:
        """Work until told to stop.

        Raises:
            Refused: the orchestrator will have nothing to do with this device any more, or another agent works under
                its identity (`agent.client.AGENT_DOUBLED`).
            StateError: readings cannot be kept.
        """
        self._tools.spool.tidy()
        claim = _new_claim()
        while not self._stop.is_set():
            try:
                asked_ns, answer = self._ask(claim, description)
            except OrchestratorAway as away:
                self._wait_for(away)
                continue
            except NoRoom as full:
                self._wait_for_room(full)
                continue
            self._failures = 0
            self._without_room = False
            self._outage.over()
            # The claim was answered, so the next wish needs a name of its own.
            claim = _new_claim()
            if answer.rotate_key:
                self._rotate()
            if answer.lease is None:
                self._wait(jittered(answer.retry_after_s, self._tools.rng))
                continue
            self._job = JobAtWork(self._tools, answer.lease, asked_ns=asked_ns, outage=self._outage)
            if self._stop.is_set():
                self._job.interrupt()
            self._job.work()
            self._job = None

    def _ask(self, claim: str, description: DeviceDescription) -> tuple[int, LeaseAnswer]:
        client = self._tools.client
        self._tools.spool.deliver(client)
        self._tools.untold.tell(client)
        self._tools.spool.check_room()
        described = replace(description, holdings=self._tools.register.holdings())
        if described != self._described:
            # Weights and datasets come and go while the agent runs.
            client.describe(described)
            self._described = described
        asked_ns = self._tools.clock.monotonic_ns()
        return asked_ns, client.lease(LeaseRequest(claim=claim, run=self._run))

    def _rotate(self) -> None:
        try:
            self._tools.rotate_key()
        except OrchestratorAway as away:
            # Work goes on with the key that there is: the next wish for work is answered with the same.
            self._outage.noticed(away)

    def _wait_for(self, away: OrchestratorAway) -> None:
        self._failures += 1
        self._outage.noticed(away)
        self._wait(back_off(self._failures, self._tools.rng))

    def _wait_for_room(self, full: NoRoom) -> None:
        self._failures += 1
        if not self._without_room:
            self._tools.tell(str(full))
        self._without_room = True
        self._wait(back_off(self._failures, self._tools.rng))

    def _wait(self, seconds: float) -> None:
        self._tools.clock.wait(self._stop, seconds)


def _new_claim() -> str:
    return secrets.token_hex(16)
