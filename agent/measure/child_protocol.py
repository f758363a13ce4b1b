"""What the measuring child and its parent say to each other: one JSON message a line, coded by ``agent.wire.codec``."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated

from agent.wire.accuracy import MOST_TRIED, Tally, Trial
from agent.wire.codec import Message, WireError
from agent.wire.conditions import Conditions, Doubt
from agent.wire.fields import EpochMs, Items, ModelName, Ordinal, Paragraph, Range, Text
from agent.wire.holdings import Material, WeightsHeld
from agent.wire.jobs import Failure, ModelFacts, Round, Workload
from agent.wire.readings import MOST_READINGS, Reading

Descriptor = Annotated[int, Range(0, 2**31 - 1)]
FilePath = Annotated[str, Text(4_096, 1)]


@dataclass(frozen=True, slots=True, kw_only=True)
class Begin(Message):
    """Load this model for this workload, from the file ``exported`` where there is one. Answered by `Ready`.

    ``baton`` are the descriptors of `agent.measure.baton`, to read and to write: while the parent has its byte, nothing
    is timed.
    """

    model: ModelName
    workload: Workload
    exported: Paragraph | None = None
    baton: Annotated[tuple[Descriptor, ...], Items(2)] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Measure(Message):
    """Measure pass ``number`` of this round. Answered by `PassMeasured`."""

    round: Round
    number: Ordinal


@dataclass(frozen=True, slots=True, kw_only=True)
class BeginTrial(Message):
    """Load these weights for this workload, and look at what images there are. Answered by `Ready`."""

    weights: WeightsHeld
    weights_file: FilePath
    material: Material
    folder: FilePath
    workload: Workload


@dataclass(frozen=True, slots=True, kw_only=True)
class Count(Message):
    """Tally batch ``number`` of this trial. Answered by `Tallied`."""

    trial: Trial
    number: Ordinal


@dataclass(frozen=True, slots=True, kw_only=True)
class Ready(Message):
    """The model is loaded and has run once."""

    facts: ModelFacts


@dataclass(frozen=True, slots=True, kw_only=True)
class PassMeasured(Message):
    """One pass with the conditions around it: all of a batch but the fence and the round."""

    started_ms: EpochMs
    complete: bool
    before: Conditions
    after: Conditions
    readings: Annotated[tuple[Reading, ...], Items(MOST_READINGS)]
    doubts: Annotated[tuple[Doubt, ...], Items(32)] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Tallied(Message):
    """One batch of images: all of a batch of tallies but the fence and the number."""

    started_ms: EpochMs
    tallies: Annotated[tuple[Tally, ...], Items(MOST_TRIED + 1, 1)]


@dataclass(frozen=True, slots=True, kw_only=True)
class Request(Message):
    """What the parent asks: exactly one of these."""

    begin: Begin | None = None
    measure: Measure | None = None
    begin_trial: BeginTrial | None = None
    count: Count | None = None

    def __post_init__(self) -> None:
        Message.__post_init__(self)
        if sum(part is not None for part in (self.begin, self.measure, self.begin_trial, self.count)) != 1:
            raise WireError("", "must hold exactly one of begin, measure, begin_trial and count")


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer(Message):
    """What the child answers: exactly one of these. After ``broken`` it ends."""

    ready: Ready | None = None
    measured: PassMeasured | None = None
    tallied: Tallied | None = None
    broken: Failure | None = None

    def __post_init__(self) -> None:
        Message.__post_init__(self)
        if sum(part is not None for part in (self.ready, self.measured, self.tallied, self.broken)) != 1:
            raise WireError("", "must hold exactly one of ready, measured, tallied and broken")
