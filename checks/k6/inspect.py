"""What a script asks for, before it runs: k6 itself tells, by reading the script's options."""

from __future__ import annotations

import hashlib
import json
import re
import subprocess
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from checks.k6.process import environment
from monitor.domain.load_test.preflight import Asked

_TIMEOUT_SECONDS = 20.0
_FILES_MAX = 50
_FILE_BYTES_MAX = 5_000_000
_IMPORT = re.compile(rb"""(?:from|import|require\(|open\()\s*['"](\.{1,2}/[^'"\n]+)['"]""")
_SPAN = re.compile(r"(?<!\d)(\d++(?:\.\d++)?+)(ms|us|µs|ns|s|m|h|d)")
_UNITS = {"ns": 1e-9, "us": 1e-6, "µs": 1e-6, "ms": 1e-3, "s": 1, "m": 60, "h": 3600, "d": 86_400}


class BrokenScriptError(Exception):
    """k6 cannot read the script; the text is its own complaint."""


def inspect(binary: Path, script: Path, variables: Mapping[str, str]) -> Asked:
    """What the script asks for; BrokenScriptError where k6 cannot tell."""
    given = [part for key, value in variables.items() for part in ("-e", f"{key}={value}")]
    told = _told([str(binary), "inspect", "--execution-requirements", *given, str(script)])
    try:
        options = json.loads(told)
    except ValueError:
        raise BrokenScriptError("k6 inspect told no options") from None
    return asked_of(options if isinstance(options, dict) else {})


def version(binary: Path) -> str:
    """k6's version, such as 1.1.0; empty if it does not tell."""
    try:
        match = re.search(r"v(\d+\.\d+\.\d+[\w.-]*)", _told([str(binary), "version"]))
    except BrokenScriptError:
        return ""
    return match[1] if match else ""


def _told(command: list[str]) -> str:
    try:
        done = subprocess.run(  # noqa: S603
            command,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            timeout=_TIMEOUT_SECONDS,
            check=False,
            cwd="/",
            env=environment(Path("/"), {}),
        )
    except subprocess.TimeoutExpired:
        raise BrokenScriptError(f"k6 took more than {_TIMEOUT_SECONDS:g} s to read it") from None
    except OSError as error:
        raise BrokenScriptError(str(error)) from None
    if done.returncode:
        raise BrokenScriptError(_complaint(done.stderr.decode("utf-8", "replace")))
    return done.stdout.decode("utf-8", "replace")


def _complaint(log: str) -> str:
    match = re.search(r'msg="((?:[^"\\]|\\.)*)"', log)
    return " ".join((match[1] if match else log).replace("\\n", " ").split())[:200]


def asked_of(options: Mapping[str, Any]) -> Asked:
    """What the options of `k6 inspect --execution-requirements` come to."""
    scenarios = options.get("scenarios")
    listed = [s for s in scenarios.values() if isinstance(s, dict)] if isinstance(
        scenarios, dict) else []  # fmt: skip
    ends = [_end(scenario) for scenario in listed]
    rates = [rate for scenario in listed if (rate := _rate(scenario)) is not None]
    vus = options.get("maxVUs")
    known = [end for end in ends if end is not None]
    return Asked(
        seconds=max(known) if known and len(known) == len(ends) else None,
        seconds_max=seconds_of(options.get("totalDuration")),
        rate=sum(rates) if rates else None,
        vus=int(vus) if isinstance(vus, int) else None,
    )


def _end(scenario: Mapping[str, Any]) -> float | None:
    """When a scenario ends; None where a number of iterations decides."""
    begin = seconds_of(scenario.get("startTime")) or 0.0
    stages = scenario.get("stages")
    if isinstance(stages, list):
        spans = [seconds_of(stage.get("duration")) or 0.0 for stage in stages]
        return begin + sum(spans)
    span = seconds_of(scenario.get("duration"))
    return None if span is None else begin + span


def _rate(scenario: Mapping[str, Any]) -> float | None:
    """The most iterations that a scenario begins in a second; None where its users decide."""
    if not str(scenario.get("executor", "")).endswith("arrival-rate"):
        return None
    stages = scenario.get("stages")
    rates = [stage.get("target") for stage in stages] if isinstance(stages, list) else []
    rates += [scenario.get("rate"), scenario.get("startRate")]
    unit = seconds_of(scenario.get("timeUnit")) or 1.0
    return max((float(rate) for rate in rates if rate), default=0.0) / unit


def seconds_of(text: Any) -> float | None:
    """Seconds of a span as Go writes it: 1m30s."""
    parts = _SPAN.findall(text) if isinstance(text, str) else []
    return sum(float(number) * _UNITS[unit] for number, unit in parts) if parts else None


def script_hash(script: Path) -> str:
    """A fingerprint of a script and of all files beside it that it imports."""
    found = hashlib.sha256()
    for path in _with_imports(script):
        found.update(path.read_bytes()[:_FILE_BYTES_MAX] + b"\0")
    return found.hexdigest()


def _with_imports(script: Path) -> Iterator[Path]:
    waiting, seen = [script.resolve()], set[Path]()
    while waiting and len(seen) < _FILES_MAX:
        path = waiting.pop(0)
        if path in seen or not path.is_file():
            continue
        seen.add(path)
        yield path
        content = path.read_bytes()[:_FILE_BYTES_MAX] if path.suffix in (".js", ".ts") else b""
        for name in _IMPORT.findall(content):
            waiting.append((path.parent / name.decode("utf-8", "replace")).resolve())
