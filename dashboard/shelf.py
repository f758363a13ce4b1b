"""What one signed-in person has looked at: asked of the orchestrator through their own key, and kept a while."""

from __future__ import annotations

from collections import OrderedDict
from dataclasses import dataclass

from orchestrator.client import Client
from orchestrator.roles import Principal
from orchestrator.views import CurveSummary, CurveView, DeviceView, JobView, ReadingsView

MOST_KEPT = 8
"""Sealed curves that are kept, the latest looked at."""


@dataclass(frozen=True, slots=True)
class Look:
    """A curve and all its readings."""

    view: CurveView
    readings: ReadingsView


class Shelf:
    """The orchestrator as one key opens it.

    What is kept lives and dies with the sign-in, so nobody is ever shown what another key opened. The list of curves is
    asked for anew each time, which also finds out that a key was revoked; only a sealed curve is kept, and only as long
    as the list says the same of it.
    """

    def __init__(self, client: Client, principal: Principal) -> None:
        self.client = client
        self.principal = principal
        self._looks: OrderedDict[CurveSummary, Look] = OrderedDict()

    def curves(self) -> tuple[CurveSummary, ...]:
        """The curves, newest first."""
        return self.client.curves()

    def look(self, summary: CurveSummary) -> Look:
        """The curve of ``summary`` with its readings."""
        kept = self._looks.get(summary)
        if kept is not None:
            self._looks.move_to_end(summary)
            return kept
        look = self.fresh_look(summary.id)
        if look.view.sealed:
            self._looks[look.view.summary] = look
            while len(self._looks) > MOST_KEPT:
                self._looks.popitem(last=False)
        return look

    def fresh_look(self, curve_id: int) -> Look:
        """The curve of that number with its readings, asked for anew."""
        return Look(self.client.curve(curve_id), self.client.readings(curve_id))

    def device(self, name: str) -> DeviceView | None:
        """The device of that name."""
        return next((device for device in self.client.devices() if device.name == name), None)

    def job_of(self, summary: CurveSummary) -> JobView:
        """The job that makes, or made, the curve of ``summary``."""
        sweep = self.client.sweep(summary.sweep_id)
        return next(job for job in sweep.jobs if job.id == summary.job_id)

    def latest_jobs(self) -> tuple[JobView, ...]:
        """The jobs of the newest sweep."""
        sweeps = self.client.sweeps()
        return sweeps[0].jobs if sweeps else ()
