"""The recorded answers of a real platform, given again: by state, through the sources."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import httpx
from replay_prometheus import ReplayedPrometheus

from checks.sources.connect import Address, connect
from monitor import plugins
from monitor.domain.check import Check, Finding, ProbeContext, Status, Verdict

STATES = Path(__file__).parents[1] / "data" / "platform_answers"
OFF = ("load_test", "diagnose_issues", "pg_file")
QUICK_SECONDS = 5.0


@dataclass(frozen=True, slots=True)
class Recorded:
    """One answer: `seconds` is how long it took, `status` None that there was none.

    No status after no time: the connection was refused.
    """

    service: str
    path: str
    query: str
    status: int | None
    seconds: float
    body: str


def states(folder: Path = STATES) -> dict[str, tuple[Recorded, ...]]:
    """The recordings of a folder: a file a state, or a folder a state with an index.json."""
    made: dict[str, tuple[Recorded, ...]] = {}
    for file in sorted(folder.glob("*.json")):
        rows = json.loads(file.read_text())
        if isinstance(rows, list):  # another file may lie beside the states
            made[file.stem] = tuple(Recorded(**row) for row in rows)
    for index in sorted(folder.glob("*/index.json")):
        made[index.parent.name] = tuple(_indexed(index))
    return made


def _indexed(index: Path) -> list[Recorded]:
    rows = json.loads(index.read_text())
    return [
        Recorded(
            *(row["service"], row["path"], row["query"], row["status"], row["seconds"]),
            _body(index.parent, row.get("body_file")),
        )
        for row in rows
        if row["method"] == "GET"
    ]


def _body(folder: Path, name: str | None) -> str:
    return (folder / name).read_text() if name else ""


class Replay(httpx.BaseTransport):
    """Answers as the services did, each under its name; the platform is the monitoring-service.

    What took longer than it is waited for is no answer. Questions that were not recorded with
    their query are answered by that of the same path, those to Prometheus from its readings.
    """

    def __init__(self, recorded: tuple[Recorded, ...]) -> None:
        self._exact = {(one.service, one.path, _sorted(one.query)): one for one in recorded}
        self._near: dict[tuple[str, str], Recorded] = {}
        for one in recorded:
            if one.status == 200:
                self._near.setdefault((one.service, one.path), one)
        scraped = [one.body for one in recorded if one.service == "prometheus"]
        self._scraped = ReplayedPrometheus(scraped)

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        host, path = request.url.host, request.url.path
        service = "monitoring" if host == "platform" else host
        if service == "prometheus":
            return httpx.Response(200, json=self._scraped.answer(request.url.params["query"]))
        found = self._exact.get((service, path, _sorted(request.url.query.decode())))
        if found is None and path.endswith(("/payments", "/outbox", "/statistics")):
            found = self._near.get((service, path))
        if found is None:
            return httpx.Response(404, json={"timestamp": "t", "status": 404, "path": path})
        given = request.extensions["timeout"]["read"]
        if found.status is None and not found.seconds:
            raise httpx.ConnectError("[Errno 111] Connection refused")
        if found.status is None or found.seconds > given:
            raise httpx.ReadTimeout("no answer in time")
        return httpx.Response(found.status, content=found.body.encode())


def _sorted(query: str) -> str:
    return "&".join(sorted(query.replace("%20", "+").split("&")))


def every_way(recorded: tuple[Recorded, ...]) -> dict[str, Any]:
    """The addresses of all that was recorded beside the gateway."""
    services = {one.service for one in recorded if one.path == "/actuator/health"}
    return {
        "actuators": {name: f"http://{name}" for name in sorted(services)},
        "prometheus_url": "http://prometheus",
        "breakers_scraped": True,
    }


def verdicts(
    recorded: tuple[Recorded, ...], now: datetime, **address: Any
) -> Mapping[str, Verdict]:
    """What every check says of a state that is looked at once; by the gateway alone, if no other
    address is given."""
    transport = Replay(recorded)
    platform = connect(Address("http://platform", **address), transport)
    found = {}
    for name, check in sorted(plugins.load("checks", "CHECK").items()):
        if name not in OFF:
            found[name] = _verdict(check, platform, now)
    return found


def _verdict(check: Check, platform: Any, now: datetime) -> Verdict:
    context = ProbeContext(platform, check.options(), {}, now)
    return check.evaluate(check.probe(context), context)[0]


def reason_of(finding: Finding) -> str:
    """A finding in one word: its code and subject, with the reason of what was not seen."""
    if finding.status is not Status.UNKNOWN:
        return f"{finding.code}:{finding.subject}"
    return f"{finding.subject} {finding.params['reason']}"


def now_of(recorded: tuple[Recorded, ...]) -> datetime:
    """A time at which the newest event of the outbox has just been written."""
    created = [
        datetime.fromisoformat(event["created_at"])
        for one in recorded
        if one.path.endswith("/outbox") and one.status == 200
        for event in json.loads(one.body)["events"]
    ]
    return max(created, default=datetime(2026, 11, 30, 11, 30, tzinfo=UTC))
