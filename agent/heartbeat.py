"""Keeps a lease alive from a thread of its own while the measuring child works."""

from __future__ import annotations

import contextlib
import random
import threading
from collections.abc import Callable
from contextlib import AbstractContextManager
from enum import Enum
from types import TracebackType

from agent.client import FATAL, OrchestratorClient
from agent.clock import Clock
from agent.errors import OrchestratorAway, Refused
from agent.pace import jittered
from agent.wire.jobs import Heartbeat, Lease

MOST_TOLD = 1_000_000
"""The largest number that a heartbeat takes."""


class Stopped(Enum):
    """Why the work on a job must stop."""

    CANCELLED = "somebody cancelled the job"
    LOST = "the lease is over"
    REFUSED = "the orchestrator refuses this device"


class Heart:
    """Heartbeats for one lease, as a context manager.

    The lease is trusted from the *sending* of the last heartbeat that was answered: an answer that took long is no
    reason to believe in a lease longer.

    Args:
        asked_ns: the monotonic time at which the lease was asked for.
        spooled: how many passes wait to be handed over.
        between: the context in which to send: where something is timed, between two timed calls.
        on_stop: called once, from the heart's thread, when the work must stop; `stopped` says why, and `refusal` holds
            what the orchestrator said where it will hear of this device no more.
    """

    def __init__(
        self,
        client: OrchestratorClient,
        lease: Lease,
        *,
        asked_ns: int,
        clock: Clock,
        rng: random.Random,
        spooled: Callable[[], int],
        on_stop: Callable[[], None],
        between: Callable[[], AbstractContextManager[None]] = contextlib.nullcontext,
    ) -> None:
        self._client = client
        self._lease = lease
        self._clock = clock
        self._rng = rng
        self._spooled = spooled
        self._on_stop = on_stop
        self._between = between
        self._trusted_until_ns = asked_ns + int(lease.lease_s * 1e9)
        self._end = threading.Event()
        self._thread = threading.Thread(target=self._beat, name="stepfarm-heart", daemon=True)
        self.stopped: Stopped | None = None
        self.refusal: Refused | None = None

    def __enter__(self) -> Heart:
        """Begin."""
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """End."""
        self._end.set()
        self._thread.join()

    def _beat(self) -> None:
        while not self._clock.wait(self._end, jittered(self._lease.heartbeat_s, self._rng)):
            why = self._one_beat()
            if why is not None:
                self.stopped = why
                self._on_stop()
                return

    def _heartbeat(self) -> Heartbeat:
        return Heartbeat(fence=self._lease.fence, spooled=min(self._spooled(), MOST_TOLD))

    def _one_beat(self) -> Stopped | None:
        with self._between():
            return self._beat_now()

    def _beat_now(self) -> Stopped | None:
        sent_ns = self._clock.monotonic_ns()
        try:
            answer = self._client.heartbeat(self._lease.job_id, self._heartbeat())
        except Refused as refusal:
            if refusal.status not in FATAL:
                return Stopped.LOST
            self.refusal = refusal
            return Stopped.REFUSED
        except OrchestratorAway:
            return Stopped.LOST if self._clock.monotonic_ns() > self._trusted_until_ns else None
        self._trusted_until_ns = sent_ns + int(answer.lease_s * 1e9)
        return Stopped.CANCELLED if answer.cancel else None
