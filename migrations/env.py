"""How Alembic runs our migrations: on the connection that it is given, each migration in a transaction of its own."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import context
from alembic.runtime.migration import MigrationContext

from orchestrator.errors import SchemaMismatch
from orchestrator.storage.tables import Table


def refuse_loose_ends(ctx: MigrationContext, *_step: object, **_named: object) -> None:
    """Refuse a step that leaves a row which refers to none: SQLite does not see to it while tables are copied.

    Raises:
        SchemaMismatch: naming the first of them; the step is undone.
    """
    if ctx.connection is not None and ctx.dialect.name == "sqlite":
        loose = ctx.connection.exec_driver_sql("PRAGMA foreign_key_check").first()
        if loose is not None:
            raise SchemaMismatch(
                f"Row {loose[1]} of {loose[0]} refers to a row of {loose[2]} that is not there.",
                "The database was changed by another program; nothing was changed now. Put a good copy in its place.",
            )


def run(connection: sa.Connection) -> None:
    """Run the migrations on ``connection``."""
    context.configure(
        connection=connection,
        target_metadata=Table.metadata,
        transaction_per_migration=True,
        # SQLite cannot alter a constraint: Alembic copies the table instead.
        render_as_batch=connection.dialect.name == "sqlite",
        compare_type=True,
        on_version_apply=refuse_loose_ends,
    )
    with context.begin_transaction():
        context.run_migrations()


run(context.config.attributes["connection"])
