"""Why an incident is silent."""

from alembic import op

revision = "0010"
down_revision = "0009"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.execute("ALTER TABLE incidents ADD COLUMN silent_reason VARCHAR NOT NULL DEFAULT ''")


def downgrade() -> None:
    op.execute("DELETE FROM transitions WHERE kind = 'silent'")
    op.execute("ALTER TABLE incidents DROP COLUMN silent_reason")
