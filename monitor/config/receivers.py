"""Who is told: the configured receivers, built from their plug-ins."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from monitor import plugins
from monitor.config.models import Config, ConfigError
from monitor.config.plan import options_of
from monitor.domain.delivery import Notifier, Sender
from monitor.text.messages.render import renderer


def receivers(config: Config) -> dict[str, Sender]:
    """The configured receivers; the console where none is."""
    sections = {name: (s.kind, s.options) for name, s in config.receivers.items()}
    if not sections:
        sections = {"console": ("console", {})}
    known = plugins.names("monitor.notifiers")
    senders = {}
    for name, (kind, options) in sections.items():
        if kind not in known:
            raise ConfigError(
                f"receivers.{name}.kind: no such receiver {kind!r}; known are {', '.join(known)}"
            )
        notifier: Notifier = plugins.load("monitor.notifiers", "NOTIFIER", [kind])[kind]
        senders[name] = _sender(notifier, name, options, config)
    return senders


def _sender(notifier: Notifier, name: str, options: Mapping[str, Any], config: Config) -> Sender:
    settings = options_of(notifier.options, options, f"receivers.{name}.")
    try:
        return notifier.build(settings, renderer(config.language, config.timezone))
    except ValueError as error:
        raise ConfigError(f"receivers.{name}: {error}") from None
