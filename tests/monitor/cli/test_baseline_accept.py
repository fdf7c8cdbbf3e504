"""A new normal: accepted by a person, kept with who and why, and taken up by the live rule."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from typer.testing import CliRunner

from monitor.cli.main import main
from monitor.domain.detection.ddsketch import bucket_of
from monitor.domain.detection.past import Hour
from monitor.store.codec import to_micros
from monitor.store.database import migrate, open_store
from monitor.store.rollup import pack
from monitor.store.series.past import StoredPast

RUN = CliRunner()
NOW = datetime.now(UTC).replace(minute=0, second=0, microsecond=0)
HOUR, DAY = timedelta(hours=1), timedelta(days=1)
SERIES = "response_ms{ingest}"


@pytest.fixture
def store(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("PAYPULSE_CONFIG", raising=False)
    path = tmp_path / "paypulse.db"
    (tmp_path / "paypulse.toml").write_text(f'database = "{path}"\ntimezone = "UTC"\n')
    migrate(path)
    opened = open_store(path)
    with opened.write() as tx:
        tx.exec_driver_sql("INSERT INTO series (id, \"check\", name) VALUES (1, 'services', ?)",
                           (SERIES,))  # fmt: skip
    yield opened
    opened.close()


def alert(store, begun, ended=None):
    with store.write() as tx:
        tx.exec_driver_sql(
            'INSERT INTO alerts ("check", code, subject, phase, status, since, last_seen_at,'
            " params, evidence, passes, fired_at, ended_at)"
            " VALUES ('services', 'regression', ?, 'firing', 'warn', ?, ?, '{}', '[]', '', ?, ?)",
            (SERIES, *[to_micros(begun)] * 3, None if ended is None else to_micros(ended)),
        )


def test_accepting_lets_the_series_count_from_the_start_of_its_alert(store):
    alert(store, NOW - 3 * DAY)
    result = RUN.invoke(main, ["baseline", "accept", SERIES, "--comment", "new rack"])
    assert result.exit_code == 0, result.output
    past = StoredPast(store)
    assert past.accepted("services") == {SERIES: NOW - 3 * DAY}
    listed = RUN.invoke(main, ["baseline", "list"]).stdout
    assert SERIES in listed
    assert "new rack" in listed


def test_without_an_alert_the_time_must_be_named(store):
    alert(store, NOW - 3 * DAY, NOW - 2 * DAY)
    result = RUN.invoke(main, ["baseline", "accept", SERIES])
    assert result.exit_code == 3
    assert "--since" in result.stderr
    at = (NOW - DAY).strftime("%Y-%m-%dT%H:%M")
    assert RUN.invoke(main, ["baseline", "accept", SERIES, "--since", at]).exit_code == 0
    assert StoredPast(store).accepted("services") == {SERIES: NOW - DAY}


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["response_ms{none}"], "no check has a series"),
        ([SERIES, "--since", "soon"], "a time that is over"),
        ([SERIES, "--since", "2999-01-01T00:00"], "a time that is over"),
    ],
    ids=str,
)
def test_what_cannot_be_accepted_is_refused(store, arguments, said):
    result = RUN.invoke(main, ["baseline", "accept", *arguments])
    assert result.exit_code == 3
    assert said in result.stderr
    assert StoredPast(store).accepted("services") == {}


def test_the_past_tells_hours_readings_and_told_regressions(store):
    alert(store, NOW - DAY, NOW - 20 * HOUR)
    buckets = {bucket_of(value): 1 for value in (10.0, 20.0, 30.0)}
    with store.write() as tx:
        start = int((NOW - 2 * HOUR).timestamp())
        row = (start, pack(buckets))
        tx.exec_driver_sql("INSERT INTO histograms VALUES (1, 3600, ?, 3, 60, ?)", row)
        tx.exec_driver_sql("INSERT INTO metric_values VALUES (1, ?, 5)", (to_micros(NOW - HOUR),))
    past = StoredPast(store)
    ((at, hour),) = past.hours("services", [SERIES], NOW - DAY, NOW)[SERIES]
    assert at == NOW - 2 * HOUR
    assert hour == Hour(pytest.approx(10, 0.02), pytest.approx(20, 0.02), pytest.approx(30, 0.02))
    assert past.readings("services", [SERIES], NOW - DAY) == {SERIES: [(NOW - HOUR, 5.0)]}
    assert past.regressions("services", NOW - 2 * DAY) == {SERIES: [(NOW - DAY, NOW - 20 * HOUR)]}


def test_grave_incidents_load_tests_and_silences_are_unusual_for_a_day_at_the_most(store):
    with store.write() as tx:
        for status, begun, ended in (("crit", 60, None), ("crit", 9, 8), ("warn", 9, 8)):
            times = to_micros(NOW - begun * HOUR), ended and to_micros(NOW - ended * HOUR)
            tx.exec_driver_sql(
                "INSERT INTO incidents (root, status, opened_at, ended_at, closed, acked_by,"
                " announced_members, members, announced_sizes)"
                " VALUES ('a:b', ?, ?, ?, 0, '', '[]', '[]', '{}')",
                (status, *times),
            )
        tx.exec_driver_sql(
            "INSERT INTO silences (pattern, until, created_at, author, comment)"
            " VALUES ('services/*', ?, ?, '', '')",
            (to_micros(NOW + 90 * DAY), to_micros(NOW - 5 * HOUR)),
        )
    found = StoredPast(store).unusual(NOW - 2 * DAY, NOW)
    spans = [((NOW - s.start) / HOUR, (s.end - s.start) / HOUR, s.pattern) for s in found]
    assert sorted(spans) == [(5, 24, "services/*"), (9, 1, "*"), (60, 24, "*")]
