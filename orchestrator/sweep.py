"""A sweep in the hands of whoever asked for it: to look at, wait for, cancel or try again."""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import TYPE_CHECKING

from agent.clock import Clock, SystemClock
from orchestrator.views import CurveView, JobView, SweepView

if TYPE_CHECKING:
    from orchestrator.client import Client

POLL_S = 1.0


class Sweep:
    """A sweep as it last stood, and the way to ask again.

    Args:
        client: whoever signed in.
        view: how the sweep stands.
    """

    def __init__(self, client: Client, view: SweepView) -> None:
        self._client = client
        self.view = view

    def __repr__(self) -> str:
        states = [job.state.value for job in self.jobs]
        counted = ", ".join(f"{states.count(state)} {state}" for state in sorted(set(states)))
        return f"Sweep {self.id}: {counted}"

    @property
    def id(self) -> int:
        """Its number."""
        return self.view.id

    @property
    def jobs(self) -> tuple[JobView, ...]:
        """Its jobs as they last stood."""
        return self.view.jobs

    @property
    def ended(self) -> bool:
        """Whether every job had come to an end, good or bad, when last looked at."""
        return self.view.ended

    def refresh(self) -> Sweep:
        """Look again; this same sweep."""
        self.view = self._client.sweep_view(self.id)
        return self

    def wait(
        self,
        *,
        timeout_s: float | None = None,
        told: Callable[[SweepView], None] | None = None,
        going: Callable[[], bool] | None = None,
        stop: threading.Event | None = None,
        clock: Clock | None = None,
    ) -> Sweep:
        """Wait until it has ended, ``timeout_s`` are over or ``stop`` is set; this same sweep, as it then stands.

        Args:
            told: called with each new look at it.
            going: asked after each look; where it says no, there is nothing to wait for any more.
        """
        clock, stop = clock or SystemClock(), stop or threading.Event()
        until_ns = None if timeout_s is None else clock.monotonic_ns() + round(timeout_s * 1e9)
        while True:
            self.refresh()
            if told is not None:
                told(self.view)
            left_s = POLL_S if until_ns is None else (until_ns - clock.monotonic_ns()) / 1e9
            if (
                self.ended
                or left_s <= 0
                or (going is not None and not going())
                or clock.wait(stop, min(POLL_S, left_s))
            ):
                return self

    def cancel(self) -> Sweep:
        """Cancel what is queued and ask the devices to stop what they measure; this same sweep."""
        self.view = self._client.cancel_sweep(self.id)
        return self

    def retry(self) -> Sweep:
        """A new sweep of the jobs that failed or were cancelled."""
        return self._client.retry_sweep(self.id)

    def curves(self) -> tuple[CurveView, ...]:
        """The curves of its jobs, as far as there are any."""
        return tuple(self._client.curve(job.curve_id) for job in self.jobs if job.curve_id is not None)
