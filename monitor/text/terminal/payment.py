"""The story of a payment on a terminal: its course as a table, and why it is where it is."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import groupby

from rich.padding import Padding
from rich.table import Table
from rich.text import Text

from monitor.domain.books.payment_story import Chapter, Happening, Reason, Story
from monitor.domain.check import Status
from monitor.text.catalog import Catalog
from monitor.text.filters import day_text
from monitor.text.plain.payment import (
    around_text,
    happening_text,
    heading,
    read_until_texts,
    reason_words,
    unavailable_texts,
)
from monitor.text.symbols import ARROW, DOTS
from monitor.text.terminal.output import indented, printed


def show_story(story: Story, catalog: Catalog) -> None:
    """Print the story: per shard its course and why it is where it is; then all in short."""
    chapters = (part for chapter in story.chapters for part in _chapter(chapter, catalog, story))
    printed([*chapters, *_in_short(story, catalog)])


def _in_short(story: Story, catalog: Catalog) -> Iterator[Text | Padding]:
    """Each shard in a line, and what none of them says alone."""
    if len(story.chapters) > 1:
        yield Text(catalog.say("story.show.in_short"), style="bold")
        for chapter in story.chapters:
            title = reason_words(chapter.reasons[0], catalog, story)["title"]
            line = f"{DOTS[chapter.status]} {chapter.shard}: {title}"
            yield indented(line, 2)
    if not any(story.conclusion in chapter.reasons for chapter in story.chapters):
        yield from _reason(story.conclusion, catalog, story)


def _chapter(chapter: Chapter, catalog: Catalog, story: Story) -> Iterator[Text | Table | Padding]:
    yield Text(heading(chapter, catalog, story), style="bold")
    if chapter.happenings:
        yield Padding(_timeline(chapter, catalog, story), (1, 0, 0, 2))
    yield Text("")
    for reason in chapter.reasons:
        yield from _reason(reason, catalog, story)
    for text in (
        *unavailable_texts(chapter, catalog, story),
        *read_until_texts(chapter, catalog, story),
    ):
        yield indented(f"{DOTS[Status.UNKNOWN]} {text}", 2)
    yield Text("")


def _timeline(chapter: Chapter, catalog: Catalog, story: Story) -> Table:
    """A row for each happening; the day stands once, before its first."""
    table = Table(box=None, show_header=True, header_style="dim", padding=(0, 2, 0, 0))
    table.add_column(catalog.say("story.show.when"), no_wrap=True)
    table.add_column(catalog.say("story.show.what"), ratio=3, overflow="fold")
    table.add_column(catalog.say("story.show.then"), ratio=1, overflow="fold")
    local = [(one.at.astimezone(catalog.zone), one) for one in chapter.happenings]
    for day, ones in groupby(local, key=lambda pair: pair[0].date()):
        table.add_row(Text(day_text(day, catalog.language), style="bold"), "", "")
        for at, one in ones:
            text = f"{at:%H:%M:%S}.{at.microsecond // 1000:03d}"
            table.add_row(text, _what(one, catalog, story), around_text(one.around, catalog))
    return table


def _what(one: Happening, catalog: Catalog, story: Story) -> Text:
    mark = "" if one.status is Status.OK else f"{DOTS[one.status]} "
    return Text(mark + happening_text(one, catalog, story))


def _reason(reason: Reason, catalog: Catalog, story: Story) -> Iterator[Padding]:
    said = reason_words(reason, catalog, story)
    title = Text(f"{DOTS[reason.status]} {said['title']}", style="bold")
    yield indented(title, 2)
    if said["text"]:
        yield indented(said["text"], 5)
    if said["action"]:
        yield indented(f"{ARROW} {said['action']}", 5)
