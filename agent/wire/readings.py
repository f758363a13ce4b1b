"""Readings, and the batch that carries those of one pass."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum
from typing import Annotated

from agent.wire.codec import Message, WireError
from agent.wire.conditions import Conditions, Doubt
from agent.wire.fields import EpochMs, Fence, Items, LatencyNs, MonotonicNs, Ordinal, Tokens

MOST_READINGS = 16_384
"""The most readings of one pass: 4,096 counts with retries and sentinels."""


class Rejection(str, Enum):
    """Why a reading is kept but not believed."""

    PREEMPTED = "preempted"
    """The kernel took the processor away during the timed call (involuntary context switches)."""
    WAITED = "waited"
    """The call took clearly longer than the processor time it used (wall / CPU time over 1.02)."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Reading(Message):
    """One timing. ``start_ns`` is the device's monotonic clock; (job, fence, round, pass, position) is its key."""

    position: Ordinal
    tokens: Tokens
    start_ns: MonotonicNs
    latency_ns: LatencyNs
    rejected: Rejection | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Batch(Message):
    """The readings of one pass, with the conditions around it.

    ``fence`` names the attempt that measured it. The same (job, fence, round, number) with the same content may come
    any number of times; with other content it is an error. ``complete`` is false where the pass was broken off.
    """

    fence: Fence
    round: Ordinal
    number: Ordinal
    started_ms: EpochMs
    complete: bool
    before: Conditions
    after: Conditions
    readings: Annotated[tuple[Reading, ...], Items(MOST_READINGS, 1)]
    doubts: Annotated[tuple[Doubt, ...], Items(32)] = ()

    def __post_init__(self) -> None:
        # zero-argument super() does not survive slots=True, which makes the class anew
        Message.__post_init__(self)
        for index, reading in enumerate(self.readings):
            if reading.position != index:
                raise WireError(f"readings[{index}].position", f"must be {index}, its place in the pass")


@dataclass(frozen=True, slots=True, kw_only=True)
class Accepted(Message):
    """A batch is committed to the database; the device may forget it."""

    readings: Ordinal
