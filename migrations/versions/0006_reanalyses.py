"""Which curves are to be analysed anew."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0006"
down_revision = "0005"
branch_labels = None
depends_on = None

ROW_ID = sa.BigInteger().with_variant(sa.Integer(), "sqlite")


def upgrade() -> None:
    """Make the change."""
    op.create_table(
        "reanalyses",
        sa.Column(
            "curve_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), autoincrement=False, nullable=False
        ),
        sa.Column("asked_ms", sa.BigInteger(), nullable=False),
        sa.Column("everything", sa.Boolean(), nullable=False),
        sa.Column("failure", sa.String(length=4_000), nullable=True),
        sa.Column("failed_ms", sa.BigInteger(), nullable=True),
        sa.CheckConstraint("(failure IS NULL) = (failed_ms IS NULL)", name=op.f("ck_reanalyses_failed_at_a_time")),
        sa.ForeignKeyConstraint(["curve_id"], ["curves.id"], name=op.f("fk_reanalyses_curve_id")),
        sa.PrimaryKeyConstraint("curve_id", name=op.f("pk_reanalyses")),
    )


def downgrade() -> None:
    """Undo the change."""
    op.drop_table("reanalyses")
