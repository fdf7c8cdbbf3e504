"""A sweep through all rows at once: step by step, each shard by itself, with its progress."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from datetime import datetime
from itertools import count

from checks.sources.database.books.examine import Window
from checks.sources.facts.books import Size, Swept
from checks.sources.facts.platform import DatabaseSource
from checks.sources.facts.unavailable import Fact, Unavailable, Why

Progress = Callable[[int, int], None]  # rows gone through so far, of so many


@dataclass(slots=True)
class Sweep:
    """Goes through the shards side by side; they are other servers."""

    database: DatabaseSource
    window: Window
    clock: Callable[[], datetime]
    progress: Progress
    seconds_max: float | None = None  # for all shards together; None: as long as it takes
    totals: dict[str, int] = field(default_factory=dict)  # rows by shard, once it runs
    _done: int = 0
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def run(self, only: str = "") -> tuple[tuple[str, Fact[Swept]], ...]:
        """Every step of every shard that can be seen, in its order."""
        found = self.database.sizes(only)
        sizes = {shard: size for shard, size in found.items() if isinstance(size, Size)}
        self.totals = {shard: size.rows for shard, size in sizes.items()}
        self.progress(0, self._total)
        if not sizes:
            return ()
        with ThreadPoolExecutor(len(sizes), "sweep") as pool:
            shards = pool.map(lambda shard: list(self._steps(shard, sizes[shard])), sizes)
            return tuple(step for steps in shards for step in steps)

    def _steps(self, shard: str, size: Size) -> Iterator[tuple[str, Fact[Swept]]]:
        """A step that takes too long is left out; a shard that cannot be reached is given up."""
        begun = self.clock()
        for step in count():
            if self.seconds_max and (self.clock() - begun).total_seconds() > self.seconds_max:
                yield shard, self._out_of_time(shard)
                return
            [swept] = self.database.sweep(self.clock(), self.window, {shard: step})
            yield shard, swept
            if isinstance(swept, Unavailable):
                is_over = (step + 1) * self.window.sweep_rows > size.last_key
                if is_over or swept.why is not Why.LIMIT:
                    return
            else:
                self._advance(swept.rows or 0)
                if swept.is_last:
                    return

    def _out_of_time(self, shard: str) -> Unavailable:
        params = {"shard": shard, "seconds_max": self.seconds_max}
        return Unavailable(f"database/{shard}", Why.LIMIT, "database_time_limit", params)

    @property
    def _total(self) -> int:
        return sum(self.totals.values())

    def _advance(self, rows: int) -> None:
        with self._lock:
            self._done += rows
            self.progress(min(self._done, self._total), self._total)
