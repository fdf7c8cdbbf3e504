"""The root of the commands: it finds out the language first, then lets each say its piece."""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence
from typing import Any, NoReturn

import typer
from typer.core import TyperGroup

from monitor.cli.language.help import put_into_words
from monitor.cli.language.spoken import language_of
from monitor.cli.language.usage import frame_in_words, usage_sentence
from monitor.config.language import speak

# As the library's own, whether it brings click along or needs it.
UsageError: Any = next(c for c in typer.BadParameter.__mro__ if c.__name__ == "UsageError")
UsageError.exit_code = 3  # a wrong word is no crit (2) of a check, but unknown, as of any plug-in


class SpokenGroup(TyperGroup):
    """A tree of commands whose help and usage errors stand in the language of the user."""

    def main(
        self,
        args: Sequence[str] | None = None,
        prog_name: str | None = None,
        complete_var: str | None = None,
        standalone_mode: bool = True,
        windows_expand_args: bool = True,
        **extra: Any,
    ) -> Any:
        """Run the command that the arguments name, and end with its exit code."""
        language = language_of(sys.argv[1:] if args is None else args, os.environ)
        speak(language)
        put_into_words(self, language)
        try:
            ended = super().main(args, prog_name, complete_var, False, windows_expand_args, **extra)
        except UsageError as error:
            _show(error)
        except typer.Abort:
            _aborted()
        if standalone_mode:
            sys.exit(ended if isinstance(ended, int) else 0)
        return ended


def _show(error: Any) -> NoReturn:
    from typer.rich_utils import rich_format_error

    frame_in_words()
    if type(error).__name__ != "NoArgsIsHelpError":  # its text is the help
        error = UsageError(usage_sentence(error.format_message()), ctx=error.ctx)
        rich_format_error(error)
    else:
        typer.echo(error.format_message(), err=True)
    sys.exit(error.exit_code)


def _aborted() -> NoReturn:
    from typer.rich_utils import rich_abort_error

    frame_in_words()
    rich_abort_error()
    sys.exit(1)
