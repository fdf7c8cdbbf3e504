"""A storm at Slack while incidents fire and resolve: everything arrives, in order, hardly twice."""

from __future__ import annotations

import random
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from itertools import groupby
from pathlib import Path

import pytest
from slack_server import TOKEN, Accepted, SlackServer

from demo.stand_in import StandIn
from monitor import app as application
from monitor import plugins
from monitor.app import App
from monitor.cli.demo.life import InProcess, Life, SimulatedClock, switch_times
from monitor.config.models import parse
from monitor.delivery.news import watch_delivery
from monitor.domain.backoff import DeliveryPolicy
from monitor.domain.delivery import Message
from monitor.store.delivery.journal import notifications
from monitor.store.delivery.notifications import claim
from monitor.text.messages.render import renderer

pytestmark = pytest.mark.slow

START = datetime(2026, 11, 2, 3, 0, tzinfo=UTC)  # a Monday noon in Seoul
MINUTE = timedelta(minutes=1)
CHECKS = ("services", "breakers", "dead_letters", "reconciliation")
# Fault -> in which minute it comes, and how many it lasts.
TROUBLE = {
    "redis_down": (3, 8),
    "poison_message": (5, 2),
    "broker_down": (14, 12),
    "ledger_wrong_amount": (20, 10),
    "pg_refusing": (35, 10),
}
FAILURES = {
    "channel": ("429", "500", "html", "drop", "service_unavailable"),
    "webhook": ("429", "500", "html", "drop", "service_unavailable"),
}
AMBIGUOUS = ("before", "after", "after")
CONFIG = """
database = "{folder}/paypulse.db"
[platform]
base_url = "http://platform.test"
actuators = {{ ingest = "http://platform.test" }}
[platform.database]
via = "direct"
urls = {{ shard1 = "sqlite:///{folder}/shard1.db", shard2 = "sqlite:///{folder}/shard2.db" }}
[report]
daily = "12:30"
[receivers.channel]
kind = "slack"
channel = "C1"
base_url = "{api_url}"
timeout_seconds = 0.5
[receivers.webhook]
kind = "slack"
webhook_url_env = "STORMY_WEBHOOK"
timeout_seconds = 0.5
"""


@dataclass
class Stormy:
    """A platform, the engine with its real Slack receivers, and the two Slacks they send to."""

    life: Life
    app: App
    slacks: dict[str, SlackServer]
    lost_claims: int = 0

    def live(self, minutes: int) -> None:
        """Live on; every other minute a deliverer claims something and is never seen again."""
        for minute in range(minutes):
            self.life.live(self.life.clock() + MINUTE)
            self.lost_claims += minute % 2 and self._lose_a_claim()

    def settle(self) -> None:
        """What was put off is sent when its time has come."""
        for _ in range(120):
            self.life.clock.set(self.life.clock() + MINUTE)
            self.app.deliver()
            watch_delivery(self.app.outbox, self.life.clock())

    def _lose_a_claim(self) -> int:
        """Of what is due soon, while its receiver is left alone after a failure."""
        soon = self.life.clock() + 5 * MINUTE
        lost = (claim(self.app.store, name, soon, DeliveryPolicy().lease) for name in self.slacks)
        return sum(message is not None for message in lost)

    def owed(self, receiver: str) -> list[Message]:
        """All messages to a receiver, oldest first."""
        with self.app.store.read() as tx:
            found = notifications(tx, START, self.life.clock() + MINUTE)
        return [message for message in reversed(found) if message.receiver == receiver]

    def story(self, sent: Message) -> str:
        """What a message tells, whenever it was made; see Accepted.story."""
        if sent.kind == "incident":
            return f"{sent.thread}:{sent.payload['kind']}"
        made = renderer(self.app.config.language, self.app.config.timezone)
        return made.slack(sent).text


def storm(receiver: str, chance: random.Random) -> list[str]:
    """What happens to each request, one after the other; then the sky is clear."""
    plan = [chance.choice((*FAILURES[receiver], "ok")) for _ in range(36)] + list(AMBIGUOUS)
    chance.shuffle(plan)
    return plan


@contextmanager
def stormy(folder: Path, env: pytest.MonkeyPatch, seed: int) -> Iterator[Stormy]:
    """A fresh platform and engine, both at the start, under two storms."""
    chance = random.Random(seed)
    with ExitStack() as stack:
        slacks = {name: stack.enter_context(SlackServer()) for name in FAILURES}
        for name, slack in slacks.items():
            slack.plan.extend(storm(name, chance))
        env.setenv("SLACK_BOT_TOKEN", TOKEN)
        env.setenv("STORMY_WEBHOOK", slacks["webhook"].webhook_url)
        text = CONFIG.format(folder=folder, api_url=slacks["channel"].api_url)
        for name in plugins.load("checks", "CHECK"):
            text += f"[checks.{name}]\n"
            text += "every_seconds = 60\n" if name in CHECKS else "enabled = false\n"
        text += "[checks.dead_letters.alert]\nfire = 1\n"
        standin = StandIn(folder, start=START, payments_per_minute=6.0)
        stack.callback(standin.close)
        clock = SimulatedClock(START)
        app = application.build(
            parse(text, {}),
            clock=clock,
            transport=InProcess(standin),
            is_durable=False,
            deliver_every=MINUTE / 6,
        )
        stack.callback(app.close)
        hours = {name: (at / 60, span / 60) for name, (at, span) in TROUBLE.items()}
        yield Stormy(Life(standin, app, clock, switch_times(START, hours)), app, slacks)


@pytest.mark.parametrize("seed", [1])
def test_after_the_storm_all_has_arrived_in_order_and_twice_only_what_slack_had_taken(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, seed: int
) -> None:
    with stormy(tmp_path, monkeypatch, seed) as world:
        world.live(60)
        world.settle()
        assert world.lost_claims > 3
        assert min(slack.requests for slack in world.slacks.values()) > 30
        for receiver, slack in world.slacks.items():
            owed = world.owed(receiver)
            assert_whole(owed)
            assert set(slack.refused) == {"service_unavailable"}
            unheard = AMBIGUOUS.count("after") - slack.plan.count("after")
            sent = [message for message in owed if message.state == "sent"]
            assert len(slack.accepted) == len(sent) + unheard
            assert_in_order(world, sent, slack.accepted)
        assert_in_threads(world)


def assert_whole(owed: list[Message]) -> None:
    """Everything is sent: the report, and each incident from its beginning to its end."""
    assert {message.state for message in owed} <= {"sent", "merged"}
    stories = threads([message for message in owed if message.state == "sent"])
    assert [message.kind for message in stories.pop("")] == ["report"]
    for thread in [thread for thread in stories if thread.startswith("delivery:")]:
        assert [m.payload["kind"] for m in stories.pop(thread)] in (["failing", "works"], ["works"])
    assert len(stories) >= len(TROUBLE)  # and what they leave behind
    for story in stories.values():
        kinds = [message.payload["kind"] for message in story]
        assert kinds == ["brief"] or (kinds[0], kinds[-1]) == ("firing", "resolved")
        assert set(kinds[1:-1]) <= {"update"}


def threads(owed: list[Message]) -> dict[str, list[Message]]:
    """The messages of each thread, in their order."""
    found: dict[str, list[Message]] = {}
    for message in owed:
        found.setdefault(message.thread, []).append(message)
    return found


def assert_in_order(world: Stormy, owed: list[Message], accepted: list[Accepted]) -> None:
    """Of each thread Slack took all messages in their order; one that came twice came in a row."""
    told = [message.story for message in accepted]
    for story in threads(owed).values():
        expected = [world.story(message) for message in story]
        taken = [one for one in told if one in expected]
        assert once_each(taken) == once_each(expected)
    firing_first = {one.replace(":brief", ":firing") for one in told}
    assert set(told) <= {world.story(message) for message in owed} | firing_first


def once_each(told: list[str]) -> list[str]:
    """Without repeats in a row."""
    return [one for one, _ in groupby(told)]


def assert_in_threads(world: Stormy) -> None:
    """Of each incident all but the first message is in its thread; a webhook knows no threads."""
    taken = {message.ts: message for message in world.slacks["channel"].accepted}
    sent = [message for message in world.owed("channel") if message.state == "sent"]
    for thread, (first, *later) in threads(sent).items():
        assert taken[first.reference["ts"]].thread_ts is None
        above = {taken[message.reference["ts"]].thread_ts for message in later}
        assert above == ({first.reference["ts"]} if thread and later else set())
    assert {message.thread_ts for message in world.slacks["webhook"].accepted} == {None}
