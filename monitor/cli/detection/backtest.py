"""The command that replays a metric's history through the live rule."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Annotated

import typer

from monitor.cli.common import ConfigOption, catalog_of, fail


def backtest(
    file: Annotated[Path, typer.Argument(help="A CSV file: time, value; other columns are left.")],
    worse: Annotated[str, typer.Option(help="The bad direction: up, down or both.")] = "both",
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
    config: ConfigOption = None,
) -> None:
    """Replay a metric's history as if it were now, and show where it would have alerted.

    Exit code: 0 if it could be judged, 3 if not.
    """
    from monitor.cli.detection.series_file import SeriesFileError, read_series
    from monitor.domain.detection.replay import replay
    from monitor.domain.metrics import Worse
    from monitor.text.plain.backtest import backtest_json
    from monitor.text.terminal.backtest import backtest_parts, bad_lines
    from monitor.text.terminal.output import NARROW, printed

    directions = {"up": Worse.HIGHER, "down": Worse.LOWER, "both": Worse.EITHER}
    if worse not in directions:
        fail(f"--worse {worse!r}: up, down or both is expected")
    catalog = catalog_of(config)
    try:
        series = read_series(file)
    except SeriesFileError as error:
        fail(f"{file}: {catalog.say(f'series_file.{error.code}', **error.params)}")
    for line in bad_lines(series.bad, catalog):
        typer.echo(line, err=True)
    readings = [(point.at, point.value) for point in series.points]
    found = replay(readings, directions[worse])
    if not found.judged:
        fail(f"{file}: {catalog.say('series_file.too_short', points=len(readings))}")
    if as_json:
        typer.echo(json.dumps(backtest_json(series, found, catalog), ensure_ascii=False))
        return
    width = shutil.get_terminal_size((NARROW, 24)).columns
    printed(backtest_parts(series, found, catalog, width), NARROW)
