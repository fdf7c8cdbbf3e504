"""Reading the newest messages of a dead-letter topic, without leaving a trace."""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import closing
from datetime import UTC, datetime

from confluent_kafka import Consumer, KafkaError, KafkaException, Message, TopicPartition

from checks.sources.facts.platform import DeadLetter
from checks.sources.facts.unavailable import Fact, Unavailable, Why
from checks.sources.kafka.dead_letter import dead_letter
from checks.sources.kafka.wire import GROUP, Place, Talk


def read_dead_letters(
    talk: Talk, places: Sequence[Place], limit: int, before: Mapping[int, int]
) -> Fact[tuple[DeadLetter, ...]]:
    """Up to `limit` of the newest messages of each partition (before its offset), oldest first.

    Partitions are assigned, not subscribed to: no group comes into being. Each is read by itself,
    so that a message larger than we take hides no other partition. What could be read comes back;
    nothing at all: unavailable.
    """
    lows = talk.lows(places)
    ends = {p: min(end, before.get(p[1], end)) for p, end in talk.ends(places).items()}
    starts = {p: max(lows[p], ends[p] - limit) for p in places if ends[p] > lows[p]}
    dead_letters: list[DeadLetter] = []
    for number, (place, start) in enumerate(starts.items()):
        ends_at = time.monotonic() + talk.left_seconds / (len(starts) - number)
        dead_letters += _read(talk, place, (start, ends[place]), ends_at)
    if starts and not dead_letters:
        return _unread(places[0][0])
    return tuple(
        sorted(
            dead_letters,
            key=lambda dead_letter: (dead_letter.at, dead_letter.partition, dead_letter.offset),
        )
    )


def _read(
    talk: Talk, place: Place, offsets: tuple[int, int], ends_at: float
) -> Iterator[DeadLetter]:
    """The messages of one partition, from one offset to before another."""
    start, end = offsets
    with closing(Consumer({**talk.settings, "group.id": GROUP})) as consumer:
        consumer.assign([TopicPartition(*place, start)])
        while (left_seconds := ends_at - time.monotonic()) > 0:
            message = consumer.poll(min(0.5, left_seconds))
            if message is None:
                continue
            error = message.error()
            if error is not None:
                if _is_over(error):
                    return
                continue
            dead_letter = _dead_letter(message)
            if dead_letter.offset < end:
                yield dead_letter
            if dead_letter.offset + 1 >= end:
                return


def _is_over(error: KafkaError) -> bool:
    """Whether there is no more to be had: the end, or an answer larger than we take."""
    if error.code() in (KafkaError._PARTITION_EOF, KafkaError._BAD_MSG):
        return True
    if error.retriable() or error.code() in (KafkaError._TRANSPORT, KafkaError._ALL_BROKERS_DOWN):
        return False
    raise KafkaException(error)


def _dead_letter(message: Message) -> DeadLetter:
    _, milliseconds = message.timestamp()
    return dead_letter(
        message.topic() or "",
        message.partition() or 0,
        message.offset() or 0,
        datetime.fromtimestamp(max(0, milliseconds) / 1000, UTC),
        _text(message.key()),
        _text(message.value()),
    )


def _text(data: str | bytes | None) -> str:
    return data.decode("utf-8", "replace") if isinstance(data, bytes) else data or ""


def _unread(topic: str) -> Unavailable:
    params = {"path": "kafka", "got": "", "expected": topic}
    return Unavailable(f"kafka/{topic}", Why.LIMIT, "kafka_letters_unread", params)
