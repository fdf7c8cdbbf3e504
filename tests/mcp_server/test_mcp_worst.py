"""The worst that shards can answer: hostile text at full length everywhere, and a million rows."""

from __future__ import annotations

import json
from datetime import timedelta

import books
import pytest
from asked_case import app_over
from mcp_case import answer
from sqlalchemy import create_engine
from test_mcp_payments import HOSTILE, without_data

from checks.sources.database.servers.tables import METADATA
from checks.sources.facts.payments import (
    Count,
    Entry,
    EntryPage,
    KeyFindings,
    KeyUse,
    MerchantShard,
    OutboxState,
    Payment,
    PaymentPage,
    PaymentStatistics,
    ReplayState,
    SharedKey,
    StatusCount,
    WaitingGroup,
    WrongAnswer,
)
from checks.sources.facts.platform import RateUse
from checks.sources.facts.unavailable import Unavailable, Why

LONG = (HOSTILE + "A" * 500)[:200]
SHARDS = ("shard1", "shard2")
BIG = 2**62
COUNTS = tuple(Count(f"{n}{LONG}", BIG, BIG) for n in range(60))
UNAVAILABLE = Unavailable(
    "database/shard3", Why.REFUSED, "database_refused", {"shard": LONG, "error": LONG}
)


def payment(shard: str, number: int) -> Payment:
    at = books.NOW - timedelta(seconds=number)
    return Payment(shard, BIG - number, LONG, BIG, LONG, LONG, at, at)


def entry(shard: str, number: int) -> Entry:
    kind = ("capture", "refund", "other")[number % 3]
    at = books.NOW - timedelta(seconds=number)
    return Entry(shard, BIG - number, BIG, LONG, kind, LONG, LONG, BIG, at)


class Worst:
    """A database that answers every question with as much hostile text as it may."""

    def shard_names(self):
        return SHARDS

    def payments(self, wanted):
        rows = wanted.limit
        pages = (
            PaymentPage(s, tuple(payment(s, n) for n in range(rows)), True, COUNTS) for s in SHARDS
        )
        return (*pages, UNAVAILABLE)

    def entries(self, wanted):
        totals = tuple(Count(k, BIG, BIG) for k in ("capture", "refund", "other"))
        rows = range(wanted.limit)
        pages = (EntryPage(s, tuple(entry(s, n) for n in rows), True, totals) for s in SHARDS)
        return (*pages, UNAVAILABLE)

    def statistics(self, time_range, now):
        merchants = tuple(
            {"merchant_id": f"{n}{LONG}", "transaction_count": BIG, "amount_krw": BIG}
            for n in range(100)
        )
        statuses = tuple(StatusCount(f"{n}{LONG}", BIG, BIG) for n in range(60))
        return PaymentStatistics(time_range, BIG, BIG, statuses, merchants)

    def statistics_between(self, start, end):
        found = self.statistics("asked", end)
        return (*((shard, found) for shard in SHARDS), ("shard3", UNAVAILABLE))

    def shared_keys(self, start, now):
        use = KeyUse("shard1", BIG, LONG, LONG, BIG, books.NOW)
        shared = [
            SharedKey(kind, LONG, (use,) * 50)
            for kind in ("both_shards", "across_merchants")
            for _ in range(200)
        ]
        wrong = tuple(WrongAnswer("shard1", LONG, LONG, BIG, BIG) for _ in range(200))
        looked = dict.fromkeys(SHARDS, BIG)
        return KeyFindings(
            looked, {"shard1": books.NOW}, tuple(shared), wrong, (UNAVAILABLE,), False
        )

    def replay(self, now):
        groups = tuple(
            WaitingGroup(
                why, f"{n}{LONG}", effect, BIG, BIG, books.NOW, tuple(range(BIG, BIG + 20))
            )
            for why in ("exhausted", "unreachable", "waiting")
            for effect in ("needed", "twice", "orphan", "done", "unread", "unknown")
            for n in range(40)
        )
        states = (ReplayState(s, BIG, 5000, 0, 5, books.NOW, groups) for s in SHARDS)
        return (*states, UNAVAILABLE)

    def outbox_late(self, now, before):
        rows = ({"event_id": BIG, "event_type": LONG, "payment_id": BIG, "created_at": LONG},) * 5
        return tuple(OutboxState(shard, BIG, 9e9, BIG, rows) for shard in SHARDS)

    def merchant(self, merchant_id, stretches):
        counts = (COUNTS,) * len(stretches)
        first = books.NOW - timedelta(days=900)
        return (
            *(MerchantShard(s, s == "shard1", first, books.NOW, counts) for s in SHARDS),
            UNAVAILABLE,
        )

    def rate_use(self, merchant_id):
        return tuple(
            RateUse(LONG, action, BIG, BIG) for action in ("authorize", "capture", "refund")
        )


CALLS = [
    ("query_payments", {}, {"limit": 100}),
    (
        "query_payments",
        {"filter": "failed or refunded today over 5 on shard1 of M-1"},
        {"limit": 100},
    ),
    ("query_ledgers", {}, {"limit": 100}),
    ("query_ledgers", {"merchant_id": "M" * 64}, {"limit": 100}),
    ("query_ledgers", {"payment_id": BIG}, {"limit": 100}),
    ("payment_statistics", {}, {"time_range": "all"}),
    ("find_duplicate_idempotency", {}, {"limit": 100}),
    ("outbox_replay_plan", {}, {"shard": "shard1"}),
    ("investigate_merchant", {"merchant_id": "M" * 64}, {}),
    ("check_outbox_status", {}, {}),
    ("get_system_overview", {}, {}),
]


@pytest.mark.parametrize("language", ["en", "ko"])
@pytest.mark.parametrize(("tool", "usual", "most"), CALLS, ids=[f"{t}-{u}" for t, u, _ in CALLS])
def test_the_worst_answer_stays_within_the_budget_and_quotes_only_under_data(
    tmp_path, tool, usual, most, language
):
    app = app_over(tmp_path, {}, language, database=Worst(), redis=Worst())
    for arguments, tokens in ((usual, 2_000), (usual | most, 8_000)):
        plain = answer(app, tool, **arguments)
        text = json.dumps(plain, ensure_ascii=False, separators=(",", ":"))
        assert len(text) / 4 <= tokens, f"{tool} costs {len(text) / 4:.0f} tokens"
        assert "IGNORE" not in json.dumps(without_data(plain)), tool
        assert not {"\u202e", "\x00", "\n"} & set(text)


# --- a million payments -------------------------------------------------------------------------

PAYMENTS = 500_000  # on each of two shards
_AT = "strftime('%Y-%m-%d %H:%M:%f000', '{end}', '-' || ({rows} - n) || ' seconds')"
_ROWS = """
INSERT INTO payment (payment_id, merchant_id, amount, currency, status, idempotency_key,
  requested_at, updated_at)
WITH RECURSIVE s(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM s WHERE n < {rows})
SELECT n, 'MERCHANT-' || (2 * (n % 500) + {parity}), 1000 + n % 90000, 'KRW',
  CASE WHEN n % 997 = 0 THEN 'REFUND_FAILED' WHEN n % 7 = 0 THEN 'REFUNDED' ELSE 'CAPTURED' END,
  'k' || n || '-{parity}', {at}, {at} FROM s
"""


@pytest.fixture(scope="module")
def million(tmp_path_factory):
    folder = tmp_path_factory.mktemp("million")
    urls = {}
    for parity, name in enumerate(SHARDS):
        urls[name] = f"sqlite:///{folder}/{name}.db"
        engine = create_engine(urls[name])
        METADATA.create_all(engine)
        end = books.NOW - timedelta(seconds=1)
        with engine.begin() as connection:
            connection.exec_driver_sql("PRAGMA synchronous = OFF")
            at = _AT.format(rows=PAYMENTS, end=f"{end:%Y-%m-%d %H:%M:%S}")
            sql = _ROWS.format(rows=PAYMENTS, parity=parity, at=at)
            connection.exec_driver_sql(sql)
            connection.exec_driver_sql("ANALYZE")
        engine.dispose()
    return urls


@pytest.mark.slow
def test_a_million_payments_are_counted_paged_and_told_within_the_budget(tmp_path, million):
    app = app_over(tmp_path, million)
    plain = answer(app, "query_payments", filter="failed refunds")
    assert plain["evidence"]["found"]["count"] == 2 * (PAYMENTS // 997)
    hour = answer(app, "query_payments", filter="지난 1시간 동안 결제", limit=100)
    assert hour["evidence"]["found"]["count"] == 2 * 3600
    shown, cursor = [], hour["cursor"]
    for _ in range(3):
        page = answer(
            app, "query_payments", filter="지난 1시간 동안 결제", limit=100, cursor=cursor
        )
        shown += [(row[0], row[1]) for row in page["evidence"]["data_rows"]]
        cursor = page["cursor"]
    assert len(set(shown)) == 300 and min(key for _, key in shown) == PAYMENTS - 199
    whole = answer(app, "payment_statistics", time_range="all")
    assert whole["evidence"]["payments"] == 2 * PAYMENTS
    one = answer(app, "query_payments", filter="merchant MERCHANT-7 largest", limit=3)
    assert one["evidence"]["found"]["count"] == PAYMENTS // 500
    for told in (plain, hour, page, whole, one):
        assert len(json.dumps(told, ensure_ascii=False)) / 4 < 8_000
