"""What the measuring child and its parent say to each other: one JSON message a line, coded by ``agent.wire.codec``."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated

from agent.wire.codec import Message, WireError
from agent.wire.conditions import Conditions, Doubt
from agent.wire.fields import EpochMs, Items, ModelName, Ordinal, Paragraph, Range
from agent.wire.jobs import Failure, ModelFacts, Round, Workload
from agent.wire.readings import MOST_READINGS, Reading

Descriptor = Annotated[int, Range(0, 2**31 - 1)]


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
class Request(Message):
    """What the parent asks: exactly one of the two."""

    begin: Begin | None = None
    measure: Measure | None = None

    def __post_init__(self) -> None:
        Message.__post_init__(self)
        if (self.begin is None) == (self.measure is None):
            raise WireError("", "must hold exactly one of begin and measure")


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer(Message):
    """What the child answers: exactly one of the three. After ``broken`` it ends."""

    ready: Ready | None = None
    measured: PassMeasured | None = None
    broken: Failure | None = None

    def __post_init__(self) -> None:
        Message.__post_init__(self)
        if sum(part is not None for part in (self.ready, self.measured, self.broken)) != 1:
            raise WireError("", "must hold exactly one of ready, measured and broken")
