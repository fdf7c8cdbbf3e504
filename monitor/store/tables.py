"""The tables of the monitor's own database. Times are aware UTC; JSON columns hold plain data."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from sqlalchemy import (
    BigInteger,
    Column,
    Dialect,
    ForeignKey,
    Index,
    Integer,
    LargeBinary,
    PrimaryKeyConstraint,
    Text,
    TypeDecorator,
    UniqueConstraint,
)
from sqlalchemy.types import JSON
from sqlmodel import Field, SQLModel

from monitor.store.codec import from_micros, to_micros


class UtcTime(TypeDecorator[datetime]):
    """An aware UTC time, stored as microseconds since 1970: sorts, compares and stays exact."""

    impl = BigInteger
    cache_ok = True

    def process_bind_param(self, value: datetime | None, dialect: Dialect) -> int | None:
        """Aware time to microseconds; a naive time is a bug."""
        return to_micros(value)

    def process_result_value(self, value: int | None, dialect: Dialect) -> datetime | None:
        """Microseconds to aware UTC."""
        return from_micros(value)


def _time(**kw: Any) -> Any:
    return Field(sa_type=UtcTime, **kw)


def _json(**kw: Any) -> Any:
    return Field(sa_column=Column(JSON, nullable=False), **kw)


class SnapshotRow(SQLModel, table=True):
    """One pass of one check. `slot_at` is when it was due, `at` when it looked."""

    __tablename__ = "snapshots"
    __table_args__ = (Index("ix_snapshots_check_at", "check", "at"), Index("ix_snapshots_at", "at"))
    id: int | None = Field(default=None, primary_key=True)
    check: str
    at: datetime = _time()
    slot_at: datetime = _time()
    took_ms: float
    status: str


class FindingRow(SQLModel, table=True):
    """A finding of a snapshot."""

    __tablename__ = "findings"
    __table_args__ = (
        PrimaryKeyConstraint("snapshot_id", "code", "subject"),
        {"sqlite_with_rowid": False},
    )
    snapshot_id: int = Field(
        sa_column=Column(Integer, ForeignKey("snapshots.id", ondelete="CASCADE"), nullable=False)
    )
    code: str
    subject: str
    status: str
    params: dict[str, Any] = _json()
    evidence: list[dict[str, Any]] = _json()


class SeriesRow(SQLModel, table=True):
    """A series: one metric of one check about one subject. `counter_last`: its raw last value."""

    __tablename__ = "series"
    __table_args__ = (UniqueConstraint("check", "name"),)
    id: int | None = Field(default=None, primary_key=True)
    check: str
    name: str  # metric or metric{subject}
    counter_last: float | None = None


class ValueRow(SQLModel, table=True):
    """A reading, clustered by series and time."""

    __tablename__ = "metric_values"
    __table_args__ = (PrimaryKeyConstraint("series_id", "at"), {"sqlite_with_rowid": False})
    series_id: int = Field(sa_column=Column(Integer, nullable=False))
    at: datetime = _time()
    value: float


class HistogramRow(SQLModel, table=True):
    """The readings of one series in one hour (span 3600) or UTC day (span 86400), mergeable.

    `buckets` are packed (bucket, count) pairs of domain.baseline.
    """

    __tablename__ = "histograms"
    __table_args__ = (
        PrimaryKeyConstraint("series_id", "span", "start"),
        {"sqlite_with_rowid": False},
    )
    series_id: int = Field(sa_column=Column(Integer, nullable=False))
    span: int
    start: int = Field(sa_column=Column(Integer, nullable=False))  # seconds since 1970
    count: int
    total: float
    buckets: bytes = Field(sa_column=Column(LargeBinary, nullable=False))


class PassCountRow(SQLModel, table=True):
    """How many passes of a check an hour saw, by status, and how many were due but missed."""

    __tablename__ = "pass_counts"
    __table_args__ = (PrimaryKeyConstraint("check", "start"), {"sqlite_with_rowid": False})
    check: str
    start: int = Field(sa_column=Column(Integer, nullable=False))  # the hour, seconds since 1970
    ok: int = 0
    warn: int = 0
    crit: int = 0
    unknown: int = 0
    missed: int = 0


class MemoryRow(SQLModel, table=True):
    """What a check wants to find again at its next pass."""

    __tablename__ = "check_memory"
    check: str = Field(primary_key=True)
    memory: dict[str, Any] = _json()


class AlertRow(SQLModel, table=True):
    """One episode of one alert (domain.alert.Alert)."""

    __tablename__ = "alerts"
    __table_args__ = (
        Index("ix_alerts_live", "check", sqlite_where=Column("ended_at").is_(None)),
        Index("ix_alerts_since", "since"),
        Index("ix_alerts_ended_at", "ended_at"),
    )
    id: int | None = Field(default=None, primary_key=True)
    check: str
    code: str
    subject: str
    phase: str
    status: str
    since: datetime = _time()
    last_seen_at: datetime = _time()
    params: dict[str, Any] = _json()
    evidence: list[dict[str, Any]] = _json()
    passes: str
    worst: str = "ok"
    peak: dict[str, Any] = _json()
    fired_at: datetime | None = _time(default=None)
    ended_at: datetime | None = _time(default=None)
    rose_at: datetime | None = _time(default=None)


class IncidentRow(SQLModel, table=True):
    """One incident (domain.incident.Incident)."""

    __tablename__ = "incidents"
    __table_args__ = (
        Index("ix_incidents_open", "closed"),
        Index("ix_incidents_opened", "opened_at"),
    )
    id: int | None = Field(default=None, primary_key=True)
    root: str
    status: str
    opened_at: datetime = _time()
    ended_at: datetime | None = _time(default=None)
    closed: bool = False
    announced: str | None = None
    announced_members: list[int] = _json()
    announced_at: datetime | None = _time(default=None)
    announced_sizes: dict[str, Any] = _json()
    worst: str = "ok"
    left_by: str = ""
    left_by_incident: int | None = None
    speak_at: datetime | None = _time(default=None)
    unsteady_at: datetime | None = _time(default=None)
    impact: dict[str, Any] = _json()
    acked_by: str = ""
    acked_members: list[int] = _json()
    silent_reason: str = ""
    members: list[int] = _json()


class TransitionRow(SQLModel, table=True):
    """A change of an alert or an incident, and why: the journal of what happened when."""

    __tablename__ = "transitions"
    __table_args__ = (
        Index("ix_transitions_at", "at"),
        Index("ix_transitions_alert", "alert_id"),
        Index("ix_transitions_incident", "incident_id"),
    )
    id: int | None = Field(default=None, primary_key=True)
    at: datetime = _time()
    kind: str  # of an alert: pending fired ... joined; of an incident: the notice's
    reason: str
    alert_id: int | None = None
    incident_id: int | None = None
    snapshot_id: int | None = None


class NotificationRow(SQLModel, table=True):
    """A message owed to one receiver: unique by what it tells (`key`) and the receiver.

    state: waiting, sent, dead. `lease_until`: who claimed it has until then to send it.
    `reference` is what the receiver gave back (for Slack {"channel":…, "ts":…}).
    """

    __tablename__ = "notifications"
    __table_args__ = (
        UniqueConstraint("key", "receiver"),
        Index("ix_notifications_state", "state", "due_at"),
        Index("ix_notifications_thread", "thread", "receiver"),
    )
    id: int | None = Field(default=None, primary_key=True)
    key: str  # "incident:7:firing:3", "report:daily:2026-11-22"
    receiver: str
    kind: str  # incident, report
    thread: str = ""  # messages of one thread go out in order, each after the one before
    payload: dict[str, Any] = _json()
    state: str = "waiting"
    created_at: datetime = _time()
    due_at: datetime = _time()
    lease_until: datetime | None = _time(default=None)
    attempts: int = 0
    error: str = ""
    sent_at: datetime | None = _time(default=None)
    reference: dict[str, Any] = _json()
    priority: int = 1  # 0: a critical first message, which overtakes everything else
    first_tried_at: datetime | None = _time(default=None)


class AcceptanceRow(SQLModel, table=True):
    """A known state that somebody accepted until it grows (domain.incident.model.Acceptance)."""

    __tablename__ = "acceptances"
    id: int | None = Field(default=None, primary_key=True)
    pattern: str
    sizes: dict[str, Any] = _json()
    at: datetime = _time()
    until: datetime | None = _time(default=None)
    author: str = ""
    reason: str = ""
    ended_at: datetime | None = _time(default=None)


class SilenceRow(SQLModel, table=True):
    """Until `until`, nobody is told about alerts whose `check/code:subject` matches."""

    __tablename__ = "silences"
    id: int | None = Field(default=None, primary_key=True)
    pattern: str
    until: datetime = _time()
    created_at: datetime = _time()
    author: str = ""
    comment: str = ""


class NoteRow(SQLModel, table=True):
    """Something a person or the monitor itself wants to see in the history (a deployment)."""

    __tablename__ = "notes"
    __table_args__ = (Index("ix_notes_at", "at"),)
    id: int | None = Field(default=None, primary_key=True)
    at: datetime = _time()
    kind: str  # deployment, operation, monitor, demo
    text: str = Field(sa_column=Column(Text, nullable=False))
    author: str = ""


class LoadTestRow(SQLModel, table=True):
    """A run of k6 (domain.load_test.LoadTestRun): its outcome, and all that k6 told about it.

    `summary` holds what only the log told, and in rows from before revision 0004 k6's own JSON.
    """

    __tablename__ = "load_tests"
    __table_args__ = (
        Index("ix_load_tests_started_at", "started_at"),
        Index(
            "ix_load_tests_content",
            "content_hash",
            unique=True,
            sqlite_where=Column("content_hash") != "",
        ),
    )
    id: int | None = Field(default=None, primary_key=True)
    scenario: str
    target: str
    started_at: datetime = _time()
    ended_at: datetime | None = _time(default=None)
    state: str  # running, passed, failed, invalid
    exit_code: int | None = None
    reason: str = ""
    figures: dict[str, Any] = _json()
    summary: dict[str, Any] = _json()
    origin: str = "run"  # run, import
    file: str = ""
    content_hash: str = ""
    script_hash: str = ""
    k6_version: str = ""
    options: dict[str, Any] = _json()
    host: dict[str, Any] = _json()
    doubts: list[Any] = _json()
    result: dict[str, Any] = _json()


class LoadTestFileRow(SQLModel, table=True):
    """A run's result as k6 wrote it, compressed with zlib; `size_bytes` before that."""

    __tablename__ = "load_test_files"
    load_test_id: int = Field(
        sa_column=Column(Integer, ForeignKey("load_tests.id", ondelete="CASCADE"), primary_key=True)
    )
    size_bytes: int
    content: bytes = Field(sa_column=Column(LargeBinary, nullable=False))


class JobRunRow(SQLModel, table=True):
    """A run of a job for one slot of its calendar: what was due, and what became of it.

    state: running, done, failed, skipped (too late to be of use). `missed` counts the slots
    that passed unused before this one.
    """

    __tablename__ = "job_runs"
    __table_args__ = (PrimaryKeyConstraint("job", "slot_at"), {"sqlite_with_rowid": False})
    job: str
    slot_at: datetime = _time()
    started_at: datetime = _time()
    ended_at: datetime | None = _time(default=None)
    state: str
    missed: int = 0


class BreakRow(SQLModel, table=True):
    """A break in the books (domain.breaks.OpenBreak), from its first sighting to its end."""

    __tablename__ = "breaks"
    __table_args__ = (
        Index(
            "ix_breaks_open",
            *("check", "shard", "invariant", "key"),
            unique=True,
            sqlite_where=Column("resolved_at").is_(None),
        ),
        Index("ix_breaks_payment", "shard", "payment_id"),
        Index("ix_breaks_resolved_at", "resolved_at"),
    )
    id: int | None = Field(default=None, primary_key=True)
    check: str
    shard: str
    invariant: str
    key: str
    payment_id: int | None = None
    amount_krw: int = Field(sa_column=Column(BigInteger, nullable=False))
    first_seen_at: datetime = _time()
    last_seen_at: datetime = _time()
    resolved_at: datetime | None = _time(default=None)


class AuditRow(SQLModel, table=True):
    """An act at somebody's word through MCP: written before it is done, ended after."""

    __tablename__ = "audit"
    __table_args__ = (Index("ix_audit_at", "at"),)
    id: int | None = Field(default=None, primary_key=True)
    at: datetime = _time()
    tool: str
    caller: str
    arguments: dict[str, Any] = _json()
    confirmed_by: str = ""  # elicitation, approval:NAME (token: until 0011); "": nobody did
    outcome: str  # started, done, failed, refused, declined
    said: str = ""
    ended_at: datetime | None = _time(default=None)
    repeats: int = 0  # how many refusals more this line stands for


class ApprovalRow(SQLModel, table=True):
    """An act that a model asked for and a person has to approve (domain.audit.Approval)."""

    __tablename__ = "approvals"
    code: str = Field(primary_key=True)
    digest: str
    tool: str
    caller: str
    question: str
    asked_at: datetime = _time()
    expires_at: datetime = _time()
    arguments: dict[str, Any] = _json()
    approved_by: str = ""


class AcceptedBaselineRow(SQLModel, table=True):
    """A new normal: a series is measured by what it is from `from_at` on."""

    __tablename__ = "accepted_baselines"
    __table_args__ = (Index("ix_accepted_baselines_check", "check", "series"),)
    id: int | None = Field(default=None, primary_key=True)
    check: str
    series: str
    from_at: datetime = _time()
    at: datetime = _time()
    author: str = ""
    comment: str = ""
