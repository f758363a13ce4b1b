"""Whether an ONNX file points outside of itself. Needs neither onnx nor onnxruntime.

A tensor may say that its values lie in another file, and onnxruntime then reads that file. No model of ours does, so
one that does was not made by us, or was changed. The numbers are those of ``onnx.proto``, the format is protobuf's.
"""

from __future__ import annotations

import mmap
from collections.abc import Iterator
from pathlib import Path

_WITHIN: dict[str, dict[int, str]] = {
    "model": {7: "graph", 25: "function"},
    "graph": {1: "node", 5: "tensor", 15: "sparse tensor"},
    "function": {7: "node", 11: "attribute"},
    "node": {5: "attribute"},
    "attribute": {5: "tensor", 6: "graph", 10: "tensor", 11: "graph", 22: "sparse tensor", 23: "sparse tensor"},
    "sparse tensor": {1: "tensor", 2: "tensor"},
}
"""What a message of each kind holds, by field: all ways to a tensor."""

_EXTERNAL_DATA, _DATA_LOCATION = 13, 14
_VARINT, _EIGHT_BYTES, _MESSAGE, _FOUR_BYTES = 0, 1, 2, 5
_DEEPEST = 64


class NoOnnx(ValueError):
    """The bytes are no protobuf message."""


def has_external_data(path: Path) -> bool:
    """Whether a tensor in the file ``path`` has its values elsewhere.

    Raises:
        NoOnnx: the file is no protobuf message.
    """
    with path.open("rb") as file:
        if not path.stat().st_size:
            raise NoOnnx("it is empty")
        with mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as content:
            return _points_elsewhere(content, 0, len(content), "model", _DEEPEST)


def _points_elsewhere(content: mmap.mmap, start: int, end: int, kind: str, depth: int) -> bool:
    if depth == 0:
        raise NoOnnx("it is nested too deep")
    for field, wire_type, place, beyond in _fields(content, start, end):
        if kind == "tensor":
            if field == _EXTERNAL_DATA or (field == _DATA_LOCATION and _varint(content, place, beyond)[0] != 0):
                return True
            continue
        inner = _WITHIN[kind].get(field)
        if inner is None:
            continue
        if wire_type != _MESSAGE:
            raise NoOnnx(f"field {field} of a {kind} is no message")
        if _points_elsewhere(content, place, beyond, inner, depth - 1):
            return True
    return False


def _fields(content: mmap.mmap, start: int, end: int) -> Iterator[tuple[int, int, int, int]]:
    """Number, wire type, begin and end of the value of each field between ``start`` and ``end``."""
    place = start
    while place < end:
        tag, place = _varint(content, place, end)
        wire_type = tag & 7
        if wire_type == _VARINT:
            _, beyond = _varint(content, place, end)
        elif wire_type == _MESSAGE:
            length, place = _varint(content, place, end)
            beyond = place + length
        elif wire_type in (_EIGHT_BYTES, _FOUR_BYTES):
            beyond = place + (8 if wire_type == _EIGHT_BYTES else 4)
        else:
            raise NoOnnx(f"a field is of the wire type {wire_type}")
        if beyond > end:
            raise NoOnnx("it is cut")
        yield tag >> 3, wire_type, place, beyond
        place = beyond


def _varint(content: mmap.mmap, place: int, end: int) -> tuple[int, int]:
    """The number that begins at ``place``, and where it ends."""
    value = shift = 0
    while place < end and shift < 70:
        byte = content[place]
        value |= (byte & 0x7F) << shift
        place += 1
        if byte < 0x80:
            return value, place
        shift += 7
    raise NoOnnx("it is cut")
