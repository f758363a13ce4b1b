"""What the orchestrator shows people: the messages between the API and the typed client, in the agent's codec."""

from __future__ import annotations

import shlex
from collections.abc import Iterable
from dataclasses import dataclass, replace
from enum import Enum
from typing import TYPE_CHECKING, Annotated
from urllib.parse import urlsplit

import numpy as np

from agent.wire.codec import Message, WireError
from agent.wire.conditions import Conditions, Doubt
from agent.wire.enrolment import DeviceDescription, DeviceKind
from agent.wire.fields import (
    DeviceName,
    EpochMs,
    Identifier,
    Items,
    LatencyNs,
    Line,
    ModelName,
    MonotonicNs,
    Ordinal,
    Range,
    Text,
    Tokens,
)
from agent.wire.jobs import Failure, ModelFacts, Task, Workload
from agent.wire.readings import MOST_READINGS, Rejection
from orchestrator.analysis.analyse import Analysis
from orchestrator.analysis.passes import Floats, Integers
from orchestrator.analysis.planning import Plan
from orchestrator.analysis.steps import Step
from orchestrator.analysis.sweet_spots import SweetSpot
from orchestrator.jobs.states import JobState

if TYPE_CHECKING:
    import pandas as pd

# A dash at the end takes a label away on the command line: no name ends in one.
LabelName = Annotated[str, Text(63, 1, r"[A-Za-z0-9]([A-Za-z0-9_.\-]*[A-Za-z0-9])?")]
LabelValue = Annotated[str, Text(63, 0, r"[A-Za-z0-9_.\-]*")]

MOST_LABELS = 50
"""The most labels of a device, and of a request."""
RejectionName = Annotated[str, Text(20, 0, "|".join(("", *(rejection.value for rejection in Rejection))))]


def is_loopback(url: str) -> bool:
    """Whether ``url`` leads whoever uses it to their own machine."""
    return urlsplit(url).hostname in ("127.0.0.1", "localhost", "::1")


@dataclass(frozen=True, slots=True, kw_only=True)
class JoinCode(Message):
    """A join code, shown this once. It lets one device in until ``expires_ms``, at the address ``url``."""

    id: Identifier
    code: Line
    url: Line
    expires_ms: EpochMs

    def reached_at(self, url: str) -> JoinCode:
        """The same code for an orchestrator that answers at ``url`` too: better than an address for itself alone."""
        return replace(self, url=url) if is_loopback(self.url) and not is_loopback(url) else self

    @property
    def command(self) -> str:
        """The one line to paste on the device: install the agent where there is none yet, enrol, measure."""
        install = "command -v stepfarm-agent >/dev/null || pip install stepfarm"
        enrol = f"stepfarm-agent enroll {shlex.quote(self.url)} --code {self.code}"
        return f"{install} && {enrol} && stepfarm-agent run"

    @property
    def caution(self) -> str | None:
        """Why other machines cannot use it, and what to do about that; None where they can."""
        if is_loopback(self.url):
            why = f"{self.url} leads each device to itself, so only this machine can use the code."
        elif not self.url.startswith("https:"):
            why = f"Agents do not send their keys over {self.url}: it is not encrypted."
        else:
            return None
        return f"{why} For others, set STEPFARM_PUBLIC_URL to the https address of a reverse proxy and start anew."


class JoinCodeState(str, Enum):
    """What became of a join code."""

    WAITING = "waiting"
    USED = "used"
    EXPIRED = "expired"


@dataclass(frozen=True, slots=True, kw_only=True)
class JoinCodeView(Message):
    """A join code as it is remembered: without the code. ``device`` is the one that it let in."""

    id: Identifier
    state: JoinCodeState
    device: DeviceName | None
    expires_ms: EpochMs


@dataclass(frozen=True, slots=True, kw_only=True)
class Label(Message):
    """What a person says of a device, to find it by: ``board=orin``, or a name alone."""

    name: LabelName
    value: LabelValue = ""

    def __str__(self) -> str:
        return f"{self.name}={self.value}" if self.value else self.name

    @classmethod
    def parse(cls, text: str) -> Label:
        """The label that ``text`` names.

        Raises:
            WireError: it is neither NAME nor NAME=VALUE.
        """
        name, _, value = text.partition("=")
        return cls(name=name, value=value)

    def met_by(self, labels: Iterable[Label]) -> bool:
        """Whether one of ``labels`` is the one looked for; without a value any of that name is."""
        return any(label.name == self.name and self.value in ("", label.value) for label in labels)


@dataclass(frozen=True, slots=True, kw_only=True)
class LabelChange(Message):
    """What to change of the labels of a device: put these, take those names away."""

    put: Annotated[tuple[Label, ...], Items(MOST_LABELS)] = ()
    remove: Annotated[tuple[LabelName, ...], Items(MOST_LABELS)] = ()

    def __post_init__(self) -> None:
        Message.__post_init__(self)
        names = [label.name for label in self.put]
        if len(set(names)) != len(names):
            raise WireError("put", "must not name the same label twice")
        both = sorted(set(names) & set(self.remove))
        if both:
            raise WireError("remove", f"must not name {both[0]}, which is to be put on")


class DeviceState(str, Enum):
    """What a device is doing, as far as the orchestrator can honestly tell."""

    IDLE = "idle"
    MEASURING = "measuring"
    QUIET = "quiet"
    REVOKED = "revoked"


@dataclass(frozen=True, slots=True, kw_only=True)
class DeviceView(Message):
    """One device of the fleet. ``job`` is the one that it has leased, ``queued`` how many wait for it.

    ``doubled_ms`` is when two agents were last seen to use its identity in turn.
    """

    id: Identifier
    name: DeviceName
    kind: DeviceKind
    state: DeviceState
    labels: tuple[Label, ...]
    description: DeviceDescription
    enrolled_ms: EpochMs
    last_seen_ms: EpochMs
    doubled_ms: EpochMs | None
    revoked_ms: EpochMs | None
    job: JobView | None
    queued: Ordinal


@dataclass(frozen=True, slots=True, kw_only=True)
class DeviceList(Message):
    """The fleet."""

    devices: tuple[DeviceView, ...]


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


@dataclass(frozen=True, slots=True, kw_only=True)
class Progress(Message):
    """How far a job is: whole passes stored of its newest round, of those that the round may take.

    ``left_s`` is about how long the round still takes while a device works on it; None where nothing tells.
    """

    round: Ordinal
    passes_done: Ordinal
    passes_planned: Ordinal
    left_s: Annotated[float, Range(0, 10_000_000)] | None


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
    left_s: Annotated[float, Range(0, 10_000_000)] | None
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
    """What a curve is of. ``readings`` counts all, ``accepted`` the believed ones.

    An imported curve has no job and no sweep here; its ``job_state`` is done, ``device`` is what the file says, and
    ``source`` where its readings come from, in words.
    """

    id: Identifier
    job_id: Identifier | None
    sweep_id: Identifier | None
    job_state: JobState
    imported_ms: EpochMs | None
    device: DeviceName
    device_kind: DeviceKind
    model: ModelName
    workload: Workload
    facts: ModelFacts
    readings: Annotated[int, Range(0, 2**53)]
    accepted: Annotated[int, Range(0, 2**53)]
    created_ms: EpochMs
    source: Line | None = None

    @property
    def imported(self) -> bool:
        """Whether it came from a file, not from a device of this fleet."""
        return self.imported_ms is not None

    @property
    def simulated(self) -> bool:
        """Whether its latencies were made up by a simulated device."""
        return self.device_kind is DeviceKind.SIMULATED


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

    @property
    def tokens(self) -> Integers:
        """The counts that have a point, ascending, (points,)."""
        return np.array([point.tokens for point in self.analysis.curve.points], np.int64)

    @property
    def latency_ns(self) -> Floats:
        """The latency at each of `tokens`, (points,)."""
        return np.array([point.latency_ns for point in self.analysis.curve.points], np.float64)

    @property
    def low_ns(self) -> Floats:
        """The lower end of each point's 95 % interval, (points,)."""
        return np.array([point.low_ns for point in self.analysis.curve.points], np.float64)

    @property
    def high_ns(self) -> Floats:
        """The upper end of each point's 95 % interval, (points,)."""
        return np.array([point.high_ns for point in self.analysis.curve.points], np.float64)

    @property
    def steps(self) -> tuple[Step, ...]:
        """The steps by ascending tokens; ``analysis.steps`` says why where there are none."""
        return self.analysis.steps.steps

    @property
    def sweet_spots(self) -> tuple[SweetSpot, ...]:
        """The sweet spots by ascending tokens."""
        return self.analysis.sweet_spots

    @property
    def doubts(self) -> tuple[Doubt, ...]:
        """What there is to doubt about the whole curve."""
        return self.analysis.curve.doubts

    def to_pandas(self) -> pd.DataFrame:
        """One row a point: the fields of `orchestrator.analysis.curve.Point`.

        Raises:
            StepfarmError: pandas is not installed.
        """
        from orchestrator.curves.frames import frame_of_points

        return frame_of_points(self.analysis.curve.points)


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
    doubts: Annotated[tuple[Doubt, ...], Items(32)]
    tokens: Annotated[tuple[Tokens, ...], Items(MOST_READINGS, 1)]
    start_ns: Annotated[tuple[MonotonicNs, ...], Items(MOST_READINGS, 1)]
    latency_ns: Annotated[tuple[LatencyNs, ...], Items(MOST_READINGS, 1)]
    rejected: Annotated[tuple[RejectionName, ...], Items(MOST_READINGS, 1)]

    def __post_init__(self) -> None:
        Message.__post_init__(self)
        for name in ("start_ns", "latency_ns", "rejected"):
            if len(getattr(self, name)) != len(self.tokens):
                raise WireError(name, f"must have as many items as tokens, {len(self.tokens)}")


@dataclass(frozen=True, slots=True, kw_only=True)
class ReadingsView(Message):
    """All readings of a curve, as they are stored."""

    curve_id: Identifier
    passes: tuple[PassView, ...]

    def to_pandas(self) -> pd.DataFrame:
        """One row a reading, by pass and position: the columns of a CSV export that differ from row to row.

        Raises:
            StepfarmError: pandas is not installed.
        """
        from orchestrator.curves.frames import frame_of_passes

        return frame_of_passes(self.passes)


@dataclass(frozen=True, slots=True, kw_only=True)
class CurveTaken(Message):
    """A curve that was imported; ``known`` where it was here already and nothing was added."""

    curve: CurveSummary
    known: bool
