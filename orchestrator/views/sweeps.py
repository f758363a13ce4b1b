"""Sweeps and their jobs."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated

from agent.wire.codec import Message, WireError
from agent.wire.fields import DeviceName, EpochMs, Identifier, Items, ModelName, Ordinal, Range
from agent.wire.jobs import Failure, Task, Workload
from orchestrator.analysis.blocks import refusal_of_blocks
from orchestrator.analysis.planning import Plan
from orchestrator.jobs.states import JobState
from orchestrator.views.labels import MOST_LABELS, Label

LONGEST_LEFT_S = 10_000_000
"""What seems to take longer than so many seconds is not told: a clock was set meanwhile."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SweepRequest(Message):
    """What a person asks for: every model at every workload on every device, each measured by the same plan.

    The devices are those named, and those that carry one of ``labels``: a label without a value is met by any value.
    """

    models: Annotated[tuple[ModelName, ...], Items(100, 1)]
    workloads: Annotated[tuple[Workload, ...], Items(100, 1)]
    devices: Annotated[tuple[DeviceName, ...], Items(1_000)] = ()
    labels: Annotated[tuple[Label, ...], Items(MOST_LABELS)] = ()
    plan: Plan
    priority: Annotated[int, Range(-100, 100)] = 0

    def __post_init__(self) -> None:
        Message.__post_init__(self)
        if not self.devices and not self.labels:
            raise WireError("devices", "must name at least one device or label")
        for name, values in (("models", self.models), ("workloads", self.workloads), ("devices", self.devices)):
            if len(set(values)) != len(values):
                raise WireError(name, "must not name the same twice")
        for index, workload in enumerate(self.workloads if self.plan.blocks else ()):
            refusal = refusal_of_blocks(workload)
            if refusal is not None:
                raise WireError(f"workloads[{index}].runtime", refusal)


@dataclass(frozen=True, slots=True, kw_only=True)
class Progress(Message):
    """How far a job is: whole passes stored of its newest round, of those that the round may take.

    ``left_s`` is about how long the round still takes while a device works on it; None where nothing tells.
    """

    round: Ordinal
    passes_done: Ordinal
    passes_planned: Ordinal
    left_s: Annotated[float, Range(0, LONGEST_LEFT_S)] | None


@dataclass(frozen=True, slots=True, kw_only=True)
class JobView(Message):
    """One job: where it stands, and its curve once the device has loaded the model.

    ``failure`` is why it failed, ``setback`` why its latest attempt ended badly while it may still be tried again, not
    before ``waits_until_ms``. ``cancelling``: somebody cancelled it, and its device has not heard of that yet.
    ``device_quiet``: it waits for its device, which has gone quiet.
    """

    id: Identifier
    sweep_id: Identifier
    device: DeviceName
    task: Task
    model: ModelName
    workload: Workload
    state: JobState
    attempts: Ordinal
    cancelling: bool
    progress: Progress | None
    failure: Failure | None
    setback: Failure | None
    waits_until_ms: EpochMs | None
    curve_id: Identifier | None
    created_ms: EpochMs
    ended_ms: EpochMs | None
    device_quiet: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class SweepView(Message):
    """One sweep and its jobs. ``retry_of`` is the sweep whose failed and cancelled jobs it does again.

    ``left_s`` is about how long it still takes where its devices stay at work, 0 once it has ended; None while nothing
    tells. Jobs of other sweeps that go first are not counted.
    """

    id: Identifier
    created_ms: EpochMs
    priority: int
    plan: Plan
    retry_of: Identifier | None
    left_s: Annotated[float, Range(0, LONGEST_LEFT_S)] | None
    jobs: tuple[JobView, ...]

    @property
    def ended(self) -> bool:
        """Whether every job has come to an end, good or bad."""
        return all(job.state.final for job in self.jobs)


@dataclass(frozen=True, slots=True, kw_only=True)
class SweepList(Message):
    """The sweeps, newest first."""

    sweeps: tuple[SweepView, ...]
