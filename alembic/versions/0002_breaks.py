"""Breaks in the books as rows, from their first sighting to their end."""

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "breaks",
        sa.Column("id", sa.Integer(), primary_key=True),
        *(
            sa.Column(name, sa.String(), nullable=False)
            for name in ("check", "shard", "invariant", "key")
        ),
        sa.Column("payment_id", sa.Integer()),
        sa.Column("amount_krw", sa.BigInteger(), nullable=False),
        sa.Column("first_seen_at", sa.BigInteger(), nullable=False),
        sa.Column("last_seen_at", sa.BigInteger(), nullable=False),
        sa.Column("resolved_at", sa.BigInteger()),
    )
    op.create_index(
        "ix_breaks_open",
        "breaks",
        ["check", "shard", "invariant", "key"],
        unique=True,
        sqlite_where=sa.text("resolved_at IS NULL"),
    )
    op.create_index("ix_breaks_payment", "breaks", ["shard", "payment_id"])
    op.create_index("ix_breaks_resolved_at", "breaks", ["resolved_at"])


def downgrade() -> None:
    op.drop_table("breaks")
