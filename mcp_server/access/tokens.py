"""The tokens with which callers over HTTP show who they are."""

from __future__ import annotations

import hashlib
import hmac
import os
from collections.abc import Mapping

from mcp.server.auth.provider import AccessToken

from mcp_server.access.caller import WRITE
from monitor.config.mcp import HttpSection
from monitor.domain.statement import InvalidError

TOKEN_CHARS_MIN = 16


class Tokens:
    """The tokens that open the way in, known by their digests only."""

    def __init__(self, read: str = "", write: str = "") -> None:
        given = {"read": (read, ["read"]), "write": (write, ["read", WRITE])}
        self._known = {
            name: (_digest(token), scopes) for name, (token, scopes) in given.items() if token
        }

    def __repr__(self) -> str:
        return f"Tokens({', '.join(self._known)})"

    def __bool__(self) -> bool:
        return bool(self._known)

    async def verify_token(self, token: str) -> AccessToken | None:
        """Who shows a token; every known one is compared, in the same time whether it fits."""
        shown = _digest(token)
        fits = {n: hmac.compare_digest(shown, held) for n, (held, _) in self._known.items()}
        for name, fit in fits.items():
            if fit:
                scopes = self._known[name][1]
                return AccessToken(token="", client_id=f"{name} token", scopes=scopes)
        return None


def _digest(token: str) -> bytes:
    return hashlib.sha256(token.encode("utf-8", "surrogateescape")).digest()


def tokens_of(section: HttpSection, env: Mapping[str, str] = os.environ) -> Tokens:
    """The tokens of the environment; InvalidError for those that protect nothing."""
    names = (section.read_token_env, section.write_token_env)
    read, write = (env.get(name, "").strip() for name in names)
    for name, token in zip(names, (read, write), strict=True):
        if token and len(token) < TOKEN_CHARS_MIN:
            raise InvalidError("token_short", name=name, chars=TOKEN_CHARS_MIN)
    if read and read == write:
        raise InvalidError("tokens_same", name=names[0], other=names[1])
    if not section.is_loopback and not (read or write):
        raise InvalidError("host_open", host=section.host, name=names[0], other=names[1])
    if not section.is_loopback and not section.allowed_hosts:
        raise InvalidError("allowed_hosts", port=section.port)
    return Tokens(read, write)
