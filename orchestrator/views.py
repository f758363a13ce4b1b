"""What the orchestrator shows people: the messages between the API and the typed client, in the agent's codec."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum
from typing import Annotated

from agent.wire.codec import Message, WireError
from agent.wire.conditions import Conditions, Doubt
from agent.wire.enrolment import DeviceDescription, DeviceKind
from agent.wire.fields import DeviceName, EpochMs, Identifier, Items, Line, ModelName, Ordinal, Range
from agent.wire.jobs import Failure, ModelFacts, Task, Workload
from orchestrator.analysis.analyse import Analysis
from orchestrator.analysis.planning import Plan
from orchestrator.jobs.states import JobState


@dataclass(frozen=True, slots=True, kw_only=True)
class JoinCode(Message):
    """A join code, shown this once. It lets one device in until ``expires_ms``."""

    code: Line
    expires_ms: EpochMs


class DeviceState(str, Enum):
    """What a device is doing, as far as the orchestrator can honestly tell."""

    IDLE = "idle"
    MEASURING = "measuring"
    QUIET = "quiet"
    REVOKED = "revoked"


@dataclass(frozen=True, slots=True, kw_only=True)
class DeviceView(Message):
    """One device of the fleet. ``job_id`` is the job that it has leased."""

    id: Identifier
    name: DeviceName
    kind: DeviceKind
    state: DeviceState
    description: DeviceDescription
    enrolled_ms: EpochMs
    last_seen_ms: EpochMs
    job_id: Identifier | None


@dataclass(frozen=True, slots=True, kw_only=True)
class DeviceList(Message):
    """The fleet."""

    devices: tuple[DeviceView, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class SweepRequest(Message):
    """What a person asks for: every model at every workload on every device, each measured by the same plan."""

    models: Annotated[tuple[ModelName, ...], Items(100, 1)]
    workloads: Annotated[tuple[Workload, ...], Items(100, 1)]
    devices: Annotated[tuple[DeviceName, ...], Items(1_000, 1)]
    plan: Plan
    priority: Annotated[int, Range(-100, 100)] = 0

    def __post_init__(self) -> None:
        Message.__post_init__(self)
        for name, values in (("models", self.models), ("workloads", self.workloads), ("devices", self.devices)):
            if len(set(values)) != len(values):
                raise WireError(name, "must not name the same twice")


@dataclass(frozen=True, slots=True, kw_only=True)
class Progress(Message):
    """How far a job is: whole passes stored of its newest round, of those that the round may take."""

    round: Ordinal
    passes_done: Ordinal
    passes_planned: Ordinal


@dataclass(frozen=True, slots=True, kw_only=True)
class JobView(Message):
    """One job: where it stands, and its curve once the device has loaded the model."""

    id: Identifier
    sweep_id: Identifier
    device: DeviceName
    task: Task
    model: ModelName
    workload: Workload
    state: JobState
    attempts: Ordinal
    progress: Progress | None
    failure: Failure | None
    curve_id: Identifier | None
    created_ms: EpochMs
    ended_ms: EpochMs | None


@dataclass(frozen=True, slots=True, kw_only=True)
class SweepView(Message):
    """One sweep and its jobs."""

    id: Identifier
    created_ms: EpochMs
    priority: int
    plan: Plan
    jobs: tuple[JobView, ...]

    @property
    def ended(self) -> bool:
        """Whether every job has come to an end, good or bad."""
        return all(job.state.final for job in self.jobs)


@dataclass(frozen=True, slots=True, kw_only=True)
class SweepList(Message):
    """The sweeps, newest first."""

    sweeps: tuple[SweepView, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class CurveSummary(Message):
    """What a curve is of. ``readings`` counts all, ``accepted`` the believed ones."""

    id: Identifier
    job_id: Identifier
    sweep_id: Identifier
    job_state: JobState
    device: DeviceName
    device_kind: DeviceKind
    model: ModelName
    workload: Workload
    facts: ModelFacts
    readings: Annotated[int, Range(0, 2**53)]
    accepted: Annotated[int, Range(0, 2**53)]
    created_ms: EpochMs


@dataclass(frozen=True, slots=True, kw_only=True)
class CurveList(Message):
    """The curves, newest first."""

    curves: tuple[CurveSummary, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class CurveView(Message):
    """A curve with its analysis. While the job still runs the analysis is of the readings so far (``sealed`` false)."""

    summary: CurveSummary
    sealed: bool
    analysis: Analysis


@dataclass(frozen=True, slots=True, kw_only=True)
class PassView(Message):
    """One pass as columns, in the order measured; ``rejected`` is empty for a reading that was accepted."""

    fence: Ordinal
    round: Ordinal
    number: Ordinal
    complete: bool
    started_ms: EpochMs
    before: Conditions
    after: Conditions
    doubts: tuple[Doubt, ...]
    tokens: tuple[int, ...]
    start_ns: tuple[int, ...]
    latency_ns: tuple[int, ...]
    rejected: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class ReadingsView(Message):
    """All readings of a curve, as they are stored."""

    curve_id: Identifier
    passes: tuple[PassView, ...]
