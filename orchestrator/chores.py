"""The thread in the API process that takes back expired leases and has finished curves analysed."""

from __future__ import annotations

import logging
import threading

from agent.clock import Clock
from agent.errors import StepfarmError
from orchestrator.curves.analyst import Analyst
from orchestrator.jobs.dispatch import Dispatch

log = logging.getLogger(__name__)

EVERY_S = 2.0


class Chores:
    """Works off what waits, when woken by ``job_ended`` and every two seconds."""

    def __init__(self, dispatch: Dispatch, analyst: Analyst, clock: Clock, job_ended: threading.Event) -> None:
        self._dispatch = dispatch
        self._analyst = analyst
        self._clock = clock
        self._job_ended = job_ended
        self._stopped = False
        self._waits_for = ""
        self._thread = threading.Thread(target=self._run, name="stepfarm-chores", daemon=True)

    def start(self) -> None:
        """Begin."""
        self._thread.start()

    def stop(self) -> None:
        """End after the chore in hand."""
        self._stopped = True
        self._job_ended.set()
        self._thread.join(timeout=30)

    def _run(self) -> None:
        while not self._stopped:
            self._work()
            self._clock.wait(self._job_ended, EVERY_S)
            # Cleared before the work, not after it: what ends meanwhile is worked off at once.
            self._job_ended.clear()

    def _work(self) -> None:
        try:
            for job_id in self._dispatch.expire():
                log.warning("the lease on job %d ran out", job_id)
            self._analyst.work()
        except StepfarmError as error:
            # Said once: a database can be away for a night.
            if str(error) != self._waits_for:
                log.warning("chores wait: %s", error)
            self._waits_for = str(error)
        except Exception:
            # Whatever breaks here must not keep expired leases from coming back.
            log.exception("a chore failed and is tried again")
        else:
            if self._waits_for:
                log.warning("chores go on")
            self._waits_for = ""
