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

MOST_BLOCKS = 1_024
MOST_BLOCK_TIMES = 200_000
"""The most times of blocks of one pass: with them a batch stays within the largest body."""


def most_readings(blocks: int) -> int:
    """The most readings that a pass has room for whose readings hold the times of so many ``blocks`` each."""
    return min(MOST_READINGS, MOST_BLOCK_TIMES // blocks) if blocks else MOST_READINGS


class Rejection(str, Enum):
    """Why a reading is kept but not believed."""

    PREEMPTED = "preempted"
    """The kernel took the processor away during the timed call (involuntary context switches)."""
    WAITED = "waited"
    """The call took clearly longer than the processor time it used (wall / CPU time over 1.02)."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Reading(Message):
    """One timing. ``start_ns`` is the device's monotonic clock; (job, fence, round, pass, position) is its key.

    Where the round's subject is blocks, ``blocks_ns`` is how long each block took in its turn, within ``latency_ns``,
    which is still that of the whole forward pass; elsewhere it is empty.
    """

    position: Ordinal
    tokens: Tokens
    start_ns: MonotonicNs
    latency_ns: LatencyNs
    rejected: Rejection | None = None
    blocks_ns: Annotated[tuple[LatencyNs, ...], Items(MOST_BLOCKS)] = ()

    def __post_init__(self) -> None:
        # zero-argument super() does not survive slots=True, which makes the class anew
        Message.__post_init__(self)
        if sum(self.blocks_ns) > self.latency_ns:
            raise WireError("blocks_ns", f"must not take longer together than latency_ns, {self.latency_ns}")


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
        Message.__post_init__(self)
        for index, reading in enumerate(self.readings):
            if reading.position != index:
                raise WireError(f"readings[{index}].position", f"must be {index}, its place in the pass")
            if len(reading.blocks_ns) != self.blocks:
                raise WireError(f"readings[{index}].blocks_ns", f"must have {self.blocks} items, as the first reading")
        if len(self.readings) > most_readings(self.blocks):
            raise WireError("readings", f"must hold at most {MOST_BLOCK_TIMES} times of blocks in all")

    @property
    def blocks(self) -> int:
        """How many blocks each reading has the times of; 0 where the whole model was timed."""
        return len(self.readings[0].blocks_ns)


@dataclass(frozen=True, slots=True, kw_only=True)
class Accepted(Message):
    """A batch is committed to the database; the device may forget it."""

    readings: Ordinal
