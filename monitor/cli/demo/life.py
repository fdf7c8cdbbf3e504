"""Simulated life: the stand-in and the engine on one clock, the real jobs at their real slots."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from time import monotonic
from typing import ClassVar
from urllib.parse import parse_qsl

import httpx

from demo.api.app import respond
from demo.stand_in import StandIn
from monitor.app import App
from monitor.domain.delivery import Message, Reference
from monitor.scheduling.schedule import simulate

Event = tuple[datetime, str, bool]  # when, which fault, on or off


class InProcess(httpx.BaseTransport):
    """Requests answered by the stand-in itself, at its own time, without a network."""

    def __init__(self, standin: StandIn) -> None:
        self._standin = standin

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        """One request, answered at once."""
        query = dict(parse_qsl(request.url.query.decode(), keep_blank_values=True))
        answer = respond(self._standin, request.method, request.url.path, query, request.read())
        return httpx.Response(
            answer.status,
            headers=dict(answer.headers),
            stream=httpx.ByteStream(answer.body),
            request=request,
        )


@dataclass(slots=True)
class Kept:
    """A receiver of simulated messages: keeps them, and sends nothing anywhere."""

    leaves_machine: ClassVar[bool] = False
    messages: list[Message] = field(default_factory=list)

    def send(self, message: Message, thread: Reference | None) -> Reference:
        """Keep a message."""
        self.messages.append(message)
        return {"kept": len(self.messages)}


class SimulatedClock:
    """The time of the simulation; `held` lets it run beside the real one for a while."""

    def __init__(self, now: datetime) -> None:
        self._now = now
        self._held_since: float | None = None

    def __call__(self) -> datetime:
        """The simulated time."""
        if self._held_since is None:
            return self._now
        return self._now + timedelta(seconds=monotonic() - self._held_since)

    def set(self, now: datetime) -> None:
        """Step to a moment; one that has passed already changes nothing."""
        self._now = max(self._now, now)

    @contextmanager
    def held(self, standin: StandIn) -> Iterator[None]:
        """Run at 1:1, and the stand-in with it: for work that takes its time, such as k6."""
        self._held_since = monotonic()
        done = threading.Event()

        def tick() -> None:
            while not done.wait(0.1):
                standin.advance(self())

        ticking = threading.Thread(target=tick, daemon=True)
        ticking.start()
        try:
            yield
        finally:
            done.set()
            ticking.join()
            self._now, self._held_since = self(), None


@dataclass(slots=True)
class Life:
    """A stand-in and an app on one simulated clock, with faults at given times."""

    standin: StandIn
    app: App
    clock: SimulatedClock
    events: list[Event] = field(default_factory=list)
    on_event: Callable[[Event], None] = lambda event: None

    def live(self, until: datetime, progress: Callable[[datetime], None] | None = None) -> int:
        """Live until then; how many jobs had something to do."""
        done = 0
        for at, job, wake in simulate(self.app.calendar, self.app.jobs(), self.clock(), until):
            self._reach(at)
            if job.name == "check:load_test":
                with self.clock.held(self.standin):
                    done += wake()
            else:
                done += wake()
            if progress is not None:
                progress(at)
        self._reach(until)
        return done

    def _reach(self, at: datetime) -> None:
        """Move the world to a moment, through the faults on the way."""
        while self.events and self.events[0][0] <= at:
            event = self.events.pop(0)
            self.standin.advance(event[0])
            self.standin.set_fault(event[1], event[2])
            self.on_event(event)
        self.standin.advance(at)
        self.clock.set(at)


def switch_times(start: datetime, faults: Mapping[str, tuple[float, float]]) -> list[Event]:
    """Events from fault -> (begins after so many hours, lasts so many hours)."""
    events: list[Event] = []
    for name, (after, lasts) in faults.items():
        on = start + timedelta(hours=after)
        events += [(on, name, True), (on + timedelta(hours=lasts), name, False)]
    return sorted(events)
