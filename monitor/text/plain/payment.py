"""The story of a payment in words: for a terminal, and as plain data for others."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from monitor.domain.books.payment_story import BREAKER, BROKER, Chapter, Happening, Reason, Story
from monitor.text.catalog import Catalog
from monitor.text.filters import clean


def story_json(story: Story, catalog: Catalog) -> dict[str, Any]:
    """The whole story as plain data, with the sentences beside the codes."""
    return {
        "payment_id": story.payment_id,
        "at": story.at.isoformat(),
        "status": story.status.value,
        "conclusion": reason_json(story.conclusion, catalog, story),
        "shards": [chapter_json(chapter, catalog, story) for chapter in story.chapters],
    }


def reason_json(reason: Reason, catalog: Catalog, story: Story) -> dict[str, Any]:
    """A reason: its code and parameters, what it means, what to do next."""
    return {
        "code": reason.code,
        "stage": reason.stage,
        "status": reason.status.value,
        **reason_words(reason, catalog, story),
        "params": dict(reason.params),
    }


def reason_words(reason: Reason, catalog: Catalog, story: Story) -> dict[str, str]:
    """Title, text and action of a reason."""
    stage = f"story.stage.{reason.stage}"
    params = {
        **_cleaned(reason.params),
        "stage": reason.stage,
        "stage_text": catalog.say(stage) if catalog.has(stage) else "",
        "invariant_text": _invariant(reason.params, catalog),
        "_now": story.at,
    }
    parts = ("title", "text", "action")
    return {part: catalog.say(f"story.reason.{reason.code}.{part}", **params) for part in parts}


def chapter_json(chapter: Chapter, catalog: Catalog, story: Story) -> dict[str, Any]:
    """A payment on one shard: its row, why it is where it is, its course, what was not seen."""
    return {
        "shard": chapter.shard,
        "status": chapter.status.value,
        "payment": None if chapter.payment is None else dict(chapter.payment),
        "reasons": [reason_json(reason, catalog, story) for reason in chapter.reasons],
        "timeline": [happening_json(one, catalog, story) for one in chapter.happenings],
        "unavailable": list(unavailable_texts(chapter, catalog, story)),
        "read_until": {table: at.isoformat() for table, at in chapter.read_until.items()},
    }


def happening_json(one: Happening, catalog: Catalog, story: Story) -> dict[str, Any]:
    """One thing that happened, and how broker and breaker were then."""
    row: dict[str, Any] = {
        "at": one.at.isoformat(),
        "code": one.code,
        "status": one.status.value,
        "text": happening_text(one, catalog, story),
    }
    if one.around:
        row["then"] = dict(one.around)
    return row


def happening_text(one: Happening, catalog: Catalog, story: Story) -> str:
    """What happened, in a sentence."""
    params = {**_cleaned(one.params), "invariant_text": _invariant(one.params, catalog)}
    if one.alert is not None:
        params["title"] = catalog.finding(one.alert, story.at).title
    return catalog.say(f"story.happening.{one.code}", **params, _now=story.at)


def around_text(around: Mapping[str, str], catalog: Catalog) -> str:
    """How broker and breaker were at a moment; nothing known of either is said once."""
    known = [part for part in (BROKER, BREAKER) if part in around]
    said = [catalog.name(f"story.{part}", around[part]) for part in known]
    return ", ".join(dict.fromkeys(said))


def heading(chapter: Chapter, catalog: Catalog, story: Story) -> str:
    """Which payment it is, and its row if it is there."""
    where = {"payment_id": story.payment_id, "shard": chapter.shard}
    text = catalog.say("story.show.heading", **where)
    if chapter.payment is None:
        return text
    return f"{text}: {catalog.say('story.show.row', **_cleaned(chapter.payment), _now=story.at)}"


def read_until_texts(chapter: Chapter, catalog: Catalog, story: Story) -> Iterator[str]:
    """Which tables were read up to a time only."""
    for table, until in chapter.read_until.items():
        yield catalog.say("story.show.read_until", table=table, until=until, _now=story.at)


def unavailable_texts(chapter: Chapter, catalog: Catalog, story: Story) -> Iterator[str]:
    """What could not be looked at, and why."""
    for finding in chapter.unavailable:
        reason = finding.params.get("reason")
        params = {**_cleaned(finding.params), "_now": story.at}
        yield f"{clean(finding.subject)}: {catalog.say(f'reason.{reason}.text', **params)}"


def _invariant(params: Mapping[str, Any], catalog: Catalog) -> str:
    invariant = params.get("invariant")
    return catalog.say(f"invariant.{invariant}.text") if invariant else ""


def _cleaned(params: Mapping[str, Any]) -> dict[str, Any]:
    return {name: clean(value) for name, value in params.items()}
