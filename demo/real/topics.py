"""Makes the platform's topics on a real broker: python -m demo.real.topics HOST:PORT."""

from __future__ import annotations

import logging
import sys
from concurrent.futures import Future

from confluent_kafka import KafkaError, KafkaException
from confluent_kafka.admin import AdminClient
from confluent_kafka.cimpl import NewTopic

from demo.platform.broker import TOPICS

_WITHIN_SECONDS = 30.0


def make_topics(bootstrap: str) -> None:
    """Make those that are missing, with the platform's partitions; fails if one cannot be made."""
    admin = AdminClient({"bootstrap.servers": bootstrap}, logger=logging.getLogger("kafka.admin"))
    wanted = [NewTopic(name, count, 1) for name, count in TOPICS.items()]
    for made in admin.create_topics(wanted, request_timeout=_WITHIN_SECONDS).values():
        _await(made)


def _await(made: Future[None]) -> None:
    try:
        made.result(_WITHIN_SECONDS)
    except KafkaException as error:
        if error.args[0].code() != KafkaError.TOPIC_ALREADY_EXISTS:
            raise


if __name__ == "__main__":
    make_topics(sys.argv[1])
