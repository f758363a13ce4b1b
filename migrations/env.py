"""How Alembic runs our migrations: on the connection that it is given, each migration in a transaction of its own."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import context

from orchestrator.storage.tables import Table


def run(connection: sa.Connection) -> None:
    """Run the migrations on ``connection``."""
    context.configure(
        connection=connection,
        target_metadata=Table.metadata,
        transaction_per_migration=True,
        # SQLite cannot alter a constraint: Alembic copies the table instead.
        render_as_batch=connection.dialect.name == "sqlite",
        compare_type=True,
    )
    with context.begin_transaction():
        context.run_migrations()


run(context.config.attributes["connection"])
