"""Functions that SQLite and MariaDB call by different names, as constructs of SQLAlchemy."""

from __future__ import annotations

import sqlite3
import zlib
from typing import Any

from sqlalchemy import BigInteger, Integer
from sqlalchemy.ext.compiler import compiles
from sqlalchemy.sql.functions import FunctionElement


class json_number(FunctionElement[Any]):  # noqa: N801 - written like a function of SQL
    """A number in a JSON text: json_number(text, '$.amount'); NULL if there is none."""

    type = BigInteger()
    inherit_cache = True
    name = "json_number"


class merchant_parity(FunctionElement[Any]):  # noqa: N801
    """Whether a merchant's digits are even (0) or odd (1): the platform's rule of its shards."""

    type = Integer()
    inherit_cache = True
    name = "merchant_parity"


class entries_sum(FunctionElement[Any]):  # noqa: N801
    """A sum over the content of all rows of a group that any change of any row changes."""

    type = BigInteger()
    inherit_cache = True
    name = "entries_sum"


@compiles(json_number)
def _json_value(element: Any, compiler: Any, **kw: Any) -> str:
    return f"JSON_VALUE({compiler.process(element.clauses, **kw)})"


@compiles(json_number, "sqlite")
def _json_extract(element: Any, compiler: Any, **kw: Any) -> str:
    json, at = element.clauses
    text = compiler.process(json, **kw)
    path = compiler.process(at, **kw)
    return f"CASE WHEN json_valid({text}) THEN json_extract({text}, {path}) END"


@compiles(merchant_parity)
def _parity(element: Any, compiler: Any, **kw: Any) -> str:
    digits = f"REGEXP_REPLACE({compiler.process(element.clauses, **kw)}, '[^0-9]', '')"
    return f"IF({digits} = '' OR LENGTH({digits}) > 18, 0, MOD(RIGHT({digits}, 1), 2))"


@compiles(entries_sum)
def _sum(element: Any, compiler: Any, **kw: Any) -> str:
    return f"BIT_XOR(CRC32(CONCAT_WS(':', {compiler.process(element.clauses, **kw)})))"


@compiles(merchant_parity, "sqlite")
@compiles(entries_sum, "sqlite")
def _own(element: Any, compiler: Any, **kw: Any) -> str:
    return f"{element.name}({compiler.process(element.clauses, **kw)})"


def parity_of(merchant_id: str | None) -> int:
    """The platform's rule: the last digit decides; none, or too many for a number: 0."""
    digits = "".join(c for c in merchant_id or "" if c in "0123456789")
    return int(digits[-1]) % 2 if 0 < len(digits) <= 18 else 0


class _EntriesSum:
    def __init__(self) -> None:
        self.value = 0

    def step(self, *columns: Any) -> None:
        self.value ^= zlib.crc32(":".join(str(c) for c in columns if c is not None).encode())

    def finalize(self) -> int:
        return self.value


def teach(raw: sqlite3.Connection) -> None:
    """Give a SQLite connection the functions it lacks."""
    raw.create_function("merchant_parity", 1, parity_of, deterministic=True)
    raw.create_aggregate("entries_sum", -1, _EntriesSum)
