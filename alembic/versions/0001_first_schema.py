"""The first schema."""

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None


def upgrade() -> None:
    _passes()
    _metrics()
    _alerts()
    _delivery()
    _people()
    _runs()


def downgrade() -> None:
    for table in reversed(_TABLES):
        op.drop_table(table)


_TABLES = (
    "snapshots",
    "findings",
    "pass_counts",
    "check_memory",
    "series",
    "metric_values",
    "histograms",
    "alerts",
    "incidents",
    "transitions",
    "notifications",
    "silences",
    "notes",
    "load_tests",
    "job_runs",
)


def _passes() -> None:
    op.create_table(
        "snapshots",
        _id(),
        *(_text("check"), _time("at"), _time("slot_at"), _real("took_ms"), _text("status")),
    )
    op.create_index("ix_snapshots_check_at", "snapshots", ["check", "at"])
    op.create_index("ix_snapshots_at", "snapshots", ["at"])
    op.create_table(
        "findings",
        *(_whole("snapshot_id"), _text("code"), _text("subject"), _text("status")),
        *(_json("params"), _json("evidence")),
        sa.ForeignKeyConstraint(["snapshot_id"], ["snapshots.id"], ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("snapshot_id", "code", "subject"),
        sqlite_with_rowid=False,
    )
    op.create_table(
        "pass_counts",
        *(_text("check"), _whole("start")),
        *(_whole(name) for name in ("ok", "warn", "crit", "unknown", "missed")),
        sa.PrimaryKeyConstraint("check", "start"),
        sqlite_with_rowid=False,
    )
    op.create_table("check_memory", _text("check", primary_key=True), _json("memory"))


def _metrics() -> None:
    op.create_table(
        "series",
        *(_id(), _text("check"), _text("name"), sa.Column("counter_last", sa.Float())),
        sa.UniqueConstraint("check", "name"),
    )
    op.create_table(
        "metric_values",
        *(_whole("series_id"), _time("at"), _real("value")),
        sa.PrimaryKeyConstraint("series_id", "at"),
        sqlite_with_rowid=False,
    )
    op.create_table(
        "histograms",
        *(_whole("series_id"), _whole("span"), _whole("start"), _whole("count"), _real("total")),
        sa.Column("buckets", sa.LargeBinary(), nullable=False),
        sa.PrimaryKeyConstraint("series_id", "span", "start"),
        sqlite_with_rowid=False,
    )


def _alerts() -> None:
    op.create_table(
        "alerts",
        *(_id(), _text("check"), _text("code"), _text("subject"), _text("phase"), _text("status")),
        *(_time("since"), _time("last_seen_at"), _json("params"), _json("evidence")),
        *(_text("passes"), _time("fired_at", True), _time("ended_at", True)),
    )
    live = sa.text("ended_at IS NULL")
    op.create_index("ix_alerts_live", "alerts", ["check"], sqlite_where=live)
    op.create_index("ix_alerts_since", "alerts", ["since"])
    op.create_index("ix_alerts_ended_at", "alerts", ["ended_at"])
    op.create_table(
        "incidents",
        *(_id(), _text("root"), _text("status"), _time("opened_at"), _time("ended_at", True)),
        sa.Column("closed", sa.Boolean(), nullable=False),
        *(_text("told", nullable=True), _json("told_members"), _text("told_root")),
        *(_time("told_at", True), _text("acked_by"), _json("members")),
    )
    op.create_index("ix_incidents_open", "incidents", ["closed"])
    op.create_index("ix_incidents_opened", "incidents", ["opened_at"])
    op.create_table(
        "transitions",
        *(_id(), _time("at"), _text("kind"), _text("reason")),
        *(sa.Column(name, sa.Integer()) for name in ("alert_id", "incident_id", "snapshot_id")),
    )
    op.create_index("ix_transitions_at", "transitions", ["at"])
    op.create_index("ix_transitions_alert", "transitions", ["alert_id"])
    op.create_index("ix_transitions_incident", "transitions", ["incident_id"])


def _delivery() -> None:
    op.create_table(
        "notifications",
        *(_id(), _text("key"), _text("receiver"), _text("kind"), _text("thread")),
        *(_json("payload"), _text("state"), _time("created_at"), _time("due_at")),
        *(_time("lease_until", True), _whole("attempts"), _text("error")),
        *(_time("sent_at", True), _json("reference")),
        sa.UniqueConstraint("key", "receiver"),
    )
    op.create_index("ix_notifications_state", "notifications", ["state", "due_at"])
    op.create_index("ix_notifications_thread", "notifications", ["thread", "receiver"])


def _people() -> None:
    op.create_table(
        "silences",
        *(_id(), _text("pattern"), _time("until"), _time("created_at")),
        *(_text("author"), _text("comment")),
    )
    op.create_table(
        "notes",
        *(_id(), _time("at"), _text("kind")),
        sa.Column("text", sa.Text(), nullable=False),
        _text("author"),
    )
    op.create_index("ix_notes_at", "notes", ["at"])


def _runs() -> None:
    op.create_table(
        "load_tests",
        *(_id(), _text("scenario"), _text("target"), _time("started_at"), _time("ended_at", True)),
        *(_text("state"), sa.Column("exit_code", sa.Integer()), _text("reason")),
        *(_json("figures"), _json("summary")),
    )
    op.create_index("ix_load_tests_started_at", "load_tests", ["started_at"])
    op.create_table(
        "job_runs",
        *(_text("job"), _time("slot_at"), _time("started_at"), _time("ended_at", True)),
        *(_text("state"), _whole("missed")),
        sa.PrimaryKeyConstraint("job", "slot_at"),
        sqlite_with_rowid=False,
    )


def _id() -> sa.Column:
    return sa.Column("id", sa.Integer(), primary_key=True)


def _text(name: str, nullable: bool = False, primary_key: bool = False) -> sa.Column:
    return sa.Column(name, sa.String(), nullable=nullable, primary_key=primary_key)


def _time(name: str, nullable: bool = False) -> sa.Column:
    """Microseconds since 1970."""
    return sa.Column(name, sa.BigInteger(), nullable=nullable)


def _json(name: str) -> sa.Column:
    return sa.Column(name, sa.JSON(), nullable=False)


def _whole(name: str) -> sa.Column:
    return sa.Column(name, sa.Integer(), nullable=False)


def _real(name: str) -> sa.Column:
    return sa.Column(name, sa.Float(), nullable=False)
