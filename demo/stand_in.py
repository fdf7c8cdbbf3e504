"""The stand-in platform: all its parts, living by one clock that is handed in."""

from __future__ import annotations

import random
import threading
from collections.abc import Callable
from contextlib import suppress
from datetime import datetime, timedelta
from pathlib import Path

from demo.embedded.broker import MemoryBroker
from demo.embedded.cache import MemoryCache
from demo.embedded.shard import make_shards
from demo.faults.catalogue import Faults
from demo.platform.down import PartDownError
from demo.platform.parts import Parts, Settings, Span
from demo.processes import ledger, relay, workers
from demo.processes.traffic import Traffic

_FINE = timedelta(seconds=1)
_COARSE = timedelta(seconds=60)
_FINE_UNTIL = timedelta(minutes=2)
_COPIES_MAX = 20_000  # a real broker takes them one by one


class StandIn:
    """A payment platform in a folder; `advance` lives until a time, deterministic from the seed.

    Everything that touches it holds `lock`. The folder's shards are made anew, unless the parts
    are made elsewhere.
    """

    def __init__(
        self,
        folder: Path,
        seed: int = 1,
        *,
        start: datetime,
        as_original: bool = False,
        payments_per_minute: float = 0.7,
        rate_capacity: int = 100,
        pg_failure_percent: float = 0.0,
        make_parts: Callable[[Settings, random.Random], Parts] | None = None,
    ) -> None:
        settings = Settings(
            rate_capacity=rate_capacity,
            pg_failure_percent=pg_failure_percent,
            copies_max=_COPIES_MAX if make_parts is None else _COPIES_MAX // 10,
        )
        chance = random.Random(f"platform {seed}")
        self.folder = folder
        self.as_original = as_original
        self.now = start
        self.lock = threading.RLock()
        self._may_rest = make_parts is None  # records of a real broker are on their way unseen
        if make_parts is None:
            shards = make_shards(folder)
            self.parts = Parts(shards, settings, chance, MemoryBroker(), MemoryCache())
        else:
            self.parts = make_parts(settings, chance)
        self.traffic = Traffic(seed, payments_per_minute, start)
        self.faults = Faults(self.parts)

    def advance(self, to: datetime) -> None:
        """Live all that happens until then; a time that has passed changes nothing."""
        with self.lock:
            step = _FINE if to - self.now <= _FINE_UNTIL else _COARSE
            while self.now < to:
                until = min(self.now + step, to)
                works = self._live(Span(self.now, until))
                self.now = until
                if self._may_rest and not works:
                    self.now += self._idle(step, to)
            with suppress(PartDownError):
                self.parts.finish()

    def set_traffic(self, payments_per_minute: float) -> None:
        """Turn the trickle of customers up or down, from now on."""
        with self.lock:
            self.traffic.turn_to(payments_per_minute, self.now)

    def set_fault(self, name: str, on: bool) -> None:
        """Switch a fault; KeyError if there is none of that name."""
        with self.lock, suppress(PartDownError):  # what cannot be done yet is tried again
            self.faults.switch(name, on, self.now)
            self.parts.finish()

    def close(self) -> None:
        """Let go of the files and the connections."""
        with self.lock:
            self.parts.close()

    def _live(self, span: Span) -> bool:
        """One tick, and whether anything is under way; a part that goes leaves the others alone."""
        works = False
        for step in (self._prepare, self._trade, relay.run, workers.run, ledger.run):
            try:
                works |= step(self.parts, span)
            except PartDownError:
                works = True
        return works

    def _idle(self, step: timedelta, to: datetime) -> timedelta:
        """The whole ticks until the one in which the next customer comes, or until the last one."""
        ahead = min(self.traffic.next_at, to) - self.now
        return max(-(-ahead // step) - 1, 0) * step

    def _prepare(self, parts: Parts, span: Span) -> bool:
        parts.cache.purge(span.start)
        self.faults.step(span)
        return self.faults.act or bool(parts.marked or parts.held or parts.skipped)

    def _trade(self, parts: Parts, span: Span) -> bool:
        self.traffic.run(parts, span)
        relay.probe(parts.pg, not parts.conditions.pg_refusing, span)
        return not parts.pg.calm
