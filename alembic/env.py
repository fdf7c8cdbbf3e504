"""How Alembic reaches the database: by the caller's connection, or `-x path=FILE`."""

from pathlib import Path

from alembic import context
from sqlmodel import SQLModel

import monitor.store.tables  # noqa: F401  (fills the metadata)
from monitor.store.database import Store


def _run(connection: object) -> None:
    context.configure(
        connection=connection,
        target_metadata=SQLModel.metadata,
        render_as_batch=True,
    )
    with context.begin_transaction():
        context.run_migrations()


def _run_alone() -> None:
    path = context.get_x_argument(as_dictionary=True).get("path", "paypulse.db")
    store = Store(Path(path), durable=True)
    with store.write() as connection:
        _run(connection)
    store.close()


if "connection" in context.config.attributes:
    _run(context.config.attributes["connection"])
else:
    _run_alone()
