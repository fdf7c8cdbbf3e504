"""Kafka out of reach, and what librdkafka says about it, without a broker."""

from __future__ import annotations

import struct
import time
from datetime import UTC, datetime

import httpx
import pytest
from confluent_kafka import KafkaError, KafkaException
from own_server import free_port, silent

from checks import services
from checks.sources.connect import Address, connect
from checks.sources.facts.unavailable import Why
from checks.sources.kafka.lag import assignment
from checks.sources.kafka.source import Kafka
from checks.sources.kafka.wire import KafkaWire, OfflineError, addresses
from monitor.domain.check import ProbeContext

NOW = datetime(2025, 12, 5, 7, 0, tzinfo=UTC)


def test_a_broker_that_is_gone_is_refused_at_once():
    kafka, started = Kafka(f"127.0.0.1:{free_port()}"), time.perf_counter()
    found = [kafka.cluster(), kafka.groups(), kafka.healths()["kafka"], kafka.group_lag("g")]
    assert {(f.part, f.why, f.reason) for f in found} == {("kafka", Why.REFUSED, "kafka_refused")}
    assert time.perf_counter() - started < 1
    kafka.close()


def test_one_address_that_answers_is_enough_to_go_on():
    with silent() as port:
        kafka = Kafka(f"127.0.0.1:{free_port()},127.0.0.1:{port}", timeout_seconds=0.3)
        found = kafka.cluster()
    assert (found.why, found.reason, found.params["got"]) == (Why.LIMIT, "kafka_timeout", "0.3 s")
    kafka.close()


def test_a_name_that_nobody_knows_is_about_the_way():
    kafka = Kafka("no-such-host.invalid:9092")
    found = kafka.cluster()
    assert (found.why, found.reason) == (Why.WAY, "kafka_dns")
    kafka.close()


def test_passwords_stand_in_no_text():
    options = {"security.protocol": "SASL_PLAINTEXT", "sasl.mechanism": "PLAIN"}
    secret = {"sasl.username": "u", "sasl.password": "hush-hush"}
    wire = KafkaWire(f"127.0.0.1:{free_port()}", {**options, **secret})
    assert "hush" not in repr(wire) + repr(wire.ask(lambda talk: talk))
    wire.close()


@pytest.mark.parametrize(
    ("options", "said"),
    [({"sasl.pasword": "hush"}, "unknown=sasl.pasword"), ({"retries": "hush"}, "unknown=$")],
)
def test_options_that_the_client_does_not_take_are_refused_without_their_value(options, said):
    with pytest.raises(ValueError, match=said) as error:
        KafkaWire("127.0.0.1:1", options)
    assert "hush" not in str(error.value)


def test_ours_cannot_be_overruled_by_options():
    wire = KafkaWire("127.0.0.1:1", {"enable.auto.commit": True, "allow.auto.create.topics": True})
    assert wire.settings["enable.auto.commit"] is False
    assert wire.settings["allow.auto.create.topics"] is False
    wire.close()


@pytest.mark.parametrize(
    ("code", "why", "reason"),
    [
        (KafkaError._TIMED_OUT, Why.LIMIT, "kafka_timeout"),
        (KafkaError._TRANSPORT, Why.LIMIT, "kafka_timeout"),
        (KafkaError._AUTHENTICATION, Why.NOT_VISIBLE, "kafka_denied"),
        (KafkaError.GROUP_AUTHORIZATION_FAILED, Why.NOT_VISIBLE, "kafka_denied"),
        (KafkaError.INVALID_REQUEST, Why.GARBLED, "kafka_error"),
    ],
)
def test_each_error_has_its_meaning(code, why, reason):
    def fail(talk: object) -> None:
        raise KafkaException(KafkaError(code))

    with silent() as port:
        wire = KafkaWire(f"127.0.0.1:{port}")
        found = wire.ask(fail)
        wire.close()
    assert (found.part, found.why, found.reason) == ("kafka", why, reason)


def test_a_partition_without_a_leader_is_not_waited_for():
    def fail(talk: object) -> None:
        raise OfflineError("payment.captured/3")

    with silent() as port:
        wire = KafkaWire(f"127.0.0.1:{port}")
        found = wire.ask(fail)
        wire.close()
    assert (found.reason, found.params["got"]) == ("kafka_partition_offline", "payment.captured/3")


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("a:1", [("a", 1)]),
        (" a:1 , [::1]:65535", [("a", 1), ("::1", 65535)]),
        ("a", None),
        ("a:0", None),
        ("a:65536", None),
        ("a:b", None),
        ("", None),
    ],
)
def test_addresses_are_hosts_with_ports(text, expected):
    if expected is None:
        with pytest.raises(ValueError, match="bootstrap"):
            addresses(text)
    else:
        assert addresses(text) == expected


def packed(*topics: tuple[str, tuple[int, ...]]) -> bytes:
    data = struct.pack(">hi", 1, len(topics))
    for name, numbers in topics:
        data += struct.pack(f">h{len(name)}si", len(name), name.encode(), len(numbers))
        data += struct.pack(f">{len(numbers)}i", *numbers)
    return data + b"\xff\xff\xff\xff"


def test_what_members_are_assigned_is_read():
    data = packed(("payment.captured", (0, 4)), ("x", ()), ("payment.refunded", (2,)))
    assert assignment(data) == [
        ("payment.captured", 0),
        ("payment.captured", 4),
        ("payment.refunded", 2),
    ]


@pytest.mark.parametrize(
    "data", [None, b"", b"\x00", b"\x00\x01\x7f\xff\xff\xff", b"connect{}" * 9]
)
def test_an_assignment_of_another_kind_is_none(data):
    assert assignment(data) == []


def test_a_broker_that_is_gone_is_an_outage_of_kafka_while_the_gateway_says_nothing():
    address = Address("http://gateway", kafka_bootstrap=f"127.0.0.1:{free_port()}")
    away = httpx.MockTransport(lambda request: httpx.Response(500, json={}))
    platform = connect(address, away)
    facts = platform.services.healths()
    verdict, _ = services.CHECK.evaluate(facts, ProbeContext(platform, services.Options(), {}, NOW))
    assert "service_down:kafka" in {finding.key for finding in verdict.findings}
    platform.kafka.close()
