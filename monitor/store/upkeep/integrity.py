"""Whether the file is sound: what is damaged may answer, and answer wrongly."""

from __future__ import annotations

from typing import TYPE_CHECKING

from monitor.store.database import Store, StoreError

if TYPE_CHECKING:
    from monitor.store.database import Connection

_SHOWN_MAX = 3
_TOLD = ("alerts", "incidents", "transitions", "notifications", "silences")


def require_readable(store: Store) -> None:
    """A look at the file's beginning, as any new process has it; StoreError if that fails."""
    with store.read_afresh() as tx:
        tx.exec_driver_sql("SELECT count(*) FROM alembic_version").scalar_one()


def quick_check(store: Store) -> None:
    """Read every page of the file; StoreError says what is damaged."""
    _require_sound(store, f"quick_check({_SHOWN_MAX})")


def integrity_check(store: Store) -> None:
    """Compare every index with its table, too; it takes several times as long."""
    _require_sound(store, f"integrity_check({_SHOWN_MAX})")


def require_sound_alerts(store: Store) -> None:
    """The same of what alerts and incidents are read from, which is little: "none" must be so."""
    _require_sound(store, *(f"integrity_check({table})" for table in _TOLD))


def _require_sound(store: Store, *pragmas: str) -> None:
    with store.read_afresh() as tx:
        said = [text for pragma in pragmas for text in _run(tx, pragma)]
    found = [text for text in said if text != "ok"]
    if found:
        raise StoreError(f"{store.path} is damaged: {'; '.join(found[:_SHOWN_MAX])[:300]}")


def _run(tx: Connection, pragma: str) -> list[str]:
    return [str(row[0]) for row in tx.exec_driver_sql(f"PRAGMA {pragma}")]
