"""The heartbeat: when it was last accepted."""

from __future__ import annotations

from contextlib import closing
from datetime import datetime

from monitor.config.models import Config
from monitor.delivery.heartbeat import HEARTBEAT
from monitor.domain.check import Finding, Params, Status
from monitor.store.database import StoreError, open_store
from monitor.store.job_runs import JobRun, last_done

_BEATS_MISSED = 3  # what one lost ping is not


def heartbeat_finding(config: Config, now: datetime) -> Finding:
    """Whether somebody outside would notice the monitor's own end."""
    if not config.heartbeat.url:
        return Finding("heartbeat_off", Status.WARN)
    done = _last_accepted(config)
    if done is None or done.ended_at is None:
        return Finding("heartbeat_never", Status.WARN)
    silent = now - done.ended_at
    about: Params = {"at": done.ended_at.isoformat(), "seconds": silent.total_seconds()}
    if silent > _BEATS_MISSED * config.heartbeat.every:
        return Finding("heartbeat_late", Status.CRIT, params=about)
    return Finding("heartbeat", Status.OK, params=about)


def _last_accepted(config: Config) -> JobRun | None:
    if not config.database.is_file():
        return None
    try:
        with closing(open_store(config.database)) as store, store.read() as tx:
            return last_done(tx, HEARTBEAT)
    except StoreError:
        return None  # said already
