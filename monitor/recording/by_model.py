"""What a model keeps quiet at a person's word: stored together with the news of it to everybody."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import TYPE_CHECKING, Any

from monitor.domain.delivery import Message
from monitor.domain.incident.model import Acceptance, Silence
from monitor.store.alerting.acceptances import put_acceptance
from monitor.store.alerting.incidents import put_acknowledgement
from monitor.store.alerting.silences import put_silence
from monitor.store.database import Store
from monitor.store.delivery.notifications import add_notifications

if TYPE_CHECKING:
    from monitor.store.database import Connection


def silence_by_model(
    store: Store, silence: Silence, now: datetime, receivers: Sequence[str]
) -> int:
    """Keep quiet about matching alerts, and tell the receivers so; gives back its id."""
    pattern, until = silence.pattern, silence.until
    said = {"subject": pattern, "until": until.isoformat(), "comment": silence.comment}
    with store.write() as tx:
        number = put_silence(tx, pattern, until, now, silence.author, silence.comment)
        _announce(tx, "silenced", number, silence.author, said, now, receivers)
    return number


def accept_by_model(store: Store, one: Acceptance, receivers: Sequence[str]) -> int:
    """Take matching alerts as known, and tell the receivers so; gives back its id."""
    until = one.until.isoformat() if one.until else ""
    said = {"subject": one.pattern, "until": until, "comment": one.reason}
    with store.write() as tx:
        number = put_acceptance(tx, one)
        _announce(tx, "accepted", number, one.author, said, one.at, receivers)
    return number


def acknowledge_by_model(
    store: Store, incident: int, title: str, who: str, now: datetime, receivers: Sequence[str]
) -> bool:
    """End the reminders of an open incident, and tell the receivers so; False if it has ended."""
    with store.write() as tx:
        if not put_acknowledgement(tx, incident, who):
            return False
        said = {"subject": title, "until": "", "comment": ""}
        _announce(tx, "acknowledged", incident, who, said, now, receivers)
    return True


def _announce(
    tx: Connection,
    state: str,
    number: int,
    who: str,
    said: Mapping[str, Any],
    now: datetime,
    receivers: Sequence[str],
) -> None:
    payload = {"state": state, "number": number, "who": who, "at": now.isoformat(), **said}
    key = f"model_act:{state}:{number}:{now.isoformat()}"
    add_notifications(tx, [Message(key, r, "model_act", payload, now, now) for r in receivers])
