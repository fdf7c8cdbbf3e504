"""Who is told: the configured receivers, built from their plug-ins."""

from __future__ import annotations

from typing import Any

from monitor import plugins
from monitor.config.errors import ConfigError, said, say, suggestion
from monitor.config.models import Config, ReceiverSection
from monitor.config.plan import options_of
from monitor.domain.delivery import Notifier, Sender
from monitor.text.messages.render import renderer


def receivers(config: Config) -> dict[str, Sender]:
    """The configured receivers; the console where none is."""
    return {
        name: _sender(notifier, name, options, config)
        for name, (notifier, options) in receiver_options(config).items()
    }


def receiver_options(config: Config) -> dict[str, tuple[Notifier, Any]]:
    """The kind and the options of each receiver; ConfigError if one of them is wrong.

    What they need from the environment (a token) is asked for only when they are built.
    """
    if not config.receivers:
        return {"console": (console := _notifier("console", "console"), console.options())}
    known = {n: _notifier(n, section.kind) for n, section in config.receivers.items()}
    return {n: (known[n], _options(known[n], n, s)) for n, s in config.receivers.items()}


def _notifier(name: str, kind: str) -> Notifier:
    known = plugins.names("monitor.notifiers")
    if kind not in known:
        near = suggestion(kind, known)
        raise ConfigError(f"receivers.{name}.kind: {say('no_receiver')}{near}")
    found: dict[str, Notifier] = plugins.load("monitor.notifiers", "NOTIFIER", [kind])
    return found[kind]


def _options(notifier: Notifier, name: str, section: ReceiverSection) -> Any:
    return options_of(notifier.options, section.options, f"receivers.{name}.", ["kind"])


def _sender(notifier: Notifier, name: str, options: Any, config: Config) -> Sender:
    try:
        return notifier.build(options, renderer(config.language, config.timezone))
    except ValueError as error:
        raise ConfigError(f"receivers.{name}.{said(error)}") from None
