"""The file of an SQLite database: made, opened, and seen to be still the same."""

from __future__ import annotations

import sqlite3
from pathlib import Path
from urllib.parse import quote

import sqlalchemy as sa

from orchestrator.errors import DatabaseAway

BUSY_S = 30
WRITES = "stepfarm_writes"
"""The execution option of a connection that writes."""


class SqliteFile:
    """The file of an SQLite database, and whether it is still the one that was opened."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._opened: tuple[int, int] | None = None

    def make(self) -> None:
        """Make it, empty and for its owner alone, if it is not there.

        Raises:
            DatabaseAway: it cannot be made.
        """
        try:
            self._path.touch(mode=0o600)
        except OSError as error:
            raise DatabaseAway(
                f"The database {self._path} cannot be made: {error.strerror}.",
                "Its directory must be there, and belong to the user who runs the orchestrator.",
            ) from None

    def connect(self) -> sqlite3.Connection:
        """A connection, for whichever thread.

        Raises:
            DatabaseAway: the file is not there, or another than before.
        """
        self._look()
        # "rw" makes no file: where a disk is not mounted, an empty database in its place would look like a loss.
        uri = f"file:{quote(str(self._path))}?mode=rw"
        return sqlite3.connect(uri, uri=True, timeout=BUSY_S, check_same_thread=False)

    @staticmethod
    def prepare(connection: sqlite3.Connection, _record: object) -> None:
        """Set what every connection goes by."""
        # Transactions are begun by `begin`: the driver would begin them late, and not at all around DDL.
        connection.isolation_level = None
        for pragma in ("journal_mode = WAL", "synchronous = FULL", "foreign_keys = ON"):
            connection.execute(f"PRAGMA {pragma}")

    def begin(self, connection: sa.Connection) -> None:
        """Begin a transaction, as its options ask.

        Raises:
            DatabaseAway: the file is not there, or another than before.
        """
        self._look()
        # A deferred transaction that turns to writing fails at once where another has written meanwhile.
        writes = connection.get_execution_options().get(WRITES, False)
        connection.exec_driver_sql("BEGIN IMMEDIATE" if writes else "BEGIN")

    def _look(self) -> None:
        """Refuse a file that is gone or another: what is written to one that was removed is lost with the process."""
        try:
            found = self._path.stat()
        except (FileNotFoundError, NotADirectoryError):
            raise DatabaseAway(
                f"There is no database {self._path}.",
                "If there was one, put it back; else make it: stepfarm db upgrade, or stepfarm up.",
            ) from None
        except OSError as error:
            raise DatabaseAway(
                f"The database {self._path} cannot be reached: {error.strerror}.",
                "Its directory must belong to the user who runs the orchestrator.",
            ) from None
        identity = (found.st_dev, found.st_ino)
        if self._opened is None:
            self._opened = identity
        elif self._opened != identity:
            raise DatabaseAway(
                f"The database {self._path} is another file than the one that was opened.",
                "Stop the orchestrator before its database is replaced; start it again now.",
            )
