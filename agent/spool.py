"""Readings on their way: each batch is on disk before it is sent, and stays there until the orchestrator has it.

One file a batch, written whole or not at all, so that a spool has no state but its files. A file that is damaged
nevertheless, that the orchestrator will never take, or whose device is enrolled no more, is set aside: never dropped
and never in the way of the others. Where there is no room, nothing new is taken; what is there stays.
"""

from __future__ import annotations

import contextlib
import errno
import os
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

from agent.client import FATAL, OrchestratorClient
from agent.durable import sync_directory, write_durably
from agent.errors import NoRoom, Refused, StateError
from agent.wire.codec import Message, WireError, decode, encode
from agent.wire.fields import Identifier
from agent.wire.readings import Batch

DAMAGED = "damaged"
REFUSED = "refused"
UNOWNED = "unowned"

MOST_BYTES = 512 * 2**20
ROOM_BYTES = 2**20
"""Once the disk was full, so much must fit before new work is worth beginning: several passes of a usual size."""

FULL = frozenset({errno.ENOSPC, errno.EDQUOT, errno.EFBIG})

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
        most_bytes: how much may wait before nothing more is begun. What is measured already is kept beyond it.
    """

    def __init__(
        self, folder: Path, *, tell: Callable[[str], None] = lambda _line: None, most_bytes: int = MOST_BYTES
    ) -> None:
        self._folder = folder
        self._tell = tell
        self._most_bytes = most_bytes
        self._disk_was_full = False

    def tidy(self) -> None:
        """Remove what a write left that was cut off by the end of its process: none of it was ever said to be kept.

        Raises:
            StateError: it cannot be removed.
        """
        with self._usable():
            for part in self._folder.glob("*.part"):
                part.unlink()

    def check_room(self) -> None:
        """Return if what is measured next can be kept.

        Raises:
            NoRoom: too much waits already, or the disk was full and still is.
            StateError: the folder is not usable.
        """
        waiting_bytes = self.waiting_bytes()
        if waiting_bytes >= self._most_bytes:
            raise NoRoom(
                f"The spool {self._folder} is full: {waiting_bytes / 2**20:,.0f} MiB wait to be sent, and it may hold "
                f"{self._most_bytes / 2**20:,.0f}.",
                "Nothing new is measured until the orchestrator has taken some. STEPFARM_SPOOL_MIB is the limit.",
            )
        if self._disk_was_full:
            with self._usable():
                # Tried, not looked up: a quota is in no table of free blocks.
                probe = self._folder / "room"
                write_durably(probe, bytes(ROOM_BYTES))
                probe.unlink()
            self._disk_was_full = False

    def waiting_bytes(self) -> int:
        """How much waits to be sent."""
        with self._usable():
            return sum(path.stat().st_size for path in self.waiting())

    def put(self, job_id: int, batch: Batch) -> None:
        """Keep ``batch``; once this returns it survives a power cut.

        Raises:
            NoRoom: the disk is full.
            StateError: the folder is not writable.
        """
        with self._usable():
            self._folder.mkdir(mode=0o700, parents=True, exist_ok=True)
            write_durably(self._folder / _name(job_id, batch), encode(Spooled(job_id=job_id, batch=batch)))

    def deliver(self, client: OrchestratorClient) -> int:
        """Send what waits, job by job in the order of measuring, and remove what has arrived; how many that were.

        Raises:
            OrchestratorAway: the rest stays and is sent later.
            Refused: the key is not good any more; the rest stays.
            NoRoom: one cannot be set aside on a full disk; the others were sent.
            StateError: the files cannot be read or removed.
        """
        delivered, full = 0, None
        for path in self.waiting():
            try:
                delivered += self._deliver_one(path, client)
            except NoRoom as error:
                full = error
        if full is not None:
            raise full
        return delivered

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
            if error.errno in FULL:
                self._disk_was_full = True
                raise NoRoom(
                    f"There is no room for readings in {self._folder}: {os.strerror(error.errno or 0)}.",
                    "Free space there. What was spooled before is safe; nothing new is measured until there is room.",
                ) from None
            raise StateError(
                f"Readings cannot be kept in {self._folder}: {error.strerror}.",
                "Make it a directory that this user can write. What was spooled before is safe.",
            ) from None


def _name(job_id: int, batch: Batch) -> str:
    return f"{job_id}-{batch.round}-{batch.fence}-{batch.number}.json"
