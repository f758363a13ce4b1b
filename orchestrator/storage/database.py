"""The database: one engine, and sessions to read and to write in."""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import sqlalchemy as sa
from sqlalchemy.exc import DBAPIError
from sqlalchemy.orm import Session

from orchestrator.errors import DatabaseAway
from orchestrator.storage.address import parsed
from orchestrator.storage.sqlite_file import WRITES, SqliteFile
from orchestrator.storage.troubles import in_words

KEEP_ALIVE = {"connect_timeout": 5, "keepalives_idle": 5, "keepalives_interval": 2, "keepalives_count": 3}
"""libpq's defaults wait for minutes and hours; what the URL says goes before these."""


class Database:
    """One database by its URL: ``sqlite:///FILE`` or ``postgresql://...``.

    On SQLite one process writes, one transaction at a time: writers queue on a lock here instead of colliding in the
    file (deferred transactions that collide cost 20 times the throughput, and WAL resets by two writing connections
    have corrupted files).
    """

    def __init__(self, url: str) -> None:
        self.url = parsed(url)
        self.is_sqlite = self.url.get_backend_name() == "sqlite"
        self.connect_args: dict[str, Any] = {} if self.is_sqlite else _connect_args(self.url)
        self._file = SqliteFile(Path(str(self.url.database))) if self.is_sqlite else None
        # An error that is logged shows no parameters: names of devices and hashes of secrets are among them.
        if self._file is not None:
            self.engine = sa.create_engine(self.url, creator=self._file.connect, hide_parameters=True)
            sa.event.listen(self.engine, "connect", self._file.prepare)
            sa.event.listen(self.engine, "begin", self._file.begin)
        else:
            self.engine = sa.create_engine(
                self.url, connect_args=self.connect_args, pool_pre_ping=True, hide_parameters=True
            )
        self._queue: contextlib.AbstractContextManager[Any] = (
            threading.RLock() if self.is_sqlite else contextlib.nullcontext()
        )
        self._before_writing: Callable[[], None] = lambda: None
        # SQLite's readers see one state anyway, PostgreSQL's one a statement unless they ask.
        self._reading_engine = (
            self.engine
            if self.is_sqlite
            else self.engine.execution_options(isolation_level="REPEATABLE READ", postgresql_readonly=True)
        )
        self.writing_engine = self.engine.execution_options(**{WRITES: True})

    @contextlib.contextmanager
    def read(self) -> Iterator[Session]:
        """A session that sees one state of the database and changes nothing."""
        with translated(self.url), Session(self._reading_engine, expire_on_commit=False) as session:
            yield session

    @contextlib.contextmanager
    def write(self) -> Iterator[Session]:
        """A transaction: all of it is committed when the block ends, none of it when the block raises."""
        self._before_writing()
        with translated(self.url), self._queue, self._write_session() as session, session.begin():
            yield session

    def _write_session(self) -> Session:
        return Session(self.writing_engine, expire_on_commit=False)

    def guard_writes(self, confirm: Callable[[], None]) -> None:
        """Call ``confirm`` before every transaction that writes; what it raises keeps it from beginning."""
        self._before_writing = confirm

    def make_file(self) -> None:
        """Make the file of an SQLite database, empty and for its owner alone, if it is not there.

        Raises:
            DatabaseAway: it cannot be made.
        """
        if self._file is not None:
            self._file.make()

    def close(self) -> None:
        """Let go of every connection."""
        self.engine.dispose()


def _connect_args(url: sa.URL) -> dict[str, Any]:
    return {name: value for name, value in KEEP_ALIVE.items() if name not in url.query}


@contextlib.contextmanager
def translated(url: sa.URL) -> Iterator[None]:
    """Where the database ``url`` cannot work, raise what a person can read.

    Raises:
        DatabaseAway: it does not answer, or is in no state to.
        ConfigError: the URL asks for what it does not have.
    """
    try:
        yield
    except sa.exc.TimeoutError as error:
        raise DatabaseAway("The database has no connection free.", "Try again shortly.") from error
    except DBAPIError as error:
        told = in_words(error, url)
        if told is None:
            raise
        raise told from error
