"""What the API process does by itself: take back expired leases, and have finished curves sealed and analysed.

Each chore has a thread of its own, so that no lease waits for an analysis.
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable

from agent.clock import Clock
from agent.errors import StepfarmError
from orchestrator.errors import NotReady

log = logging.getLogger(__name__)

EVERY_S = 2.0

OVERDUE_S = 60.0
"""A reaper that has not come round for so long hangs: its turn takes milliseconds."""


class Chore:
    """Work that is done again and again: when woken, and every two seconds.

    Args:
        name: what it is called in the log.
        turn: does what is to do now.
        wake: set by whoever has something for it; and when it is to stop.
    """

    def __init__(self, name: str, turn: Callable[[], object], clock: Clock, wake: threading.Event) -> None:
        self._name = name
        self._turn = turn
        self._clock = clock
        self._wake = wake
        self._stopped = False
        self._waits_for = ""
        self._came_round_ns = clock.monotonic_ns()
        self._thread = threading.Thread(target=self._run, name=f"stepfarm-{name}", daemon=True)

    def start(self) -> None:
        """Begin."""
        self._came_round_ns = self._clock.monotonic_ns()
        self._thread.start()

    def stop(self) -> None:
        """End after the turn in hand."""
        self._stopped = True
        self._wake.set()
        if self._thread.is_alive():
            self._thread.join(timeout=30)

    def check_alive(self, *, overdue_s: float | None = None) -> None:
        """Return if it is at work, and has come round within ``overdue_s``.

        Raises:
            NotReady: its thread has ended, or hangs.
        """
        since_s = (self._clock.monotonic_ns() - self._came_round_ns) / 1e9
        if not self._thread.is_alive() or (overdue_s is not None and since_s > overdue_s):
            raise NotReady(
                f"The {self._name} of this orchestrator does not work: it came round last {since_s:.0f} s ago.",
                "Start the orchestrator again; its log says more. Nothing is lost.",
            )

    def _run(self) -> None:
        while not self._stopped:
            self._work()
            self._came_round_ns = self._clock.monotonic_ns()
            self._clock.wait(self._wake, EVERY_S)
            # Cleared before the work, not after it: what ends meanwhile is worked off at once.
            self._wake.clear()

    def _work(self) -> None:
        try:
            self._turn()
        except StepfarmError as error:
            # Said once: a database can be away for a night.
            if str(error) != self._waits_for:
                log.warning("the %s waits: %s", self._name, error)
            self._waits_for = str(error)
        except Exception:
            # Whatever breaks here must not keep expired leases from coming back.
            log.exception("a turn of the %s failed and is tried again", self._name)
        else:
            if self._waits_for:
                log.warning("the %s goes on", self._name)
            self._waits_for = ""
