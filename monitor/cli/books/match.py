"""`paypulse match`: a PG settlement file against the shards' rows, once, by hand."""

from __future__ import annotations

import json
import re
from contextlib import ExitStack
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from monitor.cli.books.csv_file import CsvError, Rows, check_target, replacing
from monitor.cli.books.explain import explain_file
from monitor.cli.common import ConfigOption, fail, load, refuse

if TYPE_CHECKING:
    from checks.pg_file import Options
    from checks.settlement_file.probe import Matched
    from checks.sources.facts.unavailable import Unavailable
    from monitor.config.models import Config
    from monitor.domain.books.settlement_match import SettlementMatch
    from monitor.text.catalog import Catalog

_COLUMNS = (
    *("outcome", "why", "kind", "transaction_id", "payment_id", "merchant_id", "shard", "line"),
    *("file_krw", "our_krw", "difference_krw", "file_at", "our_at", "our_status"),
)


def match(
    file: Annotated[Path, typer.Argument()],
    shard: str = "",
    day: Annotated[str, typer.Option("--date")] = "",
    out: Annotated[Path | None, typer.Option("--csv")] = None,
    as_json: Annotated[bool, typer.Option("--json")] = False,
    how: Annotated[bool, typer.Option("--explain")] = False,
    config: ConfigOption = None,
) -> None:
    """Match a PG settlement file with the settlements and refunds of the shards, both ways."""
    from monitor.text.catalog import Catalog
    from monitor.text.plain.settlement_match import match_json
    from monitor.text.terminal.settlement_match import show_match

    if out is not None and out.resolve() == file.resolve():
        refuse("csv_is_input", file=str(out))
    if out is not None:
        try:
            check_target(out, _COLUMNS)
        except CsvError as error:
            fail(error)
    settings = load(config)
    catalog = Catalog(settings.language, settings.zone)
    if how:
        raise typer.Exit(explain_file(file, _options(settings), catalog))
    task = _Task(settings, _options(settings), catalog, file, shard, _day(day), out)
    try:
        found, written = _look(task, is_quiet=as_json)
    except CsvError as error:
        fail(error)
    result = _result(task, found)
    if as_json:
        typer.echo(json.dumps(match_json(result, catalog), ensure_ascii=False, indent=2))
    else:
        show_match(result, catalog)
        if out is not None and written:
            typer.echo(catalog.say("match.written", rows=written, path=out))
    raise typer.Exit(result.verdict.status.exit_code)


@dataclass(frozen=True, slots=True)
class _Task:
    """What was asked for."""

    settings: Config
    options: Options
    catalog: Catalog
    file: Path
    shard: str
    day: date | None
    out: Path | None


def _options(settings: Config) -> Options:
    from checks.pg_file import CHECK
    from monitor.config.models import ConfigError
    from monitor.config.plan import configured

    try:
        options: Options = configured(settings, CHECK.name)
    except ConfigError as error:
        fail(error)
    return options


def _day(text: str) -> date | None:
    try:
        return date.fromisoformat(text) if text else None
    except ValueError:
        refuse("day", option="--date", given=text)


def _look(task: _Task, *, is_quiet: bool) -> tuple[Matched | Unavailable, int]:
    """The look itself, with a progress bar; and how many rows were written."""
    from checks.settlement_file.probe import Request, Told, match_file
    from checks.sources.facts.unavailable import Unavailable
    from monitor.app import platform_of
    from monitor.cli.progress import progress_bar
    from monitor.config.models import ConfigError

    try:
        platform = platform_of(task.settings)
    except ConfigError as error:
        fail(error)
    shards = (task.shard,) if task.shard else None
    day = task.day or _named_day(task)
    request = Request(task.file, task.options, task.options, day, *_around(task, day), shards)
    with ExitStack() as stack:
        rows = stack.enter_context(replacing(task.out, _COLUMNS)) if task.out else None
        bar = None if is_quiet else progress_bar(task.catalog.say("match.reading"), 1)
        pace = stack.enter_context(bar) if bar else _ignore
        outcomes = _Outcomes(rows)
        found = match_file(request, platform.database, Told(outcomes.match, outcomes.bad, pace))
        if rows is not None and isinstance(found, Unavailable):
            rows.is_kept = False
    return found, rows.count if rows and rows.is_kept else 0


def _ignore(share: float) -> None:
    """Nobody looks at how far it is."""


def _named_day(task: _Task) -> date | None:
    """The day in the file's name, if the configured pattern or a date in it says so."""
    options = task.options
    pattern = re.escape(Path(options.path).name).replace(re.escape("{date}"), "(.+?)")
    found = re.fullmatch(pattern.replace(r"\*", ".*"), task.file.name) if options.path else None
    for text, form in (
        (found[1] if found else "", options.date_in_path),
        *((t, "%Y%m%d") for t in re.findall(r"(?<!\d)(20\d{6})(?!\d)", task.file.name)),
        *((t, "%Y-%m-%d") for t in re.findall(r"20\d\d-\d\d-\d\d", task.file.name)),
    ):
        try:
            return datetime.strptime(text, form).replace(tzinfo=options.place).date()
        except ValueError:
            continue
    return None


def _around(task: _Task, day: date | None) -> tuple[Path | None, Path | None]:
    """The files of the day before and after, beside this one, if it is named as configured."""
    options = task.options
    if day is None or "{date}" not in Path(options.path).name or "*" in options.path:
        return None, None

    def beside(which: int) -> Path | None:
        text = (day + timedelta(days=which)).strftime(options.date_in_path)
        path = task.file.with_name(Path(options.path).name.replace("{date}", text))
        return path if path.is_file() and path != task.file else None

    return beside(-1), beside(1)


def _result(task: _Task, found: Matched | Unavailable) -> SettlementMatch:
    """As bad as the worst of it; a shard that is not seen makes it unknown."""
    from checks.settlement_file.findings import told
    from checks.sources.facts.unavailable import Unavailable, monitoring_gap, monitoring_gaps
    from monitor.domain.books.settlement_match import SettlementMatch
    from monitor.domain.check import Verdict

    name, zone = task.file.name, task.options.zone
    if isinstance(found, Unavailable):
        return SettlementMatch(name, Verdict.of([monitoring_gap(found)]), zone, task.shard)
    days = " – ".join(dict.fromkeys((found.first.isoformat(), found.last.isoformat())))
    tally = {**found.tally.remembered(), "file": name}
    findings = told(days, tally, task.options)
    unavailable = monitoring_gaps((each, "") for each in found.unavailable)
    verdict, shown = Verdict.of([*findings, *unavailable]), task.options.evidence_max
    return SettlementMatch(name, verdict, zone, task.shard, days, shown, tally)


class _Outcomes:
    """Puts every outcome as a row into a CSV, if one is wanted."""

    def __init__(self, rows: Rows | None) -> None:
        self._rows = rows

    def match(self, each: Any) -> None:
        """One outcome."""
        from checks.settlement_file.run import row_of

        if self._rows is not None:
            self._rows.add(row_of(each))

    def bad(self, line: Any) -> None:
        """One line that cannot be read."""
        if self._rows is not None:
            row = {"outcome": "bad_line", "why": f"{line.reason} {line.column}".strip()}
            self._rows.add({**row, "line": line.number, "transaction_id": line.text})
