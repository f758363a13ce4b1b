"""How a device feels before and after a pass, and the doubts that follow."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum
from typing import Annotated

from agent.wire.codec import Message
from agent.wire.fields import INT64_MAX, Items, Line, Paragraph, Range

Megahertz = Annotated[float, Range(0, 100_000)]


@dataclass(frozen=True, slots=True, kw_only=True)
class Temperature(Message):
    """One sensor, in degrees Celsius."""

    sensor: Line
    celsius: Annotated[float, Range(-100, 300)]


@dataclass(frozen=True, slots=True, kw_only=True)
class ClockRate(Message):
    """One clock domain in MHz: now, and the limits it may move between. Locked clocks have all three equal."""

    domain: Line
    mhz: Megahertz
    min_mhz: Megahertz | None = None
    max_mhz: Megahertz | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Counter(Message):
    """A number of events that only ever grows, such as throttlings: what it grew by happened in between."""

    name: Line
    count: Annotated[int, Range(0, INT64_MAX)]


@dataclass(frozen=True, slots=True, kw_only=True)
class Conditions(Message):
    """What could be read of the device at one moment. ``gaps`` names each sensor that was missing, and why.

    ``throttled`` holds what slows the device at this moment, ``counters`` how often each such thing has happened so
    far. ``cores_quota`` is how many cores' worth of time a control group allows, None where nothing limits it.
    ``group`` is the scheduling group into which a phone has put the process: top-app, foreground, background ...
    """

    temperatures: Annotated[tuple[Temperature, ...], Items(200)] = ()
    clocks: Annotated[tuple[ClockRate, ...], Items(1_024)] = ()
    governor: Line | None = None
    power_mode: Line | None = None
    throttled: Annotated[tuple[Line, ...], Items(32)] = ()
    counters: Annotated[tuple[Counter, ...], Items(64)] = ()
    cores_allowed: Annotated[tuple[Annotated[int, Range(0, 65_535)], ...], Items(65_536)] = ()
    cores_quota: Annotated[float, Range(0, 65_536)] | None = None
    group: Line | None = None
    load: Annotated[float, Range(0, 1_000_000)] | None = None
    memory_available_bytes: Annotated[int, Range(0, 2**60)] | None = None
    gaps: Annotated[tuple[Line, ...], Items(100)] = ()


class DoubtReason(str, Enum):
    """Why a reading, point or curve should be distrusted."""

    THROTTLED = "throttled"
    UNSTEADY = "unsteady"
    CLOCKS_MOVED = "clocks-moved"
    WRONG_CORES = "wrong-cores"
    CONTENDED = "contended"
    TOO_FEW = "too-few"
    BASELINE_MOVED = "baseline-moved"


@dataclass(frozen=True, slots=True, kw_only=True)
class Doubt(Message):
    """A reason for distrust with its evidence, in words a person can check."""

    reason: DoubtReason
    evidence: Paragraph
