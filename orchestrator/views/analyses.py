"""What is analysed anew: what a person asks for, and how far it is."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated

from agent.wire.codec import Message, WireError
from agent.wire.fields import EpochMs, Identifier, Items, Line, Ordinal, Text

Explanation = Annotated[str, Text(4_000)]


@dataclass(frozen=True, slots=True, kw_only=True)
class ReanalysisRequest(Message):
    """Which curves to analyse anew from their readings: these, or ``everything``.

    With neither, those whose newest result is of an older version of the method.
    """

    curves: Annotated[tuple[Identifier, ...], Items(10_000)] = ()
    everything: bool = False

    def __post_init__(self) -> None:
        Message.__post_init__(self)
        if self.everything and self.curves:
            raise WireError("curves", "must be empty where everything is asked for")


@dataclass(frozen=True, slots=True, kw_only=True)
class ReanalysisFailure(Message):
    """A curve that could not be analysed anew, and why. Its old result stands."""

    curve: Identifier
    failure: Explanation
    failed_ms: EpochMs


@dataclass(frozen=True, slots=True, kw_only=True)
class ReanalysisView(Message):
    """How far the curves are analysed by the method that the orchestrator knows.

    ``current`` have a result of its version, ``outdated`` only one of an older version; ``waiting`` are to be analysed
    anew.
    """

    method: Line
    method_version: Ordinal
    current: Ordinal
    outdated: Ordinal
    waiting: Ordinal
    failures: tuple[ReanalysisFailure, ...]
