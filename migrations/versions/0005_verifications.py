"""Verifications: schedules that a device is timed with, beside the plain model and uniform pruning."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Make the change."""
    op.create_table(
        "verifications",
        sa.Column("job_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("curve_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("entries", sa.JSON(none_as_null=True), nullable=False),
        sa.ForeignKeyConstraint(["curve_id"], ["curves.id"], name="fk_verifications_curve_id"),
        sa.ForeignKeyConstraint(["job_id"], ["jobs.id"], name="fk_verifications_job_id"),
        sa.PrimaryKeyConstraint("job_id", name="pk_verifications"),
    )
    op.create_index("ix_verifications_curve_id", "verifications", ["curve_id"])


def downgrade() -> None:
    """Undo the change."""
    op.drop_table("verifications")
