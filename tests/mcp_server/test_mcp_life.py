"""Claude's "compare to last week" over stdio, on a lived fortnight, against SQL on the readings."""

from __future__ import annotations

import sys
from datetime import timedelta
from pathlib import Path
from statistics import quantiles

import anyio
import pytest
from mcp import Client, StdioServerParameters
from simulated import START, World, world

from monitor.domain.check import series_name

pytestmark = pytest.mark.slow

WEEK = timedelta(days=7)
_ASKED = ("services", "outbox_age", "traffic")
_RAW = (
    'SELECT v.value FROM metric_values v JOIN series s ON s.id = v.series_id WHERE s."check" = ?'
    " AND s.name = ? AND v.at >= ? AND v.at < ? ORDER BY v.value"
)


@pytest.fixture(scope="module")
def lived(tmp_path_factory: pytest.TempPathFactory):
    folder = tmp_path_factory.mktemp("lived")
    made: World = world(folder, every=3600, payments_per_minute=0.3)
    made.app.checks = {name: made.app.checks[name] for name in _ASKED}
    made.live(2 * WEEK / timedelta(minutes=1))
    yield made
    made.close()


def ask(folder: Path, tool: str, **arguments):
    file = folder / "paypulse.toml"
    file.write_text(
        f'database = "{folder}/paypulse.db"\nplatform.base_url = "http://127.0.0.1:9"\n'
    )
    start = "from monitor.cli.main import main; main()"
    command = [sys.executable, "-c", start, "mcp", "-c", str(file)]

    async def call():
        server = StdioServerParameters(command=command[0], args=command[1:])
        async with Client(server) as client:
            return (await client.call_tool(tool, arguments)).structured_content

    return anyio.run(call)


def raw(lived: World, check: str, series: str, start, end) -> list[float]:
    span = [int(at.timestamp() * 1_000_000) for at in (start, end)]
    with lived.app.store.read() as tx:
        return [value for (value,) in tx.exec_driver_sql(_RAW, (check, series, *span))]


def test_compare_to_last_week_has_the_figures_of_the_readings(lived):
    end = START + 2 * WEEK
    middle = end - WEEK
    told = ask(
        lived.standin.folder,
        "compare_periods",
        start=middle.isoformat(),
        end=end.isoformat(),
        limit=100,
    )
    evidence = told["evidence"]
    error = evidence["quantile_error_percent"] / 100
    rows = {
        (row["check"], series_name(row["metric"], row["subject_text"])): row
        for row in evidence["series"]
    }
    assert len(rows) > 8
    for (check, series), row in rows.items():
        for part, start in (("now", middle), ("before", START)):
            values = raw(lived, check, series, start, start + WEEK)
            assert row[part]["readings"] == len(values), (check, series, part)
            if "median" in row[part] and len(values) > 100:
                cuts = quantiles(values, n=100, method="inclusive")
                near = (values[len(values) // 2 - 1], cuts[49], values[len(values) // 2])
                assert any(
                    row[part]["median"] == pytest.approx(v, rel=error + 0.005, abs=1e-6)
                    for v in near
                ), (check, series, part)
    assert told["origin"] == "stored"
    assert told["verdict"] in ("ok", "warn")
