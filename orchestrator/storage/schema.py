"""The schema of the database: bring it up to this version of Stepfarm, or say how it differs."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from pathlib import Path

import alembic.command
import sqlalchemy as sa
from alembic.config import Config
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory

import migrations
from orchestrator.errors import SchemaMismatch
from orchestrator.storage.backups import back_up, file_of, free_name
from orchestrator.storage.database import Database, translated


def alembic_config(connection: sa.Connection | None = None) -> Config:
    """Alembic's configuration; migrations run on ``connection``."""
    config = Config()
    config.set_main_option("script_location", str(Path(migrations.__file__).parent))
    config.attributes["connection"] = connection
    return config


@contextlib.contextmanager
def migrating(database: Database) -> Iterator[sa.Connection]:
    """A connection to run migrations on.

    Raises:
        DatabaseAway: the database does not answer, or does not let this user make tables.
    """
    with translated(database.url), database.writing_engine.connect() as connection:
        driver = connection.connection.dbapi_connection
        if not database.is_sqlite or driver is None:
            yield connection
            return
        # Alembic changes a table by putting a changed copy in its place, and rows of others refer to it. ``env.py``
        # looks afterwards that they still do.
        driver.cursor().execute("PRAGMA foreign_keys = OFF")
        try:
            yield connection
        finally:
            connection.invalidate()  # so that nobody else is given a connection like that


def newest_revision() -> str:
    """The revision that this version of Stepfarm works with."""
    head = ScriptDirectory.from_config(alembic_config()).get_current_head()
    if head is None:
        raise SchemaMismatch("This installation holds no migrations.", "Install stepfarm anew.")
    return head


def upgrade(database: Database) -> Path | None:
    """Make the tables, or bring them up to date; the copy that was made before, of an SQLite database that had tables.

    Raises:
        SchemaMismatch: the database is newer than this version of Stepfarm; it is left as it is.
        DatabaseAway: it does not answer, or does not let this user make tables.
        BadFile: the copy cannot be written; the database is left as it is.
    """
    database.make_file()
    with database.read() as session:
        current = _refuse_newer(session.connection())
    copy = None
    if database.is_sqlite and current not in (None, newest_revision()):
        file = file_of(database)
        copy = free_name(file.with_name(f"{file.name}.before-{newest_revision()}"))
        back_up(database, copy)
    with migrating(database) as connection:
        alembic.command.upgrade(alembic_config(connection), "head")
    return copy


def check(database: Database) -> None:
    """Refuse to work with a database that is not exactly of this version.

    Raises:
        SchemaMismatch: the database is newer, older, or has no tables yet.
    """
    with database.read() as session:
        current = _refuse_newer(session.connection())
    if current is None:
        raise SchemaMismatch("The database has no tables yet.", "Make them: stepfarm db upgrade, or stepfarm up.")
    if current != newest_revision():
        raise SchemaMismatch(
            f"The database has schema {current}, this version of Stepfarm needs {newest_revision()}.",
            "Keep a copy, then bring it up to date: stepfarm db upgrade, or stepfarm up.",
        )


def _refuse_newer(connection: sa.Connection) -> str | None:
    current = MigrationContext.configure(connection).get_current_revision()
    if current is not None:
        refuse_unknown(current)
    return current


def refuse_unknown(revision: str) -> None:
    """Refuse a revision that this version of Stepfarm does not know.

    Raises:
        SchemaMismatch: it is newer.
    """
    script = ScriptDirectory.from_config(alembic_config())
    if revision not in {known.revision for known in script.walk_revisions()}:
        raise SchemaMismatch(
            f"The database has schema {revision}, which is newer than this version of Stepfarm ({newest_revision()}).",
            "Upgrade stepfarm on this machine, or point it at another database. Nothing was changed.",
        )
