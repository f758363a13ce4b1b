"""The database: one engine, and sessions to read and to write in."""

from __future__ import annotations

import contextlib
import importlib.util
import threading
from collections.abc import Iterator
from typing import Any

import sqlalchemy as sa
from sqlalchemy.exc import DBAPIError
from sqlalchemy.orm import Session

from agent.errors import ConfigError
from orchestrator.errors import DatabaseAway

SQLITE_BUSY_S = 30
WRITES = "stepfarm_writes"


class Database:
    """One database by its URL: ``sqlite:///FILE`` or ``postgresql://...``.

    On SQLite one process writes, one transaction at a time: writers queue on a lock here instead of colliding in the
    file (deferred transactions that collide cost 20 times the throughput, and WAL resets by two writing connections
    have corrupted files).
    """

    def __init__(self, url: str) -> None:
        self.url = _checked(url)
        self.is_sqlite = self.url.get_backend_name() == "sqlite"
        # An error that is logged shows no parameters: names of devices and hashes of secrets are among them.
        if self.is_sqlite:
            self.engine = sa.create_engine(self.url, connect_args={"timeout": SQLITE_BUSY_S}, hide_parameters=True)
        else:
            self.engine = sa.create_engine(self.url, pool_pre_ping=True, hide_parameters=True)
        self._writer: contextlib.AbstractContextManager[Any] = (
            threading.RLock() if self.is_sqlite else contextlib.nullcontext()
        )
        if self.is_sqlite:
            sa.event.listen(self.engine, "connect", _prepare_sqlite)
            sa.event.listen(self.engine, "begin", _begin_sqlite)
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
        with _translated(), Session(self._reading_engine, expire_on_commit=False) as session:
            yield session

    @contextlib.contextmanager
    def write(self) -> Iterator[Session]:
        """A transaction: all of it is committed when the block ends, none of it when the block raises."""
        with _translated(), self._writer, self._write_session() as session, session.begin():
            yield session

    def _write_session(self) -> Session:
        return Session(self.writing_engine, expire_on_commit=False)

    def close(self) -> None:
        """Let go of every connection."""
        self.engine.dispose()


def _checked(url: str) -> sa.URL:
    try:
        parsed = sa.make_url(url)
    except sa.exc.ArgumentError:
        parsed = None
    known = parsed is not None and parsed.drivername in ("sqlite", "postgresql", "postgresql+psycopg")
    if parsed is None or not known or parsed.database in (None, "", ":memory:"):
        raise ConfigError(
            "The database URL is none that Stepfarm knows.",
            "It is postgresql://USER:PASSWORD@HOST/NAME, or sqlite:///FILE; set STEPFARM_DATABASE_URL.",
        )
    if parsed.get_backend_name() == "postgresql" and importlib.util.find_spec("psycopg") is None:
        raise ConfigError("PostgreSQL needs psycopg, which is not installed.", "pip install 'stepfarm[postgres]'")
    return parsed


def _prepare_sqlite(connection: Any, _record: object) -> None:
    # Transactions are begun by _begin_sqlite: the driver would begin them late, and not at all around DDL.
    connection.isolation_level = None
    for pragma in ("journal_mode = WAL", "synchronous = FULL", "foreign_keys = ON"):
        connection.execute(f"PRAGMA {pragma}")


def _begin_sqlite(connection: sa.Connection) -> None:
    # A deferred transaction that turns to writing fails at once where another has written meanwhile.
    writes = connection.get_execution_options().get(WRITES, False)
    connection.exec_driver_sql("BEGIN IMMEDIATE" if writes else "BEGIN")


@contextlib.contextmanager
def _translated() -> Iterator[None]:
    try:
        yield
    except sa.exc.TimeoutError as error:
        raise DatabaseAway("The database has no connection free.", "Try again shortly.") from error
    except DBAPIError as error:
        if isinstance(error, sa.exc.OperationalError | sa.exc.InterfaceError) or error.connection_invalidated:
            # The driver's message can hold the URL with its password.
            raise DatabaseAway(
                f"The database does not answer ({type(error.orig).__name__})",
                "Nothing is lost; try again when it is back. Is STEPFARM_DATABASE_URL right?",
            ) from error
        raise
