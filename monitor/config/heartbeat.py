"""The table about the heartbeat: whom the monitor tells that it lives."""

from __future__ import annotations

from datetime import timedelta
from typing import Annotated

from pydantic import Field

from monitor.config.option_types import NUMBER, SECONDS_MAX
from monitor.config.section import Section, UrlOrNone


class HeartbeatSection(Section):
    """Pinged after each whole loop of look, record and deliver (healthchecks.io's form)."""

    url: UrlOrNone = Field(default="", repr=False)
    every_seconds: Annotated[float, Field(ge=1, le=SECONDS_MAX), NUMBER] = 60

    @property
    def every(self) -> timedelta:
        """How long one ping stands for."""
        return timedelta(seconds=self.every_seconds)
