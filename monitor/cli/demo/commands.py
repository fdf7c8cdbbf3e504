"""The demo: a fortnight of simulated life, then real time with a script of faults."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from monitor.cli.common import fail, refuse, said
from monitor.cli.language.spoken import say
from monitor.domain.statement import InvalidError

ServicesOption = Annotated[
    Path | None,
    typer.Option("--services"),
]
commands = typer.Typer()
FolderOption = Annotated[Path | None, typer.Option("--folder")]


PortOption = Annotated[int, typer.Option(min=0, max=65535)]


@commands.callback(invoke_without_command=True)
def demo(
    context: typer.Context,
    minutes: Annotated[float, typer.Option(min=0)] = 5,
    days: Annotated[int, typer.Option(min=0, max=60)] = 14,
    folder: FolderOption = None,
    port: PortOption = 8082,
    seed: int = 1,
    language: str = "en",
    load_tests: bool = True,
    services: ServicesOption = None,
) -> None:
    """Live a fortnight in seconds, then go on in real time while faults come and go."""
    if context.invoked_subcommand is not None:
        return
    from monitor.cli.demo.run import Plan, run_demo
    from monitor.scheduling.lock import LockedError

    if language not in ("en", "ko"):
        refuse("one_of", option="--language", given=language, known="en, ko")
    env = _env(services)
    days = 0 if env else days  # real services have no simulated past
    home = _claimed(folder or default_folder())
    plan = Plan(minutes, days, home, port, seed, language, load_tests, env)
    try:
        run_demo(plan)
    except LockedError as error:
        refuse("demo_runs", error=said(error))
    except OSError as error:
        refuse("demo_no_start", error=str(error))


@commands.command()
def fault(
    name: Annotated[str, typer.Argument()],
    state: Annotated[str, typer.Argument()] = "",
    url: str = "",
    folder: FolderOption = None,
    language: str = "",
) -> None:
    """Switch a fault of the running stand-in on or off, or `paypulse demo fault list`."""
    import httpx

    base = url or _running(folder or default_folder())
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
    date: str = "",
    out: Path | None = None,
    spoilt: Annotated[bool, typer.Option("--spoilt")] = False,
    url: str = "",
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
        fail(say("fault_switch.no_answer", url=base, error=str(error)))
    if response.status_code == 400:
        refuse("day", option="--date", given=day)
    if response.status_code == 409:
        refuse("not_spoilable", given=day)
    if response.status_code != 200:
        refuse("stand_in_answered", code=response.status_code)
    file = out or Path(f"settlement-{day}.csv")
    file.write_bytes(response.content)
    lines = len(response.content.splitlines()) - 1
    typer.echo(say("fault_switch.pg_file", file=str(file), lines=lines))


@commands.command()
def platform(
    port: PortOption = 8082,
    folder: FolderOption = None,
    seed: int = 1,
    as_original: Annotated[bool, typer.Option("--as-original")] = False,
    payments_per_minute: float = 6.0,
    services: ServicesOption = None,
) -> None:
    """Only the stand-in platform, in real time, until Ctrl-C."""
    from monitor.cli.demo.platform import Ground, run_platform

    ground = Ground(_claimed(folder or default_folder()), seed, _env(services))
    try:
        run_platform(ground, port, as_original, payments_per_minute)
    except InvalidError as error:
        fail(error)


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
    except OSError as error:
        refuse("services_file", file=str(services), error=error.strerror)
    except ValueError as error:
        refuse("services_missing", file=str(services), names=str(error))


def _claimed(folder: Path) -> Path:
    """The folder, made or taken for the demo; one that is not its own is refused, untouched."""
    from monitor.cli.demo.folder import ForeignFolderError, claim

    try:
        claim(folder)
    except ForeignFolderError as error:
        fail(error)
    except OSError as error:
        refuse("demo_folder", folder=str(folder), error=str(error))
    return folder


def _running(folder: Path) -> str:
    file = folder / "url"
    if not file.is_file():
        refuse("no_demo", folder=str(folder))
    return file.read_text(encoding="utf-8").strip()
