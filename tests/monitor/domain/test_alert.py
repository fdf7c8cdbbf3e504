"""The alert's state machine, pass by pass."""

import itertools
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from monitor.domain.alert import Alert, Phase, Rule, Size, advance_all
from monitor.domain.check import Finding, Metric, Status, Verdict

START = datetime(2026, 11, 2, 3, 0, tzinfo=UTC)
BAD = Finding("outbox_old", Status.CRIT, "shard1")
WARN = Finding("outbox_old", Status.WARN, "shard1")
BLIND = Finding("monitoring_gap", Status.UNKNOWN, "database", {"why": "refused"})
BLIND_SHARD2 = Finding("monitoring_gap", Status.UNKNOWN, "database/shard2", obscures="shard2")
WAY = Finding("monitoring_gap", Status.UNKNOWN, "gateway", {"why": "way"})


def live(passes, rule=None, every=timedelta(minutes=1)):
    """Run passes (each a list of findings) and give the transitions' kinds per pass and the end."""
    alerts: dict[str, Alert] = {}
    kinds = []
    for index, findings in enumerate(passes):
        now = START + index * every
        changed, transitions = advance_all(
            "outbox_age", alerts, Verdict.of(findings), rule or Rule(), now
        )
        alerts.update({alert.key: alert for alert in changed})
        alerts = {k: a for k, a in alerts.items() if a.phase in (Phase.PENDING, Phase.FIRING)}
        kinds.append([t.kind for t in transitions])
    return kinds, alerts


@pytest.mark.parametrize(
    ("passes", "expected"),
    [
        pytest.param([[BAD]], [["pending"]], id="one sighting only waits"),
        pytest.param([[BAD], [BAD]], [["pending"], ["fired"]], id="the second one fires"),
        pytest.param(
            [[BAD], [], [BAD]], [["pending"], [], ["fired"]], id="two of three fire across a gap"
        ),
        pytest.param(
            [[BAD], [], [], [BAD]],
            [["pending"], [], [], []],
            id="two of four do not",
        ),
        pytest.param(
            [[BAD], [BAD], [], []],
            [["pending"], ["fired"], [], ["resolved"]],
            id="it takes two clean passes to resolve",
        ),
        pytest.param(
            [[BAD], [BAD], [], [BAD], []],
            [["pending"], ["fired"], [], [], []],
            id="a relapse starts the count of clean passes again",
        ),
        pytest.param(
            [[WARN], [WARN], [BAD], [WARN]],
            [["pending"], ["fired"], ["worsened"], ["eased"]],
            id="severity changes are transitions",
        ),
    ],
)
def test_an_alert_fires_and_resolves_by_its_rule(passes, expected):
    kinds, _ = live(passes)
    assert [[k for k in kind if k != "cleared"] for kind in kinds] == expected


@pytest.mark.parametrize(
    ("passes", "minute"),
    [
        pytest.param([[WARN], [WARN], [BAD], [BAD]], 2, id="when it became critical"),
        pytest.param([[BAD], [BAD], [BAD]], None, id="not where it was so from the start"),
        pytest.param([[WARN], [WARN], [BAD], [WARN]], None, id="not where it is less again"),
        pytest.param([[BAD], [BAD], [WARN], [BAD]], 3, id="also where it had been so before"),
    ],
)
def test_an_alert_knows_when_it_became_critical_that_was_less(passes, minute):
    _, alerts = live(passes)
    expected = None if minute is None else START + timedelta(minutes=minute)
    assert alerts["outbox_old:shard1"].rose_at == expected


def test_a_pass_that_could_not_look_neither_advances_nor_resets():
    kinds, alerts = live([[BAD], [BLIND], [BLIND], [BLIND], [BAD]])
    assert "fired" in kinds[-1]
    assert alerts["outbox_old:shard1"].passes == "11"


def test_unknown_never_resolves_an_alert():
    kinds, alerts = live([[BAD], [BAD], *[[BLIND]] * 20])
    assert "resolved" not in [k for kind in kinds for k in kind]
    assert alerts["outbox_old:shard1"].phase is Phase.FIRING


def test_only_what_was_hidden_is_held():
    kinds, alerts = live([[BAD], [BAD], [BLIND_SHARD2], [BLIND_SHARD2]])
    assert "resolved" in kinds[-1]
    assert set(alerts) == {"monitoring_gap:database/shard2"}


def test_blindness_fires_only_when_it_lasts():
    rule = Rule(blind_after=timedelta(minutes=10))
    kinds, _ = live([[BLIND]] * 10, rule)
    assert kinds == [["pending"], *[[]] * 9]
    kinds, _ = live([[BLIND]] * 11, rule)
    assert kinds[-1] == ["fired"]


def test_a_part_that_is_seen_again_is_no_longer_blind_though_another_is_not():
    rule = Rule(blind_after=timedelta(0))
    kinds, alerts = live([[BLIND], [BLIND], [BLIND_SHARD2], [BLIND_SHARD2]], rule)
    assert "resolved" in kinds[-1]
    assert set(alerts) == {"monitoring_gap:database/shard2"}


def test_when_the_way_fails_nothing_is_said_about_parts_behind_it():
    rule = Rule(blind_after=timedelta(0))
    _, alerts = live([[BLIND], [BLIND], [WAY], [WAY], [WAY]], rule)
    assert alerts["monitoring_gap:database"].phase is Phase.FIRING


def test_a_finding_may_ask_to_fire_at_once():
    at_once = Finding("books_broken", Status.CRIT, "shard1/L3", passes_required=1)
    kinds, alerts = live([[at_once]])
    assert kinds == [["fired"]]
    assert alerts[at_once.key].fired_at == START


def test_a_regression_holds_while_its_series_is_not_measured():
    found = Finding("regression", Status.WARN, "response_ms{kafka}")
    alerts: dict[str, Alert] = {}
    metric = Metric("response_ms", 900, "kafka")
    for minute in range(3):
        changed, _ = advance_all(
            "services",
            alerts,
            Verdict.of([found], [metric]),
            Rule(),
            START + timedelta(minutes=minute),
        )
        alerts = {alert.key: alert for alert in changed}
    unmeasured, _ = advance_all("services", alerts, Verdict.of([]), Rule(resolve=1), START)
    measured, _ = advance_all("services", alerts, Verdict.of([], [metric]), Rule(resolve=1), START)
    assert unmeasured == []
    assert measured[0].phase is Phase.RESOLVED


CHECK_HUNG = Finding("monitoring_gap", Status.UNKNOWN, "check/outbox_age", {"why": "limit"})


def test_a_pass_that_saw_nothing_does_not_end_a_blindness():
    rule = Rule(blind_after=timedelta(0))
    _, alerts = live([[BLIND], [BLIND], [CHECK_HUNG], [CHECK_HUNG], [CHECK_HUNG]], rule)
    assert alerts["monitoring_gap:database"].phase is Phase.FIRING


def test_blindness_that_comes_and_goes_is_none():
    kinds, _ = live([[BLIND], [], []] * 20, Rule(blind_after=timedelta(minutes=10)))
    assert "fired" not in [k for kind in kinds for k in kind]


def blindness(passes, rule):
    """The phase of a part's blindness after each pass, told from the whole history at once."""
    since, gone, is_firing = None, 0, False
    for minute, findings in enumerate(passes):
        if BLIND in findings:
            since, gone = minute if since is None else since, 0
            is_firing = is_firing or timedelta(minutes=minute - since) >= rule.blind_after
        elif WAY not in findings and CHECK_HUNG not in findings:
            gone += 1
            is_firing = is_firing and gone < rule.resolve
            since = since if is_firing else None
        yield None if since is None else Phase.FIRING if is_firing else Phase.PENDING


@pytest.mark.parametrize("minutes", [1, 2])
def test_after_any_few_passes_blindness_stands_as_the_history_says(minutes):
    rule = Rule(blind_after=timedelta(minutes=minutes))
    kinds = [[], [BLIND], [BLIND_SHARD2], [WAY], [BLIND, CHECK_HUNG]]
    for passes in (p for n in range(1, 6) for p in itertools.product(kinds, repeat=n)):
        found = live(passes, rule)[1].get(BLIND.key)
        *_, expected = blindness(passes, rule)
        assert (found and found.phase) == expected, passes


def test_a_regression_holds_while_its_series_lacks_history():
    found = Finding("regression", Status.WARN, "response_ms{kafka}", passes_required=1)
    metric = Metric("response_ms", 900, "kafka")
    [fired], _ = advance_all("services", {}, Verdict.of([found], [metric]), Rule(), START)
    alerts = {fired.key: fired}
    quiet = Verdict.of([], [metric])
    rule = Rule(resolve=1)
    held, _ = advance_all("services", alerts, quiet, rule, START, {"response_ms{kafka}"})
    ended, _ = advance_all("services", alerts, quiet, rule, START)
    assert held == []
    assert ended[0].phase is Phase.RESOLVED


def at_its_end(*seen):
    """The alert after these passes, each a status and a count, and two that do not see it."""
    alerts: dict[str, Alert] = {}
    for minute, row in enumerate([*seen, None, None]):
        found = [] if row is None else [replace(BAD, status=row[0], params={"waiting": row[1]})]
        sizes = [Size("outbox_old:*", "waiting", 10)]
        now = START + timedelta(minutes=minute)
        changed, _ = advance_all("outbox_age", alerts, Verdict.of(found), Rule(), now, (), sizes)
        alerts = {alert.key: alert for alert in changed}
    return alerts[BAD.key]


@pytest.mark.parametrize(
    ("seen", "worst", "peak"),
    [
        pytest.param([("crit", 5), ("crit", 50), ("crit", 7)], "crit", 50, id="the largest"),
        pytest.param([("crit", 5), ("crit", 5), ("warn", 90)], "crit", 5, id="while it was worst"),
        pytest.param([("warn", 9), ("crit", 3), ("warn", 9)], "crit", 3, id="worst comes first"),
    ],
)
def test_an_alert_keeps_the_worst_that_it_was(seen, worst, peak):
    ended = at_its_end(*((Status(status), count) for status, count in seen))
    assert ended.phase is Phase.RESOLVED
    assert (ended.worst, ended.peak["waiting"]) == (Status(worst), peak)


@pytest.mark.parametrize(
    ("size", "value", "known", "doubled"),
    [
        pytest.param(Size("*", "n", 10), 30, 15, True, id="twice as large"),
        pytest.param(Size("*", "n", 10), 29, 15, False, id="not yet twice"),
        pytest.param(Size("*", "n", 10), 4, 2, False, id="less than anybody would act on"),
        pytest.param(Size("*", "n", 10, falls=True), 40, 93, True, id="half, where less is worse"),
        pytest.param(Size("*", "n", 10, falls=True), 93, 40, False, id="better is no growth"),
    ],
)
def test_growth_is_twice_as_bad_and_beyond_its_floor(size, value, known, doubled):
    assert size.has_doubled(value, known) is doubled
