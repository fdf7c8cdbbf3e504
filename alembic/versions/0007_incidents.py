"""Incidents that speak for themselves: what was announced, the worst it was, what is accepted."""

import sqlalchemy as sa
from alembic import op

revision = "0007"
down_revision = "0006"
branch_labels = None
depends_on = None

_RENAMED = {"told": "announced", "told_members": "announced_members", "told_at": "announced_at"}
_ADDED = {
    "worst": "VARCHAR NOT NULL DEFAULT 'ok'",
    "announced_sizes": "JSON NOT NULL DEFAULT '{}'",
    "left_by": "VARCHAR NOT NULL DEFAULT ''",
    "acked_members": "JSON NOT NULL DEFAULT '[]'",
    "left_by_incident": "INTEGER",
    "speak_at": "BIGINT",
    "unsteady_at": "BIGINT",
}


def upgrade() -> None:
    for old, new in _RENAMED.items():
        op.execute(f"ALTER TABLE incidents RENAME COLUMN {old} TO {new}")
    op.execute("ALTER TABLE incidents DROP COLUMN told_root")
    for name, kind in _ADDED.items():
        op.execute(f"ALTER TABLE incidents ADD COLUMN {name} {kind}")
    op.execute("UPDATE incidents SET worst = status")
    op.execute("ALTER TABLE alerts ADD COLUMN worst VARCHAR NOT NULL DEFAULT 'ok'")
    op.execute("ALTER TABLE alerts ADD COLUMN peak JSON NOT NULL DEFAULT '{}'")
    op.execute("UPDATE alerts SET worst = status, peak = params")
    op.execute("ALTER TABLE notifications ADD COLUMN priority INTEGER NOT NULL DEFAULT 1")
    op.execute("ALTER TABLE notifications ADD COLUMN first_tried_at BIGINT")
    op.create_table(
        "acceptances",
        sa.Column("id", sa.Integer(), primary_key=True),
        sa.Column("pattern", sa.String(), nullable=False),
        sa.Column("sizes", sa.JSON(), nullable=False),
        sa.Column("at", sa.BigInteger(), nullable=False),
        sa.Column("until", sa.BigInteger()),
        sa.Column("author", sa.String(), nullable=False),
        sa.Column("reason", sa.String(), nullable=False),
        sa.Column("ended_at", sa.BigInteger()),
    )


def downgrade() -> None:
    op.drop_table("acceptances")
    for table, names in (
        ("notifications", ("priority", "first_tried_at")),
        ("alerts", ("worst", "peak")),
        ("incidents", tuple(_ADDED)),
    ):
        for name in names:
            op.execute(f"ALTER TABLE {table} DROP COLUMN {name}")
    op.execute("ALTER TABLE incidents ADD COLUMN told_root VARCHAR NOT NULL DEFAULT ''")
    op.execute("UPDATE incidents SET told_root = root WHERE announced IS NOT NULL")
    for old, new in _RENAMED.items():
        op.execute(f"ALTER TABLE incidents RENAME COLUMN {new} TO {old}")
