"""A fleet: starts of agents, sweeps that are retried, and curves that were imported."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None

AS_MADE = {"sqlite_autoincrement": True}


def upgrade() -> None:
    """Make the change."""
    op.add_column("devices", sa.Column("agent_run", sa.String(length=64), nullable=True))
    op.add_column("devices", sa.Column("earlier_run", sa.String(length=64), nullable=True))
    op.add_column("devices", sa.Column("doubled_ms", sa.BigInteger(), nullable=True))
    op.add_column("sweeps", sa.Column("retry_of", sa.BigInteger(), nullable=True))
    # In SQL that both databases read: on SQLite, Alembic would copy the table, under rows that refer to it.
    op.execute(
        "ALTER TABLE curves ADD COLUMN imported JSON CONSTRAINT ck_curves_measured_or_imported "
        "CHECK ((job_id IS NULL) = (imported IS NOT NULL))"
    )


def downgrade() -> None:
    """Undo the change; curves that were imported go with it."""
    op.execute("DELETE FROM analyses WHERE curve_id IN (SELECT id FROM curves WHERE job_id IS NULL)")
    op.execute("DELETE FROM curves WHERE job_id IS NULL")
    with op.batch_alter_table("curves", table_kwargs=AS_MADE) as curves:
        curves.drop_constraint(op.f("ck_curves_measured_or_imported"), type_="check")
        curves.drop_column("imported")
    op.drop_column("sweeps", "retry_of")
    for column in ("doubled_ms", "earlier_run", "agent_run"):
        op.drop_column("devices", column)
