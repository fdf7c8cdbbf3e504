"""What the tools work with: the app, its words, live looks and stored history."""

from __future__ import annotations

import threading
from collections.abc import Callable, Collection, Iterable
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any

from mcp_server.access.confirm import Confirmations
from monitor.domain.check import Status
from monitor.store.passes.snapshots import Snapshot, latest_snapshots, snapshots
from monitor.store.upkeep.integrity import require_sound_alerts

if TYPE_CHECKING:
    from monitor.app import App
    from monitor.domain.check_pass import Observed
    from monitor.text.catalog import Catalog

STALE_MIN = timedelta(minutes=10)
_LOOKED = (Status.OK, Status.WARN, Status.CRIT)
_LAST_SEEN_MAX = timedelta(days=30)


@dataclass(slots=True)
class ToolContext:
    """One app for all calls. Live looks take turns: a check looks only once at a time.

    `open_app` is called once, when the first call needs it: listing the tools does not.
    `tools`: the names of those that this server offers.
    """

    open_app: Callable[[], App]
    tools: Collection[str] = ()
    confirmations: Confirmations = field(default_factory=Confirmations)
    _turn: threading.Lock = field(default_factory=threading.Lock)
    _opening: threading.Lock = field(default_factory=threading.Lock)
    _app: App | None = None

    @property
    def app(self) -> App:
        """The app; StoreError or ConfigError if it cannot be built (the next call tries again)."""
        with self._opening:
            if self._app is None:
                self._app = _sound(self.open_app())
            return self._app

    def close(self) -> None:
        """Give back what the app holds, if it was ever needed."""
        if self._app is not None:
            self._app.close()

    @property
    def catalog(self) -> Catalog:
        """The sentences in the configured language."""
        return self.app.catalog

    @property
    def now(self) -> datetime:
        """The time, as the app's clock has it."""
        return self.app.clock()

    def checks(self, wanted: Iterable[str] | None = None) -> list[str]:
        """The configured checks that may be looked at live, of all or of those wanted."""
        planned = self.app.checks
        names = planned if wanted is None else wanted
        return [n for n in names if n in planned and planned[n].check.live]

    def live(self, names: Iterable[str] | None = None) -> dict[str, Observed]:
        """Look now, and record nothing."""
        with self._turn:
            return self.app.live(self.checks(names))

    def read(self) -> AbstractContextManager[Any]:
        """A consistent look at the stored history."""
        return self.app.store.read()

    def latest(self) -> dict[str, Snapshot]:
        """The latest stored pass of every check."""
        with self.read() as tx:
            return latest_snapshots(tx)

    def last_seen(self, check: str) -> Snapshot | None:
        """The latest stored pass of a check that could look."""
        now = self.now
        with self.read() as tx:
            found = snapshots(tx, now - _LAST_SEEN_MAX, now, check, _LOOKED, limit=1)
        return found[0] if found else None

    def recorded_at(self) -> datetime | None:
        """When the scheduler last recorded anything."""
        return max((s.at for s in self.latest().values()), default=None)

    def is_stale(self, recorded_at: datetime | None) -> bool:
        """Whether the history ends so long ago that it does not tell how things stand."""
        if recorded_at is None:
            return True
        every = min((p.every for p in self.app.checks.values()), default=timedelta())
        return self.now - recorded_at > max(3 * every, STALE_MIN)

    def say(self, key: str, **params: Any) -> str:
        """A sentence of the answers, in the configured language."""
        return self.catalog.say(f"mcp.{key}", **{"_now": self.now, **params})


def _sound(app: App) -> App:
    """The app if what it would say of alerts can be believed; StoreError if it cannot."""
    try:
        require_sound_alerts(app.store)
    except BaseException:
        app.close()
        raise
    return app
