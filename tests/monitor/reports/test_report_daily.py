"""Reports: figures out of the store, and their words in every form."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from html.parser import HTMLParser
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import pytest
import simulated
from slack_server import problem_of
from store_case import fresh_store, record

from monitor.config.models import parse
from monitor.domain.alert import Alert, Phase
from monitor.domain.check import Metric, Status, Verdict
from monitor.domain.check_pass import Observed
from monitor.domain.delivery import Message
from monitor.domain.incident.model import Acceptance, Change, Incident, Notice
from monitor.domain.load_test.run import LoadTestRun
from monitor.domain.report import CheckCoverage, Figure, Report, Trouble
from monitor.reports.build import build
from monitor.reports.figures import midnight
from monitor.reports.job import await_passes, report_messages
from monitor.store.alerting.acceptances import add_acceptance
from monitor.store.alerting.alerts import save_alerts
from monitor.store.alerting.incidents import incidents_between, save_incidents
from monitor.store.database import Store
from monitor.store.delivery.journal import notifications
from monitor.store.job_runs import JobRun, record_run
from monitor.store.load_tests import save_run
from monitor.store.notes import Note, add_note
from monitor.store.passes.record import record_pass
from monitor.store.upkeep.prune import prune
from monitor.text.messages.render import Catalog, MessageRenderer
from monitor.text.messages.report_figures import load_test_lines

SEOUL = ZoneInfo("Asia/Seoul")
DAY = date(2026, 11, 22)
NOW = datetime(2026, 11, 21, 23, 30, tzinfo=UTC)  # 08:30 in Seoul
START = midnight(date(2026, 11, 21), SEOUL)
MINUTE, HOUR = timedelta(minutes=1), timedelta(hours=1)
HOSTILE = "<script>alert(1)</script> <!channel> *b* " + "가😀" * 2000


def incident(
    store: Store,
    since: datetime,
    ended_at: datetime | None = None,
    *codes: str,
    subject: str = "",
    status: Status = Status.CRIT,
) -> None:
    """An incident with an alert for each code; the first one is its cause."""
    phase = Phase.FIRING if ended_at is None else Phase.RESOLVED
    with store.write() as tx:
        alerts = save_alerts(
            tx,
            [
                Alert(
                    "services",
                    code,
                    subject,
                    phase,
                    status,
                    since,
                    since,
                    fired_at=since + MINUTE,
                    ended_at=ended_at,
                )
                for code in codes or ("odd",)
            ],
        )
        members = tuple(alert.id for alert in alerts if alert.id is not None)
        told = Incident(
            alerts[0].key, since + MINUTE, status, members, ended_at=ended_at, closed=bool(ended_at)
        )
        save_incidents(tx, [Change(told)], since + MINUTE)


def passes(store: Store, start: datetime, count: int, *metrics: Metric, missed: int = 0) -> None:
    for n in range(count):
        late = missed if n == 0 else 0
        record(store, start + n * HOUR, *metrics, check="traffic", missed=late)


def daily(store: Store, now: datetime = NOW) -> Report:
    return build(store, "daily", DAY, SEOUL, now)


def message(report: Report) -> Message:
    return Message("report:daily:2026-11-22", "slack", "report", report.to_dict(), NOW, NOW)


def text(report: Report, language: str = "en") -> str:
    return MessageRenderer(Catalog(language, SEOUL)).text(message(report))


def headline(report: Report, language: str = "en") -> str:
    return text(report, language).splitlines()[1]


# --- the model -----------------------------------------------------------------------------------


@pytest.mark.parametrize("language", ["en", "ko"])
def test_what_is_accepted_is_listed_and_neither_wrong_nor_recovered(
    tmp_path: Path, language: str
) -> None:
    store = fresh_store(tmp_path)
    passes(store, START, 24)
    incident(store, START + HOUR, None, "lag_stuck", subject="payment-consumer")
    with store.write() as tx:
        (story,) = incidents_between(tx, START, NOW)
        ended = replace(story.incident, closed=True, ended_at=START + 2 * HOUR)
        save_incidents(tx, [Change(ended, Notice("resolved", "accepted"))], START + 2 * HOUR)
    one = Acceptance("services/lag_*", "kim", "until the release", START + 2 * HOUR)
    add_acceptance(store, one)
    add_acceptance(store, replace(one, pattern="traffic/*", reason="quiet days"))
    report = daily(store)
    assert (report.wrong, report.recovered) == ((), ())
    covered = [(a.reason, a.count, a.trouble is None) for a in report.accepted]
    assert covered == [("until the release", 1, False), ("quiet days", 0, True)]
    said = text(report, language)
    assert "until the release" in said and "traffic/*" in said and "kim" in said
    assert Report.from_dict(json.loads(json.dumps(report.to_dict()))) == report


def test_what_was_accepted_later_is_not_in_an_earlier_report(tmp_path: Path) -> None:
    store = fresh_store(tmp_path)
    add_acceptance(store, Acceptance("services/*", "kim", "later", NOW + HOUR))
    assert daily(store).accepted == ()


def test_what_is_wrong_now_stands_apart_from_what_is_over(tmp_path: Path) -> None:
    store = fresh_store(tmp_path)
    passes(store, START, 24)
    incident(store, START + HOUR, START + 2 * HOUR, "service_down", "outbox_old")
    incident(store, NOW - 5 * MINUTE, None, "lag_stuck")
    report = daily(store)
    assert [t.code for t in report.wrong] == ["lag_stuck"]
    assert [(t.code, t.consequences) for t in report.recovered] == [("service_down", 1)]
    assert report.status is Status.CRIT


def test_what_was_over_before_yesterday_is_not_told(tmp_path: Path) -> None:
    store = fresh_store(tmp_path)
    passes(store, START, 24)
    incident(store, START - 3 * HOUR, START - HOUR)
    report = daily(store)
    assert (report.wrong, report.recovered) == ((), ())


def test_a_report_of_an_earlier_day_tells_that_day_as_it_was(tmp_path: Path) -> None:
    store = fresh_store(tmp_path)
    passes(store, START, 24)
    incident(store, NOW - HOUR, NOW + 72 * HOUR, "lag_stuck")
    report = daily(store, NOW + 96 * HOUR)
    assert [t.code for t in report.wrong] == ["lag_stuck"]
    assert report.as_of == midnight(date(2026, 11, 23), SEOUL)


def test_what_recovered_is_told_longest_first(tmp_path: Path) -> None:
    store = fresh_store(tmp_path)
    passes(store, START, 24)
    incident(store, START + HOUR, START + HOUR + 2 * MINUTE, "short")
    incident(store, START + HOUR, START + 3 * HOUR, "long")
    assert [t.code for t in daily(store).recovered] == ["long", "short"]


def test_blindness_is_unseen_and_makes_the_verdict_unknown(tmp_path: Path) -> None:
    store = fresh_store(tmp_path)
    passes(store, START, 24)
    incident(store, NOW - HOUR, None, "monitoring_gap", subject="kafka", status=Status.UNKNOWN)
    report = daily(store)
    assert (report.wrong, [t.subject for t in report.unseen]) == ((), ["kafka"])
    assert report.status is Status.UNKNOWN


def test_without_a_pass_nothing_is_called_well(tmp_path: Path) -> None:
    report = daily(fresh_store(tmp_path))
    assert report.status is Status.UNKNOWN
    assert headline(report).startswith("No check ran")
    assert "Nothing failed" not in text(report)


def test_coverage_counts_what_was_missed(tmp_path: Path) -> None:
    store = fresh_store(tmp_path)
    passes(store, START, 23, missed=2)
    record(store, NOW, check="traffic")
    report = daily(store)
    assert (report.ran, report.expected) == (24, 26)
    assert "92.3 % of the expected passes ran (24 of 26)" in text(report)
    assert "2 expected passes did not run" in text(report)
    assert "Everything could be seen" not in text(report)


def minutes_of(store: Store, start: datetime, end: datetime, check: str = "services") -> None:
    for n in range(round((end - start) / MINUTE)):
        record(store, start + n * MINUTE, check=check)


def test_while_the_monitor_works_no_pass_counts_as_missed(tmp_path: Path) -> None:
    store = fresh_store(tmp_path)
    minutes_of(store, NOW - HOUR, NOW)
    report = daily(store, NOW + timedelta(seconds=2))
    assert (report.ran, report.expected, report.unseen_since) == (60, 60, None)
    assert report.status is Status.OK


def test_a_monitor_that_is_off_since_the_night_says_so(tmp_path: Path) -> None:
    store = fresh_store(tmp_path)
    last_at = NOW - 6 * HOUR
    minutes_of(store, last_at - HOUR, last_at + MINUTE)
    report = daily(store)
    assert report.unseen_since == last_at
    assert report.status is Status.UNKNOWN
    assert (report.ran, report.expected) == (61, 61 + 359)
    said = text(report)
    assert headline(report).startswith("Nothing has been seen since")
    assert "6 h" in headline(report)
    for untrue in ("All is well", "Everything could be seen", "Nothing failed"):
        assert untrue not in said
    assert "아무것도 확인하지 못해" in headline(report, "ko")


def test_what_was_wrong_when_the_monitor_stopped_is_still_named(tmp_path: Path) -> None:
    store = fresh_store(tmp_path)
    minutes_of(store, NOW - 3 * HOUR, NOW - 2 * HOUR)
    incident(store, NOW - 3 * HOUR, None, "lag_stuck")
    report = daily(store)
    assert report.status is Status.CRIT
    assert "One thing was wrong at that time: " in headline(report)


@pytest.mark.parametrize(("minutes", "is_known"), [(10, True), (12, False)])
def test_a_stumble_of_minutes_is_no_silence(tmp_path: Path, minutes: int, is_known: bool) -> None:
    store = fresh_store(tmp_path)
    minutes_of(store, NOW - HOUR, NOW - minutes * MINUTE + MINUTE)
    assert (daily(store).unseen_since is None) is is_known


def test_a_check_that_was_taken_away_is_not_missed_for_ever(tmp_path: Path) -> None:
    store = fresh_store(tmp_path)
    minutes_of(store, START - 5 * HOUR, START - 4 * HOUR, "redis_health")
    minutes_of(store, NOW - HOUR, NOW)
    report = daily(store)
    assert [item.check for item in report.coverage] == ["services"]


def test_a_report_of_a_day_that_ended_in_silence_says_so_later_too(tmp_path: Path) -> None:
    store = fresh_store(tmp_path)
    end = midnight(date(2026, 11, 23), SEOUL)
    minutes_of(store, end - 3 * HOUR, end - 2 * HOUR)
    with store.write() as tx:
        late = Observed("services", end + HOUR, 5.0, Verdict(Status.OK), {})
        record_pass(tx, late, late.at, 180)
    report = daily(store, end + 2 * HOUR)
    assert report.unseen_since == end - 2 * HOUR - MINUTE
    assert (report.ran, report.expected) == (60, 180)


def test_of_an_old_day_whose_snapshots_were_thinned_no_silence_is_claimed(tmp_path: Path) -> None:
    store = fresh_store(tmp_path)
    minutes_of(store, NOW - HOUR, NOW)
    with store.write() as tx:
        tx.exec_driver_sql("DELETE FROM snapshots WHERE id > 1")
    assert daily(store).unseen_since is None


@pytest.mark.parametrize(
    ("language", "said", "untrue"), [("en", "being confirmed", "well"), ("ko", "확인", "정상")]
)
def test_what_is_critical_and_waits_to_be_confirmed_is_told(
    tmp_path: Path, language: str, said: str, untrue: str
) -> None:
    store = fresh_store(tmp_path)
    minutes_of(store, START, NOW + MINUTE)
    pending(store, Status.CRIT)
    report = daily(store, NOW + timedelta(seconds=2))
    told = text(report, language)
    assert report.status is Status.WARN
    assert said in headline(report, language)
    assert untrue not in headline(report, language)
    assert "being confirmed" in told or "확인 중" in told


def test_a_warning_that_waits_to_be_confirmed_and_what_was_accepted_are_not_told(
    tmp_path: Path,
) -> None:
    store = fresh_store(tmp_path)
    minutes_of(store, START, NOW + MINUTE)
    pending(store, Status.WARN)
    add_acceptance(store, Acceptance("services/known*", "kim", "known", START))
    pending(store, Status.CRIT, "known")
    report = daily(store, NOW + timedelta(seconds=2))
    assert (report.pending, report.status) == ((), Status.OK)


def test_what_fired_before_a_report_was_pending_in_an_earlier_one(tmp_path: Path) -> None:
    store = fresh_store(tmp_path)
    minutes_of(store, START, NOW + MINUTE)
    pending(store, Status.CRIT, fired_at=NOW + HOUR)
    assert [t.code for t in daily(store, NOW + MINUTE).pending] == ["odd"]
    assert daily(store, NOW + 2 * HOUR).pending == ()


def pending(
    store: Store, status: Status, code: str = "odd", fired_at: datetime | None = None
) -> None:
    phase = Phase.FIRING if fired_at else Phase.PENDING
    with store.write() as tx:
        save_alerts(tx, [Alert("services", code, "", phase, status, NOW, NOW, fired_at=fired_at)])


@pytest.mark.parametrize("language", ["en", "ko"])
@pytest.mark.parametrize("kind", ["daily", "weekly"])
@pytest.mark.parametrize("days", [1, 5, 30, 90])
def test_after_days_off_the_report_says_that_nobody_looked(
    tmp_path: Path, days: int, kind: str, language: str
) -> None:
    store = fresh_store(tmp_path)
    stopped = NOW - timedelta(days=days)
    minutes_of(store, stopped - HOUR, stopped)
    with store.write() as tx:
        first = Observed("services", NOW, 5.0, Verdict(Status.OK), {})
        record_pass(tx, first, NOW, days * 1440 - 1)
    prune(store, NOW, 30, 5, budget=timedelta(seconds=20))
    report = build(store, kind, DAY, SEOUL, NOW + timedelta(seconds=2))
    said = text(report, language)
    words = {
        "en": ("nobody looked", "nothing failed"),
        "ko": ("아무도 확인하지", "장애가 없습니다"),
    }
    seen, untrue = words[language]
    assert seen in headline(report, language)
    assert untrue not in said
    assert f"{days} d" in headline(report) or days == 1


def test_a_time_without_passes_in_the_middle_is_told(tmp_path: Path) -> None:
    store = fresh_store(tmp_path)
    minutes_of(store, START, START + HOUR)
    minutes_of(store, START + 3 * HOUR, NOW + MINUTE)
    [gap] = daily(store, NOW + timedelta(seconds=2)).gaps
    assert (gap.start, gap.end) == (START + HOUR - MINUTE, START + 3 * HOUR)


def test_the_time_before_the_first_pass_of_all_is_no_gap(tmp_path: Path) -> None:
    store = fresh_store(tmp_path)
    minutes_of(store, START + 5 * HOUR, NOW + MINUTE)
    assert daily(store, NOW + timedelta(seconds=2)).gaps == ()


def test_where_few_passes_ran_it_is_not_said_that_nothing_failed(tmp_path: Path) -> None:
    store = fresh_store(tmp_path)
    minutes_of(store, START, NOW + MINUTE)
    report = daily(store, NOW + timedelta(seconds=2))
    doubtful = replace(report, coverage=(CheckCoverage("services", 50, 50, 0),), gaps=())
    assert "nothing failed while somebody looked. Only 50 %" in headline(doubtful)


def test_that_the_clock_was_set_back_is_told(tmp_path: Path) -> None:
    store = fresh_store(tmp_path)
    minutes_of(store, START, NOW + MINUTE)
    add_note(store, Note(NOW - HOUR, "monitor", "The monitor's clock was set back by 2 h."))
    add_note(store, Note(NOW - HOUR, "deployment", "ingest 1.2"))
    add_note(store, Note(START - HOUR, "monitor", "long ago"))
    said = text(daily(store, NOW + timedelta(seconds=2)))
    assert "07:30: The monitor's clock was set back by 2 h." in said
    assert "ingest 1.2" not in said
    assert "long ago" not in said


# --- the job -------------------------------------------------------------------------------------

CONFIG = parse('database = "x.db"\ntimezone = "Asia/Seoul"\n[platform]\nbase_url = "http://x"', {})


def ran(store: Store, job: str, slot_at: datetime, state: str = "done") -> None:
    with store.write() as tx:
        record_run(tx, JobRun(job, slot_at, slot_at, slot_at, state, 0))


def test_the_report_waits_for_the_pass_of_its_own_minute(tmp_path: Path) -> None:
    store = fresh_store(tmp_path)
    ran(store, "check:services", NOW)
    ran(store, "check:traffic", NOW - MINUTE)
    awaited = {"services": MINUTE, "traffic": MINUTE}
    with pytest.raises(TimeoutError, match=r"the pass of traffic$"):
        await_passes(store, awaited, NOW, NOW + MINUTE, lambda _: None)
    await_passes(store, awaited, NOW, NOW + 2 * MINUTE, lambda _: None)  # then it goes on
    await_passes(store, awaited, NOW, NOW, lambda _: ran(store, "check:traffic", NOW))


def test_a_check_that_looks_rarely_is_not_waited_for(tmp_path: Path) -> None:
    store = fresh_store(tmp_path)
    ran(store, "check:books", NOW - HOUR / 2)
    await_passes(store, {"books": HOUR}, NOW, NOW, lambda _: pytest.fail("it waits"))


def world_with_reports(
    folder: Path, monkeypatch: pytest.MonkeyPatch, start: datetime
) -> simulated.World:
    text_of = simulated.config_text
    monkeypatch.setattr(
        simulated,
        "config_text",
        lambda *a, **kw: text_of(*a, **kw).replace('daily = ""', 'daily = "08:30"'),
    )
    return simulated.world(folder, start=start)


def test_the_report_of_a_simulated_day_says_so(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    lived = world_with_reports(tmp_path, monkeypatch, NOW - HOUR)
    lived.live(61)
    [sent] = [m for m in lived.kept.messages if m.kind == "report"]
    lived.close()
    assert sent.payload["simulated"]


def test_after_a_night_off_the_report_tells_what_the_first_passes_saw(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("monitor.reports.job._ROUNDS", 1)
    lived = world_with_reports(tmp_path, monkeypatch, NOW - 10 * HOUR)
    lived.live(10)
    lived.life.clock.set(NOW)
    jobs = {job.name: job for job in lived.app.jobs()}
    calendar, report_job = lived.app.calendar, jobs.pop("report:daily")
    with pytest.raises(TimeoutError, match="waits for the pass of breakers"):
        calendar.wake(report_job, NOW)
    for name, job in jobs.items():
        if name.startswith("check:"):
            calendar.wake(job, NOW)
    assert calendar.wake(report_job, NOW + MINUTE / 2)
    with lived.app.store.read() as tx:
        [owed] = [m for m in notifications(tx, NOW, NOW + HOUR) if m.kind == "report"]
    lived.close()
    assert owed.payload["unseen_since"] is None
    traffic = next(c for c in owed.payload["coverage"] if c["check"] == "traffic")
    assert traffic["missed"] == 10 * 60 - 11


def test_the_reports_that_could_not_be_sent_are_named(tmp_path: Path) -> None:
    store = fresh_store(tmp_path)
    for days, state in ((9, "skipped"), (4, "done"), (3, "skipped"), (2, "skipped")):
        ran(store, "report:daily", NOW - timedelta(days=days), state)
    [owed] = report_messages(store, CONFIG, "daily", DAY, NOW, ["slack"])
    assert owed.payload["skipped"] == ["2026-11-19", "2026-11-20"]


def test_before_the_first_report_only_what_followed_the_first_start_was_missed(
    tmp_path: Path,
) -> None:
    store = fresh_store(tmp_path)
    for days in (4, 3, 2):
        ran(store, "report:daily", NOW - timedelta(days=days), "skipped")
    [owed] = report_messages(store, CONFIG, "daily", DAY, NOW, ["slack"])
    assert owed.payload["skipped"] == ["2026-11-19", "2026-11-20"]


def test_a_figure_stands_beside_the_day_before_and_the_week_before(tmp_path: Path) -> None:
    store = fresh_store(tmp_path)
    for days, value in ((0, 12.0), (1, 10.0), (7, 6.0)):
        passes(store, START - timedelta(days=days), 20, Metric("payments_per_minute", value))
    [figure] = daily(store).figures
    assert figure.now == pytest.approx(12, rel=0.01)
    assert figure.change == pytest.approx(0.2, rel=0.1)
    assert figure.change_earlier == pytest.approx(1.0, rel=0.05)
    assert (figure.word, figure.word_earlier) == ("improvement", "improvement")
    assert len(figure.trend) == 14
    assert figure.trend[0] is None


def test_a_figure_that_did_not_exist_is_blank(tmp_path: Path) -> None:
    store = fresh_store(tmp_path)
    passes(store, START, 20, Metric("payments_per_minute", 12.0))
    [figure] = daily(store).figures
    assert (figure.before, figure.change, figure.word) == (None, None, "not_enough_history")
    [line] = [x for x in text(daily(store)).splitlines() if x.startswith("  Payments per minute")]
    assert line.endswith("payments/min")


def test_a_slow_drift_is_told_only_in_its_bad_direction(tmp_path: Path) -> None:
    store = fresh_store(tmp_path)
    first = midnight(DAY - timedelta(days=14), SEOUL)
    for day in range(14):
        factor = 1.0 if day < 7 else 1.3
        for hour in range(0, 24, 2):
            at = first + timedelta(days=day, hours=hour)
            worse = Metric("response_ms", 200 * factor, "ingest")
            better = Metric("payments_per_minute", 10 * factor)
            record(store, at, worse, better, check="services")
    [drift] = daily(store).drifts
    assert drift.series == "response_ms{ingest}"
    assert drift.change == pytest.approx(0.3, rel=0.1)


def test_the_last_load_test_stands_beside_the_one_before(tmp_path: Path) -> None:
    store = fresh_store(tmp_path)
    for days, scenario, p95 in ((9, "full", 100.0), (5, "other", 1.0), (2, "full", 150.0)):
        at = NOW - timedelta(days=days)
        load_run(store, at, p95, scenario)
    report = daily(store)
    assert report.load_test is not None
    assert report.load_test.figures == {"p95_ms": 150.0}
    assert report.load_test.before == {"p95_ms": 100.0}
    assert "150 ms, before 100 ms (+50 %)" in text(report)


def test_a_load_test_at_another_rate_is_not_held_against_the_one_before(tmp_path: Path) -> None:
    store = fresh_store(tmp_path)
    load_run(store, NOW - timedelta(days=9), 100.0, options={"rate": 30})
    load_run(store, NOW - timedelta(days=2), 400.0, options={"rate": 300})
    report = daily(store)
    assert report.load_test is not None
    assert (report.load_test.before_at, report.load_test.before) == (None, {})
    assert "300 %" not in text(report)
    assert load_tones(report) == ["ok", ""]


@pytest.mark.parametrize(
    ("last", "word", "tone"),
    [
        pytest.param((120.0, 156.0), "same", "", id="one slow run decides nothing"),
        pytest.param((156.0, 157.0), "regression", "warn", id="the second one does"),
        pytest.param((80.0, 81.0), "improvement", "ok", id="so do two fast ones"),
    ],
)
def test_the_report_calls_a_load_test_what_its_judge_calls_it(
    tmp_path: Path, last: tuple[float, ...], word: str, tone: str
) -> None:
    store = fresh_store(tmp_path)
    times = (120.0, 121.0, 119.0, 120.0, 122.0, 118.0, 120.0, *last)
    for days, p95 in enumerate(reversed(times), start=1):
        load_run(store, NOW - timedelta(days=days), p95)
    report = daily(store)
    assert report.load_test is not None
    assert report.load_test.verdicts == {"p95_ms": word}
    assert load_tones(report) == ["ok", tone]


def load_run(
    store: Store, at: datetime, p95: float, scenario: str = "full", **changes: Any
) -> None:
    run = LoadTestRun(scenario, "http://x", at, at, "passed", figures={"p95_ms": p95}, **changes)
    with store.write() as tx:
        save_run(tx, run)


def load_tones(report: Report) -> list[str]:
    assert report.load_test is not None
    return [tone for _, tone in load_test_lines(report.load_test, NOW, Catalog("en", SEOUL))]


def test_the_week_covers_seven_local_days(tmp_path: Path) -> None:
    store = fresh_store(tmp_path)
    passes(store, START - timedelta(days=6), 3, Metric("payments_per_minute", 5.0))
    report = build(store, "weekly", DAY, SEOUL, NOW)
    assert report.end - report.start == timedelta(days=7)
    assert report.figures[0].now == pytest.approx(5, rel=0.01)


@pytest.mark.parametrize(
    ("zone", "day", "hours"),
    [
        ("Europe/Berlin", date(2026, 10, 26), 25),
        ("Europe/Berlin", date(2026, 3, 30), 23),
        ("America/Santiago", date(2026, 9, 7), 23),
        ("Asia/Seoul", date(2026, 10, 26), 24),
    ],
)
def test_a_local_day_has_the_hours_it_has(tmp_path: Path, zone: str, day: date, hours: int) -> None:
    report = build(fresh_store(tmp_path), "daily", day, ZoneInfo(zone), NOW)
    assert report.end - report.start == timedelta(hours=hours)


# --- the words -----------------------------------------------------------------------------------


def made(**kw: Any) -> Report:
    parts: dict[str, Any] = {"coverage": (CheckCoverage("services", 100, 0, 0),), **kw}
    return Report(
        "daily", DAY, START, START + 24 * HOUR, NOW, parts.pop("status", Status.OK), **parts
    )


def trouble(code: str = "odd", ended_at: datetime | None = None, **kw: Any) -> Trouble:
    return Trouble("services", code, "", Status.CRIT, NOW - HOUR, ended_at, **kw)


@pytest.mark.parametrize(
    ("report", "en", "ko"),
    [
        pytest.param(made(), "All is well, and nothing failed", "모두 정상이며", id="well"),
        pytest.param(
            made(recovered=(trouble(ended_at=NOW),)),
            "All is well now. One incident is over; it lasted 1 h.",
            "장애 1건이 1시간 만에 해소되었습니다",
            id="over",
        ),
        pytest.param(
            made(wrong=(trouble(), trouble("b")), status=Status.CRIT),
            "2 things are wrong right now, the worst: odd.",
            "지금 문제가 2건 있습니다",
            id="wrong",
        ),
        pytest.param(
            made(unseen=(trouble(),), status=Status.UNKNOWN),
            "Nothing known is wrong, but not everything can be seen",
            "일부를 볼 수 없습니다",
            id="blind",
        ),
        pytest.param(
            made(coverage=(CheckCoverage("services", 50, 50, 0),)),
            "Only 50 % of the expected passes ran.",
            "예정된 점검의 50%만",
            id="gaps",
        ),
    ],
)
def test_the_verdict_comes_first_on_one_line(report: Report, en: str, ko: str) -> None:
    assert en in headline(report)
    assert ko in headline(report, "ko")


def full() -> Report:
    """A report with too much of everything, all of it hostile."""
    figure = Figure("traffic", f"response_ms{{{HOSTILE}}}", "p95", "ms", 1e9, 0.0, 1.0, None, 9e8,
                    "same", "regression", (1.0, None, 2.0, 3.0))  # fmt: skip
    many = tuple(trouble(HOSTILE, params={"x": HOSTILE}) for _ in range(60))
    over = tuple(trouble(HOSTILE, NOW, consequences=3) for _ in range(60))
    coverage = tuple(CheckCoverage(f"{HOSTILE[:30]}{n}", 50, 50, 20) for n in range(40))
    return made(
        wrong=many,
        recovered=over,
        unseen=many,
        figures=(figure,) * 44,
        coverage=coverage,
        skipped=(DAY,) * 9,
        status=Status.CRIT,
    )


def test_a_report_survives_its_way_through_the_store() -> None:
    report = full()
    assert Report.from_dict(json.loads(json.dumps(report.to_dict()))) == report


@pytest.mark.parametrize("language", ["en", "ko"])
def test_slack_takes_the_report_whatever_it_holds(language: str) -> None:
    for report in (full(), made()):
        content = MessageRenderer(Catalog(language, SEOUL)).slack(message(report))
        body = {"text": content.text, "blocks": list(content.blocks)}
        assert problem_of(body) == ""
        assert "<" not in content.text


class Tags(HTMLParser):
    """Collects the tags and addresses of a page."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.tags: list[str] = []
        self.addresses: list[str] = []
        self.feed(page)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        self.addresses += [value or "" for name, value in attrs if name in ("src", "href")]


@pytest.mark.parametrize("language", ["en", "ko"])
def test_the_page_is_self_contained_and_escapes_everything(language: str) -> None:
    page = Tags(MessageRenderer(Catalog(language, SEOUL)).html(message(full())))
    assert "script" not in page.tags
    assert page.addresses == []
    # the gap parts each line in two, one of them a dot; six are drawn large as well
    assert page.tags.count("polyline") == 88 + 12
    assert "table" in page.tags


def test_a_report_without_figures_says_so() -> None:
    assert "There are no figures" in text(made())
