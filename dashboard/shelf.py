"""What one signed-in person has looked at: asked of the orchestrator through their own key, and kept a while."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Sequence
from dataclasses import dataclass

from agent.clock import Clock
from agent.errors import Refused
from agent.wire.enrolment import DeviceKind
from dashboard.once import Once
from orchestrator.client import Client
from orchestrator.roles import Principal, Role
from orchestrator.views import CurveSummary, CurveView, DeviceView, JobView, ReadingsView, SweepView

MOST_KEPT = 8
"""Sealed curves that are kept, the latest looked at."""

MOST_VIEWS = 60
"""The same without their readings, for pages that show many at once."""


@dataclass(frozen=True, slots=True)
class Look:
    """A curve and all its readings."""

    view: CurveView
    readings: ReadingsView


@dataclass(frozen=True, slots=True)
class Found:
    """The curves that were asked for by number and are there, and a notice for each that is not."""

    curves: tuple[CurveSummary, ...]
    notices: tuple[str, ...]


class Shelf:
    """The orchestrator as one key opens it.

    What is kept lives and dies with the sign-in, so nobody is ever shown what another key opened. The list of curves is
    asked for anew each time, which also finds out that a key was revoked; only a sealed curve is kept, and only as long
    as the list says the same of it.
    """

    def __init__(self, client: Client, principal: Principal, clock: Clock) -> None:
        self.client = client
        self.principal = principal
        self.clock = clock
        self.once = Once(clock)
        self._looks: OrderedDict[CurveSummary, Look] = OrderedDict()
        self._views: OrderedDict[CurveSummary, CurveView] = OrderedDict()

    @property
    def operates(self) -> bool:
        """Whether this person may change things, rather than only look."""
        return self.principal.role is Role.OPERATOR

    def curves(self) -> tuple[CurveSummary, ...]:
        """The curves, newest first."""
        return self.client.curves()

    def summaries(self, listed: Sequence[CurveSummary], numbers: Sequence[int]) -> Found:
        """The curves of those ``numbers``. ``listed`` holds the newest; an older one can still be asked for."""
        known = {summary.id: summary for summary in listed}
        found, notices = [], []
        for number in numbers:
            try:
                found.append(known.get(number) or self.client.curve(number).summary)
            except Refused as error:
                if error.type != "not-found":
                    raise
                notices.append(error.message)
        return Found(tuple(found), tuple(notices))

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

    def view(self, summary: CurveSummary) -> CurveView:
        """The curve of ``summary`` without its readings."""
        kept = self._views.get(summary)
        if kept is not None:
            self._views.move_to_end(summary)
            return kept
        view = self.client.curve(summary.id)
        if view.sealed:
            self._views[view.summary] = view
            while len(self._views) > MOST_VIEWS:
                self._views.popitem(last=False)
        return view

    def fresh_look(self, curve_id: int) -> Look:
        """The curve of that number with its readings, asked for anew."""
        return Look(self.client.curve(curve_id), self.client.readings(curve_id))

    def device(self, name: str) -> DeviceView | None:
        """The device of that name; any text may ask for one."""
        return next((device for device in self.client.devices() if device.name == name), None)

    def simulated(self) -> frozenset[str]:
        """The names of the devices that time nothing."""
        return frozenset(one.name for one in self.client.devices() if one.kind is DeviceKind.SIMULATED)

    def sweep(self, sweep_id: int) -> SweepView | None:
        """The sweep of that number."""
        try:
            return self.client.sweep_view(sweep_id)
        except Refused as error:
            if error.type != "not-found":
                raise
            return None

    def job_of(self, summary: CurveSummary) -> JobView:
        """The job that makes, or made, the curve of ``summary``, which was not imported."""
        assert summary.sweep_id is not None, "an imported curve has no job"
        sweep = self.client.sweep_view(summary.sweep_id)
        return next(job for job in sweep.jobs if job.id == summary.job_id)

    def latest_jobs(self) -> tuple[JobView, ...]:
        """The jobs of the newest sweep."""
        sweeps = self.client.sweeps()
        return sweeps[0].jobs if sweeps else ()
