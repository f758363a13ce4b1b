"""Models that the orchestrator exported for the runtime onnxruntime, as devices ask for them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated

from agent.wire.codec import Message, WireError
from agent.wire.fields import Fence, Range, Seconds, Sha256Hex
from agent.wire.jobs import Failure

MOST_EXPORT_BYTES = 2**31
"""The largest file: it is one protobuf message, and such a message ends there."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ExportRequest(Message):
    """The device holds a lease whose runtime measures an exported file, and wants to know which."""

    fence: Fence


@dataclass(frozen=True, slots=True, kw_only=True)
class ExportFile(Message):
    """A file by the hash of its content; it can be fetched, whole or from any byte on."""

    sha256: Sha256Hex
    size_bytes: Annotated[int, Range(1, MOST_EXPORT_BYTES)]


@dataclass(frozen=True, slots=True, kw_only=True)
class ExportAnswer(Message):
    """The file; or why there can be none; or neither while it is being made: then ask again after ``retry_after_s``."""

    file: ExportFile | None
    failure: Failure | None
    retry_after_s: Seconds

    def __post_init__(self) -> None:
        Message.__post_init__(self)
        if self.file is not None and self.failure is not None:
            raise WireError("failure", "must not be given beside a file")
