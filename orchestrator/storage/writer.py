"""The right to write to a database, which one process at a time has, whatever machine and state directory it is of.

On SQLite it is a lock of the operating system on a file beside the database; the kernel lets go of it when the process
ends. On PostgreSQL it is an advisory lock of a connection that does nothing else; the server lets go of it when the
connection ends. A connection that breaks is seen before the next write, and the lock taken again or writing refused.
"""

from __future__ import annotations

import contextlib
import fcntl
import logging
import os
import select
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import IO, Any, Protocol

import sqlalchemy as sa
from sqlalchemy.pool import NullPool

from agent.clock import Clock
from orchestrator.errors import DatabaseAway, DatabaseTaken
from orchestrator.storage.address import name_of
from orchestrator.storage.database import Database, translated

log = logging.getLogger(__name__)

POLL_S = 0.2
ADVISORY = int.from_bytes(b"Stepfarm")
"""PostgreSQL keeps advisory locks of each database apart: one number is enough."""

# The server lets go of the lock of a machine that has vanished within half a minute, not after hours; this side
# (`orchestrator.storage.database.KEEP_ALIVE`) knows earlier than that that its connection is gone. None of these may
# be cut off for being idle, either. What the server does not know is left out.
LOCK_SETTINGS = sa.text("""
    SELECT set_config(name, wanted, false) FROM pg_settings JOIN (VALUES ('tcp_keepalives_idle', '15'),
    ('tcp_keepalives_interval', '5'), ('tcp_keepalives_count', '3'), ('idle_session_timeout', '0'))
    AS ours (name, wanted) USING (name)
""")
TRY = sa.text("SELECT pg_try_advisory_lock(:number)")
HOLDER = sa.text("""
    SELECT application_name FROM pg_locks JOIN pg_stat_activity USING (pid) WHERE locktype = 'advisory' AND granted
    AND pg_locks.database = (SELECT oid FROM pg_database WHERE datname = current_database()) AND objsubid = 1
    AND (CAST(classid AS bigint) << 32) + CAST(objid AS bigint) = :number
""")


class Lock(Protocol):
    """A lock that one process at a time holds."""

    def try_take(self) -> bool:
        """Take it if nobody else has it; whether it is held now."""

    def held(self) -> bool:
        """Whether it is still held: looked at without waiting for anybody."""

    def holder(self) -> str:
        """Who holds it, for people; empty where nobody says."""

    def release(self) -> None:
        """Let go of it."""


class Writer:
    """This process as the one that writes to ``database``.

    Args:
        on_taken: called when the right was taken, and before anything is written with it; what it raises gives the
            right back.
    """

    def __init__(self, database: Database, clock: Clock, on_taken: Callable[[], None] = lambda: None) -> None:
        self._name = name_of(database.url)
        self._clock = clock
        self._on_taken = on_taken
        self._lock = _FileLock(_lock_file(database)) if database.is_sqlite else _AdvisoryLock(database)
        self._one_at_a_time = threading.Lock()
        self._had = False

    def take(self, *, wait_s: float) -> None:
        """Take the right to write, waiting for another process that has it to end.

        Raises:
            DatabaseTaken: another has it for longer than ``wait_s``.
            DatabaseAway: the database does not answer.
        """
        never = threading.Event()
        deadline_ns = self._clock.monotonic_ns() + int(wait_s * 1e9)
        while True:
            try:
                self.confirm()
            except DatabaseTaken:
                if self._clock.monotonic_ns() >= deadline_ns:
                    raise
                self._clock.wait(never, POLL_S)
            else:
                return

    def confirm(self) -> None:
        """See that this process still has the right to write; where it was lost, take it again.

        Raises:
            DatabaseTaken: another process has it now.
            DatabaseAway: the database does not answer.
        """
        with self._one_at_a_time:
            if self._lock.held():
                return
            if self._had:
                log.warning("the lock on the database %s was lost; taking it again", self._name)
                self._had = False
            if not self._lock.try_take():
                raise self._taken()
            try:
                self._on_taken()
            except BaseException:
                self._lock.release()
                raise
            self._had = True

    def _taken(self) -> DatabaseTaken:
        holder = self._lock.holder()
        return DatabaseTaken(
            f"Another orchestrator writes to the database {self._name}{f': {holder}' if holder else ''}.",
            "Stop that one first, or name another database in STEPFARM_DATABASE_URL. One at a time may write.",
        )

    def release(self) -> None:
        """Let another process write."""
        with self._one_at_a_time:
            self._lock.release()
            self._had = False


@contextlib.contextmanager
def writing(database: Database, clock: Clock, *, wait_s: float) -> Iterator[None]:
    """Be the one that writes to ``database`` while the context lasts.

    Raises:
        DatabaseTaken: another process has the right for longer than ``wait_s``.
        DatabaseAway: the database does not answer.
    """
    writer = Writer(database, clock)
    writer.take(wait_s=wait_s)
    try:
        yield
    finally:
        writer.release()


def _this_process() -> str:
    return f"stepfarm on {os.uname().nodename}, process {os.getpid()}"


def _lock_file(database: Database) -> Path:
    # Of the file itself, by whatever links it is named.
    file = Path(str(database.url.database)).resolve()
    return file.with_name(f"{file.name}.lock")


class _FileLock:
    def __init__(self, path: Path) -> None:
        self._path = path
        self._file: IO[str] | None = None

    def try_take(self) -> bool:
        try:
            file = os.fdopen(os.open(self._path, os.O_RDWR | os.O_CREAT, 0o600), "r+", encoding="utf-8")
        except OSError as error:
            raise DatabaseAway(
                f"{self._path} cannot be written: {error.strerror}.",
                "The directory of the database must be there, and belong to the user who runs the orchestrator.",
            ) from None
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            file.truncate()
            file.write(_this_process())
            file.flush()
        except BlockingIOError:
            file.close()
            return False
        except OSError as error:
            file.close()
            raise DatabaseAway(
                f"{self._path} cannot be locked: {error.strerror}.",
                "Keep an SQLite database on a local disk with room, or use PostgreSQL.",
            ) from None
        self._file = file
        return True

    def held(self) -> bool:
        return self._file is not None

    def holder(self) -> str:
        try:
            return self._path.read_text(encoding="utf-8")
        except (OSError, ValueError):
            return ""

    def release(self) -> None:
        if self._file is not None:
            self._file.close()
            self._file = None


class _AdvisoryLock:
    def __init__(self, database: Database) -> None:
        self._database = database
        # No pool: a connection that came back into one could be given to somebody else, lock and all.
        self._engine = sa.create_engine(
            database.url,
            poolclass=NullPool,
            isolation_level="AUTOCOMMIT",
            connect_args={**database.connect_args, "application_name": _this_process()[:63]},
            hide_parameters=True,
        )
        self._connection: sa.Connection | None = None

    def try_take(self) -> bool:
        self.release()
        with translated(self._database.url):
            connection = self._engine.connect()
            try:
                connection.execute(LOCK_SETTINGS)
                taken = bool(connection.scalar(TRY, {"number": ADVISORY}))
            except BaseException:
                connection.close()
                raise
        if taken:
            self._connection = connection
        else:
            connection.close()
        return taken

    def held(self) -> bool:
        if self._connection is None:
            return False
        driver: Any = self._connection.connection.dbapi_connection
        if driver is None or driver.closed:
            return False
        # The server says nothing unasked but that it ends: where nothing is to read, the connection stands.
        poll = select.poll()
        poll.register(driver.fileno(), select.POLLIN)
        if not poll.poll(0):
            return True
        try:
            self._connection.execute(sa.text("SELECT 1"))
        except sa.exc.DBAPIError:
            return False
        return True

    def holder(self) -> str:
        with contextlib.suppress(DatabaseAway), translated(self._database.url), self._engine.connect() as connection:
            return str(connection.scalar(HOLDER, {"number": ADVISORY}) or "")
        return ""

    def release(self) -> None:
        if self._connection is not None:
            with contextlib.suppress(sa.exc.DBAPIError):
                self._connection.close()
            self._connection = None
