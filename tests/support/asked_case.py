"""An app over real shards in SQLite files, for tools that ask single rows."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import books
from mcp_case import app_with, found

from checks.sources.database.source import Database
from monitor.app import App

SEOUL = ZoneInfo("Asia/Seoul")


def app_over(folder: Path, urls: Mapping[str, str], language: str = "en", **platform: Any) -> App:
    """An app at books.NOW whose database are these shards."""
    app = app_with(folder, platform.pop("checks", {"services": found()}), language)
    app.clock = lambda: books.NOW
    database = platform.pop("database", None) or Database(urls, zone=SEOUL)
    app.runner.platform = replace(app.runner.platform, database=database, **platform)
    return app


def two_shards(folder: Path, payments: int = 200) -> dict[str, books.Shard]:
    """Two healthy shards."""
    return {name: books.shard(folder, name, payments) for name in ("shard1", "shard2")}


def urls(shards: Mapping[str, books.Shard]) -> dict[str, str]:
    """Where the shards are."""
    return {name: shard.url for name, shard in shards.items()}
