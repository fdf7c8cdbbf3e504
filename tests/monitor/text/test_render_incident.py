"""Incident messages: told with cause and consequences, in any form, whatever they quote."""

from __future__ import annotations

import io
import json
from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from slack_server import problem_of, texts_of

from checks.touches import TOUCHES
from monitor.domain.alert import Alert, Phase
from monitor.domain.check import Status
from monitor.domain.delivery import Message, Temporary
from monitor.domain.incident.impact import NOT_COUNTED
from monitor.domain.incident.message import CONSEQUENCES_MAX, IncidentMessage, incident_message
from monitor.domain.incident.model import Incident, Notice
from monitor.notifiers.console import Console, ConsoleOptions
from monitor.text.messages.render import Catalog, MessageRenderer
from monitor.text.messages.slack import fit, units

T0 = datetime(2026, 11, 22, 5, 2, tzinfo=UTC)
MINUTE = timedelta(minutes=1)
HOSTILE = (
    "<!channel> <https://evil.example|pay> *b* _i_ `c` @here & :boom: \x00\u202e" + "가😀" * 3000
)


def alert(code: str, subject: str = "", status: Status = Status.CRIT, **kw: Any) -> Alert:
    since = kw.pop("since", T0)
    return Alert("services", code, subject, Phase.FIRING, status, since, since, **kw)


def payload(kind: str, alerts: Sequence[Alert], **kw: Any) -> dict[str, Any]:
    incident = Incident(alerts[0].key, T0, Status.CRIT, id=7, **kw)
    return incident_message(incident, alerts, Notice(kind, "why"), T0 + 3 * MINUTE)


def message(data: dict[str, Any]) -> Message:
    return Message("incident:7:firing:1", "slack", "incident", data, T0, T0)


def renderer(language: str = "en") -> MessageRenderer:
    return MessageRenderer(Catalog(language, ZoneInfo("Asia/Seoul")))


def slack_body(data: dict[str, Any], language: str = "en") -> dict[str, Any]:
    content = renderer(language).slack(message(data))
    return {"text": content.text, "blocks": list(content.blocks)}


def test_a_message_survives_its_way_through_the_store() -> None:
    data = payload("firing", [alert("a", evidence=({"id": 1},)), alert("b", "x")])
    assert IncidentMessage.from_dict(json.loads(json.dumps(data))).to_dict() == data


def test_the_cause_leads_and_its_consequences_follow_worst_first() -> None:
    late, bad = alert("b", status=Status.WARN), alert("c", since=T0 + MINUTE)
    over = replace(alert("d"), phase=Phase.RESOLVED, ended_at=T0)
    told = IncidentMessage.from_dict(payload("firing", [alert("a"), over, late, bad]))
    assert told.root.code == "a"
    assert [item.code for item in told.consequences] == ["c", "b", "d"]


def test_one_thing_seen_by_several_checks_is_told_once() -> None:
    twice = [
        alert("monitoring_gap", "kafka"),
        replace(alert("monitoring_gap", "kafka"), check="other"),
    ]
    assert payload("firing", twice)["consequences"] == []


def test_of_what_is_over_the_rest_that_goes_on_is_not_called_recovered() -> None:
    ended = replace(alert("b"), phase=Phase.RESOLVED, ended_at=T0)
    root = replace(alert("a"), phase=Phase.RESOLVED, ended_at=T0)
    data = payload("resolved", [root, ended, alert("c")], ended_at=T0 + MINUTE)
    said = renderer().text(message(data))
    assert said.index("Not over yet (1)\n  🔴 c") < said.index("Recovered too (1)\n  🟢 b")


def test_too_many_consequences_are_counted() -> None:
    many = [alert("a"), *(alert("b", str(n)) for n in range(CONSEQUENCES_MAX + 5))]
    data = payload("firing", many)
    assert (len(data["consequences"]), data["more"]) == (CONSEQUENCES_MAX, 5)
    assert "… and 5 more" in renderer().text(message(data))


def test_a_resolved_message_says_how_bad_it_was_and_how_long_it_lasted() -> None:
    ended = [replace(alert("a"), phase=Phase.RESOLVED, ended_at=T0 + 12 * MINUTE)]
    data = payload("resolved", ended, ended_at=T0 + 12 * MINUTE)
    assert data["status"] == "crit"
    text = renderer().text(message(data))
    assert text.startswith("🟢 Resolved: a")
    assert "It lasted 12 min, from 14:02 to 14:14." in text


@pytest.mark.parametrize(
    ("kind", "language", "start"),
    [
        ("firing", "en", "🔴 Critical: a"),
        ("firing", "ko", "🔴 심각: a"),
        ("update", "en", "🔴 Update: a"),
        ("reminder", "ko", "🔴 계속되는 중: a"),
        ("resolved", "ko", "🟢 해소됨: a"),
    ],
)
def test_the_first_line_is_the_verdict(kind: str, language: str, start: str) -> None:
    data = payload(kind, [alert("a")], ended_at=T0 + MINUTE if kind == "resolved" else None)
    assert renderer(language).text(message(data)).startswith(start)
    assert slack_body(data, language)["blocks"][0]["text"]["text"].startswith(start)
    assert slack_body(data, language)["text"].startswith(start)


def test_the_context_tells_check_status_incident_and_local_time() -> None:
    data = payload("firing", [alert("a")], acked_by="Kim")
    elements = slack_body(data)["blocks"][-1]["elements"]
    assert [element["text"] for element in elements] == [
        "As of Sun 22 Nov 2026, 14:05 KST",
        "Check: services",
        "Incident 7",
        "Acknowledged by Kim",
    ]


def test_the_data_behind_the_cause_is_shown() -> None:
    row = {"row": "12", "payment_id": 12, "amount": 1000, "at": "2026-11-22T04:00:00Z", "x": None}
    data = payload("firing", [alert("a", evidence=(row,))])
    assert "Payment 12, amount ₩1,000, at 13:00\n" in renderer().text(message(data))
    assert "결제 12, 금액 1,000원, 시각 13:00\n" in renderer("ko").text(message(data))


def broken(shard: str, name: str, **kw: Any) -> Alert:
    params = {"invariant": name, "shard": shard, "count": 1, "amount_krw": 1000, "drift_krw": 1000}
    params |= {"at_least": False, "first_seen_at": T0.isoformat(), "oldest_payment_id": 3}
    return alert("books_broken", f"{shard}/{name}", params=params, **kw)


@pytest.mark.parametrize(
    ("language", "title"),
    [
        ("en", "🔴 Critical: Captured amount differs in 1 place, ₩1,000 (L4, shard1)"),
        ("ko", "🔴 심각: 매입 금액 불일치 1건, 1,000원 (L4, shard1)"),
    ],
)
def test_a_title_says_the_thing_and_the_amount_and_the_id_last(language: str, title: str) -> None:
    text = renderer(language).text(message(payload("firing", [broken("shard1", "L4")])))
    assert text.splitlines()[0] == title


@pytest.mark.parametrize(
    ("language", "line"),
    [
        (
            "en",
            "Payments affected: captures booked twice 2 (₩3,000),"
            " authorizations refused 12 (amount not known)",
        ),
        (
            "ko",
            "영향받은 결제: 매입 중복 기장 2건(3,000원), 승인 거절 12건(금액 알 수 없음)",
        ),
    ],
)
def test_what_it_does_to_payments_stands_in_the_message(language: str, line: str) -> None:
    known = {"booked_twice": {"count": 2, "krw": 3000}, "refused": {"count": 12, "krw": None}}
    data = payload("firing", [alert("a")], impact=known)
    assert line in renderer(language).text(message(data)).splitlines()
    assert line in texts_of(slack_body(data, language), "plain_text")
    assert "Payments" not in renderer().text(message(payload("firing", [alert("a")])))


@pytest.mark.parametrize("language", ["en", "ko"])
def test_every_kind_of_impact_has_its_name(language: str) -> None:
    words = Catalog(language, ZoneInfo("Asia/Seoul"), strict=True)
    kinds = {touch.kind for touch in TOUCHES} - {NOT_COUNTED}
    assert {kind for kind in kinds if not words.has(f"impact_kind.{kind}")} == set()


def test_what_is_over_is_told_in_the_past_tense() -> None:
    ended = {"phase": Phase.RESOLVED, "ended_at": T0 + MINUTE}
    down = replace(alert("service_down", "kafka", params={"part": "kafka", "detail": ""}), **ended)
    l4 = replace(broken("shard1", "L4"), **ended)
    text = renderer().text(message(payload("resolved", [down, l4], ended_at=T0 + MINUTE)))
    assert "Resolved: Kafka was down" in text
    assert "Captured amount differed in 1 place" in text


def test_the_same_fact_of_a_shard_is_told_once() -> None:
    waiting = {"waiting": 3, "oldest_age_seconds": 90, "shard": "shard1"}
    alerts = [alert("a"), alert("outbox_old", "shard1", params=waiting)]
    text = renderer().text(message(payload("firing", [*alerts, broken("shard1", "O1")])))
    assert "What follows from it (1)" in text
    assert "(O1" not in text
    assert "(O1" in renderer().text(message(payload("firing", [alert("a"), broken("s", "O1")])))


@pytest.mark.parametrize(
    ("language", "title"),
    [("en", "6 merchants blocked by a rate limit"), ("ko", "호출 한도로 차단된 가맹점 6곳")],
)
def test_many_alike_are_named_by_what_they_are(language: str, title: str) -> None:
    alerts = [alert("merchant_blocked", str(n)) for n in range(6)]
    incident = Incident("merchant_blocked:*", T0, Status.CRIT, id=7)
    data = incident_message(incident, alerts, Notice("firing", "many_alike"), T0 + MINUTE)
    assert title in renderer(language).text(message(data)).splitlines()[0]


def test_an_end_on_another_day_has_its_date() -> None:
    began, ended = T0 + timedelta(hours=9), T0 + timedelta(hours=11)
    over = replace(alert("a", since=began), phase=Phase.RESOLVED, ended_at=ended)
    incident = Incident("a:", began, Status.CRIT, id=7, ended_at=ended)
    data = incident_message(incident, [over], Notice("resolved", "over"), ended)
    assert "from 22 Nov 23:02 to 23 Nov 01:02." in renderer().text(message(data))


def test_the_particle_follows_the_sound_of_the_verdict() -> None:
    data = incident_message(
        Incident("a:", T0, Status.CRIT, id=7),
        [alert("a")],
        Notice("update", "became_critical"),
        T0 + MINUTE,
    )
    assert renderer("ko").text(message(data)).startswith("🔴 심각으로 악화: a")


def hostile(kind: str = "firing") -> dict[str, Any]:
    rows = tuple({HOSTILE[:90]: HOSTILE, "n": n} for n in range(40))
    alerts = [
        alert(f"odd{n}", HOSTILE, params={"x": HOSTILE, "y": HOSTILE}, evidence=rows)
        for n in range(60)
    ]
    data = payload(kind, alerts, acked_by=HOSTILE)
    return {**data, "url": "https://monitor.example/?a=<b>&c=|d"}


@pytest.mark.parametrize("language", ["en", "ko"])
@pytest.mark.parametrize("kind", ["firing", "update", "reminder", "resolved"])
def test_slack_takes_the_message_whatever_it_quotes(kind: str, language: str) -> None:
    body = slack_body(hostile(kind), language)
    assert problem_of(body) == ""
    assert body["blocks"][0]["type"] == "header"
    assert body["blocks"][-1]["type"] == "context"


def test_quoted_text_can_neither_mention_nor_link_nor_format() -> None:
    body = slack_body(hostile())
    marked = texts_of(body, "mrkdwn")
    ours = ["What follows from it", "What to do", "In the data", "Open in the monitor"]
    assert all(any(start in text for start in ours) for text in marked)
    assert marked[-1] == "<https://monitor.example/?a=&lt;b&gt;&amp;c=%7Cd|Open in the monitor>"
    assert "<" not in body["text"] and "@h" not in body["text"] and "://" not in body["text"]


def test_too_many_blocks_are_cut_and_the_last_one_stays() -> None:
    section = {"type": "section", "text": {"type": "plain_text", "text": "x" * 900}}
    context = {"type": "context", "elements": [{"type": "plain_text", "text": "end"}]}
    kept = fit([section] * 80 + [context])
    assert kept[-1] == context
    assert problem_of({"text": "x", "blocks": list(kept)}) == ""
    assert kept[-2]["text"]["text"].endswith("…")


def test_small_blocks_are_cut_at_fifty() -> None:
    divider = {"type": "divider"}
    assert len(fit([divider] * 80)) == 50


def test_length_is_counted_as_slack_counts() -> None:
    assert units("a가😀") == 4


def test_the_console_prints_the_whole_message() -> None:
    stream = io.StringIO()
    console = Console(renderer(), ConsoleOptions(), stream)
    assert console.send(message(payload("firing", [alert("a")])), None)
    assert "🔴 Critical: a" in stream.getvalue()


def test_a_console_that_is_closed_is_temporary() -> None:
    stream = io.StringIO()
    stream.close()
    with pytest.raises(Temporary):
        Console(renderer(), ConsoleOptions(), stream).send(
            message(payload("firing", [alert("a")])), None
        )


@pytest.mark.parametrize(
    ("language", "said", "never"),
    [("en", "Accepted as known", "Resolved"), ("ko", "알려진 것으로 수용", "해소됨")],
)
def test_what_is_accepted_ends_without_being_called_over(
    language: str, said: str, never: str
) -> None:
    data = payload("resolved", [alert("service_down", "kafka", params={"part": "kafka"})])
    text = renderer(language).text(message({**data, "reason": "accepted"}))
    assert said in text and never not in text
    assert "🟢" not in text
