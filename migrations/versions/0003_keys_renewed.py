"""Keys that are rotated in two generations, and join codes that let a known device back in."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None

COLUMNS = (("keys", "supersedes"), ("keys", "rotate_asked_ms"), ("join_codes", "readmits"))


def upgrade() -> None:
    """Make the change."""
    for table, column in COLUMNS:
        op.add_column(table, sa.Column(column, sa.BigInteger(), nullable=True))


def downgrade() -> None:
    """Undo the change; a rotation that was asked for and not yet met is forgotten."""
    for table, column in reversed(COLUMNS):
        op.drop_column(table, column)
