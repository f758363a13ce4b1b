"""The orchestrator as people see it: the client of the command line, the dashboard and notebooks."""

from __future__ import annotations

import os
from collections.abc import Sequence
from urllib.parse import quote, urlencode

from agent.config import Settings, load_settings
from agent.connection import Connection
from agent.errors import ConfigError
from agent.wire.codec import shape_of
from agent.wire.fields import DeviceName
from agent.wire.jobs import Done, Workload
from agent.wire.schedules import Schedule
from orchestrator.analysis.planning import Plan
from orchestrator.analysis.trials import IMAGES_AT_A_TIME, AccuracyPlan
from orchestrator.curves.file import CurveFile, fit_to_send
from orchestrator.keys import read_operator_key
from orchestrator.roles import Principal, Role
from orchestrator.sweep import Sweep
from orchestrator.views import (
    AccuracyList,
    AccuracyRequest,
    AccuracyView,
    CurveList,
    CurveSummary,
    CurveTaken,
    CurveView,
    DeviceList,
    DeviceView,
    JoinCode,
    JoinCodeRequest,
    JoinCodeView,
    KeyList,
    KeyRequest,
    KeyView,
    Label,
    LabelChange,
    NewKey,
    ReadingsView,
    ReanalysisRequest,
    ReanalysisView,
    SweepList,
    SweepRequest,
    SweepView,
    VerificationList,
    VerificationRequest,
    VerificationView,
    is_loopback,
)

MAX_ANSWER_BYTES = 256 * 1024 * 1024
"""The largest answer that is read: all readings of a curve of 4,096 counts are some 10 MB."""


class Client:
    """What a person may ask of an orchestrator.

    Every method raises `agent.errors.OrchestratorAway` where nobody answers and `agent.errors.Refused` where the
    orchestrator says no; both say what to do next.

    Args:
        url: the orchestrator's address; by default the one that the settings name, else this machine's.
        key: what to sign in with; by default the one that the settings name, else, on this machine, the operator's
            in the state directory.
        ca: a PEM file of authorities to trust, they alone; by default the one that the settings name, else the
            system's.
    """

    def __init__(self, url: str | None = None, key: str | None = None, *, ca: str | None = None) -> None:
        settings = load_settings(os.environ)
        url = url or settings.orchestrator_url
        if key is None:
            # An empty key that was given is a wrong key, not a reason to sign in as somebody else.
            key = settings.key or _key_kept_here(settings, url)
        if key is None:
            raise ConfigError(
                f"There is no key to sign in with at {url}.",
                "Start the orchestrator here, or start it again if it runs (stepfarm up): it makes a key. For one "
                "elsewhere set STEPFARM_URL and STEPFARM_KEY.",
            )
        self._connection = Connection(url, key, caller="client", ca=ca or settings.ca, max_bytes=MAX_ANSWER_BYTES)

    def me(self) -> Principal:
        """Who the key belongs to."""
        return self._connection.get("/v1/me", Principal)

    def keys(self) -> tuple[KeyView, ...]:
        """The keys: those that are good first, then the newest first."""
        return self._connection.get("/v1/keys", KeyList).keys

    def new_key(self, label: str, *, role: Role = Role.VIEWER, days: int | None = None) -> NewKey:
        """A key for another person, for good or for some days; the answer alone holds the secret."""
        return self._connection.post("/v1/keys", KeyRequest(label=label, role=role, days=days), NewKey)

    def rotate_key(self, key_id: int) -> NewKey:
        """The key that takes the place of another at once; a device is asked to make its own, and its key stays good.

        Where it was this client's own, another client is to be made with the new one.
        """
        return self._connection.post(f"/v1/keys/{key_id}/rotate", Done(), NewKey)

    def revoke_key(self, key_id: int) -> KeyView:
        """The key, good for nothing from now on."""
        return self._connection.post(f"/v1/keys/{key_id}/revoke", Done(), KeyView)

    def new_join_code(self, device: str | None = None) -> JoinCode:
        """A code that lets one device in, within 60 minutes: a new one, or ``device``, which is known, with a new key.

        Where the orchestrator knows no address of its own but its machine's loopback, and is reached from elsewhere,
        devices are told the address that this client uses.
        """
        return self._connection.post("/v1/join-codes", JoinCodeRequest(device=device), JoinCode).reached_at(
            self._connection.url
        )

    def join_code(self, join_code_id: int) -> JoinCodeView:
        """What became of a join code, and which device it let in."""
        return self._connection.get(f"/v1/join-codes/{join_code_id}", JoinCodeView)

    def devices(self) -> tuple[DeviceView, ...]:
        """Every device, by name."""
        return self._connection.get("/v1/devices", DeviceList).devices

    def device(self, name: str) -> DeviceView:
        """One device."""
        return self._connection.get(f"/v1/devices/{_name(name)}", DeviceView)

    def label_device(self, name: str, *, put: Sequence[Label] = (), remove: Sequence[str] = ()) -> DeviceView:
        """Put labels on a device, in the place of those with the same names, and take others away."""
        change = LabelChange(put=tuple(put), remove=tuple(remove))
        return self._connection.post(f"/v1/devices/{_name(name)}/labels", change, DeviceView)

    def revoke_device(self, name: str) -> DeviceView:
        """Shut a device out: its key is refused from now on, its queued jobs are cancelled, its curves stay."""
        return self._connection.post(f"/v1/devices/{_name(name)}/revoke", Done(), DeviceView)

    def create_sweep(
        self,
        *,
        models: Sequence[str],
        workloads: Sequence[Workload],
        devices: Sequence[str] = (),
        labels: Sequence[Label] = (),
        plan: Plan | None = None,
        priority: int = 0,
    ) -> Sweep:
        """Queue every model at every workload on every device that is named or carries one of ``labels``."""
        request = SweepRequest(
            models=tuple(models),
            workloads=tuple(workloads),
            devices=tuple(devices),
            labels=tuple(labels),
            plan=plan or Plan(),
            priority=priority,
        )
        return Sweep(self, self._connection.post("/v1/sweeps", request, SweepView))

    def sweeps(self) -> tuple[SweepView, ...]:
        """The sweeps, newest first."""
        return self._connection.get("/v1/sweeps", SweepList).sweeps

    def sweep(self, sweep_id: int) -> Sweep:
        """One sweep: how its jobs stand, and what can be done with it."""
        return Sweep(self, self.sweep_view(sweep_id))

    def sweep_view(self, sweep_id: int) -> SweepView:
        """One sweep and how its jobs stand now."""
        return self._connection.get(f"/v1/sweeps/{sweep_id}", SweepView)

    def cancel_sweep(self, sweep_id: int) -> SweepView:
        """Cancel what is queued and ask the devices to stop what they measure."""
        return self._connection.post(f"/v1/sweeps/{sweep_id}/cancel", Done(), SweepView)

    def retry_sweep(self, sweep_id: int) -> Sweep:
        """Queue the failed and cancelled jobs of a sweep again, as a new sweep."""
        return Sweep(self, self._connection.post(f"/v1/sweeps/{sweep_id}/retry", Done(), SweepView))

    def measure_accuracy(
        self,
        *,
        models: Sequence[str],
        plan: AccuracyPlan,
        workload: Workload | None = None,
        devices: Sequence[str] = (),
        labels: Sequence[Label] = (),
        priority: int = 0,
    ) -> Sweep:
        """Queue one accuracy job for each model, on a device that has weights of it and the dataset.

        The device is one of those named or that carry one of ``labels``, any of the fleet where neither is given.
        """
        request = AccuracyRequest(
            models=tuple(models),
            plan=plan,
            workload=workload or Workload(batch_size=IMAGES_AT_A_TIME),
            devices=tuple(devices),
            labels=tuple(labels),
            priority=priority,
        )
        return Sweep(self, self._connection.post("/v1/accuracy", request, SweepView))

    def accuracies(self, *, model: str | None = None) -> tuple[AccuracyView, ...]:
        """The newest accuracies, newest first: all, or those of a model."""
        query = "" if model is None else "?" + urlencode({"model": model})
        return self._connection.get(f"/v1/accuracy{query}", AccuracyList).accuracies

    def accuracy(self, job_id: int) -> AccuracyView:
        """What one accuracy job found so far."""
        return self._connection.get(f"/v1/accuracy/{job_id}", AccuracyView)

    def curves(
        self, *, device: str | None = None, model: str | None = None, simulated: bool | None = None
    ) -> tuple[CurveSummary, ...]:
        """The newest curves, newest first: of one device, one model, simulated devices or others, where that is told.

        Imported curves are among them.
        """
        told = {"device": device, "model": model, "simulated": None if simulated is None else str(simulated).lower()}
        query = urlencode({name: value for name, value in told.items() if value is not None})
        return self._connection.get(f"/v1/curves?{query}" if query else "/v1/curves", CurveList).curves

    def curve(self, curve_id: int) -> CurveView:
        """One curve with steps, sweet spots and recommendation."""
        return self._connection.get(f"/v1/curves/{curve_id}", CurveView)

    def verify(self, curve_id: int, schedules: Sequence[Schedule], *, priority: int = 0) -> VerificationView:
        """Have the device of a curve time these schedules, beside the plain model and uniform pruning."""
        request = VerificationRequest(curve_id=curve_id, schedules=tuple(schedules), priority=priority)
        return self._connection.post("/v1/verifications", request, VerificationView)

    def verification(self, job_id: int) -> VerificationView:
        """One verification, by the number of its job: what was predicted, and what the device said."""
        return self._connection.get(f"/v1/verifications/{job_id}", VerificationView)

    def verifications(self, curve_id: int) -> tuple[VerificationView, ...]:
        """The verifications of schedules that were chosen on a curve, newest first."""
        return self._connection.get(f"/v1/curves/{curve_id}/verifications", VerificationList).verifications

    def readings(self, curve_id: int) -> ReadingsView:
        """Every reading of a curve, with the conditions of its passes."""
        return self._connection.get(f"/v1/curves/{curve_id}/readings", ReadingsView)

    def curve_file(self, curve_id: int) -> CurveFile:
        """One curve with every reading and all that says what it is of: what an export is made of."""
        return self._connection.get(f"/v1/curves/{curve_id}/file", CurveFile)

    def import_curve(self, file: CurveFile) -> CurveTaken:
        """Bring in a curve that was measured elsewhere; the same curve again is the one that is there.

        Raises:
            BadFile: it is larger than an orchestrator takes.
        """
        # The analysis is made anew there, so what another version made of it here need not be understood.
        return self._connection.post("/v1/curves", fit_to_send(file), CurveTaken)

    def reanalyse(self, curves: Sequence[int] = (), *, everything: bool = False) -> ReanalysisView:
        """Have these curves analysed anew from their readings, or everything; how far that is.

        With neither, those whose newest result is of an older version of the method. The orchestrator works it off,
        also when nobody waits for it; `reanalysis` says how far it is.
        """
        request = ReanalysisRequest(curves=tuple(curves), everything=everything)
        return self._connection.post("/v1/analyses", request, ReanalysisView)

    def reanalysis(self) -> ReanalysisView:
        """How many curves have a result of which version of the method, and how many wait for a new one."""
        return self._connection.get("/v1/analyses", ReanalysisView)


def _name(device: str) -> str:
    """``device`` as a part of a path.

    Raises:
        WireError: a ValueError; no device can have that name.
    """
    shape_of(DeviceName).check(device, "name")
    return quote(device, safe="")


def _key_kept_here(settings: Settings, url: str) -> str | None:
    # The operator's key of this machine is for its orchestrator, by whichever name: it is never sent to another.
    own = is_loopback(url) or url.rstrip("/") == settings.public_url
    return read_operator_key(settings.orchestrator_home) if own else None
