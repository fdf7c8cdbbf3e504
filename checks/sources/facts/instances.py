"""Typed facts about single instances and servers: who is there, and what room each has left."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Target:
    """An instance that Prometheus scrapes; `up` as of its last scrape, `age_seconds` ago."""

    job: str
    instance: str
    up: bool
    age_seconds: float | None = None


@dataclass(frozen=True, slots=True)
class Pool:
    """A pool of database connections of one instance; `pending` threads wait for one."""

    instance: str
    name: str
    active: int
    max: int
    pending: int


@dataclass(frozen=True, slots=True)
class Connections:
    """The connections to a shard's server, ours among them, and how many it takes."""

    shard: str
    connected: int
    max: int
