"""The tables about the platform: where each part is, and through what it is seen."""

from __future__ import annotations

import math
import re
from typing import Annotated, Any, Literal
from urllib.parse import urlsplit, urlunsplit

from pydantic import BeforeValidator, Field, field_validator, model_validator

from monitor.config.option_types import Seconds
from monitor.config.section import Section, Token, Url
from monitor.domain.statement import InvalidError


def _is_url(text: str) -> bool:
    try:
        parts = urlsplit(text)
        return bool(parts.scheme) and (parts.port or 1) > 0
    except ValueError:
        return False


class DatabaseSection(Section):
    """How the shards are reached: through the gateway, or directly by URL."""

    via: Literal["gateway", "direct"] = "gateway"
    urls: dict[str, str] = Field(default_factory=dict, repr=False)

    @model_validator(mode="after")
    def _direct_needs_urls(self) -> DatabaseSection:
        if self.via == "direct" and not self.urls:
            raise InvalidError("needs_urls")
        for name, url in self.urls.items():
            if not _is_url(url):
                raise InvalidError("no_url", name=name)
        if self.via == "gateway" and self.urls:
            raise InvalidError("urls_only_direct")
        return self


class RedisSection(Section):
    """How Redis is reached: through the gateway, or directly."""

    via: Literal["gateway", "direct"] = "gateway"
    url: str = Field(default="", repr=False)
    write_url: str = Field(default="", repr=False)

    @model_validator(mode="after")
    def _direct_needs_url(self) -> RedisSection:
        _fits(self.via, self.url, "url", "redis://:${REDIS_PASSWORD}@localhost:6379/0")
        if self.write_url and not self.url:
            raise InvalidError("only_direct", key="write_url")
        if not all(_is_redis_url(url) for url in (self.url, self.write_url) if url):
            raise InvalidError("redis_url")
        return self


def _scalar(value: Any) -> Any:
    is_number = isinstance(value, float) and math.isfinite(value)
    if not is_number and not isinstance(value, str | int):
        raise InvalidError("no_scalar")
    return value


KafkaOption = Annotated[str | int | float | bool, BeforeValidator(_scalar)]


class KafkaSection(Section):
    """How Kafka is reached: through the gateway, or directly; `options` are librdkafka's own."""

    via: Literal["gateway", "direct"] = "gateway"
    bootstrap: str = ""
    options: dict[str, KafkaOption] = Field(default_factory=dict, repr=False)

    @model_validator(mode="after")
    def _direct_needs_bootstrap(self) -> KafkaSection:
        _fits(self.via, self.bootstrap, "bootstrap", "localhost:9092")
        for address in self.bootstrap.split(",") if self.bootstrap else ():
            if not re.fullmatch(r"\A\s*+(\[[0-9a-fA-F:.]+\]|[\w.-]+):\d{1,5}\s*", address):
                raise InvalidError("bootstrap")
        return self


class PrometheusSection(Section):
    """Where Prometheus is."""

    url: str = Field(default="", repr=False)
    token: Token = Field(default="", repr=False)

    @field_validator("url")
    @classmethod
    def _is_http(cls, url: str) -> str:
        if url and not url.startswith(("http://", "https://")):
            raise InvalidError("http_prefix")
        return url


class BreakersSection(Section):
    """How the breakers are seen: through the gateway and actuators, or all through Prometheus."""

    via: Literal["gateway", "prometheus"] = "gateway"
    job: str = "ingest-service"


def _fits(via: str, address: str, key: str, example: str) -> None:
    if via == "direct" and not address:
        raise InvalidError("needs_key", key=key, example=example)
    if via == "gateway" and address:
        raise InvalidError("only_direct", key=key)


def _is_redis_url(url: str) -> bool:
    try:
        parts = urlsplit(url)
        named = bool(parts.hostname) and (parts.port or 6379) > 0
    except ValueError:
        return False
    return named if parts.scheme in ("redis", "rediss") else parts.scheme == "unix"


class PlatformSection(Section):
    """Where the platform is."""

    base_url: Url = Field(default="http://localhost:8082", repr=False)
    timeout_seconds: Seconds = 5.0
    slow_timeout_seconds: Seconds = 90.0
    token: Token = Field(default="", repr=False)
    actuators: dict[str, Url] = Field(default_factory=dict, repr=False)
    database: DatabaseSection = DatabaseSection()
    redis: RedisSection = RedisSection()
    kafka: KafkaSection = KafkaSection()
    prometheus: PrometheusSection = PrometheusSection()
    breakers: BreakersSection = BreakersSection()

    @property
    def shown_url(self) -> str:
        """The base URL as it may be printed: without user and password."""
        parts = urlsplit(self.base_url)
        host = parts.netloc.rpartition("@")[2]
        return urlunsplit((parts.scheme, host, parts.path, "", ""))

    @model_validator(mode="after")
    def _breakers_need_prometheus(self) -> PlatformSection:
        if self.breakers.via == "prometheus" and not self.prometheus.url:
            raise InvalidError("needs_prometheus")
        return self
