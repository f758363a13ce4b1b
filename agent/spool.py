"""Readings on their way: each batch is on disk before it is sent, and stays there until the orchestrator has it.

One file a batch, written whole or not at all, so that a spool has no state but its files. A file that is damaged
nevertheless is set aside, never dropped and never in the way of the others.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from agent.client import OrchestratorClient
from agent.durable import sync_directory, write_durably
from agent.errors import Refused, StateError
from agent.wire.codec import Message, WireError, decode, encode
from agent.wire.fields import Identifier
from agent.wire.readings import Batch

DAMAGED = "damaged"
REFUSED = "refused"


@dataclass(frozen=True, slots=True, kw_only=True)
class Spooled(Message):
    """A batch and the job that it belongs to."""

    job_id: Identifier
    batch: Batch


class Spool:
    """The batches of this device that the orchestrator has not confirmed."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def put(self, job_id: int, batch: Batch) -> None:
        """Keep ``batch``; once this returns it survives a power cut.

        Raises:
            StateError: the disk is full or not writable.
        """
        try:
            self._folder.mkdir(mode=0o700, parents=True, exist_ok=True)
            write_durably(self._folder / _name(job_id, batch), encode(Spooled(job_id=job_id, batch=batch)))
        except OSError as error:
            raise StateError(
                f"Readings cannot be kept in {self._folder}: {error.strerror}.",
                "Free space there. Measuring stops until then; what was spooled before is safe.",
            ) from None

    def deliver(self, client: OrchestratorClient) -> int:
        """Send what waits, oldest first, and remove what has arrived; how many batches that were.

        Raises:
            OrchestratorAway: the rest stays and is sent later.
            Refused: the key is not good any more; the rest stays.
        """
        delivered = 0
        for path in self.waiting():
            spooled = self._read(path)
            if spooled is None:
                self._set_aside(path, DAMAGED)
                continue
            try:
                client.post_batch(spooled.job_id, spooled.batch)
            except Refused as refusal:
                if refusal.status in (401, 403, 426):
                    raise
                # The orchestrator will never take this one: kept for a person to look at, out of the way of the rest.
                self._set_aside(path, REFUSED)
                continue
            path.unlink()
            delivered += 1
        return delivered

    def waiting(self) -> list[Path]:
        """The files of the batches that wait, in the order in which they were measured."""
        return sorted(self._files(), key=lambda path: [int(part) for part in path.stem.split("-")])

    def _files(self) -> Iterator[Path]:
        return (path for path in self._folder.glob("*.json") if path.is_file())

    def _read(self, path: Path) -> Spooled | None:
        try:
            return decode(Spooled, path.read_bytes())
        except WireError:
            return None

    def _set_aside(self, path: Path, why: str) -> None:
        aside = self._folder / why
        aside.mkdir(exist_ok=True)
        path.replace(aside / path.name)
        sync_directory(aside)


def _name(job_id: int, batch: Batch) -> str:
    return f"{job_id}-{batch.round}-{batch.fence}-{batch.number}.json"
