"""New normals that somebody accepted: from when on the past of a series counts."""

import sqlalchemy as sa
from alembic import op

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "accepted_baselines",
        sa.Column("id", sa.Integer(), primary_key=True),
        sa.Column("check", sa.String(), nullable=False),
        sa.Column("series", sa.String(), nullable=False),
        sa.Column("from_at", sa.BigInteger(), nullable=False),
        sa.Column("at", sa.BigInteger(), nullable=False),
        sa.Column("author", sa.String(), nullable=False),
        sa.Column("comment", sa.String(), nullable=False),
    )
    op.create_index("ix_accepted_baselines_check", "accepted_baselines", ["check", "series"])


def downgrade() -> None:
    op.drop_table("accepted_baselines")
