"""Readings as bytes: one versioned little-endian blob, for the batch of one pass and for a whole sealed curve alike.

Format 1, after the magic ``SFR1``: the number of passes (uint32), then for each pass its fence, round, number and
number of readings (4 x uint32) and whether it is complete (uint8), then its columns one after the other: tokens
(int32), start_ns (int64), latency_ns (int64), rejection (uint8). A reading's position is its place.

Format 2, after the magic ``SFR2``, is written where blocks of a model were timed in place, and only there: what was
measured of whole models has the same bytes, and the same hash, as ever. Each header goes on with the number of blocks
(uint16, 0 where the whole model was timed), each pass with one column more: the times of the blocks (int64), those of
one reading after those of another.
"""

from __future__ import annotations

import hashlib
import struct
from collections.abc import Sequence
from dataclasses import KW_ONLY, dataclass

import numpy as np
import numpy.typing as npt

from agent.wire.conditions import Doubt
from agent.wire.jobs import Order
from agent.wire.readings import Batch, Rejection
from orchestrator.analysis.passes import PassReadings

MAGIC = {1: b"SFR1", 2: b"SFR2"}
_PASS_HEADER = struct.Struct("<IIIIB")
_BLOCKS_HEADER = struct.Struct("<H")

# The stored numbers; a number is never given another meaning.
REJECTION_CODES: dict[Rejection | None, int] = {None: 0, Rejection.PREEMPTED: 1, Rejection.WAITED: 2}
_REJECTIONS = {code: rejection for rejection, code in REJECTION_CODES.items()}


class DamagedBlob(ValueError):
    """Bytes that are no readings of a format that this version knows."""


@dataclass(frozen=True, slots=True)
class StoredPass:
    """The readings of one pass as columns: tokens int32, start_ns and latency_ns int64, rejection uint8.

    ``blocks_ns``, (readings, blocks) int64, is there where the blocks were timed in place.
    """

    fence: int
    round: int
    number: int
    complete: bool
    tokens: npt.NDArray[np.int32]
    start_ns: npt.NDArray[np.int64]
    latency_ns: npt.NDArray[np.int64]
    rejection: npt.NDArray[np.uint8]
    _: KW_ONLY
    blocks_ns: npt.NDArray[np.int64] | None = None

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
            blocks_ns=np.array([reading.blocks_ns for reading in readings], "<i8") if batch.blocks else None,
        )

    @property
    def accepted(self) -> npt.NDArray[np.bool_]:
        """Which readings were not rejected."""
        return np.equal(self.rejection, 0)

    def rejections(self) -> tuple[str, ...]:
        """Why each reading was rejected, empty where it was not."""
        names = {code: "" if rejection is None else rejection.value for code, rejection in _REJECTIONS.items()}
        return tuple(names[int(code)] for code in self.rejection)

    def for_analysis(self, doubts: tuple[Doubt, ...], order: Order) -> PassReadings:
        """The pass as the analysis takes it, with the ``doubts`` that the device noted and its round's ``order``."""
        return PassReadings(
            fence=self.fence,
            round=self.round,
            number=self.number,
            complete=self.complete,
            tokens=self.tokens.astype(np.int64),
            start_ns=self.start_ns,
            latency_ns=self.latency_ns,
            accepted=self.accepted,
            blocks_ns=self.blocks_ns,
            doubts=doubts,
            order=order,
        )


def pack(passes: Sequence[StoredPass]) -> bytes:
    """``passes`` as one blob, of format 2 where blocks were timed in any of them, of format 1 elsewhere."""
    with_blocks = any(one.blocks_ns is not None for one in passes)
    parts = [MAGIC[2 if with_blocks else 1], struct.pack("<I", len(passes))]
    for one in passes:
        parts.append(_PASS_HEADER.pack(one.fence, one.round, one.number, len(one.tokens), one.complete))
        if with_blocks:
            parts.append(_BLOCKS_HEADER.pack(0 if one.blocks_ns is None else one.blocks_ns.shape[1]))
        parts += [column.tobytes() for column in (one.tokens, one.start_ns, one.latency_ns, one.rejection)]
        if one.blocks_ns is not None:
            parts.append(one.blocks_ns.tobytes())
    return b"".join(parts)


def format_of(blob: bytes) -> int:
    """The format of ``blob``.

    Raises:
        DamagedBlob: it is of none that this version knows.
    """
    for number, magic in MAGIC.items():
        if blob[:4] == magic:
            return number
    raise DamagedBlob(f"begins with {blob[:4]!r}, not {' or '.join(map(repr, MAGIC.values()))}")


def unpack(blob: bytes) -> list[StoredPass]:
    """The passes in ``blob``.

    Raises:
        DamagedBlob: the bytes are cut, too long or of another format.
    """
    with_blocks = format_of(blob) == 2
    try:
        (count,) = struct.unpack_from("<I", blob, 4)
        offset = 8
        passes = []
        for _ in range(count):
            one, offset = _unpack_pass(blob, offset, with_blocks=with_blocks)
            passes.append(one)
    except DamagedBlob:
        raise
    except (struct.error, ValueError) as error:
        raise DamagedBlob(f"is cut: {error}") from None
    if offset != len(blob):
        raise DamagedBlob(f"has {len(blob) - offset} bytes too many")
    return passes


def _unpack_pass(blob: bytes, offset: int, *, with_blocks: bool) -> tuple[StoredPass, int]:
    fence, round_number, number, length, complete = _PASS_HEADER.unpack_from(blob, offset)
    offset += _PASS_HEADER.size
    blocks = 0
    if with_blocks:
        (blocks,) = _BLOCKS_HEADER.unpack_from(blob, offset)
        offset += _BLOCKS_HEADER.size
    columns = []
    for kind in ("<i4", "<i8", "<i8", "u1"):
        column = np.frombuffer(blob, kind, length, offset)
        offset += column.nbytes
        columns.append(column)
    strange = {int(code) for code in np.unique(columns[-1])} - _REJECTIONS.keys()
    if strange:
        raise DamagedBlob(f"holds the unknown rejection {min(strange)}")
    blocks_ns = None
    if blocks:
        blocks_ns = np.frombuffer(blob, "<i8", length * blocks, offset).reshape(length, blocks)
        offset += blocks_ns.nbytes
    return StoredPass(fence, round_number, number, bool(complete), *columns, blocks_ns=blocks_ns), offset


def sha256(blob: bytes) -> str:
    """The hash by which a blob is known."""
    return hashlib.sha256(blob).hexdigest()
