"""One bounded way to ask Kafka: a port check first, time-outs everywhere, and no exceptions.

Of librdkafka's admin requests, those that go to a group's coordinator (its offsets, its
description) are never used: they end the whole process when the coordinator moves meanwhile, or
when a broker that hung answers after the time-out. A consumer's calls of old do not.
"""

from __future__ import annotations

import socket
import threading
import time
import warnings
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from dataclasses import dataclass, field
from typing import Any, TypeVar

from confluent_kafka import Consumer, KafkaError, KafkaException, TopicPartition
from confluent_kafka.admin import AdminClient

from checks.sources.facts.agreement import believed
from checks.sources.facts.unavailable import (
    Fact,
    Unavailable,
    Why,
    cut,
)
from monitor.domain.shortage import OWN_SHORTAGE, own_shortage
from monitor.domain.statement import InvalidError

T = TypeVar("T")
Place = tuple[str, int]  # topic, partition

GROUP = "paypulse"  # the protocol wants a name; nothing ever joins or commits under it
_KNOCK_SECONDS_MAX = 2.0
_SIDE_BY_SIDE = 8  # groups that are asked for at once
_MESSAGE_BYTES_MAX = 1_000_000
_RESPONSE_BYTES_MAX = 10_000_000
_CALLBACKS = frozenset(("error_cb", "logger"))  # ours, and what would take its place
_LATEST, _EARLIEST = -1, -2  # the two "times" that stand for the ends of a partition
_DENIED = frozenset(
    (
        KafkaError._AUTHENTICATION,
        KafkaError.SASL_AUTHENTICATION_FAILED,
        KafkaError.CLUSTER_AUTHORIZATION_FAILED,
        KafkaError.GROUP_AUTHORIZATION_FAILED,
        KafkaError.TOPIC_AUTHORIZATION_FAILED,
    )
)
_quiet = threading.Lock()  # filters of warnings belong to the whole process
_LATE = frozenset((KafkaError._TIMED_OUT, KafkaError._TRANSPORT, KafkaError.REQUEST_TIMED_OUT))


class OfflineError(Exception):
    """A partition without a leader cannot be asked; never leaves the sources."""

    def __init__(self, place: str) -> None:
        super().__init__(place)
        self.place = place


@dataclass(slots=True)
class Talk:
    """One question's way to the cluster: what all of its calls together may take."""

    consumer: Consumer
    admin: AdminClient
    settings: Mapping[str, Any]
    ends_at: float

    @property
    def left_seconds(self) -> float:
        """What is left of the time; always enough to fail properly."""
        return max(0.05, self.ends_at - time.monotonic())

    def metadata(self) -> Any:
        """Brokers and topics: asked for all of them, which creates none."""
        return self.consumer.list_topics(timeout=self.left_seconds)

    def groups(self) -> Sequence[Any]:
        """The groups with their states, of every protocol."""
        found = self.admin.list_consumer_groups(request_timeout=self.left_seconds).result()
        if found.errors:
            raise KafkaException(found.errors[0])
        listed: Sequence[Any] = found.valid
        return listed

    def members(self) -> dict[str, Sequence[Any]]:
        """The members of each group of the classic protocol."""
        # The call warns, and points to a request that must not be used (see above).
        with _quiet, warnings.catch_warnings():
            warnings.simplefilter("ignore", DeprecationWarning)
            found = self.admin.list_groups(timeout=self.left_seconds)
        return {str(group.id): group.members for group in found}

    def ends(self, places: Sequence[Place]) -> dict[Place, int]:
        """The end offset of each partition, all of them in one call for each broker."""
        return self._offsets(places, _LATEST)

    def lows(self, places: Sequence[Place]) -> dict[Place, int]:
        """The first offset that each partition still retains."""
        return self._offsets(places, _EARLIEST)

    def committed_by(
        self, groups: Sequence[str], places: Sequence[Place]
    ) -> dict[str, dict[Place, int]]:
        """What each group has committed; partitions without a commit are left out."""
        with ThreadPoolExecutor(_SIDE_BY_SIDE, "kafka") as pool:
            found = pool.map(lambda group: self._committed(group, places), groups)
            return dict(zip(groups, found, strict=True))

    def _committed(self, group: str, places: Sequence[Place]) -> dict[Place, int]:
        if not places:
            return {}
        # A consumer that never subscribes only asks: the group does not notice.
        with closing(Consumer({**self.settings, "group.id": group})) as asking:
            found = asking.committed(_partitions(places), timeout=self.left_seconds)
        if errors := [p.error for p in found if p.error]:
            raise KafkaException(errors[0])
        return {_place(p): p.offset for p in found if p.offset >= 0}

    def _offsets(self, places: Sequence[Place], when: int) -> dict[Place, int]:
        if not places:
            return {}
        asked = _partitions(places, when)
        found = self.consumer.offsets_for_times(asked, timeout=self.left_seconds)
        for partition in found:
            if partition.error is not None:
                raise KafkaException(partition.error)
        return {_place(p): p.offset for p in found}


@dataclass(slots=True)
class KafkaWire:
    """The clients of one cluster, made once and reused; thread-safe."""

    bootstrap: str
    options: Mapping[str, Any] = field(default_factory=dict, repr=False)
    timeout_seconds: float = 5.0
    settings: Mapping[str, Any] = field(init=False, repr=False)
    _consumer: Consumer = field(init=False, repr=False)
    _admin: AdminClient = field(init=False, repr=False)
    _errors: list[Any] = field(init=False, repr=False, default_factory=list)

    def __post_init__(self) -> None:
        """ValueError: librdkafka does not take the options."""
        self.settings = _settings(self.bootstrap, self.options)
        try:
            for name in self.options.keys() & _CALLBACKS:
                raise InvalidError("kafka_option", unknown=name)
            noted = {"group.id": GROUP, "error_cb": self._note}
            self._consumer = Consumer({**self.settings, **noted})
            self._admin = AdminClient(_for_admin(self.settings))
        except KafkaException as error:
            raise InvalidError("kafka_option", unknown=_unknown_option(error)) from None
        except (TypeError, AttributeError):  # what only a program can give: callbacks
            raise InvalidError("kafka_option", unknown="") from None

    def ask(self, read: Callable[[Talk], T]) -> Fact[T]:
        """What `read` makes of the cluster's answers, or why there are none."""
        unavailable = self._check_port()
        if unavailable is not None:
            return unavailable
        ends_at = time.monotonic() + self.timeout_seconds
        try:
            return believed(
                read(Talk(self._consumer, self._admin, self.settings, ends_at)), "kafka"
            )
        except OfflineError as error:
            return _unavailable(Why.REFUSED, "kafka_partition_offline", error.place)
        except KafkaException as error:
            return self._trouble(error.args[0])

    def close(self) -> None:
        """Close the connections."""
        self._consumer.close()

    def _check_port(self) -> Unavailable | None:
        """Whether any address answers at all: librdkafka itself would wait out its whole time."""
        trouble = None
        for host, port in addresses(self.bootstrap):
            try:
                seconds = min(_KNOCK_SECONDS_MAX, self.timeout_seconds)
                socket.create_connection((host, port), timeout=seconds).close()
            except OSError as error:
                trouble = _no_way(error, f"{host}:{port}")
            else:
                return None
        return trouble

    def _trouble(self, error: KafkaError) -> Unavailable:
        """A refusal in the background (a wrong password) shows only as a call that ends late."""
        self._errors.clear()
        self._consumer.poll(0)
        for one in (error, *self._errors):
            if one.code() in _DENIED:
                return _unavailable(Why.NOT_VISIBLE, "kafka_denied", one.name())
        if error.code() in _LATE:
            return _unavailable(Why.LIMIT, "kafka_timeout", f"{self.timeout_seconds:g} s")
        return _unavailable(Why.GARBLED, "kafka_error", error.name())

    def _note(self, error: KafkaError) -> None:
        self._errors.append(error)


def addresses(bootstrap: str) -> list[tuple[str, int]]:
    """The hosts and ports of `host:port,host:port`; ValueError if it is not that."""
    pairs = []
    for text in bootstrap.split(","):
        host, _, port = text.strip().rpartition(":")
        if not host or not port.isdigit() or not 0 < int(port) < 65536:
            raise InvalidError("bootstrap")
        pairs.append((host.strip("[]"), int(port)))
    return pairs


def _settings(bootstrap: str, options: Mapping[str, Any]) -> dict[str, Any]:
    ours = {
        "bootstrap.servers": bootstrap,
        "client.id": "paypulse",
        "log_level": 0,  # its log goes to stderr; what matters comes back as an error
        "enable.auto.commit": False,
        "allow.auto.create.topics": False,
        "enable.partition.eof": True,
        "auto.offset.reset": "error",
        "socket.connection.setup.timeout.ms": 3000,
        "reconnect.backoff.max.ms": 500,
        "fetch.message.max.bytes": _MESSAGE_BYTES_MAX,
        "fetch.max.bytes": 2 * _MESSAGE_BYTES_MAX,
        "receive.message.max.bytes": _RESPONSE_BYTES_MAX,
        "queued.max.messages.kbytes": 8192,
    }
    return {**options, **ours}


def _for_admin(settings: Mapping[str, Any]) -> dict[str, Any]:
    """Without what is a consumer's."""
    gone = ("enable.", "allow.", "auto.", "fetch.", "queued.")
    return {key: value for key, value in settings.items() if not key.startswith(gone)}


def _place(partition: TopicPartition) -> Place:
    return str(partition.topic), partition.partition


def _partitions(places: Sequence[Place], offset: int = -1001) -> list[TopicPartition]:
    return [TopicPartition(topic, partition, offset) for topic, partition in places]


def _unknown_option(error: KafkaException) -> str:
    """The option that librdkafka does not know; "" if it is the value that does not fit."""
    said, _, option = str(error.args[0].str()).partition("No such configuration property: ")
    return "" if said else cut(option.strip('"'))


def _no_way(error: OSError, address: str) -> Unavailable:
    if lack := own_shortage(error):
        return _unavailable(Why.LIMIT, OWN_SHORTAGE, lack)
    if isinstance(error, ConnectionRefusedError):
        return _unavailable(Why.REFUSED, "kafka_refused", address)
    if isinstance(error, socket.gaierror):
        return _unavailable(Why.WAY, "kafka_dns", address)
    if isinstance(error, TimeoutError):
        return _unavailable(Why.WAY, "kafka_connect_timeout", address)
    return _unavailable(Why.WAY, "kafka_unreachable", address)


def _unavailable(why: Why, reason: str, got: str) -> Unavailable:
    return Unavailable(
        "kafka", why, reason, {"path": "kafka", "got": cut(got, 100), "expected": ""}
    )
