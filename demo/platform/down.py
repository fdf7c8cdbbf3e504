"""The one way in which a part of the platform refuses."""

from __future__ import annotations


class PartDownError(Exception):
    """A part refuses connections: kafka, redis, or database/shard2."""

    def __init__(self, part: str) -> None:
        super().__init__(part)
        self.part = part
