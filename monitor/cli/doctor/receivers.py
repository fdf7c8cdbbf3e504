"""What the doctor says of the receivers: whether they would be heard, and what does not arrive."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

from monitor.cli.common import said
from monitor.config.models import Config, ConfigError
from monitor.config.receivers import receivers
from monitor.delivery.news import sample_message
from monitor.domain.backoff import DeliveryPolicy
from monitor.domain.check import Finding, Params, Status
from monitor.domain.delivery import (
    FailingReceiver,
    Permanent,
    SelfExamining,
    Sender,
    Temporary,
    Undelivered,
)
from monitor.domain.statement import InvalidError
from monitor.scheduling.bounded import InterruptibleWorker, Overran, Raised
from monitor.store.database import StoreError, open_store
from monitor.store.delivery.journal import failing_receivers, notifications
from monitor.text.catalog import Catalog
from monitor.text.symbols import DOTS


def receiver_findings(config: Config, senders: Mapping[str, Sender]) -> Iterator[Finding]:
    """What the receivers say of themselves, and what the outbox could not deliver."""
    for name, sender in senders.items():
        if isinstance(sender, SelfExamining):
            yield from _examined(name, sender)
        elif getattr(sender, "leaves_machine", True):
            yield Finding("receiver_unproven", Status.OK, params={"receiver": name})
    if config.database.is_file():
        yield from _deliveries(config)


def _examined(name: str, sender: SelfExamining) -> Iterator[Finding]:
    """What a receiver says of itself, within the time of an attempt."""
    found = _within_an_attempt(name, sender.examine)
    if isinstance(found, Undelivered):
        key = "receiver_refuses" if isinstance(found, Permanent) else "receiver_unreachable"
        yield Finding(key, Status.CRIT, params={"receiver": name, "error": found.reason})
        return
    for remark in found:
        yield replace(remark, params={"receiver": name, **remark.params})


def _within_an_attempt(name: str, work: Callable[[], Any]) -> Any:
    """What it returns, or why it came to nothing."""
    worker, limit = InterruptibleWorker(f"ask {name}"), DeliveryPolicy().attempt_max
    result = worker.run(work, limit, threading.Event())
    if isinstance(result, Overran):
        return Temporary(f"no answer within {limit.total_seconds():g} s")
    if not isinstance(result, Raised):
        return result
    error = result.error
    if isinstance(error, Undelivered):
        return error
    return Temporary(f"{type(error).__name__}: {error}")


def _deliveries(config: Config) -> Iterator[Finding]:
    """What the outbox has not got rid of."""
    try:
        store = open_store(config.database)
    except StoreError:
        return  # said already
    now = datetime.now(UTC)
    with store.read() as tx:
        failing = failing_receivers(tx)
        dead = notifications(tx, now - timedelta(days=1), now + timedelta(minutes=1), "dead")
    store.close()
    for failing_one in failing:
        yield Finding("deliveries_failing", Status.CRIT, params=_params(failing_one))
    if dead:
        yield Finding("deliveries_dead", Status.WARN, params={"count": len(dead)})


def _params(failing: FailingReceiver) -> Params:
    return {
        "receiver": failing.receiver,
        "since": failing.since.isoformat(),
        "error": failing.error,
        "waiting": failing.waiting,
    }


def send_tests(config: Config, receiver: str = "") -> tuple[list[str], int]:
    """Send a test message to one receiver, or to all; a line for each, and exit code 2 if one
    failed."""
    catalog = Catalog(config.language, config.zone)
    try:
        senders = receivers(config)
    except ConfigError as error:
        return [f"{DOTS['crit']} {catalog.say('doctor.receivers_broken', error=str(error))}"], 2
    wanted = {name: s for name, s in senders.items() if receiver in ("", name)}
    failures = {name: _sent_test(name, sender) for name, sender in wanted.items()}
    lines = [
        f"{DOTS['crit' if error else 'ok']} "
        + catalog.say(f"doctor.test_{'failed' if error else 'sent'}", receiver=name, error=error)
        for name, error in failures.items()
    ]
    return lines, 2 * any(failures.values())


def _sent_test(name: str, sender: Sender) -> str:
    """Why a test message did not arrive; "" if it did."""
    message = sample_message(name, datetime.now(UTC))
    found = _within_an_attempt(name, lambda: sender.send(message, None))
    return found.reason if isinstance(found, Undelivered) else ""


def unusable_receivers(settings: Config) -> str:
    """Why nobody could be told (a token that is not set), as `config check` says it; or nothing."""
    try:
        receivers(settings)
    except (ConfigError, InvalidError) as error:
        return said(error)
    return ""
