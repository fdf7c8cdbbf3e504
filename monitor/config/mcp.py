"""The table about MCP: which tools may change something, and the way in over HTTP."""

from __future__ import annotations

import re
from typing import Annotated, Literal

from pydantic import AfterValidator, Field, model_validator

from monitor.config.option_types import NUMBER, Switch
from monitor.config.section import Home, Section
from monitor.domain.statement import InvalidError


def _variable(name: str) -> str:
    if not re.fullmatch(r"[A-Za-z_]\w*", name):
        raise InvalidError("variable_name")
    return name


def _caller(name: str) -> str:
    """It stands in the log, in the audit and in messages."""
    if not re.fullmatch(r"[\w.-]{1,40}", name, re.ASCII):
        raise InvalidError("token_name")
    return name


Variable = Annotated[str, AfterValidator(_variable)]
Caller = Annotated[str, AfterValidator(_caller)]
LOOPBACK = ("127.0.0.1", "::1", "localhost")


class TokenSection(Section):
    """A caller's tokens: a file with one in each line, or a variable that holds one."""

    file: Home | None = None
    env: Variable | None = None
    scopes: Annotated[tuple[Literal["read", "write"], ...], Field(min_length=1)] = ("read",)

    @model_validator(mode="after")
    def _has_one_source(self) -> TokenSection:
        if (self.file is None) == (self.env is None):
            raise InvalidError("token_source")
        return self


class HttpSection(Section):
    """The way in over HTTP, beside `paypulse run`; tokens stand in files or the environment."""

    enabled: Switch = False
    host: str = "127.0.0.1"
    port: Annotated[int, Field(ge=0, le=65_535), NUMBER] = 8750
    allowed_hosts: tuple[str, ...] = ()
    allowed_origins: tuple[str, ...] = ()
    access_log: Home | None = None
    certfile: Home | None = None
    keyfile: Home | None = None
    read_token_env: Variable = "PAYPULSE_MCP_READ_TOKEN"  # noqa: S105
    write_token_env: Variable = "PAYPULSE_MCP_WRITE_TOKEN"  # noqa: S105
    tokens: dict[Caller, TokenSection] = Field(default_factory=dict)

    @property
    def is_loopback(self) -> bool:
        """Whether only this machine can reach it."""
        return self.host in LOOPBACK

    @model_validator(mode="after")
    def _key_fits_certificate(self) -> HttpSection:
        if self.keyfile is not None and self.certfile is None:
            raise ValueError("keyfile needs the certificate beside it: certfile")
        return self

    @model_validator(mode="after")
    def _tokens_differ(self) -> HttpSection:
        if self.read_token_env == self.write_token_env:
            raise InvalidError("same_variable")
        return self


class McpSection(Section):
    """What a model may do; writes names the tools that may change something, none by default.

    The limits are of what a model may keep quiet at a person's word; the commands have none.
    """

    writes: tuple[str, ...] = ()
    silence_minutes_max: Annotated[int, Field(ge=1, le=7 * 24 * 60), NUMBER] = 4 * 60
    accept_days_max: Annotated[int, Field(ge=1, le=366), NUMBER] = 30
    http: HttpSection = HttpSection()
