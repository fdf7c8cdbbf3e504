"""Load tests with all that k6 told: thresholds, endpoints, reasons, the file itself."""

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None

_TEXTS = {"origin": "run", "file": "", "content_hash": "", "script_hash": "", "k6_version": ""}
_JSON = {"options": "{}", "host": "{}", "doubts": "[]", "result": "{}"}


def upgrade() -> None:
    for kind, columns in ((sa.String(), _TEXTS), (sa.JSON(), _JSON)):
        for name, default in columns.items():
            column = sa.Column(name, kind, nullable=False, server_default=sa.text(f"'{default}'"))
            op.add_column("load_tests", column)
    op.create_index(
        "ix_load_tests_content",
        "load_tests",
        ["content_hash"],
        unique=True,
        sqlite_where=sa.text("content_hash != ''"),
    )
    op.create_table(
        "load_test_files",
        sa.Column(
            "load_test_id",
            sa.Integer(),
            sa.ForeignKey("load_tests.id", ondelete="CASCADE"),
            primary_key=True,
        ),
        sa.Column("size_bytes", sa.Integer(), nullable=False),
        sa.Column("content", sa.LargeBinary(), nullable=False),
    )


def downgrade() -> None:
    op.drop_table("load_test_files")
    op.drop_index("ix_load_tests_content", "load_tests")
    for name in (*_TEXTS, *_JSON):
        op.drop_column("load_tests", name)
