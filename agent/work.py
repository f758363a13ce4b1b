"""One job in the hands of this agent: measure it, keep its readings, say how it ended."""

from __future__ import annotations

import contextlib
import random
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

from agent.client import FATAL, LEASE_LOST, OrchestratorClient
from agent.clock import Clock
from agent.errors import MeasurementFailed, NoRoom, OrchestratorAway, Refused, StateError
from agent.exports import Exports
from agent.heartbeat import Heart, Stopped
from agent.holdings.register import Register
from agent.measure.cooling import CoolDown
from agent.measure.isolation import COMMAND, MeasurementStopped, MeasuringChild
from agent.measure.rounds import measure_round
from agent.measure.turn import Turn
from agent.outage import Outage
from agent.pace import back_off
from agent.spool import Spool
from agent.tallying import tally_trial
from agent.untold import Untold
from agent.wire.exports import ExportFile, ExportRequest
from agent.wire.jobs import (
    Ending,
    EndReport,
    Failure,
    FailureReason,
    Lease,
    ModelFacts,
    Round,
    RoundRequest,
    Runtime,
    Task,
)
from agent.wire.readings import Batch

T = TypeVar("T")


@dataclass(frozen=True, slots=True, kw_only=True)
class Tools:
    """What the agent works with.

    ``register`` knows the weights and datasets that the device was given; ``tell`` gets a line for people at each thing
    worth telling; ``child`` is the command that starts a measuring child; ``exports`` keeps exported models; None where
    the child has no use for them.
    ``cool_down_s`` is how long a round may wait for heat to pass; ``turn`` is the machine's, which simulated devices do
    not need; ``rotate_key`` gives the device another key, which ``client`` then signs in with.
    """

    client: OrchestratorClient
    spool: Spool
    untold: Untold
    register: Register
    clock: Clock
    rng: random.Random
    tell: Callable[[str], None]
    child: Sequence[str] = COMMAND
    cool_down_s: float = 0.0
    turn: Turn | None = None
    rotate_key: Callable[[], None] = lambda: None
    exports: Exports | None = None


class Interrupted(Exception):
    """The job must stop while nothing is being measured."""


class JobAtWork:
    """One lease in the hands of this agent."""

    def __init__(self, tools: Tools, lease: Lease, *, asked_ns: int, outage: Outage) -> None:
        self._tools = tools
        self._lease = lease
        self._asked_ns = asked_ns
        self._outage = outage
        self._stopped = threading.Event()
        self._child = MeasuringChild(clock=tools.clock, command=tools.child)

    def interrupt(self) -> None:
        """Stop measuring, at once. For other threads and signal handlers."""
        self._stopped.set()
        self._child.cancel()

    def work(self) -> None:
        """Measure until the job is done or must stop, and say which.

        Raises:
            Refused: the orchestrator will have nothing to do with this device any more.
            StateError: readings cannot be kept.
        """
        lease, tools = self._lease, self._tools
        tools.tell(f"Job {lease.job_id}: {lease.model}, batch {lease.workload.batch_size}.")
        heart = Heart(
            tools.client,
            lease,
            asked_ns=self._asked_ns,
            clock=tools.clock,
            rng=tools.rng,
            spooled=lambda: len(tools.spool.waiting()),
            on_stop=self.interrupt,
            between=self._child.between_readings,
        )
        with self._child, heart:
            self._work(heart)

    def _work(self, heart: Heart) -> None:
        job, tell = f"Job {self._lease.job_id}", self._tools.tell
        try:
            self._measure()
            tell(f"{job}: done.")
        except MeasurementFailed as failure:
            tell(f"{job}: failed. {failure}")
            self._fail(failure.as_failure(), heart)
        except (MeasurementStopped, Interrupted):
            self._end_stopped(heart)
        except Refused as refusal:
            if refusal.status in FATAL:
                raise
            tell(f"{job}: {refusal}")
            if refusal.type != LEASE_LOST:
                # Without a word the job would come straight back, to be refused again.
                self._fail(_failure_of(refusal), heart)
        except NoRoom as full:
            # The loop asks for no more work until there is room.
            tell(f"{job}: given back. {full}")
            self._end(Ending.GIVEN_BACK)
        except StateError:
            self._end(Ending.GIVEN_BACK)
            raise

    def _measure(self) -> None:
        if self._lease.task is Task.ACCURACY:
            self._tally()
            return
        if self._lease.task not in (Task.SWEEP, Task.VERIFICATION):
            raise MeasurementFailed(
                FailureReason.WORKLOAD_UNSUPPORTED,
                f"this agent does no {self._lease.task.value} jobs",
                "Upgrade stepfarm on the device.",
            )
        exported = self._exported()
        with self._turn():
            self._measure_rounds(exported)

    def _turn(self) -> AbstractContextManager[None]:
        """Hold the machine's turn; the lease goes on while it is waited for."""
        turn, job, tell = self._tools.turn, self._lease.job_id, self._tools.tell
        if turn is None:
            return contextlib.nullcontext()
        return turn.waited_for(self._wait, lambda line: tell(f"Job {job}: {line}"))

    def _wait(self, seconds: float) -> None:
        if self._tools.clock.wait(self._stopped, seconds):
            raise Interrupted

    def _measure_rounds(self, exported: Path | None) -> None:
        facts = self._child.start(self._lease.model, self._lease.workload, exported=exported)
        completed: int | None = None
        cool_down = self._cool_down()
        while True:
            round_, passes_done = self._next_round(facts, completed)
            if round_ is None:
                return
            measure_round(
                self._child,
                round_,
                passes_done=passes_done,
                fence=self._lease.fence,
                clock=self._tools.clock,
                keep=self._keep,
                cool_down=cool_down,
            )
            self._until_answered(lambda: self._tools.spool.deliver(self._tools.client))
            completed = round_.number

    def _exported(self) -> Path | None:
        """Where the exported model lies that this job measures; None where it measures none.

        Raises:
            MeasurementFailed: the orchestrator has none, or there is no room for it here.
        """
        exports, lease, client = self._tools.exports, self._lease, self._tools.client
        if exports is None or lease.workload.runtime is not Runtime.ONNXRUNTIME:
            return None
        request = ExportRequest(fence=lease.fence)
        told = False
        while (answer := self._until_answered(lambda: client.export(lease.job_id, request))).file is None:
            if answer.failure is not None:
                raise MeasurementFailed(answer.failure.reason, answer.failure.message, answer.failure.advice)
            if not told:
                self._tools.tell(f"Job {lease.job_id}: the orchestrator exports the model.")
                told = True
            if self._tools.clock.wait(self._stopped, answer.retry_after_s):
                raise Interrupted
        file = answer.file
        return self._until_answered(lambda: exports.path_of(file, lambda offset: self._fetched(file, offset)))

    def _fetched(self, file: ExportFile, offset: int) -> Iterator[bytes]:
        for chunk in self._tools.client.fetch_export(file, offset):
            yield chunk
            if self._stopped.is_set():
                raise Interrupted

    def _cool_down(self) -> CoolDown | None:
        if self._tools.cool_down_s <= 0:
            return None
        job = self._lease.job_id
        return CoolDown(
            self._child.rest, lambda line: self._tools.tell(f"Job {job}: {line}"), most_s=self._tools.cool_down_s
        )

    def _tally(self) -> None:
        client, job_id = self._tools.client, self._lease.job_id
        tally_trial(
            self._child,
            self._lease,
            self._tools.register,
            ask=lambda request: self._until_answered(lambda: client.next_trial(job_id, request)),
            hand_over=lambda batch: self._until_answered(lambda: client.post_tallies(job_id, batch)),
        )

    def _next_round(self, facts: ModelFacts, completed: int | None) -> tuple[Round | None, int]:
        request = RoundRequest(fence=self._lease.fence, facts=facts, completed=completed)
        answer = self._until_answered(lambda: self._tools.client.next_round(self._lease.job_id, request))
        return answer.round, answer.passes_done

    def _keep(self, batch: Batch) -> None:
        """Spool the pass, then try to hand it over; where nobody answers it waits, and measuring goes on.

        Raises:
            NoRoom: the disk is full, or the spool is and nobody takes anything.
        """
        try:
            self._tools.spool.put(self._lease.job_id, batch)
        except NoRoom:
            # Nothing may be lost that can still be handed over.
            with contextlib.suppress(OrchestratorAway, Refused):
                self._tools.client.post_batch(self._lease.job_id, batch)
            raise
        try:
            self._tools.spool.deliver(self._tools.client)
        except OrchestratorAway as away:
            self._outage.noticed(away)
            self._tools.spool.check_room()
        else:
            self._outage.over()

    def _until_answered(self, ask: Callable[[], T]) -> T:
        failures = 0
        while True:
            try:
                answer = ask()
            except OrchestratorAway as away:
                self._outage.noticed(away)
                failures += 1
                if self._tools.clock.wait(self._stopped, back_off(failures, self._tools.rng)):
                    raise Interrupted from None
            else:
                self._outage.over()
                return answer

    def _end_stopped(self, heart: Heart) -> None:
        """Say that the job was stopped, to whoever still listens.

        Raises:
            Refused: it was stopped because the orchestrator will hear of this device no more.
        """
        lease = self._lease
        why = heart.stopped.value if heart.stopped is not None else "the agent is being stopped"
        self._tools.tell(f"Job {lease.job_id}: stopped, {why}. What was measured is kept.")
        if heart.refusal is not None:
            raise heart.refusal
        if heart.stopped is not Stopped.LOST:
            self._end(Ending.CANCELLED if heart.stopped is Stopped.CANCELLED else Ending.GIVEN_BACK)

    def _fail(self, failure: Failure, heart: Heart) -> None:
        """Say why the job failed, again and again while the lease holds: nobody else knows the reason."""
        report = EndReport(fence=self._lease.fence, ending=Ending.FAILED, failure=failure)
        try:
            self._until_answered(lambda: self._tools.client.end(self._lease.job_id, report))
        except Refused as refusal:
            self._tell_untold(refusal)
        except Interrupted:
            self._end_stopped(heart)

    def _end(self, ending: Ending) -> None:
        # Said once: whoever stops an agent does not want to wait for an orchestrator that is away.
        report = EndReport(fence=self._lease.fence, ending=ending)
        try:
            self._tools.client.end(self._lease.job_id, report)
        except OrchestratorAway as away:
            self._tools.untold.keep(self._lease.job_id, report)
            self._tell_untold(away)
        except Refused as refusal:
            self._tell_untold(refusal)

    def _tell_untold(self, error: OrchestratorAway | Refused) -> None:
        self._tools.tell(f"Job {self._lease.job_id}: the orchestrator could not be told. {error}")


def _failure_of(refusal: Refused) -> Failure:
    return Failure(
        reason=FailureReason.INTERNAL,
        message=f"The orchestrator refused what the device asked: {refusal.message}"[:4_000],
        advice=refusal.advice[:4_000],
    )
