"""When an alert became critical that had fired as less."""

from alembic import op

revision = "0009"
down_revision = "0008"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.execute("ALTER TABLE alerts ADD COLUMN rose_at BIGINT")


def downgrade() -> None:
    op.execute("ALTER TABLE alerts DROP COLUMN rose_at")
