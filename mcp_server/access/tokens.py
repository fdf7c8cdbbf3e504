"""The tokens with which callers over HTTP show who they are."""

from __future__ import annotations

import hashlib
import hmac
import logging
import os
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from mcp.server.auth.provider import AccessToken

from mcp_server.access.caller import WRITE
from mcp_server.access.token_file import own_token, tokens_in
from monitor.config.mcp import HttpSection
from monitor.config.models import Config
from monitor.domain.statement import InvalidError

log = logging.getLogger(__name__)

TOKEN_CHARS_MIN = 16
_READ = "read"


@dataclass(slots=True)
class Source:
    """Where a caller's tokens stand: a file, read at every use, or the environment."""

    name: str
    where: str
    scopes: list[str]
    file: Path | None = None
    held: tuple[str, ...] = field(default=(), repr=False)
    _said: str = field(default="", repr=False)

    def tokens(self) -> tuple[str, ...]:
        """Those that hold now; InvalidError for what protects nothing."""
        found = self.held if self.file is None else tokens_in(self.file)
        if any(len(token) < TOKEN_CHARS_MIN for token in found):
            raise InvalidError("token_short", name=self.where, chars=TOKEN_CHARS_MIN)
        return found

    def holds(self, shown: bytes) -> bool:
        """Whether one of them has this digest, in the same time whether it does."""
        fits = [hmac.compare_digest(shown, _digest(token)) for token in self._sound()]
        return any(fits)

    def _sound(self) -> tuple[str, ...]:
        """None of a file that was spoiled while the monitor runs; that is said once."""
        try:
            found, said = self.tokens(), ""
        except InvalidError as error:
            found, said = (), str(error)
        if said and said != self._said:
            log.error("no token of %s is taken until this is mended: %s", self.where, said)
        self._said = said
        return found


class Tokens:
    """The tokens that open the way in."""

    def __init__(self, sources: list[Source]) -> None:
        self._sources = sources

    def __repr__(self) -> str:
        return f"Tokens({', '.join(source.name for source in self._sources)})"

    def __bool__(self) -> bool:
        return bool(self._sources)

    async def verify_token(self, token: str) -> AccessToken | None:
        """Who shows a token; one that two callers have may only what both may."""
        shown = _digest(token)
        fits = [source for source in self._sources if source.holds(shown)]
        if not fits:
            return None
        who = min(fits, key=lambda source: len(source.scopes))
        return AccessToken(token="", client_id=f"{who.name} token", scopes=who.scopes)


def _digest(token: str) -> bytes:
    return hashlib.sha256(token.encode("utf-8", "surrogateescape")).digest()


def tokens_of(section: HttpSection, env: Mapping[str, str] = os.environ) -> Tokens:
    """The tokens of the files and the environment; InvalidError for those that protect nothing."""
    sources = [*_of_variables(section, env), *_of_tables(section, env)]
    _require_different(sources)
    if not section.is_loopback and not sources:
        names = (section.read_token_env, section.write_token_env)
        raise InvalidError("host_open", host=section.host, name=names[0], other=names[1])
    if not section.is_loopback and not section.allowed_hosts:
        raise InvalidError("allowed_hosts", port=section.port)
    return Tokens(sources)


def tokens_to_serve(config: Config, env: Mapping[str, str] = os.environ) -> Tokens:
    """Those configured; where there are none, that of the monitor's own file, which may read."""
    configured = tokens_of(config.mcp.http, env)
    if configured:
        return configured
    file = own_token(config.database)
    return Tokens([Source("local", str(file), [_READ], file)])


def _of_variables(section: HttpSection, env: Mapping[str, str]) -> Iterator[Source]:
    given = {"read": section.read_token_env, "write": section.write_token_env}
    for name, variable in given.items():
        if token := env.get(variable, "").strip():
            scopes = [_READ] if name == "read" else [_READ, WRITE]
            yield Source(name, variable, scopes, held=(token,))


def _of_tables(section: HttpSection, env: Mapping[str, str]) -> Iterator[Source]:
    for name, table in section.tokens.items():
        scopes = list(dict.fromkeys((_READ, *table.scopes)))
        if table.file is not None:
            yield Source(name, str(table.file), scopes, table.file)
            continue
        variable = str(table.env)
        token = env.get(variable, "").strip()
        if not token:
            raise InvalidError("secret", key=f"mcp.http.tokens.{name}.env", name=variable)
        yield Source(name, variable, scopes, held=(token,))


def _require_different(sources: list[Source]) -> None:
    """A name or a token of two callers would not say who asks."""
    for name, times in Counter(source.name for source in sources).items():
        if times > 1:
            raise InvalidError("token_names_same", name=name)
    seen: dict[str, Source] = {}
    for source in sources:
        for token in source.tokens():
            other = seen.setdefault(token, source)
            if other is not source:
                raise InvalidError("tokens_same", name=other.where, other=source.where)
