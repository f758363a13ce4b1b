"""How a job ended, where nobody could be told: said again when the agent next asks for work, after a restart too.

Without it a job that was given back in good order while the orchestrator was away would look like one that took its
device down, and be failed for that after a few times.
"""

from __future__ import annotations

import contextlib
from dataclasses import dataclass
from pathlib import Path

from agent.client import FATAL, OrchestratorClient
from agent.durable import write_durably
from agent.errors import Refused
from agent.wire.codec import Message, WireError, decode, encode
from agent.wire.fields import Identifier
from agent.wire.jobs import EndReport

FILE_NAME = "untold.json"


@dataclass(frozen=True, slots=True, kw_only=True)
class UntoldEnding(Message):
    """The report and the job that it is about."""

    job_id: Identifier
    report: EndReport


class Untold:
    """The one ending that this device may still have to tell: it has one job at a time.

    A courtesy, not a record: where it cannot be kept or told, the lease runs out by itself.
    """

    def __init__(self, home: Path) -> None:
        self._path = home / FILE_NAME

    def keep(self, job_id: int, report: EndReport) -> None:
        """Keep the report until somebody hears it."""
        with contextlib.suppress(OSError):
            write_durably(self._path, encode(UntoldEnding(job_id=job_id, report=report)))

    def tell(self, client: OrchestratorClient) -> None:
        """Tell what is kept, if anything is.

        Raises:
            OrchestratorAway: it stays and is told later.
            Refused: the key is not good any more.
        """
        try:
            untold = decode(UntoldEnding, self._path.read_bytes())
            client.end(untold.job_id, untold.report)
        except FileNotFoundError:
            return
        except (OSError, WireError):
            pass  # damaged: the lease has to run out
        except Refused as refusal:
            if refusal.status in FATAL:
                raise
            # The lease has run out meanwhile, so there is nothing left to end.
        self.forget()

    def forget(self) -> None:
        """Drop what is kept."""
        with contextlib.suppress(OSError):
            self._path.unlink(missing_ok=True)
