"""What a pass leaves in the store."""

from __future__ import annotations

import math
import random
import sys
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import pytest
from store_case import DAY, HOUR, MINUTE, T0, fresh_store, record, rows

from monitor.domain.check import Finding, Metric, Status
from monitor.domain.detection.ddsketch import bucket_of
from monitor.store import rollup
from monitor.store.codec import from_micros, to_micros
from monitor.store.database import Store
from monitor.store.passes.memory import memory_of

_HOURS = "SELECT start, count, total FROM histograms WHERE span = 3600 ORDER BY start"
_VALUES = "SELECT at, value FROM metric_values ORDER BY at"


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    opened = fresh_store(tmp_path)
    yield opened
    opened.close()


def _buckets(store: Store, span: int) -> dict[int, int]:
    found: dict[int, int] = {}
    for (packed,) in rows(store, "SELECT buckets FROM histograms WHERE span = ?", span):
        assert isinstance(packed, bytes)
        rollup.merge_all(found, (packed,))
    return found


def test_a_gauge_is_stored_as_it_is_read(store: Store) -> None:
    record(store, T0, Metric("breaks", 2.5, "shard1"))
    assert rows(store, 'SELECT "check", name FROM series') == [("outbox_age", "breaks{shard1}")]
    assert rows(store, _VALUES) == [(to_micros(T0), 2.5)]


def test_a_counter_is_stored_as_its_increase(store: Store) -> None:
    for minute, count in enumerate((10, 14, 3, 3)):  # it restarts from zero after the second
        record(store, T0 + MINUTE * minute, Metric("payments_created", count))
    assert [value for _, value in rows(store, _VALUES)] == [4, 3, 0]
    assert rows(store, _HOURS) == [(int(T0.timestamp()), 3, 7.0)]


def test_a_pass_recorded_twice_is_counted_once(store: Store) -> None:
    for _ in range(2):
        record(store, T0, Metric("breaks", 1.0), Metric("payments_created", 5))
    assert len(rows(store, _VALUES)) == 1
    assert rows(store, _HOURS) == [(int(T0.timestamp()), 1, 1.0)]


def test_a_series_named_twice_in_a_pass_counts_once(store: Store) -> None:
    record(store, T0, Metric("breaks", 1.0), Metric("breaks", 2.0))
    assert [value for _, value in rows(store, _VALUES)] == [2.0]


def test_what_is_not_a_finite_number_is_not_a_reading(store: Store) -> None:
    record(store, T0, *(Metric("breaks", v, str(v)) for v in (math.nan, math.inf, 1.0)))
    assert [value for _, value in rows(store, _VALUES)] == [1.0]


def test_readings_fall_into_their_hour_and_utc_day(store: Store) -> None:
    for at in (T0, T0 + HOUR - MINUTE, T0 + HOUR, T0 + DAY):
        record(store, at, Metric("breaks", 3.0))
    starts = {span: [] for span in (3600, 86400)}  # type: ignore[var-annotated]
    for span, start, count in rows(store, "SELECT span, start, count FROM histograms"):
        starts[span].append((start - int(T0.timestamp()), count))
    assert starts == {3600: [(0, 2), (3600, 1), (86400, 1)], 86400: [(0, 3), (86400, 1)]}


def test_the_histogram_holds_exactly_the_buckets_of_the_readings(store: Store) -> None:
    draw = random.Random(7)
    values = [draw.choice((0, 1, -1)) * draw.lognormvariate(0, 3) for _ in range(300)]
    for i, value in enumerate(values):
        record(store, T0 + MINUTE * i / 10, Metric("breaks", value))
    exact = Counter(map(bucket_of, values))
    assert _buckets(store, 3600) == exact
    assert _buckets(store, 86400) == exact


def test_a_packed_histogram_is_never_much_larger_than_its_smallest_form() -> None:
    draw = random.Random(9)
    packed = rollup.one(1.0)
    for _ in range(1440):
        packed = rollup.merge(packed, rollup.one(draw.lognormvariate(4, 0.5)))
    assert len(packed) <= len(rollup.pack(rollup.unpack(packed))) + 3 * 8
    assert sum(rollup.unpack(packed).values()) == 1441


@pytest.mark.parametrize("count", [1, 255, 256, 65_535, 65_536, 2**32])
@pytest.mark.parametrize("is_little", [True, False], ids=["little-endian", "big-endian"])
def test_a_count_outgrows_its_width(
    count: int, is_little: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(rollup, "_IS_LITTLE", is_little and sys.byteorder == "little")
    packed = rollup.pack({-5: 1, 7: count})
    grown = rollup.merge(rollup.merge(packed, rollup.pack({7: 1})), rollup.pack({6: 1}))
    assert rollup.unpack(grown) == {-5: 1, 6: 1, 7: count + 1}


@pytest.mark.parametrize("value", [0.0, -0.0, 1e-300, 5e-7, -5e-7, 1e308, -1e308, 1.0])
def test_any_finite_number_has_a_bucket_that_can_be_packed(value: float) -> None:
    assert list(rollup.unpack(rollup.one(value)).values()) == [1]


@pytest.mark.parametrize("spread", [1, 50, 5000], ids=["dense", "mixed", "sparse"])
@pytest.mark.parametrize("most", [1, 300, 70_000, 2**33])
def test_packing_loses_nothing_whatever_the_form(spread: int, most: int) -> None:
    draw = random.Random(spread * most)
    ones = [
        {draw.randrange(-3 * spread, 3 * spread): draw.randint(1, most) for _ in range(40)}
        for _ in range(20)
    ]
    exact: Counter[int] = Counter()
    merged: dict[int, int] = {}
    grown = rollup.pack({})
    for buckets in ones:
        exact.update(buckets)
        rollup.merge_all(merged, [rollup.pack(buckets)])
        grown = rollup.merge(grown, rollup.pack(buckets))
    together: dict[int, int] = {}
    rollup.merge_all(together, map(rollup.pack, ones))
    assert merged == together == rollup.unpack(grown) == exact


def test_findings_are_stored_with_params_and_evidence(store: Store) -> None:
    finding = Finding(
        "outbox_old", Status.CRIT, "shard1", {"merchant": "가게"}, ({"event_id": 7, "at": None},)
    )
    snapshot_id = record(store, T0, findings=(finding, finding))
    assert rows(store, "SELECT * FROM findings") == [
        (
            *(snapshot_id, "outbox_old", "shard1", "crit"),
            *('{"merchant":"가게"}', '[{"event_id":7,"at":null}]'),
        )
    ]


def test_passes_are_counted_by_status_in_the_hour_they_were_due(store: Store) -> None:
    for i, status in enumerate((*Status, Status.OK)):
        record(store, T0 + MINUTE * i, status=status, missed=i)
    assert rows(store, "SELECT * FROM pass_counts") == [
        ("outbox_age", int(T0.timestamp()), 2, 1, 1, 1, 0 + 1 + 2 + 3 + 4)
    ]


def _missed_by_hour(store: Store) -> dict[int, int]:
    found = rows(store, "SELECT start, missed FROM pass_counts WHERE missed > 0")
    return {(int(str(start)) - int(T0.timestamp())) // 3600: int(str(n)) for start, n in found}


def test_missed_slots_are_counted_in_the_hours_they_were_due(store: Store) -> None:
    record(store, T0 + HOUR - MINUTE)
    record(store, T0 + HOUR - 2 * MINUTE, check="other")
    record(store, T0 + 3 * HOUR + 5 * MINUTE, missed=125)
    assert _missed_by_hour(store) == {1: 60, 2: 60, 3: 5}
    assert rows(store, "SELECT sum(ok) FROM pass_counts WHERE \"check\" = 'outbox_age'") == [(2,)]


def test_missed_slots_that_are_far_apart_keep_their_hours(store: Store) -> None:
    record(store, T0)
    record(store, T0 + 12 * HOUR, missed=2)
    assert _missed_by_hour(store) == {4: 1, 8: 1}


def test_slots_missed_before_the_first_known_pass_count_in_its_hour(store: Store) -> None:
    record(store, T0 + 3 * HOUR, missed=7)
    assert _missed_by_hour(store) == {3: 7}


def test_memory_comes_back_as_it_was_left(store: Store) -> None:
    with store.read() as tx:
        assert memory_of(tx, "outbox_age") == {}
    record(store, T0, memory={"offsets": {"a": 1}, "seen": [1, 2]})
    record(store, T0 + MINUTE, memory={"seen": [3], "offsets": {"a": 2}})
    with store.read() as tx:
        assert memory_of(tx, "outbox_age") == {"offsets": {"a": 2}, "seen": [3]}


def test_times_keep_their_microseconds() -> None:
    at = T0.replace(microsecond=123_457)
    assert from_micros(to_micros(at)) == at
    with pytest.raises(ValueError, match="zone"):
        to_micros(at.replace(tzinfo=None))
