"""Readings as bytes: one versioned little-endian blob, for the batch of one pass and for a whole sealed curve alike.

Format 1, after the magic ``SFR1``: the number of passes (uint32), then for each pass its fence, round, number and
number of readings (4 x uint32) and whether it is complete (uint8), then its columns one after the other: tokens
(int32), start_ns (int64), latency_ns (int64), rejection (uint8). A reading's position is its place.
"""

from __future__ import annotations

import hashlib
import struct
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from agent.wire.conditions import Doubt
from agent.wire.readings import Batch, Rejection
from orchestrator.analysis.passes import PassReadings

FORMAT = 1
MAGIC = b"SFR1"
_PASS_HEADER = struct.Struct("<IIIIB")

# The stored numbers; a number is never given another meaning.
REJECTION_CODES: dict[Rejection | None, int] = {None: 0, Rejection.PREEMPTED: 1, Rejection.WAITED: 2}
_REJECTIONS = {code: rejection for rejection, code in REJECTION_CODES.items()}


class DamagedBlob(ValueError):
    """Bytes that are no readings of a format that this version knows."""


@dataclass(frozen=True, slots=True)
class StoredPass:
    """The readings of one pass as columns: tokens int32, start_ns and latency_ns int64, rejection uint8."""

    fence: int
    round: int
    number: int
    complete: bool
    tokens: npt.NDArray[np.int32]
    start_ns: npt.NDArray[np.int64]
    latency_ns: npt.NDArray[np.int64]
    rejection: npt.NDArray[np.uint8]

    @classmethod
    def of(cls, batch: Batch) -> StoredPass:
        """The readings of ``batch``."""
        readings = batch.readings
        return cls(
            fence=batch.fence,
            round=batch.round,
            number=batch.number,
            complete=batch.complete,
            tokens=np.array([reading.tokens for reading in readings], "<i4"),
            start_ns=np.array([reading.start_ns for reading in readings], "<i8"),
            latency_ns=np.array([reading.latency_ns for reading in readings], "<i8"),
            rejection=np.array([REJECTION_CODES[reading.rejected] for reading in readings], "u1"),
        )

    @property
    def accepted(self) -> npt.NDArray[np.bool_]:
        """Which readings were not rejected."""
        return np.equal(self.rejection, 0)

    def rejections(self) -> tuple[str, ...]:
        """Why each reading was rejected, empty where it was not."""
        names = {code: "" if rejection is None else rejection.value for code, rejection in _REJECTIONS.items()}
        return tuple(names[int(code)] for code in self.rejection)

    def for_analysis(self, doubts: tuple[Doubt, ...]) -> PassReadings:
        """The pass as the analysis takes it, with the ``doubts`` that the device noted."""
        return PassReadings(
            fence=self.fence,
            round=self.round,
            number=self.number,
            complete=self.complete,
            tokens=self.tokens.astype(np.int64),
            start_ns=self.start_ns,
            latency_ns=self.latency_ns,
            accepted=self.accepted,
            doubts=doubts,
        )


def pack(passes: Sequence[StoredPass]) -> bytes:
    """``passes`` as one blob of format 1."""
    parts = [MAGIC, struct.pack("<I", len(passes))]
    for one in passes:
        parts.append(_PASS_HEADER.pack(one.fence, one.round, one.number, len(one.tokens), one.complete))
        parts += [column.tobytes() for column in (one.tokens, one.start_ns, one.latency_ns, one.rejection)]
    return b"".join(parts)


def unpack(blob: bytes) -> list[StoredPass]:
    """The passes in ``blob``.

    Raises:
        DamagedBlob: the bytes are cut, too long or of another format.
    """
    if blob[:4] != MAGIC:
        raise DamagedBlob(f"begins with {blob[:4]!r}, not {MAGIC!r}")
    try:
        (count,) = struct.unpack_from("<I", blob, 4)
        offset = 8
        passes = []
        for _ in range(count):
            one, offset = _unpack_pass(blob, offset)
            passes.append(one)
    except DamagedBlob:
        raise
    except (struct.error, ValueError) as error:
        raise DamagedBlob(f"is cut: {error}") from None
    if offset != len(blob):
        raise DamagedBlob(f"has {len(blob) - offset} bytes too many")
    return passes


def _unpack_pass(blob: bytes, offset: int) -> tuple[StoredPass, int]:
    fence, round_number, number, length, complete = _PASS_HEADER.unpack_from(blob, offset)
    offset += _PASS_HEADER.size
    columns = []
    for kind in ("<i4", "<i8", "<i8", "u1"):
        column = np.frombuffer(blob, kind, length, offset)
        offset += column.nbytes
        columns.append(column)
    strange = {int(code) for code in np.unique(columns[-1])} - _REJECTIONS.keys()
    if strange:
        raise DamagedBlob(f"holds the unknown rejection {min(strange)}")
    return StoredPass(fence, round_number, number, bool(complete), *columns), offset


def sha256(blob: bytes) -> str:
    """The hash by which a blob is known."""
    return hashlib.sha256(blob).hexdigest()
