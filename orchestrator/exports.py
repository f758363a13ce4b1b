"""Exported models: made when a device first asks, kept in the state directory by their hash, told from SQL.

What is in a file follows from the model, image size, data type and versions; one that is gone is made again.
"""

from __future__ import annotations

import hashlib
import logging
import threading
from collections.abc import Callable
from dataclasses import replace
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

from agent.clock import Clock
from agent.durable import write_durably
from agent.errors import MeasurementFailed, StepfarmError
from agent.vit.exporting import ExportWish
from agent.wire.exports import ExportAnswer, ExportFile
from agent.wire.jobs import Failure, FailureReason
from orchestrator.errors import NotFound
from orchestrator.storage import exports
from orchestrator.storage.database import Database

log = logging.getLogger(__name__)

Exporter = Callable[[ExportWish], bytes]
"""A wish in, the file out: `agent.vit.exporting.export_apart`, or the same as a Ray task."""

RETRY_S = 2.0
"""When a device asks again whether the file is there: an export takes some seconds."""

REMEMBERED_S = 60.0
"""How long a failure is told to whoever asks, before it is tried again."""

DECIDING = ("torch", "timm", "onnx", "onnxscript")


class Exports:
    """The exported models of an orchestrator. One is made at a time.

    Args:
        folder: where the files lie.
        exporter: what makes one.
        made_with: the versions that decide what is in a file; by default those that are installed here.
    """

    def __init__(
        self, database: Database, clock: Clock, folder: Path, exporter: Exporter, *, made_with: str | None = None
    ) -> None:
        self._database = database
        self._clock = clock
        self._folder = folder
        self._exporter = exporter
        self._made_with = made_with if made_with is not None else installed()
        self._one_at_a_time = threading.Lock()
        self._guard = threading.Lock()
        self._making: set[ExportWish] = set()
        self._failed: dict[ExportWish, tuple[Failure, int]] = {}

    def ask(self, wish: ExportWish) -> ExportAnswer:
        """The file for ``wish``, or why there is none; if it is not there, somebody begins to make it."""
        file = self._found(wish)
        if file is not None:
            return ExportAnswer(file=file, failure=None, retry_after_s=0.0)
        now_ns = self._clock.monotonic_ns()
        with self._guard:
            failure, until_ns = self._failed.get(wish, (None, 0))
            if failure is not None and now_ns < until_ns:
                return ExportAnswer(file=None, failure=failure, retry_after_s=0.0)
            if wish not in self._making:
                self._failed.pop(wish, None)
                self._making.add(wish)
                threading.Thread(target=self._make, args=(wish,), name="stepfarm-export", daemon=True).start()
        return ExportAnswer(file=None, failure=None, retry_after_s=RETRY_S)

    def path_of(self, sha256: str) -> Path:
        """Where the file of this hash lies.

        Raises:
            NotFound: none was ever made, or it is gone.
        """
        with self._database.read() as session:
            known = exports.is_known(session, sha256)
        path = self._path(sha256)
        if not known or not path.is_file():
            raise NotFound("There is no exported model of this hash.", "Ask for the export of the job again.")
        return path

    def _path(self, sha256: str) -> Path:
        return self._folder / f"{sha256}.onnx"

    def _found(self, wish: ExportWish) -> ExportFile | None:
        with self._database.read() as session:
            file = exports.find(session, wish, self._made_with)
        return file if file is not None and self._is_whole(file) else None

    def _is_whole(self, file: ExportFile) -> bool:
        # The device checks the hash; what somebody cut or removed here shows by its size.
        try:
            return self._path(file.sha256).stat().st_size == file.size_bytes
        except OSError:
            return False

    def _make(self, wish: ExportWish) -> None:
        failure: Failure | None = None
        try:
            with self._one_at_a_time:
                # It may have been made between somebody's look for it and now.
                if self._found(wish) is None:
                    self._keep(wish, self._exporter(wish))
        except MeasurementFailed as error:
            failure = error.as_failure()
        except OSError as error:
            failure = _disk_full(self._folder, error)
        except StepfarmError as error:
            # The database is away: whoever asks again finds nothing made, and it is made again.
            log.warning("an export of %s was not noted: %s", wish.model, error)
        except Exception as error:
            log.exception("the export of %s failed", wish.model)
            failure = Failure(
                reason=FailureReason.INTERNAL, message=f"{type(error).__name__}", advice="Its log says more."
            )
        with self._guard:
            self._making.discard(wish)
            if failure is not None:
                told = f"the orchestrator could not export the model: {failure.message}"[:4_000]
                until_ns = self._clock.monotonic_ns() + round(REMEMBERED_S * 1e9)
                self._failed[wish] = (replace(failure, message=told), until_ns)

    def _keep(self, wish: ExportWish, content: bytes) -> None:
        file = ExportFile(sha256=hashlib.sha256(content).hexdigest(), size_bytes=len(content))
        self._folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        # On disk before it is told of.
        write_durably(self._path(file.sha256), content)
        with self._database.write() as session:
            exports.add(session, wish, self._made_with, file, now_ms=self._clock.epoch_ms())


def installed() -> str:
    """The versions that decide what is in an exported file, as far as they are installed here."""
    found = []
    for name in DECIDING:
        try:
            found.append(f"{name} {version(name)}")
        except PackageNotFoundError:
            found.append(f"no {name}")
    return ", ".join(found)[:200]


def _disk_full(folder: Path, error: OSError) -> Failure:
    return Failure(
        reason=FailureReason.DISK_FULL,
        message=f"{folder} cannot be written: {error.strerror}",
        advice="Free some space on the orchestrator's machine.",
    )
