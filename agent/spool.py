"""Readings on their way: each batch is on disk before it is sent, and stays there until the orchestrator has it.

One file a batch, written whole or not at all, so that a spool has no state but its files. A file that is damaged
nevertheless, that the orchestrator will never take, or whose device is enrolled no more, is set aside: never dropped
and never in the way of the others.
"""

from __future__ import annotations

import contextlib
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

from agent.client import FATAL, OrchestratorClient
from agent.durable import sync_directory, write_durably
from agent.errors import Refused, StateError
from agent.wire.codec import Message, WireError, decode, encode
from agent.wire.fields import Identifier
from agent.wire.readings import Batch

DAMAGED = "damaged"
REFUSED = "refused"
UNOWNED = "unowned"

_NAME = re.compile(r"(\d+)-(\d+)-(\d+)-(\d+)\.json", re.ASCII)
"""Job, round, fence and number of the pass, so that sorting by them is the order of measuring."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Spooled(Message):
    """A batch and the job that it belongs to."""

    job_id: Identifier
    batch: Batch


class Spool:
    """The batches of this device that the orchestrator has not confirmed. One process at a time works with it.

    Args:
        folder: where the files are; made when the first batch is put.
        tell: gets a line for people when a batch is set aside.
    """

    def __init__(self, folder: Path, *, tell: Callable[[str], None] = lambda _line: None) -> None:
        self._folder = folder
        self._tell = tell

    def put(self, job_id: int, batch: Batch) -> None:
        """Keep ``batch``; once this returns it survives a power cut.

        Raises:
            StateError: the disk is full or not writable.
        """
        with self._usable():
            self._folder.mkdir(mode=0o700, parents=True, exist_ok=True)
            write_durably(self._folder / _name(job_id, batch), encode(Spooled(job_id=job_id, batch=batch)))

    def deliver(self, client: OrchestratorClient) -> int:
        """Send what waits, job by job in the order of measuring, and remove what has arrived; how many that were.

        Raises:
            OrchestratorAway: the rest stays and is sent later.
            Refused: the key is not good any more; the rest stays.
            StateError: the files cannot be read or removed.
        """
        return sum(self._deliver_one(path, client) for path in self.waiting())

    def waiting(self) -> list[Path]:
        """The files of the batches that wait, job by job in the order of measuring."""
        found = ((_NAME.fullmatch(path.name), path) for path in self._folder.glob("*.json"))
        ordered = sorted(([int(part) for part in match.groups()], path) for match, path in found if match is not None)
        return [path for _, path in ordered]

    def aside(self) -> list[Path]:
        """The files that were set aside: damaged, refused or unowned."""
        return sorted(path for why in (DAMAGED, REFUSED, UNOWNED) for path in (self._folder / why).glob("*.json"))

    def disown(self) -> int:
        """Set aside all that waits: jobs are numbered anew by another orchestrator; how many batches that were.

        Raises:
            StateError: the files cannot be moved.
        """
        waiting = self.waiting()
        for path in waiting:
            self._move_aside(path, UNOWNED)
        return len(waiting)

    def _deliver_one(self, path: Path, client: OrchestratorClient) -> bool:
        with self._usable():
            content = path.read_bytes()
        try:
            spooled = decode(Spooled, content)
            client.post_batch(spooled.job_id, spooled.batch)
        except WireError as error:
            self._set_aside(path, DAMAGED, str(error))
            return False
        except Refused as refusal:
            if refusal.status in FATAL:
                raise
            # The orchestrator will never take this one: it is kept for a person to look at.
            self._set_aside(path, REFUSED, str(refusal))
            return False
        with self._usable():
            path.unlink()
        return True

    def _set_aside(self, path: Path, why: str, complaint: str) -> None:
        aside = self._move_aside(path, why)
        self._tell(f"A pass is {why} and was set aside as {aside}. {complaint}")

    def _move_aside(self, path: Path, why: str) -> Path:
        aside = self._folder / why
        with self._usable():
            aside.mkdir(exist_ok=True)
            path.replace(aside / path.name)
            sync_directory(aside)
        return aside / path.name

    @contextlib.contextmanager
    def _usable(self) -> Iterator[None]:
        try:
            yield
        except OSError as error:
            raise StateError(
                f"Readings cannot be kept in {self._folder}: {error.strerror}.",
                "Free space there, or make it writable. What was spooled before is safe.",
            ) from None


def _name(job_id: int, batch: Batch) -> str:
    return f"{job_id}-{batch.round}-{batch.fence}-{batch.number}.json"
