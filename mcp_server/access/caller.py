"""Who calls, and what that one may do."""

from __future__ import annotations

import getpass
from functools import cache
from typing import Any

from mcp.server.auth.middleware.auth_context import get_access_token
from mcp.server.mcpserver import Context

from monitor.text.filters import clean

WRITE = "write"
_NAME_MAX = 60


def called_by(ctx: Context[Any]) -> str:
    """The caller by what is known: the token over HTTP, the machine's user over stdio."""
    token = get_access_token()
    way = "http" if ctx.headers is not None else "stdio"
    who = f"{way}:{token.client_id if token else 'anybody' if way == 'http' else _user()}"
    params = ctx.session.client_params
    client = clean(params.client_info.name, _NAME_MAX) if params else ""
    return f"{who} ({client})" if client else who


def may_write(ctx: Context[Any]) -> bool:
    """Whether the caller's token has the scope write; over stdio everybody may who is there."""
    token = get_access_token()
    if token is not None:
        return WRITE in token.scopes
    return ctx.headers is None  # over HTTP, who shows no token only reads


@cache
def _user() -> str:
    try:
        return getpass.getuser()
    except (KeyError, OSError):
        return "somebody"
