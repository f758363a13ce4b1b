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


def upgrade(database: Database) -> None:
    """Make the tables, or bring them up to date.

    Raises:
        SchemaMismatch: the database is newer than this version of Stepfarm; it is left as it is.
        DatabaseAway: it does not answer, or does not let this user make tables.
    """
    database.make_file()
    with database.read() as session:
        _refuse_newer(session.connection())
    with migrating(database) as connection:
        alembic.command.upgrade(alembic_config(connection), "head")


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
    script = ScriptDirectory.from_config(alembic_config())
    known = {revision.revision for revision in script.walk_revisions()}
    if current is not None and current not in known:
        raise SchemaMismatch(
            f"The database has schema {current}, which is newer than this version of Stepfarm ({newest_revision()}).",
            "Upgrade stepfarm on this machine, or point it at another database. Nothing was changed.",
        )
    return current
