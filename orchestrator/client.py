"""The orchestrator as people see it: the client of the command line, the dashboard and notebooks."""

from __future__ import annotations

import os
from collections.abc import Sequence
from urllib.parse import urlsplit

from agent.config import Settings, load_settings
from agent.connection import LOOPBACK, Connection
from agent.errors import ConfigError
from agent.wire.jobs import Done, Workload
from orchestrator.analysis.planning import Plan
from orchestrator.keys import read_operator_key
from orchestrator.roles import Principal
from orchestrator.views import (
    CurveList,
    CurveSummary,
    CurveView,
    DeviceList,
    DeviceView,
    JoinCode,
    ReadingsView,
    SweepList,
    SweepRequest,
    SweepView,
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
    """

    def __init__(self, url: str | None = None, key: str | None = None) -> None:
        settings = load_settings(os.environ)
        url = url or settings.orchestrator_url
        if key is None:
            # An empty key that was given is a wrong key, not a reason to sign in as somebody else.
            key = settings.key or _key_kept_here(settings, url)
        if key is None:
            raise ConfigError(
                f"There is no key to sign in with at {url}.",
                "Start the orchestrator here (stepfarm up), or set STEPFARM_URL and STEPFARM_KEY for one elsewhere.",
            )
        self._connection = Connection(url, key, caller="client", max_bytes=MAX_ANSWER_BYTES)

    def me(self) -> Principal:
        """Who the key belongs to."""
        return self._connection.get("/v1/me", Principal)

    def new_join_code(self) -> JoinCode:
        """A code that lets one device in, within 60 minutes."""
        return self._connection.post("/v1/join-codes", Done(), JoinCode)

    def devices(self) -> tuple[DeviceView, ...]:
        """Every device, by name."""
        return self._connection.get("/v1/devices", DeviceList).devices

    def create_sweep(
        self,
        *,
        models: Sequence[str],
        workloads: Sequence[Workload],
        devices: Sequence[str],
        plan: Plan | None = None,
        priority: int = 0,
    ) -> SweepView:
        """Queue every model at every workload on every device named."""
        request = SweepRequest(
            models=tuple(models),
            workloads=tuple(workloads),
            devices=tuple(devices),
            plan=plan or Plan(),
            priority=priority,
        )
        return self._connection.post("/v1/sweeps", request, SweepView)

    def sweeps(self) -> tuple[SweepView, ...]:
        """The sweeps, newest first."""
        return self._connection.get("/v1/sweeps", SweepList).sweeps

    def sweep(self, sweep_id: int) -> SweepView:
        """One sweep and how its jobs stand."""
        return self._connection.get(f"/v1/sweeps/{sweep_id}", SweepView)

    def cancel_sweep(self, sweep_id: int) -> SweepView:
        """Cancel what is queued and ask the devices to stop what they measure."""
        return self._connection.post(f"/v1/sweeps/{sweep_id}/cancel", Done(), SweepView)

    def curves(self) -> tuple[CurveSummary, ...]:
        """The curves, newest first."""
        return self._connection.get("/v1/curves", CurveList).curves

    def curve(self, curve_id: int) -> CurveView:
        """One curve with steps, sweet spots and recommendation."""
        return self._connection.get(f"/v1/curves/{curve_id}", CurveView)

    def readings(self, curve_id: int) -> ReadingsView:
        """Every reading of a curve, with the conditions of its passes."""
        return self._connection.get(f"/v1/curves/{curve_id}/readings", ReadingsView)


def _key_kept_here(settings: Settings, url: str) -> str | None:
    # The operator's key of this machine is for this machine: it is never sent to another.
    return read_operator_key(settings.orchestrator_home) if urlsplit(url).hostname in LOOPBACK else None
