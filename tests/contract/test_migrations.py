"""Alembic alone makes the tables, and makes what the code expects."""

from __future__ import annotations

import re
from pathlib import Path

import alembic.command
import pytest
import sqlalchemy as sa
from alembic.autogenerate import compare_metadata
from alembic.runtime.migration import MigrationContext

import migrations
from orchestrator.errors import SchemaMismatch
from orchestrator.storage import schema
from orchestrator.storage.database import Database
from orchestrator.storage.tables import Table

PLUGINS = ["alembic.autogenerate.*", "alembic.ext.checkconstraint_byname"]
SQLITE_DUMP = "SELECT sql FROM sqlite_master WHERE sql IS NOT NULL AND name NOT LIKE 'alembic%' ORDER BY sql"
POSTGRES_DUMP = """
    SELECT conrelid\\:\\:regclass || ' ' || conname || ' ' || pg_get_constraintdef(oid) AS line FROM pg_constraint
    WHERE connamespace = 'public'\\:\\:regnamespace AND conname NOT LIKE 'alembic%'
    UNION ALL SELECT indexdef FROM pg_indexes WHERE schemaname = 'public' AND indexname NOT LIKE 'alembic%'
    UNION ALL SELECT concat_ws(' ', table_name, column_name, data_type, is_nullable, character_maximum_length)
    FROM information_schema.columns WHERE table_schema = 'public' AND table_name NOT LIKE 'alembic%'
    ORDER BY line
"""
VERSIONS = Path(migrations.__file__).parent / "versions"
REVISIONS = sorted(file.name[:4] for file in VERSIONS.glob("*.py"))


def dump(database: Database) -> list[str]:
    """Every table, index and constraint, as the database itself words them."""
    with database.engine.connect() as connection:
        lines = connection.scalars(sa.text(SQLITE_DUMP if database.is_sqlite else POSTGRES_DUMP))
        return [re.sub(r"\s+", " ", line) for line in lines]


def constraints_and_indexes(database: Database) -> set[str]:
    """Every check, key and index with its wording."""
    found = sa.inspect(database.engine)
    named = {
        f"{table}: {item}"
        for table in tables(database) - {"alembic_version"}
        for item in (
            *((check["name"], check["sqltext"]) for check in found.get_check_constraints(table)),
            *((key["name"], key["constrained_columns"]) for key in found.get_foreign_keys(table)),
            *((key["name"], key["column_names"]) for key in found.get_unique_constraints(table)),
        )
    }
    return named | {line for line in dump(database) if "INDEX" in line}


def can_be_compared(_item: object, name: str | None, _kind: str, *_more: object) -> bool:
    """Whether Alembic can: on SQLite it does not see the order in an index. The wording is compared further below."""
    return name != "ix_jobs_queue"


def tables(database: Database) -> set[str]:
    return set(sa.inspect(database.engine).get_table_names())


def set_revision(database: Database, revision: str) -> None:
    with database.write() as session:
        session.execute(sa.text("UPDATE alembic_version SET version_num = :revision"), {"revision": revision})


def test_the_migrated_schema_is_that_of_the_models(database: Database) -> None:
    with database.engine.connect() as connection:
        options = {"compare_type": True, "autogenerate_plugins": PLUGINS, "include_object": can_be_compared}
        context = MigrationContext.configure(connection, opts=options)
        assert compare_metadata(context, Table.metadata) == []


def test_every_constraint_and_index_is_worded_as_in_the_models(database: Database) -> None:
    migrated = constraints_and_indexes(database)

    # Nowhere else does anything but Alembic make tables: here the two are set side by side.
    Table.metadata.drop_all(database.engine)
    Table.metadata.create_all(database.engine)

    assert migrated == constraints_and_indexes(database)


def shape(database: Database) -> set[str]:
    """Every column, constraint and index, in whatever order: Alembic's copies of tables on SQLite have another."""
    found = sa.inspect(database.engine)
    columns = {
        f"{table}: {column['name']} {column['type']!r} {column['nullable']}"
        for table in tables(database) - {"alembic_version"}
        for column in found.get_columns(table)
    }
    return columns | constraints_and_indexes(database)


def go(database: Database, revision: str) -> set[str]:
    """The schema of ``database``, brought to ``revision``."""
    up = int(revision) > int(revision_of(database) or 0)
    with schema.migrating(database) as connection:
        step = alembic.command.upgrade if up else alembic.command.downgrade
        step(schema.alembic_config(connection), "base" if revision == "0000" else revision)
    assert (revision_of(database) or "0000") == revision
    return shape(database)


def revision_of(database: Database) -> str | None:
    with database.engine.connect() as connection:
        return MigrationContext.configure(connection).get_current_revision()


@pytest.mark.parametrize("revision", REVISIONS)
def test_each_step_goes_up_down_and_up_again(empty_database: Database, revision: str) -> None:
    before = f"{int(revision) - 1:04}"
    without = go(empty_database, before) if before != "0000" else set()

    made = go(empty_database, revision)

    assert go(empty_database, before) == without
    assert go(empty_database, revision) == made


def test_upgrading_again_keeps_what_is_there(database: Database) -> None:
    insert = "INSERT INTO join_codes (code_sha256, created_ms, expires_ms) VALUES ('a', 1, 2)"
    with database.write() as session:
        session.execute(sa.text(insert))

    schema.upgrade(database)

    schema.check(database)
    with database.read() as session:
        assert session.scalar(sa.text("SELECT count(*) FROM join_codes")) == 1


def test_a_database_without_tables_is_refused_with_advice(empty_database: Database) -> None:
    with pytest.raises(SchemaMismatch, match="no tables yet") as refusal:
        schema.check(empty_database)

    assert "stepfarm db upgrade" in refusal.value.advice
    assert tables(empty_database) == set()


def test_a_newer_schema_is_refused_with_advice_and_nothing_is_changed(database: Database) -> None:
    set_revision(database, "9999")
    before = dump(database)

    for refuse in (schema.check, schema.upgrade):
        with pytest.raises(SchemaMismatch, match="9999, which is newer") as refusal:
            refuse(database)
        assert "Upgrade stepfarm" in refusal.value.advice

    assert dump(database) == before


def test_an_older_schema_is_refused_by_check_and_mended_by_upgrade(database: Database) -> None:
    with schema.migrating(database) as connection:
        alembic.command.downgrade(schema.alembic_config(connection), "-1")

    with pytest.raises(SchemaMismatch) as refusal:
        schema.check(database)
    schema.upgrade(database)

    assert "stepfarm db upgrade" in refusal.value.advice
    schema.check(database)


def test_migrations_are_numbered_without_gaps_and_named_like_their_revisions() -> None:
    names = sorted(file.name for file in VERSIONS.glob("*.py"))

    assert all(re.fullmatch(r"\d{4}_[a-z_]+\.py", name) for name in names)
    assert [int(name[:4]) for name in names] == list(range(1, len(names) + 1))
    assert all(f'revision = "{name[:4]}"' in (VERSIONS / name).read_text() for name in names)
