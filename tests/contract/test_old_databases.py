"""A database of an older version, with rows in it, is brought up to date without losing one, and is worked with."""

from __future__ import annotations

import json
import sqlite3
from pathlib import Path
from typing import Any

import alembic.command
import pytest
import sqlalchemy as sa

from orchestrator.analysis.analyse import analyse
from orchestrator.curves.analysing import one_by_one
from orchestrator.curves.analyst import Analyst
from orchestrator.errors import SchemaMismatch
from orchestrator.storage import curves, schema
from orchestrator.storage.database import Database
from orchestrator.storage.tables import Curve, Job
from tests.support.clocks import ManualClock
from tests.support.store import a_batch

DUMPS = sorted((Path(__file__).parents[1] / "data" / "databases").glob("*.sql"))
LATE_PASS = 5
"""In every dump (``tests.support.dump_database``), a pass that came after the first curve was sealed."""

Rows = dict[str, list[dict[str, Any]]]


def rows_of(database: Database) -> Rows:
    """Every row of every table, in order."""
    with database.engine.connect() as connection:
        found = sa.MetaData()
        found.reflect(connection)
        return {
            table.name: [
                dict(row._mapping) for row in connection.execute(sa.select(table).order_by(*table.primary_key.columns))
            ]
            for table in found.sorted_tables
            if table.name != "alembic_version"
        }


def load(dump: Path, database: Database) -> None:
    """Make ``database``, which is empty, what the dump was made of."""
    if database.is_sqlite:
        with sqlite3.connect(str(database.url.database)) as connection:
            connection.executescript(dump.read_text(encoding="utf-8"))
        return
    with database.engine.connect() as connection:
        alembic.command.upgrade(schema.alembic_config(connection), dump.stem)
    with sqlite3.connect(":memory:") as source:
        source.row_factory = sqlite3.Row
        source.executescript(dump.read_text(encoding="utf-8"))
        with database.engine.begin() as connection:
            found = sa.MetaData()
            found.reflect(connection)
            for table in found.sorted_tables:
                if table.name != "alembic_version":
                    _copy(source, connection, table)


def _copy(source: sqlite3.Connection, target: sa.Connection, table: sa.Table) -> None:
    rows = [
        {name: _as(table.c[name].type, row[name]) for name in row.keys()}  # noqa: SIM118  # a Row is no dictionary
        for row in source.execute(f'SELECT * FROM "{table.name}"')
    ]
    assert rows, f"the dump has no row in {table.name}"
    target.execute(sa.insert(table), rows)
    if "id" in table.c:
        highest = max(row["id"] for row in rows)
        target.execute(sa.text(f"SELECT setval(pg_get_serial_sequence('{table.name}', 'id'), {highest})"))


def _as(kind: sa.types.TypeEngine[Any], value: Any) -> Any:
    if isinstance(kind, sa.JSON):
        return sa.null() if value is None else json.loads(value)
    return bool(value) if isinstance(kind, sa.Boolean) and value is not None else value


@pytest.fixture(params=DUMPS, ids=lambda dump: str(dump.stem))
def old(request: pytest.FixtureRequest, empty_database: Database) -> Database:
    """A database of an older schema, with rows."""
    load(request.param, empty_database)
    return empty_database


def in_old_columns(old: Rows, new: Rows) -> Rows:
    """``new`` with the tables and columns of ``old`` alone."""
    return {
        table: [{name: row[name] for name in (rows[0] if rows else row)} for row in new[table]]
        for table, rows in old.items()
    }


def test_every_schema_before_the_newest_has_a_dump() -> None:
    assert [int(dump.stem) for dump in DUMPS] == list(range(1, int(schema.newest_revision())))


def test_a_dump_has_rows_in_every_table(old: Database) -> None:
    assert {table for table, rows in rows_of(old).items() if not rows} == set()


def test_an_old_database_is_upgraded_with_every_row_kept(old: Database) -> None:
    before = rows_of(old)

    schema.upgrade(old)

    schema.check(old)
    after = rows_of(old)
    assert in_old_columns(before, after) == before
    assert set(before) <= set(after)


def test_an_upgrade_undone_leaves_the_old_database_as_it_was(old: Database) -> None:
    before, revision = rows_of(old), _revision(old)
    schema.upgrade(old)

    with schema.migrating(old) as connection:
        alembic.command.downgrade(schema.alembic_config(connection), revision)

    assert rows_of(old) == before


def test_work_goes_on_in_an_old_database_where_it_was_left(old: Database) -> None:
    clock = ManualClock()
    schema.upgrade(old)
    with old.write() as session:
        at_work = session.scalars(sa.select(Job).where(Job.state == "leased")).one()
        batch = a_batch(at_work.fence, 1)
        curves.take_in(session, device_id=at_work.device_id, job_id=at_work.id, batch=batch, now_ms=clock.epoch_ms())

    Analyst(old, clock, one_by_one(analyse)).work()

    with old.read() as session:
        sealed = session.scalars(sa.select(Curve).where(Curve.blob.is_not(None))).one()
        assert [one.number for one in curves.sealed_passes(sealed)] == list(range(LATE_PASS + 1))
        growing = session.scalars(sa.select(Curve).where(Curve.job_id == at_work.id)).one()
        assert [one.number for one in curves.passes_of(session, growing)] == [0, 1]


@pytest.mark.parametrize("dump", DUMPS, ids=lambda dump: str(dump.stem))
def test_a_row_that_refers_to_none_stops_an_upgrade_which_then_changes_nothing(dump: Path, tmp_path: Path) -> None:
    database = Database(f"sqlite:///{tmp_path / 'farm.db'}")
    database.make_file()
    load(dump, database)
    with schema.migrating(database) as connection:
        connection.execute(sa.text("DELETE FROM curves WHERE id = 1"))
        connection.commit()
    before, revision = rows_of(database), _revision(database)

    with pytest.raises(SchemaMismatch, match="that is not there"):
        schema.upgrade(database)

    assert (_revision(database), rows_of(database)) == (revision, before)
    database.close()


def _revision(database: Database) -> str:
    with database.read() as session:
        return str(session.scalar(sa.text("SELECT version_num FROM alembic_version")))
