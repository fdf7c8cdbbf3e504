"""Every invariant broken on real MariaDB is told by the check, in both languages, and is over."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from datetime import UTC, timedelta
from types import SimpleNamespace
from typing import Any

import books
import pytest
from books_looks import implied_by
from mariadb_books import database, keep, refill
from services import services

from checks.reconciliation import CHECK, Options
from checks.sources.database.source import Database
from monitor.domain.check import Finding, ProbeContext, Status
from monitor.text.catalog import Catalog

pytestmark = pytest.mark.slow

WORDS = {language: Catalog(language, UTC, strict=True) for language in ("en", "ko")}
TITLES = {
    "en": r".+ in 1 place(, ₩[\d,]+)? \({}, shard1\)",
    "ko": r".+ 1건(, [\d,]+원)? \({}, shard1\)",
}


@pytest.fixture(scope="module")
def servers() -> Iterator[list[books.Shard]]:
    """Gives two healthy shards on two servers."""
    one, two, admin1, admin2 = services("shard1", "shard2", "shard1_admin", "shard2_admin")
    span = timedelta(hours=40)
    with database(admin1, one, "told") as shard1, database(admin2, two, "told") as shard2:
        for parity, shard in enumerate((shard1, shard2)):
            keep(shard, books.healthy(200, books.NOW, span, parity))
        yield [shard1, shard2]


@pytest.fixture(scope="module")
def source(servers) -> Database:
    return Database({f"shard{n}": shard.url for n, shard in enumerate(servers, 1)})


def passed(source: Database, memory: dict[str, Any]) -> tuple[dict[str, Finding], dict[str, Any]]:
    """One pass, which sweeps all rows if it remembers no sweep."""
    platform = SimpleNamespace(database=source, kafka=None)
    context = ProbeContext(platform, Options(ignore=("S4", "X2")), memory, books.NOW)
    verdict, after = CHECK.evaluate(CHECK.probe(context), context)
    return {finding.key: finding for finding in verdict.findings}, json.loads(json.dumps(after))


def sweeping(memory: dict[str, Any]) -> dict[str, Any]:
    """The memory of a monitor whose next sweep is due."""
    shards = {name: {**known, "swept_at": None} for name, known in memory["shards"].items()}
    return {**memory, "shards": shards}


@pytest.mark.parametrize("invariant", books.FAULTS)
def test_a_broken_invariant_is_told_with_what_it_implies_and_is_over(servers, source, invariant):
    refill(servers[0])
    servers[0].disorder(invariant)
    told, memory = passed(source, {})
    allowed = {f"books_broken:shard1/{i}" for i in {invariant, *implied_by(invariant)}}
    assert f"books_broken:shard1/{invariant}" in told
    assert told.keys() <= allowed
    finding = told[f"books_broken:shard1/{invariant}"]
    assert finding.status in (Status.WARN, Status.CRIT)
    for language, words in WORDS.items():
        said = words.finding(finding)
        assert re.fullmatch(TITLES[language].format(invariant), said.title)
        assert said.text.startswith(words.say(f"invariant.{invariant}.text"))
    refill(servers[0])
    told, memory = passed(source, memory)
    if told:  # no index leads to it: it waits for the next sweep
        told, _ = passed(source, sweeping(memory))
    assert told == {}
