"""The demo: a fortnight of simulated life, then real time with a script of faults."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from monitor.cli.common import fail

ServicesOption = Annotated[
    Path | None,
    typer.Option("--services", help="Real services: the env file of scripts/services up."),
]
commands = typer.Typer(help="The whole product at work against an embedded payment platform.")
FolderOption = Annotated[
    Path | None, typer.Option("--folder", help="Where the demo lives [a temporary folder].")
]


PortOption = Annotated[
    int, typer.Option(min=0, max=65535, help="The stand-in's port; 0 takes a free one")
]


@commands.callback(invoke_without_command=True)
def demo(
    context: typer.Context,
    minutes: Annotated[float, typer.Option(min=0, help="How long it goes on in real time")] = 5,
    days: Annotated[int, typer.Option(min=0, max=60, help="Days of history to live first.")] = 14,
    folder: FolderOption = None,
    port: PortOption = 8082,
    seed: int = 1,
    language: Annotated[str, typer.Option(help="en or ko")] = "en",
    load_tests: Annotated[bool, typer.Option(help="Run k6 in the history.")] = True,
    services: ServicesOption = None,
) -> None:
    """Live a fortnight in seconds, then go on in real time while faults come and go."""
    if context.invoked_subcommand is not None:
        return
    from monitor.cli.demo.run import Plan, run_demo
    from monitor.scheduling.lock import LockedError

    if language not in ("en", "ko"):
        fail(f"--language {language!r}: en or ko is expected")
    env = _env(services)
    days = 0 if env else days  # real services have no simulated past
    home = _claimed(folder or default_folder())
    plan = Plan(minutes, days, home, port, seed, language, load_tests, env)
    try:
        run_demo(plan)
    except LockedError as error:
        fail(f"a demo runs already: {error}")
    except OSError as error:
        fail(f"the demo cannot start: {error}")


@commands.command()
def fault(
    name: Annotated[str, typer.Argument(help="A fault; `list` shows all.")],
    state: Annotated[str, typer.Argument(help="on or off")] = "",
    url: Annotated[str, typer.Option(help="The stand-in [that of the running demo].")] = "",
    folder: FolderOption = None,
    language: Annotated[str, typer.Option(help="en or ko")] = "en",
) -> None:
    """Switch a fault of the running stand-in on or off, or `paypulse demo fault list`."""
    from datetime import UTC

    import httpx

    from monitor.text.catalog import Catalog

    base = url or _running(folder or default_folder())
    say = Catalog(language, UTC).say
    try:
        if name == "list":
            for each in httpx.get(f"{base}/demo/faults").json()["faults"]:
                is_on = say(f"fault_switch.{'on' if each['on'] else 'off'}").ljust(3)
                typer.echo(f"{is_on} {each['name']}: {say('fault.' + each['name'])}")
            return
        if state not in ("on", "off"):
            fail(say("fault_switch.expected", name=name, state=state or "-"))
        on = {"on": str(state == "on").lower()}
        response = httpx.post(f"{base}/demo/faults/{name}", params=on)
    except httpx.HTTPError as error:
        fail(say("fault_switch.no_answer", url=base, error=str(error)))
    if response.status_code != 200:
        fail(say("fault_switch.unknown", name=name))
    typer.echo(say("fault_switch.switched", name=name, on=state == "on"))


@commands.command("pg-file")
def pg_file(
    date: Annotated[str, typer.Option(help="The day in Seoul, as 2026-11-22 [today].")] = "",
    out: Annotated[Path | None, typer.Option(help="[settlement-DATE.csv]")] = None,
    spoilt: Annotated[
        bool, typer.Option("--spoilt", help="With a refund paid twice and a line missing.")
    ] = False,
    url: Annotated[str, typer.Option(help="The stand-in [that of the running demo].")] = "",
    folder: FolderOption = None,
) -> None:
    """Write the settlement file of the stand-in's payment gateway, for `paypulse match`."""
    from datetime import datetime
    from zoneinfo import ZoneInfo

    import httpx

    base = url or _running(folder or default_folder())
    day = date or datetime.now(ZoneInfo("Asia/Seoul")).date().isoformat()
    query = {"date": day, "spoilt": str(spoilt).lower()}
    try:
        response = httpx.get(f"{base}/demo/pg-file", params=query)
    except httpx.HTTPError as error:
        fail(f"no stand-in answers on {base}: {error}")
    if response.status_code == 400:
        fail(f"--date {day!r} is no day, such as 2026-11-22")
    if response.status_code != 200:
        fail(response.json().get("error", f"the stand-in answered {response.status_code}"))
    file = out or Path(f"settlement-{day}.csv")
    file.write_bytes(response.content)
    lines = len(response.content.splitlines()) - 1
    typer.echo(f"{file}: {lines} lines")


@commands.command()
def platform(
    port: PortOption = 8082,
    folder: FolderOption = None,
    seed: int = 1,
    as_original: Annotated[
        bool, typer.Option("--as-original", help="Answer with the original's defects.")
    ] = False,
    payments_per_minute: float = 6.0,
    services: ServicesOption = None,
) -> None:
    """Only the stand-in platform, in real time, until Ctrl-C."""
    from monitor.cli.demo.platform import Ground, run_platform

    ground = Ground(_claimed(folder or default_folder()), seed, _env(services))
    run_platform(ground, port, as_original, payments_per_minute)


def default_folder() -> Path:
    """The demo's folder of this user: always the same, so that other terminals find it."""
    import os
    import tempfile

    return Path(tempfile.gettempdir()) / f"paypulse-demo-{os.getuid()}"


def _env(services: Path | None) -> dict[str, str]:
    """The addresses in an env file; empty: the stand-in keeps everything itself."""
    if services is None:
        return {}
    from demo.real.connect import read_env

    try:
        return read_env(services)
    except (OSError, ValueError) as error:
        fail(f"--services: {error}")


def _claimed(folder: Path) -> Path:
    """The folder, made or taken for the demo; one that is not its own is refused, untouched."""
    from monitor.cli.demo.folder import ForeignFolderError, claim

    try:
        claim(folder)
    except ForeignFolderError as error:
        fail(str(error))
    except OSError as error:
        fail(f"the demo cannot use {folder}: {error}")
    return folder


def _running(folder: Path) -> str:
    file = folder / "url"
    if not file.is_file():
        fail(f"no demo runs in {folder}; start one with `paypulse demo`, or name its --url")
    return file.read_text(encoding="utf-8").strip()
