"""Words: both languages say the same things, whatever a finding holds."""

from __future__ import annotations

import re
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from jinja2 import Environment, meta

from checks.invariants.catalogue import catalogue
from monitor import resources
from monitor.domain.check import Finding, Status
from monitor.domain.metrics import METRICS
from monitor.text.catalog import Catalog
from monitor.text.filters import clean, clock, cut, duration, krw, metric_value, number, percent
from monitor.text.particles import particle
from monitor.text.sentences import CatalogError, languages, load

SEOUL = ZoneInfo("Asia/Seoul")
AT = datetime(2026, 11, 22, 5, 2, tzinfo=UTC)
REGRESSION = {
    "series": "response_ms{ingest}",
    "now": 820.0,
    "before": 210.0,
    "change_percent": 290.5,
    "unit": "ms",
}


def strict(language: str) -> Catalog:
    return Catalog(language, SEOUL, strict=True)


def test_there_are_english_and_korean() -> None:
    assert languages() == ("en", "ko")


def test_both_languages_have_the_same_sentences() -> None:
    assert load("en").keys() == load("ko").keys()


@pytest.mark.parametrize("language", ["en", "ko"])
def test_every_sentence_is_a_template_that_compiles(language: str) -> None:
    words = strict(language)
    for text in words.sentences.values():
        words._environment.from_string(text)


@pytest.mark.parametrize("language", ["en", "ko"])
def test_every_metric_check_and_status_has_a_name(language: str) -> None:
    words = strict(language)
    checks = Path(resources.__file__).parent.parent / "checks"
    kinds = {p.stem for p in checks.glob("*.py") if "CHECK = " in p.read_text(encoding="utf-8")}
    wanted = [f"metric.{name}" for name in METRICS] + [f"check.{name}" for name in kinds]
    wanted += [f"{table}.{status}" for table in ("status", "verdict") for status in Status]
    assert [key for key in wanted if not words.has(key)] == []


@pytest.mark.parametrize("language", ["en", "ko"])
def test_every_finding_has_its_three_sentences(language: str) -> None:
    keys = [key.split(".") for key in load(language) if key.startswith("finding.")]
    parts: dict[str, set[str]] = {}
    for _, code, part in keys:
        parts.setdefault(code, set()).add(part)
    assert parts
    needed, known = {"title", "text", "action"}, {"title", "text", "action", "title_over"}
    assert all(needed <= found <= known for found in parts.values()), parts


PRESENT = {
    "en": r"\b(is|are|has|have|needs|takes|uses|waits|falls|answers|succeed|cannot)\b|lack rep",
    "ko": r"째 |사용 중|없음\"?$|부터(:|$)|할 수 없음|예상$",
}


def made_up(name: str) -> Any:
    """A value for a parameter, by its name."""
    if name == "since" or name.endswith("_at"):
        return AT.isoformat()
    texts = ("name", "state", "part", "unit", "outcome", "shard", "topic", "group", "job", "action")
    more = ("instance", "prefix", "merchant_id", "work", "day", "series", "metric", "statistic")
    if name == "invariant":
        return "L4"
    return "x" if name in (*texts, *more, "subject", "crossed") else () if name == "evidence" else 3


@pytest.mark.parametrize("language", ["en", "ko"])
def test_of_what_is_over_no_title_stands_in_the_present_tense(language: str) -> None:
    words = strict(language)
    codes = {key.split(".")[1] for key in words.sentences if key.startswith("finding.")}
    titles = {}
    for code in codes - {"diagnosis"}:  # it raises no alert
        key = f"finding.{code}.title_over"
        key = key if words.has(key) else f"finding.{code}.title"
        names = meta.find_undeclared_variables(Environment().parse(_plain(words.sentences[key])))
        params = {name: made_up(name) for name in names | {"invariant", "shard", "count"}}
        params |= {"metric": "m", "statistic": "s", "unit": "ms", "now": 3, "amount_krw": 3}
        titles[code] = words.say(key, **params, _now=AT)
    assert len(titles) > 40
    assert {c: t for c, t in titles.items() if re.search(PRESENT[language], t)} == {}


def _plain(template: str) -> str:
    """A template without its filters, which a bare environment does not know."""
    return re.sub(r"\|\s*\w+(\([^)]*\))?", "", template)


@pytest.mark.parametrize("language", ["en", "ko"])
def test_many_of_any_finding_have_a_title(language: str) -> None:
    keys = load(language)
    codes = {key.split(".")[1] for key in keys if key.startswith("finding.")}
    assert {code for code in codes if f"many.{code}" not in keys} == set()


@pytest.mark.parametrize("language", ["en", "ko"])
def test_every_invariant_has_its_title(language: str) -> None:
    words = load(language)
    assert {i.id for i in catalogue() if f"invariant.{i.id}.title" not in words} == set()


@pytest.mark.parametrize(
    ("word", "forms", "said"),
    [
        ("심각", "으로/로", "으로"),
        ("경고", "으로/로", "로"),
        ("정상", "은/는", "은"),
        ("서울", "으로/로", "로"),
        ("shard1", "이/가", "이"),
        ("shard2", "이/가", "가"),
        ("shard1", "으로/로", "로"),
        ("Kafka", "은/는", "는"),
        ("topic", "은/는", "은"),
        ("ingest", "이/가", "가"),
        ("monitoring", "을/를", "을"),
        ("PG", "이/가", "가"),
        ("URL", "이/가", "이"),
        ("(paypulse)", "은/는", "는"),
    ],
)
def test_a_particle_follows_the_final_sound(word: str, forms: str, said: str) -> None:
    assert particle(word, forms) == said


@pytest.mark.parametrize(
    ("language", "title"),
    [
        ("en", "Response time (ingest): 820 ms, usually 210 ms"),
        ("ko", "응답 시간 (ingest): 820 ms, 평소 210 ms"),
    ],
)
def test_a_regression_is_told_with_its_figures(language: str, title: str) -> None:
    finding = Finding("regression", Status.WARN, "response_ms{ingest}", REGRESSION)
    said = strict(language).finding(finding)
    assert said.title == title
    assert "290.5" in said.text
    assert said.action


def test_a_regression_from_nothing_has_no_percentage() -> None:
    params = {**REGRESSION, "before": 0.0, "change_percent": None}
    said = strict("en").finding(Finding("regression", Status.WARN, "s", params))
    assert "%" not in said.text


def test_a_missing_sentence_is_an_error_where_it_is_asked_for() -> None:
    with pytest.raises(CatalogError, match=r"finding\.unheard_of\.title"):
        strict("en").finding(Finding("unheard_of", Status.CRIT))


def test_a_missing_parameter_is_an_error_that_names_it() -> None:
    with pytest.raises(CatalogError, match=r"finding\.regression"):
        strict("en")._fill("finding.regression.title", {})


@pytest.mark.parametrize("params", [{}, {"part": "kafka", "age": 3}])
def test_no_alert_is_lost_for_a_word(params: dict[str, Any]) -> None:
    said = Catalog("en", SEOUL).finding(Finding("unheard_of", Status.CRIT, "shard1", params))
    assert said.title == "unheard_of shard1"
    assert all(f"{key}={value}" in said.text for key, value in params.items())


def test_a_name_that_is_missing_is_its_code() -> None:
    assert strict("en").name("check", "homemade") == "homemade"


def test_an_unknown_language_names_those_that_exist() -> None:
    with pytest.raises(CatalogError, match="en, ko"):
        load("fr")


def test_a_sentence_that_stands_twice_is_an_error(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "en").mkdir()
    for name in ("one", "two"):
        (tmp_path / "en" / f"{name}.toml").write_text('[status]\nok = "well"\n')
    monkeypatch.setattr(resources, "folder", lambda name: tmp_path)
    with pytest.raises(CatalogError, match=r"status\.ok"):
        load("en")


def test_platform_text_is_one_short_line_without_controls() -> None:
    hostile = "a\x00b\n\u202ec\u200b" + "x" * 500
    assert clean(hostile)[:5] == "ab cx"
    assert len(clean(hostile)) == 200
    assert clean(12) == 12


@pytest.mark.parametrize(
    ("seconds", "en", "ko"),
    [
        (0, "0 s", "0초"),
        (0.4, "0.4 s", "0.4초"),
        (59.6, "1 min", "1분"),
        (303, "5 min 3 s", "5분 3초"),
        (7200, "2 h", "2시간"),
        (7260, "2 h 1 min", "2시간 1분"),
        (7201, "2 h", "2시간"),
        (90_000, "1 d 1 h", "1일 1시간"),
    ],
)
def test_spans_are_told_in_two_units(seconds: float, en: str, ko: str) -> None:
    assert (duration(seconds, "en"), duration(seconds, "ko")) == (en, ko)


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (0, "0"),
        (1234, "1,234"),
        (1234.56, "1,235"),
        (12.34, "12.3"),
        (1.5, "1.5"),
        (-0.25, "-0.25"),
    ],
)
def test_numbers_have_the_decimals_they_deserve(value: float, text: str) -> None:
    assert number(value) == text


@pytest.mark.parametrize(
    ("said", "expected"),
    [
        (krw(12_000, "en"), "₩12,000"),
        (krw(-12_000, "en"), "-₩12,000"),
        (krw(12_000, "ko"), "12,000원"),
        (percent(12.34, "en"), "12.3 %"),
        (percent(12.0, "ko"), "12%"),
        (percent(-3.21, "en", signed=True), "−3.2 %"),
        (percent(6966.6, "en"), "6,967 %"),
        (cut("abcdef", 4), "abc…"),
        (metric_value(90, "s", "en"), "1 min 30 s"),
        (metric_value(None, "ms", "en"), "–"),
        (metric_value(3, "messages", "ko"), "3건"),
    ],
)
def test_values_are_written_as_people_write_them(said: str, expected: str) -> None:
    assert said == expected


@pytest.mark.parametrize(
    ("value", "now", "language", "text"),
    [
        (AT, AT, "en", "14:02"),
        ("2026-11-22T05:02:00Z", AT, "ko", "14:02"),
        ("2026-11-22T05:02:00", AT, "en", "14:02"),
        ("2026-11-21T14:59:00+00:00", AT, "en", "21 Nov 23:59"),
        ("2026-11-21T14:59:00+00:00", AT, "ko", "11월 21일 23:59"),
        (AT, None, "en", "2026-11-22 14:02"),
    ],
)
def test_times_are_local_and_dated_when_not_of_today(
    value: Any, now: datetime | None, language: str, text: str
) -> None:
    assert clock(value, SEOUL, language, now) == text


def written(folder: Path, monkeypatch: pytest.MonkeyPatch, text: str) -> Catalog:
    (folder / "en").mkdir()
    (folder / "en" / "words.toml").write_text(text, encoding="utf-8")
    monkeypatch.setattr(resources, "folder", lambda name: folder)
    return strict("en")


def plain(code: str, title: str, text: str = "") -> str:
    return f'[finding.{code}]\ntitle = "{title}"\ntext = "{text}"\naction = ""\n'


def test_what_could_not_be_seen_is_told_with_its_reason(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    text = plain(
        "monitoring_gap", "{{ part }}", "So it is: {{ ('reason.' ~ reason ~ '.text') | say }}"
    )
    words = written(tmp_path, monkeypatch, text + '[reason.html]\ntext = "got {{ got | cut(4) }}"')
    params = {"part": "kafka", "reason": "html", "got": "<html>"}
    said = words.finding(Finding("monitoring_gap", Status.UNKNOWN, "kafka", params))
    assert said.text == "So it is: got <ht…"


def test_broken_books_are_told_with_what_must_hold(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    text = plain("books_broken", "{{ ('invariant.' ~ invariant ~ '.text') | say }}")
    words = written(tmp_path, monkeypatch, text + '[invariant.L4]\ntext = "amounts agree"')
    said = words.finding(Finding("books_broken", Status.CRIT, "s/L4", {"invariant": "L4"}))
    assert said.title == "amounts agree"


def test_a_diagnosis_joins_the_words_of_cause_and_consequences(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    text = plain(
        "diagnosis",
        "{{ evidence | cause }} since {{ since | clock }}: {{ evidence | consequences }}",
    )
    text += plain("down", "{{ subject }} is down") + plain("waiting", "{{ events }} events wait")
    words = written(tmp_path, monkeypatch, text)
    rows = tuple(
        {"code": code, "subject": subject, "status": "crit", "events": 212, "check": check}
        for code, subject, check in (
            ("down", "Kafka", "a"),
            ("waiting", "", "b"),
            ("waiting", "", "c"),
        )
    )
    params = {"cause_code": "down", "cause_subject": "Kafka", "since": AT.isoformat()}
    finding = Finding("diagnosis", Status.CRIT, "down:Kafka", params, rows)
    assert words.finding(finding, AT).title == "Kafka is down since 14:02: 212 events wait"
