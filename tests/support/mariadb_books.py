"""Shards on real MariaDB servers for tests: a database of their own, filled and emptied again."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import books
from sqlalchemy import create_engine, make_url

SCHEMA = Path(__file__).parents[2] / "scripts" / "services.d" / "schema.sql"


@contextmanager
def database(admin_url: str, read_url: str, name: str = "books") -> Iterator[books.Shard]:
    """An empty shard with the platform's schema; the monitor's account may only read it."""
    schema = f"paydb_{name}_{os.getpid()}"
    server = create_engine(admin_url)
    statements = re.sub(r"\bpaydb\b", schema, re.sub("--.*", "", SCHEMA.read_text("utf-8")))
    with server.begin() as connection:
        connection.exec_driver_sql(f"DROP DATABASE IF EXISTS {schema}")
        for statement in filter(str.strip, statements.split(";")):
            connection.exec_driver_sql(statement)
    engine = create_engine(make_url(admin_url).set(database=schema))
    url = make_url(read_url).set(database=schema).render_as_string(hide_password=False)
    yield books.Shard(url, engine)
    engine.dispose()
    with server.begin() as connection:
        connection.exec_driver_sql(f"DROP DATABASE IF EXISTS {schema}")
    server.dispose()


def keep(shard: books.Shard, rows: books.Rows) -> None:
    """Fill the shard, and keep the rows beside it on the server."""
    shard.fill(rows)
    with shard.engine.begin() as connection:
        for table in books.TABLES:
            connection.exec_driver_sql(f"CREATE TABLE kept_{table} AS SELECT * FROM {table}")


def refill(shard: books.Shard) -> None:
    """Only the rows that were kept."""
    with shard.engine.begin() as connection:
        connection.exec_driver_sql("SET foreign_key_checks = 0")
        for table in books.TABLES:
            connection.exec_driver_sql(f"DELETE FROM {table}")
            connection.exec_driver_sql(f"INSERT INTO {table} SELECT * FROM kept_{table}")
        connection.exec_driver_sql("SET foreign_key_checks = 1")
