"""The address of a shard's server, whichever driver's way it is written in."""

from __future__ import annotations

import ssl
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from sqlalchemy import URL, make_url
from sqlalchemy.exc import ArgumentError

from monitor.domain.statement import InvalidError

_MODES = {
    **dict.fromkeys(("true", "1", "yes", "verify-full", "verify_identity"), "verified"),
    **dict.fromkeys(("verify-ca", "verify_ca"), "authority"),
    **dict.fromkeys(("required", "trust", "preferred"), "encrypted"),
    **dict.fromkeys(("false", "0", "no", "disable", "disabled"), ""),
}
_SWITCHES = ("ssl", "usessl", "sslmode", "requiressl")
_FILES = {"ssl_ca": "ca", "serversslcert": "ca", "ssl_cert": "cert", "ssl_key": "key"}
# What a JDBC driver wants to know and we do not: times are read as UTC, text as UTF-8.
_OURS_ANYWAY = frozenset(
    (
        *("servertimezone", "timezone", "connectiontimezone", "useunicode", "characterencoding"),
        *("charset", "allowpublickeyretrieval", "autoreconnect", "uselegacydatetimecode"),
        *("connecttimeout", "sockettimeout", "cacheprepstmts", "useserverprepstmts"),
        *("rewritebatchedstatements", "zerodatetimebehavior", "connectioncollation"),
    )
)


def address_of(text: str) -> tuple[URL, dict[str, Any]]:
    """The URL without options, and what the driver is given; InvalidError names a wrong option."""
    try:
        url = make_url(text.removeprefix("jdbc:"))
    except (ArgumentError, ValueError):
        raise InvalidError("database_url") from None
    if url.get_backend_name() == "sqlite":
        return url, {}
    options = {name.lower(): str(value) for name, value in url.query.items()}
    url = url.set(query={})
    if user := options.pop("user", ""):
        url = url.set(username=user)
    if password := options.pop("password", ""):
        url = url.set(password=password)
    return url, _driver(options, {n.lower(): n for n in _names(text)})


def _names(text: str) -> list[str]:
    """The options as they were written, to be named as such."""
    _, _, query = text.partition("?")
    return [pair.partition("=")[0] for pair in query.split("&") if pair]


def _driver(options: Mapping[str, str], written: Mapping[str, Any]) -> dict[str, Any]:
    known = {*_SWITCHES, *_FILES, *_OURS_ANYWAY}
    for name in options:
        if name not in known:
            raise InvalidError("database_option", option=str(written.get(name, name)))
    mode = "verified" if any(name in _FILES for name in options) else ""
    for name in _SWITCHES:
        if name in options:
            if options[name].lower() not in _MODES:
                raise InvalidError("database_option_value", option=str(written.get(name, name)))
            mode = _MODES[options[name].lower()]
    files = {
        part: (written.get(name, name), options[name])
        for name, part in _FILES.items()
        if name in options
    }
    return {"ssl": _context(mode, files)} if mode else {}


def _context(mode: str, files: Mapping[str, tuple[str, str]]) -> ssl.SSLContext:
    paths = {part: _readable(name, path) for part, (name, path) in files.items()}
    try:
        context = ssl.create_default_context(cafile=paths.get("ca"))
        if "cert" in paths:
            context.load_cert_chain(paths["cert"], paths.get("key"))
    except (ssl.SSLError, OSError):
        raise InvalidError("database_pem", path=", ".join(paths.values())) from None
    context.check_hostname = mode == "verified"
    if mode == "encrypted":
        context.verify_mode = ssl.CERT_NONE
    return context


def _readable(name: str, path: str) -> str:
    place = Path(path).expanduser()
    try:
        place.open("rb").close()
    except OSError as error:
        raise InvalidError(
            "database_file", option=name, path=path, error=str(error.strerror)
        ) from None
    return str(place)
