"""The stand-in's parts on the services that an env file of scripts/services names."""

from __future__ import annotations

import json
import random
import shlex
from collections.abc import Callable, Mapping
from pathlib import Path
from urllib.parse import urlsplit

from demo.platform.parts import Parts, Settings
from demo.platform.shards import Shards
from demo.real.kafka import RealBroker
from demo.real.mariadb import MariaShard
from demo.real.redis import RealCache
from demo.real.script import Script

_NEEDED = (
    "PAYPULSE_SHARD1_ADMIN_URL",
    "PAYPULSE_SHARD2_ADMIN_URL",
    "PAYPULSE_REDIS_URL",
    "PAYPULSE_KAFKA_BOOTSTRAP",
)


def read_env(path: Path) -> dict[str, str]:
    """The variables of an env file; ValueError names what is missing."""
    words = shlex.split(path.read_text(encoding="utf-8-sig"))
    env = dict(word.split("=", 1) for word in words if "=" in word)
    if missing := [name for name in _NEEDED if name not in env]:
        raise ValueError(", ".join(missing))
    return env


def on_services(env: Mapping[str, str]) -> Callable[[Settings, random.Random], Parts]:
    """What makes the parts of a stand-in on these services; unreachable ones are down at first."""

    def make(settings: Settings, chance: random.Random) -> Parts:
        script = Script(env.get("PAYPULSE_SERVICES_FOLDER", ""))
        return Parts(
            Shards(
                MariaShard("shard1", env["PAYPULSE_SHARD1_ADMIN_URL"], script),
                MariaShard("shard2", env["PAYPULSE_SHARD2_ADMIN_URL"], script),
            ),
            settings,
            chance,
            broker=RealBroker(env["PAYPULSE_KAFKA_BOOTSTRAP"], script),
            cache=RealCache(env["PAYPULSE_REDIS_URL"], script),
        )

    return make


def tell_prometheus(env: Mapping[str, str], url: str) -> None:
    """Let Prometheus scrape the stand-in at its address."""
    if file := env.get("PAYPULSE_PROMETHEUS_TARGETS"):
        new = Path(f"{file}.new")
        new.write_text(json.dumps([{"targets": [urlsplit(url).netloc]}]), encoding="utf-8")
        new.replace(file)
