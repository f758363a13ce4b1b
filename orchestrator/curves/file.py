"""A curve as a file: every reading and all that says what it is of, to be kept, passed on and imported elsewhere."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Annotated

import numpy as np

from agent.wire.codec import Message, WireError, encode, from_plain, parse, to_plain
from agent.wire.enrolment import DeviceDescription, DeviceKind
from agent.wire.fields import DeviceName, EpochMs, Identifier, Items, Line, ModelName, Range, Text
from agent.wire.jobs import ModelFacts, Round, Workload
from agent.wire.readings import Batch
from orchestrator.analysis.analyse import Analysis
from orchestrator.analysis.passes import PassReadings
from orchestrator.curves.blob import REJECTION_CODES, StoredPass
from orchestrator.errors import BadFile
from orchestrator.jobs.states import JobState
from orchestrator.views import PassView

FORMAT = "stepfarm-curve"
VERSION = 1
"""Grows when a file of before would be read wrongly, or not at all."""

MOST_PASSES = 10_000
MAX_FILE_BYTES = 64 * 1024 * 1024
"""The largest file and import: 100 passes over 4,096 counts with their sentinels are about 15 MB."""

BYTE_ORDER_MARK = b"\xef\xbb\xbf"
"""What some editors put before UTF-8."""

_CODES = {"" if rejection is None else rejection.value: code for rejection, code in REJECTION_CODES.items()}


@dataclass(frozen=True, slots=True, kw_only=True)
class CurveOrigin(Message):
    """What the curve was called by the orchestrator that wrote the file; an imported one had no job there.

    ``job_state`` tells whether all was measured that was asked for: it is then done.
    """

    curve_id: Identifier
    job_id: Identifier | None
    sweep_id: Identifier | None
    job_state: JobState


@dataclass(frozen=True, slots=True, kw_only=True)
class CurveFile(Message):
    """A curve with every reading, version 1 of the format.

    ``source`` says in words where the readings come from. ``description`` is None where nobody knows what the device
    is. ``origin`` is None for a curve that no orchestrator has seen. ``analysis`` is what was made of the readings when
    the file was written; an import makes its own.
    """

    format: Annotated[str, Text(20, 1, FORMAT)] = FORMAT
    version: Annotated[int, Range(VERSION, VERSION)] = VERSION
    source: Line
    origin: CurveOrigin | None
    device: DeviceName
    device_kind: DeviceKind
    description: DeviceDescription | None
    model: ModelName
    workload: Workload
    facts: ModelFacts
    created_ms: EpochMs
    passes: Annotated[tuple[PassView, ...], Items(MOST_PASSES, 1)]
    analysis: Analysis | None = None

    def __post_init__(self) -> None:
        Message.__post_init__(self)
        keys: set[tuple[int, int, int]] = set()
        for index, one in enumerate(self.passes):
            if key_of(one) in keys:
                raise WireError(f"passes[{index}]", "has the fence, round and number of a pass before it")
            keys.add(key_of(one))
            if max(one.tokens) > self.facts.tokens:
                raise WireError(f"passes[{index}].tokens", f"must not exceed the model's {self.facts.tokens}")
            if one.blocks_ns and len(one.blocks_ns[0]) != self.facts.blocks:
                raise WireError(f"passes[{index}].blocks_ns", f"must have the model's {self.facts.blocks} blocks")

    @property
    def simulated(self) -> bool:
        """Whether the latencies were made up by a simulated device."""
        return self.device_kind is DeviceKind.SIMULATED

    @property
    def readings(self) -> int:
        """How many readings it holds, rejected ones too."""
        return sum(len(one.tokens) for one in self.passes)


def key_of(one: PassView) -> tuple[int, int, int]:
    """What names a pass within its curve, in the order in which a curve keeps its passes."""
    return one.round, one.fence, one.number


def view_of(batch: Batch, asked: Round) -> PassView:
    """The pass that ``batch`` carries; ``asked`` is the round that it belongs to."""
    return PassView(
        fence=batch.fence,
        round=batch.round,
        number=batch.number,
        complete=batch.complete,
        started_ms=batch.started_ms,
        before=batch.before,
        after=batch.after,
        doubts=batch.doubts,
        tokens=tuple(reading.tokens for reading in batch.readings),
        start_ns=tuple(reading.start_ns for reading in batch.readings),
        latency_ns=tuple(reading.latency_ns for reading in batch.readings),
        rejected=tuple("" if reading.rejected is None else reading.rejected.value for reading in batch.readings),
        blocks_ns=tuple(reading.blocks_ns for reading in batch.readings) if batch.blocks else (),
        order=asked.order,
    )


def stored_passes(passes: Sequence[PassView]) -> list[StoredPass]:
    """``passes`` as a sealed curve keeps them: the same bytes as where they were measured."""
    return [_stored(one) for one in sorted(passes, key=key_of)]


def analysable(passes: Sequence[PassView]) -> list[PassReadings]:
    """``passes`` as the analysis takes them, with the doubts that the device noted."""
    return [_stored(one).for_analysis(one.doubts, one.order) for one in passes]


def _stored(one: PassView) -> StoredPass:
    return StoredPass(
        fence=one.fence,
        round=one.round,
        number=one.number,
        complete=one.complete,
        tokens=np.array(one.tokens, "<i4"),
        start_ns=np.array(one.start_ns, "<i8"),
        latency_ns=np.array(one.latency_ns, "<i8"),
        rejection=np.array([_CODES[name] for name in one.rejected], "u1"),
        blocks_ns=np.array(one.blocks_ns, "<i8") if one.blocks_ns else None,
    )


def fit_to_send(file: CurveFile, *, max_bytes: int = MAX_FILE_BYTES) -> CurveFile:
    """``file`` as an orchestrator takes it: without the analysis, which is made anew there.

    Raises:
        BadFile: it is larger than an orchestrator takes.
    """
    bare = replace(file, analysis=None)
    size = len(encode(bare))
    if size > max_bytes:
        raise BadFile(
            f"A curve of {file.readings:,} readings makes {size:,} bytes; an orchestrator takes {max_bytes:,}.",
            "Import fewer of its passes.",
        )
    return bare


def write(file: CurveFile) -> str:
    """``file`` as JSON text, a line a field and a line a pass, so that it can be looked into."""
    plain = to_plain(file)
    passes = ",\n  ".join(_compact(one) for one in plain.pop("passes"))
    fields = ",\n ".join(f"{_compact(name)}: {_compact(value)}" for name, value in plain.items())
    return f'{{\n {fields},\n "passes": [\n  {passes}\n ]\n}}\n'


def _compact(plain: object) -> str:
    return json.dumps(plain, ensure_ascii=False, allow_nan=False, separators=(",", ":"))


def looks_like_one(head: bytes) -> bool:
    """Whether a file that begins with ``head`` may be a curve, not a CSV: it begins with a brace."""
    return head.removeprefix(BYTE_ORDER_MARK).lstrip().startswith(b"{")


def read(content: bytes, name: str) -> CurveFile:
    """The curve in ``content``, the bytes of the file called ``name``. Its analysis is left out, of whatever version.

    Raises:
        BadFile: it is too large, no JSON, not such a file, or of a newer version.
    """
    try:
        plain = parse(content.removeprefix(BYTE_ORDER_MARK), max_bytes=MAX_FILE_BYTES)
        _refuse_other(plain, name)
        plain.pop("analysis", None)
        return from_plain(CurveFile, plain)
    except WireError as error:
        raise BadFile(f"{name} is not a whole curve: {error}.", ADVICE) from None


ADVICE = "Stepfarm writes such files: stepfarm curves export ID --format json, stepfarm measure MODEL --json FILE."


def _refuse_other(plain: object, name: str) -> None:
    if not isinstance(plain, dict) or plain.get("format") != FORMAT:
        raise BadFile(f"{name} is JSON, and not a curve of Stepfarm's.", ADVICE)
    version = plain.get("version")
    if isinstance(version, int) and version > VERSION:
        raise BadFile(
            f"{name} is of version {version} of the format; this Stepfarm reads version {VERSION}.",
            "Upgrade stepfarm here, or export the curve again with this version.",
        )
