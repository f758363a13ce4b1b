"""Copies of an SQLite database: made while it is at work, and put back in its place.

A database that is put back knows nothing of the jobs, fences and keys that were given since. Their numbers must never
be given again: a device that still has readings under one would hand them in as those of another job. So they are
stepped over (`step_over`), on either database.
"""

from __future__ import annotations

import contextlib
import itertools
import os
import sqlite3
from collections.abc import Iterator
from pathlib import Path

import sqlalchemy as sa

from agent.durable import sync_directory
from orchestrator.errors import BadFile, StartFailed
from orchestrator.jobs.states import JobState
from orchestrator.storage import jobs
from orchestrator.storage.database import Database
from orchestrator.storage.tables import Job

FENCES_OVER = 1_000
NUMBERS_OVER = 1_000_000
"""More than anybody gave between a copy and its return."""

SQLITE_OVER = (
    """INSERT INTO sqlite_sequence (name, seq) SELECT :name, 0
    WHERE NOT EXISTS (SELECT 1 FROM sqlite_sequence WHERE name = :name)""",
    "UPDATE sqlite_sequence SET seq = seq + :over WHERE name = :name",
)
POSTGRES_OVER = (
    "SELECT setval(pg_get_serial_sequence(:name, 'id'), nextval(pg_get_serial_sequence(:name, 'id')) + :over)",
)

NUMBERED = ("devices", "jobs", "sweeps", "keys", "join_codes", "curves")


def file_of(database: Database) -> Path:
    """The file of an SQLite database.

    Raises:
        StartFailed: it is on PostgreSQL, which has tools of its own for that.
    """
    if not database.is_sqlite:
        host, name = database.url.host or "localhost", database.url.database
        raise StartFailed(
            "The database is on PostgreSQL: its own tools copy it and put it back.",
            f"pg_dump --format=custom --host {host} --file stepfarm.dump {name}. To put it back, with the orchestrator "
            f"stopped: pg_restore --clean --if-exists --host {host} --dbname {name} stepfarm.dump, then stepfarm db "
            "restored.",
        )
    return Path(str(database.url.database))


def free_name(wanted: Path) -> Path:
    """``wanted``, or where somebody has that name the same with a number behind it."""
    others = (wanted.with_name(f"{wanted.name}.{number}") for number in itertools.count(2))
    return next(name for name in itertools.chain([wanted], others) if not name.exists())


def back_up(database: Database, target: Path) -> None:
    """Write all of the SQLite ``database``, as it is at this moment, to a new file; who works with it may go on.

    Raises:
        BadFile: there is something at ``target``, or it cannot be written.
        DatabaseAway: the database is not there.
        StartFailed: it is on PostgreSQL.
    """
    file_of(database)
    part = target.with_name(f"{target.name}.part")
    if target.exists():
        raise BadFile(f"{target} is there already.", "Name another file: a copy is never written over.")
    try:
        target.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        part.unlink(missing_ok=True)
        part.touch(mode=0o600)
        with database.read() as session, contextlib.closing(sqlite3.connect(part)) as copy:
            source = session.connection().connection.dbapi_connection
            if not isinstance(source, sqlite3.Connection):
                raise TypeError
            source.backup(copy)
            # One file, without a log beside it.
            copy.execute("PRAGMA journal_mode = DELETE")
        _sync(part)
        part.replace(target)
        sync_directory(target.parent)
    except (OSError, sqlite3.Error) as error:
        part.unlink(missing_ok=True)
        why = error.strerror if isinstance(error, OSError) else str(error)
        raise BadFile(
            f"{target} cannot be written: {why}.", "Is the disk full, or the directory somebody else's?"
        ) from None


def restore(database: Database, source: Path) -> None:
    """Put the copy ``source`` in the place of the SQLite ``database``; the copy itself stays as it is.

    The caller holds the right to write, and has made a copy of what is there.

    Raises:
        BadFile: ``source`` is no whole SQLite database of Stepfarm.
        StartFailed: the database is on PostgreSQL.
    """
    file = file_of(database)
    check_copy(source)
    part = file.with_name(f"{file.name}.part")
    try:
        part.unlink(missing_ok=True)
        part.touch(mode=0o600)
        with _opened(source) as copy, contextlib.closing(sqlite3.connect(part)) as fresh:
            copy.backup(fresh)
            fresh.execute("PRAGMA journal_mode = DELETE")
        _sync(part)
        database.close()
        # What belongs to the file that goes must not be taken for the new one's.
        for beside in ("-wal", "-shm"):
            file.with_name(file.name + beside).unlink(missing_ok=True)
        part.replace(file)
        sync_directory(file.parent)
    except (OSError, sqlite3.Error) as error:
        part.unlink(missing_ok=True)
        why = error.strerror if isinstance(error, OSError) else str(error)
        raise BadFile(f"{file} cannot be written: {why}.", "Is the disk full? The database is as it was.") from None


def check_copy(source: Path) -> str:
    """The revision of ``source``, which is a whole SQLite database of Stepfarm.

    Raises:
        BadFile: it is not.
    """
    try:
        with _opened(source) as copy:
            whole = copy.execute("PRAGMA integrity_check").fetchone()[0] == "ok"
            revision = copy.execute("SELECT version_num FROM alembic_version, (SELECT count(*) FROM jobs)").fetchone()
    except (OSError, sqlite3.Error) as error:
        raise BadFile(f"{source} is no database of Stepfarm: {error}.", "Name another copy.") from None
    if not whole or revision is None:
        raise BadFile(f"{source} is damaged.", "Name another copy; nothing was changed.")
    return str(revision[0])


@contextlib.contextmanager
def _opened(source: Path) -> Iterator[sqlite3.Connection]:
    with contextlib.closing(sqlite3.connect(f"{source.absolute().as_uri()}?mode=ro", uri=True)) as connection:
        yield connection


def _sync(path: Path) -> None:
    descriptor = os.open(path, os.O_RDWR)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def step_over(database: Database, *, now_ms: int) -> None:
    """Make ``database``, which was put back, give no number again that may have been given since it was copied.

    Leases that it knows of are over, and their jobs queued; the fences of all jobs that have not ended grow.
    """
    with database.write() as session:
        for job in session.scalars(sa.select(Job).where(Job.state == JobState.LEASED.value)):
            jobs.give_back(session, job, now_ms=now_ms)
        unfinished = [state.value for state in JobState if not state.final]
        session.execute(sa.update(Job).where(Job.state.in_(unfinished)).values(fence=Job.fence + FENCES_OVER))
        for table in NUMBERED:
            for statement in SQLITE_OVER if database.is_sqlite else POSTGRES_OVER:
                session.execute(sa.text(statement), {"name": table, "over": NUMBERS_OVER})
