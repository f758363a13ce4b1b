"""Curves, with their analysis and their readings."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated

import numpy as np

from agent.wire.codec import Message, WireError
from agent.wire.conditions import Conditions, Doubt
from agent.wire.enrolment import DeviceKind
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
    Sha256Hex,
    Text,
    Tokens,
)
from agent.wire.jobs import ModelFacts, Order, Subject, Workload
from agent.wire.readings import MOST_BLOCKS, MOST_READINGS, Rejection
from orchestrator.analysis.analyse import METHOD_VERSION, Analysis
from orchestrator.analysis.passes import Floats, Integers, makes_points
from orchestrator.analysis.steps import Step
from orchestrator.analysis.sweet_spots import SweetSpot
from orchestrator.jobs.states import JobState

if TYPE_CHECKING:
    import pandas as pd

RejectionName = Annotated[str, Text(20, 0, "|".join(("", *(rejection.value for rejection in Rejection))))]
BlockTimes = Annotated[tuple[LatencyNs, ...], Items(MOST_BLOCKS, 1)]


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
    """A curve with its analysis. While the job still runs the analysis is of the readings so far (``sealed`` false).

    ``readings_sha256`` is of all readings, once they are sealed.
    """

    summary: CurveSummary
    sealed: bool
    analysis: Analysis
    readings_sha256: Sha256Hex | None = None

    @property
    def outdated(self) -> bool:
        """Whether an older version of the method than the one installed here made the analysis."""
        return self.analysis.method_version < METHOD_VERSION

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
    """One pass as columns, in the order measured; ``rejected`` is empty for a reading that was accepted.

    Where the blocks were timed in place, ``blocks_ns`` has the times of each reading's; elsewhere it is empty.
    ``order`` is that of its round: readings of pairs are in no point, as those of blocks.
    """

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
    blocks_ns: Annotated[tuple[BlockTimes, ...], Items(MOST_READINGS)] = ()
    order: Order = Order.SHUFFLED

    def __post_init__(self) -> None:
        Message.__post_init__(self)
        for name in ("start_ns", "latency_ns", "rejected", *(("blocks_ns",) if self.blocks_ns else ())):
            if len(getattr(self, name)) != len(self.tokens):
                raise WireError(name, f"must have as many items as tokens, {len(self.tokens)}")
        if len(set(map(len, self.blocks_ns))) > 1:
            raise WireError("blocks_ns", "must have as many blocks in each reading")

    @property
    def subject(self) -> Subject:
        """What was timed."""
        return Subject.BLOCKS if self.blocks_ns else Subject.MODEL

    @property
    def makes_points(self) -> bool:
        """Whether its readings belong into points."""
        return makes_points(self.subject, self.order)


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
