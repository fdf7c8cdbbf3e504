"""The command that replays a metric's history through the live rule."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Annotated

import typer

from monitor.cli.common import ConfigOption, catalog_of, fail, refuse


def backtest(
    file: Annotated[Path, typer.Argument()],
    worse: str = "both",
    as_json: Annotated[bool, typer.Option("--json")] = False,
    time_form: Annotated[str, typer.Option("--time-format")] = "",
    decimal: str = "",
    only: Annotated[str, typer.Option("--series")] = "",
    config: ConfigOption = None,
) -> None:
    """Replay a metric's history as if it were now, and show where it would have alerted."""
    from monitor.cli.detection.series.file import Asked, SeriesFileError, read_series
    from monitor.domain.detection.replay import replay
    from monitor.domain.metrics import Worse
    from monitor.text.plain.backtest import backtest_json
    from monitor.text.terminal.backtest import backtest_parts, bad_lines, series_heading
    from monitor.text.terminal.output import NARROW, printed

    directions = {"up": Worse.HIGHER, "down": Worse.LOWER, "both": Worse.EITHER}
    if worse not in directions:
        refuse("one_of", option="--worse", given=worse, known="up, down, both")
    if decimal not in ("", ".", ","):
        refuse("one_of", option="--decimal", given=decimal, known=". ,")
    catalog = catalog_of(config)
    try:
        read = read_series(file, Asked(time_form, decimal, only))
    except SeriesFileError as error:
        fail(f"{file}: {catalog.say(f'series_file.{error.code}', **error.params)}")
    for line in bad_lines(read.bad, catalog):
        typer.echo(line, err=True)
    replayed = [
        (each, replay([(point.at, point.value) for point in each.points], directions[worse]))
        for each in read.series
    ]
    if not any(found.judged for _, found in replayed):
        points = max(len(each.points) for each in read.series)
        fail(f"{file}: {catalog.say('series_file.too_short', points=points)}")
    if as_json:
        told = [backtest_json(*each, read.form, catalog) for each in replayed]
        whole = told[0] if len(told) == 1 else {"series": told}
        typer.echo(json.dumps(whole, ensure_ascii=False))
        return
    width = shutil.get_terminal_size((NARROW, 24)).columns
    typer.echo(catalog.say("series_file.read_as", form=read.form.name, shape=read.form.shape))
    if read.left:
        typer.echo(catalog.say("series_file.columns_left", columns=", ".join(read.left)[:200]))
    for series, found in replayed:
        typer.echo("\n".join(series_heading(series, len(replayed) > 1, catalog)))
        if found.judged:
            printed(backtest_parts(series, found, catalog, width), NARROW)
        else:
            points = len(series.points)
            typer.echo(catalog.say("series_file.too_short", points=points))
