"""The finding `blind` is called `monitoring_gap`, and its reason `blind` `not_visible`."""

from alembic import op

revision = "0006"
down_revision = "0005"
branch_labels = None
depends_on = None

# Where plain data quotes them: as JSON that is stored without spaces.
_QUOTED = (
    ('"code":"blind"', '"code":"monitoring_gap"'),
    ('"cause_code":"blind"', '"cause_code":"monitoring_gap"'),
    ('"blind:', '"monitoring_gap:'),
    ('"why":"blind"', '"why":"not_visible"'),
)
_CODES = ("findings", "alerts")
_KEYS = (
    ("incidents", "root"),
    ("incidents", "told_root"),
    ("silences", "pattern"),
)
_JSON = (
    ("findings", "params"),
    ("findings", "evidence"),
    ("alerts", "params"),
    ("alerts", "evidence"),
    ("notifications", "payload"),
)


def upgrade() -> None:
    for table in _CODES:
        op.execute(f"UPDATE {table} SET code = 'monitoring_gap' WHERE code = 'blind'")
    for table, column in _KEYS:
        op.execute(_replaced(table, column, "blind:", "monitoring_gap:"))
    for table, column in _JSON:
        for old, new in _QUOTED:
            op.execute(_replaced(table, column, old, new))


def downgrade() -> None:
    for table in _CODES:
        op.execute(f"UPDATE {table} SET code = 'blind' WHERE code = 'monitoring_gap'")
    for table, column in _KEYS:
        op.execute(_replaced(table, column, "monitoring_gap:", "blind:"))
    for table, column in _JSON:
        for old, new in _QUOTED:
            op.execute(_replaced(table, column, new, old))


def _replaced(table: str, column: str, old: str, new: str) -> str:
    found = f"instr({column}, '{old}') > 0"
    return f"UPDATE {table} SET {column} = replace({column}, '{old}', '{new}') WHERE {found}"
