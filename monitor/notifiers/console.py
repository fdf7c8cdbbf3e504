"""Prints messages: what is used where no other receiver is configured."""

from __future__ import annotations

import sys
from dataclasses import dataclass
from typing import ClassVar, Literal, TextIO

from monitor.domain.delivery import Message, Notifier, Reference, Renderer, Temporary


@dataclass(frozen=True, slots=True)
class ConsoleOptions:
    """Where to print."""

    stream: Literal["stdout", "stderr"] = "stdout"


@dataclass(frozen=True, slots=True)
class Console:
    """A receiver that prints; `stream` None: whatever the stream of that name is by then."""

    leaves_machine: ClassVar[bool] = False
    renderer: Renderer
    options: ConsoleOptions
    stream: TextIO | None = None

    def send(self, message: Message, thread: Reference | None) -> Reference:
        """Print the message between two rules."""
        stream = self.stream or getattr(sys, self.options.stream)
        text = self.renderer.text(message).strip()
        rule = "─" * 72
        try:
            stream.write(f"{rule}\n{text}\n{rule}\n")
            stream.flush()
        except (OSError, ValueError) as error:
            is_gone = isinstance(error, OSError)
            said = f"cannot print: {type(error).__name__}"
            raise Temporary(said, whole_receiver=is_gone) from error
        return {"printed": True}


def build(options: ConsoleOptions, renderer: Renderer) -> Console:
    """A console receiver."""
    return Console(renderer, options)


NOTIFIER = Notifier("console", ConsoleOptions, build)
