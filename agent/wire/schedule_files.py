"""A schedule as a file: what to prune, and the device, curve and proof that it rests on. Read without any server."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any

from agent.errors import ScheduleRefused
from agent.wire.codec import Message, WireError, from_plain, parse
from agent.wire.conditions import DoubtReason
from agent.wire.enrolment import DeviceKind
from agent.wire.fields import (
    HOUR_NS,
    DeviceName,
    EpochMs,
    Identifier,
    Items,
    ModelName,
    Ordinal,
    Paragraph,
    Range,
    Sha256Hex,
    Text,
)
from agent.wire.jobs import Workload
from agent.wire.schedules import Schedule

FORMAT = "stepfarm-schedule"
VERSION = 1
"""Grows when a file of before would be read wrongly, or not at all."""

MAX_FILE_BYTES = 1024 * 1024

DurationNs = Annotated[float, Range(0, HOUR_NS)]
RatioTo = Annotated[float, Range(0, 1e6)]


@dataclass(frozen=True, slots=True, kw_only=True)
class Latency(Message):
    """How long one forward pass takes, with a 95 % interval."""

    latency_ns: DurationNs
    low_ns: DurationNs
    high_ns: DurationNs


@dataclass(frozen=True, slots=True, kw_only=True)
class Ratio(Message):
    """How long one takes over another, both timed in turn; the interval holds at every look that was taken."""

    ratio: RatioTo
    low: RatioTo
    high: RatioTo

    @property
    def faster(self) -> bool:
        """Whether the first is surely the faster one."""
        return self.high < 1


@dataclass(frozen=True, slots=True, kw_only=True)
class Proof(Message):
    """What the device said of a schedule that was applied to the real model and timed beside two others.

    ``passes`` had all of them, in turn. ``uniform`` is pruning evenly in every block down to as many tokens in all,
    None where that cannot be done. ``doubts`` are the device's own of those passes.
    """

    job_id: Identifier
    readings_sha256: Sha256Hex
    measured_ms: EpochMs
    passes: Ordinal
    measured: Latency
    plain: Latency
    uniform: Latency | None
    against_plain: Ratio
    against_uniform: Ratio | None
    doubts: Annotated[tuple[DoubtReason, ...], Items(32)] = ()

    @property
    def proved(self) -> bool:
        """Whether it is surely faster than the plain model and than uniform pruning, where there is such."""
        return self.against_plain.faster and (self.against_uniform is None or self.against_uniform.faster)


@dataclass(frozen=True, slots=True, kw_only=True)
class ScheduleFile(Message):
    """A schedule with all that it rests on, version 1 of the format.

    ``curve_sha256`` is of the readings of curve ``curve_id``, None before they are sealed. ``predicted`` is None where
    nothing could be predicted, ``proof`` where nothing was timed. ``note`` says so in words.
    """

    format: Annotated[str, Text(20, 1, FORMAT)] = FORMAT
    version: Annotated[int, Range(VERSION, VERSION)] = VERSION
    schedule: Schedule
    model: ModelName
    workload: Workload
    device: DeviceName
    device_kind: DeviceKind
    curve_id: Identifier
    curve_sha256: Sha256Hex | None
    predicted: Latency | None
    proof: Proof | None
    note: Paragraph

    @property
    def proved(self) -> bool:
        """Whether the device proved it."""
        return self.proof is not None and self.proof.proved

    @property
    def simulated(self) -> bool:
        """Whether no hardware was timed."""
        return self.device_kind is DeviceKind.SIMULATED


Given = Schedule | ScheduleFile | Mapping[str, Any] | str | Path
"""What a schedule may be given as: itself, its fields, or an exported file, its content or its path."""


def read_schedule(given: Given) -> tuple[Schedule, str | None]:
    """The schedule that is meant, and the model that it was made for, where that is known.

    Raises:
        ScheduleRefused: there is no such file, or it holds no schedule; the place in it is named.
    """
    if isinstance(given, Schedule):
        return given, None
    if isinstance(given, ScheduleFile):
        return given.schedule, given.model
    if isinstance(given, Mapping):
        return _read(dict(given), "The schedule")
    path = Path(given)
    try:
        with path.open("rb") as file:
            content = file.read(MAX_FILE_BYTES + 1)
    except OSError as error:
        raise _refused(f"The schedule {path} cannot be read: {error.strerror}.") from None
    try:
        fields = parse(content, max_bytes=MAX_FILE_BYTES)
    except WireError as error:
        raise _refused(f"The file {path} is no schedule: {error}.") from None
    return _read(fields, f"The file {path}")


def _read(fields: Any, what: str) -> tuple[Schedule, str | None]:
    try:
        if isinstance(fields, dict) and "schedule" in fields:
            file = from_plain(ScheduleFile, fields)
            return file.schedule, file.model
        return from_plain(Schedule, fields), None
    except WireError as error:
        raise _refused(f"{what} is none that can be applied: {error}.") from None


def _refused(message: str) -> ScheduleRefused:
    return ScheduleRefused(
        message, "Export one with: stepfarm schedule export CURVE --output FILE (docs/schedules.md)."
    )
