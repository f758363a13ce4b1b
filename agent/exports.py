"""Exported models on this device: fetched once, checked by their hash each time, bounded, the oldest removed."""

from __future__ import annotations

import contextlib
import hashlib
import os
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path

from agent.durable import sync_directory
from agent.errors import MeasurementFailed
from agent.wire.exports import ExportFile
from agent.wire.jobs import FailureReason

MOST_BYTES = 4 * 2**30
"""All files together: two of the largest, or some fifty of the size of DeiT-S."""

SPARE_BYTES = 64 * 2**20
"""What is left free on the disk, for the spool and everybody else."""

CHUNK_BYTES = 2**20

Fetch = Callable[[int], Iterator[bytes]]
"""The content of a file from this byte on."""


class Exports:
    """The exported models in ``folder``.

    Args:
        folder: this agent's alone.
        most_bytes: how much all files together may hold.
        free_bytes: how much room there is on the disk of a folder.
    """

    def __init__(
        self,
        folder: Path,
        *,
        most_bytes: int = MOST_BYTES,
        free_bytes: Callable[[Path], int] = lambda folder: shutil.disk_usage(folder).free,
    ) -> None:
        self._folder = folder
        self._most_bytes = most_bytes
        self._free_bytes = free_bytes

    def path_of(self, file: ExportFile, fetch: Fetch) -> Path:
        """Where the content of ``file`` lies, fetched if it is not there whole; what was begun before is gone on with.

        Raises:
            MeasurementFailed: there is no room for it, or what comes is not what was promised.
            OrchestratorAway: the fetching broke off; what came is kept, to go on from.
        """
        ready = self._folder / f"{file.sha256}.onnx"
        if _sha256_of(ready) == file.sha256:
            os.utime(ready)
            return ready
        try:
            self._folder.mkdir(mode=0o700, parents=True, exist_ok=True)
            ready.unlink(missing_ok=True)
            part = self._folder / f"{file.sha256}.part"
            self._make_room(file, part)
            # What was begun before may be damaged; from nothing it is tried once more.
            for _ in range(2):
                _go_on(part, file, fetch)
                if _sha256_of(part) == file.sha256:
                    part.replace(ready)
                    sync_directory(self._folder)
                    return ready
                part.unlink()
        except OSError as error:
            raise _no_room(f"the exported model cannot be kept in {self._folder}: {error.strerror}") from None
        raise MeasurementFailed(
            FailureReason.INTERNAL,
            "the exported model arrived damaged twice: its content has another hash than the orchestrator told",
            "Retry the job. Where it stays so, something between device and orchestrator changes what it passes on.",
        )

    def _make_room(self, file: ExportFile, part: Path) -> None:
        """Remove the files that were used longest ago until ``file`` fits; and what others left in part."""
        if file.size_bytes > self._most_bytes:
            raise _no_room(f"the exported model has {_gb(file.size_bytes)} GB, and {_gb(self._most_bytes)} GB are kept")
        for other in self._folder.glob("*.part"):
            if other != part:
                other.unlink()
        kept = sorted(self._folder.glob("*.onnx"), key=lambda path: path.stat().st_mtime_ns, reverse=True)
        there = _size_of(part)
        while kept and (
            sum(map(_size_of, kept)) + file.size_bytes > self._most_bytes
            or self._free_bytes(self._folder) < file.size_bytes - there + SPARE_BYTES
        ):
            kept.pop().unlink()
        free = self._free_bytes(self._folder)
        if free < file.size_bytes - there + SPARE_BYTES:
            raise _no_room(
                f"the exported model has {_gb(file.size_bytes)} GB, and {self._folder} has room for "
                f"{_gb(max(0, free - SPARE_BYTES))}"
            )


def _go_on(part: Path, file: ExportFile, fetch: Fetch) -> None:
    """Fetch what ``part`` lacks of ``file``. More than was promised is not kept."""
    descriptor = os.open(part, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
    with os.fdopen(descriptor, "ab") as stream:
        try:
            left = file.size_bytes - stream.tell()
            # An empty answer has no place in a file: nothing is asked for where nothing is missing.
            for chunk in fetch(stream.tell()) if left > 0 else ():
                stream.write(chunk[: max(0, left)])
                left -= len(chunk)
                if left <= 0:
                    break
        finally:
            with contextlib.suppress(OSError):  # a full disk was told already
                stream.flush()
                os.fsync(stream.fileno())


def _sha256_of(path: Path) -> str | None:
    """The hash of what ``path`` holds, None where it cannot be read."""
    digest = hashlib.sha256()
    try:
        with path.open("rb") as stream:
            while chunk := stream.read(CHUNK_BYTES):
                digest.update(chunk)
    except OSError:
        return None
    return digest.hexdigest()


def _size_of(path: Path) -> int:
    return path.stat().st_size if path.exists() else 0


def _gb(size_bytes: int) -> str:
    return f"{size_bytes / 1e9:.1f}"


def _no_room(message: str) -> MeasurementFailed:
    return MeasurementFailed(
        FailureReason.DISK_FULL,
        message,
        "Free some space on the device, choose a smaller model, or ask for the runtime eager.",
    )
