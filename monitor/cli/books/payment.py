"""The command that answers "payment 12345 is not captured, why?"."""

from __future__ import annotations

import json
from typing import Annotated

import typer

from monitor.cli.common import ConfigOption, build, fail, load


def payment(
    payment_id: Annotated[int, typer.Argument(metavar="ID")],
    shard: str = "",
    config: ConfigOption = None,
    as_json: Annotated[bool, typer.Option("--json")] = False,
) -> None:
    """Everything known of one payment, and why it is where it is; records nothing."""
    from monitor.text.plain.payment import story_json
    from monitor.text.terminal.payment import show_story

    app = build(load(config), senders={})
    try:
        story = app.payment_story(payment_id, shard)
    except ValueError as error:
        fail(error)
    finally:
        app.close()
    if as_json:
        typer.echo(json.dumps(story_json(story, app.catalog), ensure_ascii=False, indent=2))
    else:
        show_story(story, app.catalog)
    raise typer.Exit(story.status.exit_code)
