"""Accuracy: what its jobs were asked, and the tallies that came of it."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0007"
down_revision = "0006"
branch_labels = None
depends_on = None

RowId = sa.BigInteger().with_variant(sa.Integer(), "sqlite")


def upgrade() -> None:
    """Make the change."""
    op.create_table(
        "trials",
        sa.Column("job_id", RowId, autoincrement=False, nullable=False),
        sa.Column("plan", sa.JSON(none_as_null=True), nullable=False),
        sa.Column("weights", sa.JSON(none_as_null=True), nullable=False),
        sa.Column("dataset", sa.JSON(none_as_null=True), nullable=False),
        sa.Column("facts", sa.JSON(none_as_null=True), nullable=True),
        sa.Column("trial", sa.JSON(none_as_null=True), nullable=True),
        sa.Column("begun_ms", sa.BigInteger(), nullable=True),
        sa.CheckConstraint("(facts IS NULL) = (trial IS NULL)", name=op.f("ck_trials_begun")),
        sa.ForeignKeyConstraint(["job_id"], ["jobs.id"], name=op.f("fk_trials_job_id")),
        sa.PrimaryKeyConstraint("job_id", name=op.f("pk_trials")),
    )
    op.create_table(
        "tallies",
        sa.Column("job_id", RowId, autoincrement=False, nullable=False),
        sa.Column("number", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("place", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("fence", sa.Integer(), nullable=False),
        sa.Column("images", sa.Integer(), nullable=False),
        sa.Column("agreeing", sa.Integer(), nullable=False),
        sa.Column("divergence", sa.Double(), nullable=False),
        sa.Column("divergence_squares", sa.Double(), nullable=False),
        sa.Column("top_1", sa.Integer(), nullable=True),
        sa.Column("top_5", sa.Integer(), nullable=True),
        sa.Column("lost", sa.Integer(), nullable=True),
        sa.Column("gained", sa.Integer(), nullable=True),
        sa.Column("received_ms", sa.BigInteger(), nullable=False),
        sa.CheckConstraint("(top_1 IS NULL) = (top_5 IS NULL)", name=op.f("ck_tallies_labelled")),
        sa.CheckConstraint("images > 0", name=op.f("ck_tallies_of_images")),
        sa.ForeignKeyConstraint(["job_id"], ["jobs.id"], name=op.f("fk_tallies_job_id")),
        sa.PrimaryKeyConstraint("job_id", "number", "place", name=op.f("pk_tallies")),
    )


def downgrade() -> None:
    """Undo the change; accuracy jobs stay, without what they were for."""
    op.drop_table("tallies")
    op.drop_table("trials")
