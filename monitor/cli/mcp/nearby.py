"""The monitor on this very machine, whose configuration is at hand."""

from __future__ import annotations

from pathlib import Path
from urllib.parse import urlsplit

from monitor.config.mcp import LOOPBACK
from monitor.config.models import Config, ConfigError, load


def token_file_of(url: str, config: Path | None) -> Path | None:
    """The file of the own token of the monitor at `url`; None where another one answers there."""
    from mcp_server.access.token_file import own_token_file

    try:
        settings = load(config)
    except ConfigError:  # it is not what was asked for
        return None
    file = own_token_file(settings.database).absolute()
    return file if _is_its(url, settings) and file.is_file() else None


def _is_its(url: str, settings: Config) -> bool:
    parts, section = urlsplit(url), settings.mcp.http
    return parts.hostname in LOOPBACK and parts.port == section.port and section.is_loopback
