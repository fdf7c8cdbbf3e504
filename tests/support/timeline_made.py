"""Timelines at random: faults that have to do with one another, and what people do meanwhile."""

from __future__ import annotations

import re
from dataclasses import replace
from random import Random

from timeline import Act, Fault, Pace, Spell, Timeline

from checks.causes import every_cause
from monitor.domain.check import Status

_NAMES = {
    "service_down": ("kafka", "redis", "database", "database/shard1", "ingest", "monitoring"),
    "monitoring_gap": ("gateway", "kafka", "database/shard1", "ingest"),
    "books_broken": ("shard1/L1", "shard1/L5", "shard2/L11", "shard1/P2"),
    "breaker_open": ("vm1/kafka-publisher", "vm1/pg-auth-api"),
    "merchant_blocked": ("authorize/M-1", "authorize/M-2"),
    "instances_missing": ("ingest", "settlement", "refund"),
}
_ANY = ("shard1", "shard2", "authorize", "vm1", "kafka")
_NO_SUBJECT = ("relay_stalled:", "traffic_gone:")
_STORMS = ("merchant_blocked:authorize/M-{}", "service_slow:part{}", "books_broken:shard1/X{}")
_EVERY = (10, 10, 15, 20, 30, 60, 60, 120)
_RULES = every_cause()
_SEVERITY = (Status.CRIT, Status.CRIT, Status.WARN)


def made(seed: int) -> Timeline:
    """The timeline of a seed."""
    rng = Random(seed)
    checks = {f"check{n}": _pace(rng) for n in range(1, rng.randint(2, 5))}
    keys = list(dict.fromkeys(_keys(rng, rng.randint(2, 6))))
    check_of: dict[str, str] = {}
    faults: list[Fault] = []
    begins = rng.randint(0, 120)
    for key in keys:
        check = check_of.setdefault(key.partition(":")[0], rng.choice(list(checks)))
        faults += _fault(rng, check, key, begins, checks)
        begins = _next_begin(rng, begins, faults[-1])
    if rng.random() < 0.05:
        faults += _storm(rng, rng.choice(list(checks)), begins)
    acts = tuple(_acts(rng, checks, faults)) if rng.random() < 0.6 else ()
    return Timeline(checks, tuple(faults), acts, seed)


def _pace(rng: Random) -> Pace:
    every = rng.choice(_EVERY)
    return Pace(every, rng.randrange(every))


def _keys(rng: Random, many: int) -> list[str]:
    """Keys along declared causes, up and down, and some that have nothing to do with them."""
    keys: list[str] = []
    while len(keys) < many:
        near = [r for r in rng.sample(_RULES, 40) if _touches(r.effect, r.cause, keys)]
        rule = rng.choice(near) if near and rng.random() < 0.75 else rng.choice(_RULES)
        keys += _concrete(rng, rule.cause, rule.effect, keys)
    return keys[:many]


def _touches(effect: str, cause: str, keys: list[str]) -> bool:
    codes = {key.partition(":")[0] for key in keys}
    return bool(codes & {effect.partition(":")[0], cause.partition(":")[0]})


def _concrete(rng: Random, cause: str, effect: str, keys: list[str]) -> list[str]:
    """A cause and its effect, the names in braces the same in both; known keys if they fit."""
    shared: dict[str, str] = {}
    found = []
    for pattern in (cause, effect):
        fitting = [k for k in keys if _regex(pattern, shared).fullmatch(k)]
        key = (
            rng.choice(fitting) if fitting and rng.random() < 0.8 else _filled(rng, pattern, shared)
        )
        match = _regex(pattern, shared).fullmatch(key)
        shared |= match.groupdict() if match else {}
        found.append(key)
    return found


def _regex(pattern: str, shared: dict[str, str]) -> re.Pattern[str]:
    text = re.escape(pattern).replace(r"\*", ".*")
    return re.compile(
        re.sub(
            r"\\\{(\w+)\\\}",
            lambda m: re.escape(shared[m[1]]) if m[1] in shared else f"(?P<{m[1]}>.+)",
            text,
        )
    )


def _filled(rng: Random, pattern: str, shared: dict[str, str]) -> str:
    code, _, subject = pattern.partition(":")
    if pattern in _NO_SUBJECT:
        return pattern
    if subject in ("*", "{part}", "{breaker}", "{pool}", "{use}", "{job}", "{group}"):
        name = subject.strip("{}")
        text = shared.get(name) or rng.choice(_NAMES.get(code, _ANY))
        return f"{code}:{text}"
    filled = re.sub(r"\{(\w+)\}", lambda m: shared.get(m[1]) or rng.choice(_ANY[:2]), subject)
    return f"{code}:{filled.replace('*', rng.choice(_ANY[:2]))}"


def _next_begin(rng: Random, begins: int, last: Fault) -> int:
    """Near the beginning or the end of the fault before, or anywhere."""
    near = rng.choice((begins, begins, last.spells[-1].until, last.spells[0].until))
    return max(near + rng.randint(-240, 420), 0)


def _fault(rng: Random, check: str, key: str, begins: int, checks: dict[str, Pace]) -> list[Fault]:
    code = key.partition(":")[0]
    status = Status.UNKNOWN if code == "monitoring_gap" else rng.choice(_SEVERITY)
    shape = rng.choice((_plain, _plain, _short, _flashing, _growing, _flapping, _changing))
    spells = shape(rng, begins, status)
    passes_required = 1 if shape in (_short, _flashing) else rng.choice((None, None, None, 1))
    fault = Fault(check, key, spells, passes_required)
    if rng.random() < 0.08:
        return [fault, replace(fault, check=rng.choice(list(checks)))]
    return [fault]


def _plain(rng: Random, at: int, status: Status) -> tuple[Spell, ...]:
    size = rng.choice((1, 10, 100, 1000))
    return (Spell(at, at + rng.randint(60, 2400), status, size),)


def _short(rng: Random, at: int, status: Status) -> tuple[Spell, ...]:
    return (Spell(at, at + rng.randint(5, 90), status, 10),)


def _flashing(rng: Random, at: int, status: Status) -> tuple[Spell, ...]:
    """There for a moment, again and again."""
    times = [at]
    for _ in range(rng.randint(0, 3)):
        times.append(times[-1] + rng.randint(60, 1200))
    return tuple(Spell(t, t + rng.randint(4, 14), status, 10) for t in times)


def _growing(rng: Random, at: int, status: Status) -> tuple[Spell, ...]:
    size, spells = float(rng.choice((1, 5, 60))), []
    for _ in range(rng.randint(2, 5)):
        until = at + rng.randint(60, 500)
        spells.append(Spell(at, until, status, size))
        at, size = until, size * rng.choice((0.5, 1.5, 2, 3, 10))
    return tuple(spells)


def _flapping(rng: Random, at: int, status: Status) -> tuple[Spell, ...]:
    spells = []
    for _ in range(rng.randint(2, 6)):
        until = at + rng.randint(30, 400)
        severity = status if rng.random() < 0.8 or status is Status.UNKNOWN else Status.WARN
        spells.append(Spell(at, until, severity, rng.choice((1, 10, 100))))
        at = until + rng.randint(60, 500)
    if rng.random() < 0.3:
        spells.append(Spell(at, at + rng.randint(600, 1500), status, 100))
    return tuple(spells)


def _changing(rng: Random, at: int, status: Status) -> tuple[Spell, ...]:
    if status is Status.UNKNOWN:
        return _plain(rng, at, status)
    spells, severities = [], [Status.WARN, Status.CRIT]
    rng.shuffle(severities)
    for severity in (severities * 2)[: rng.randint(2, 4)]:
        until = at + rng.randint(20, 600)
        spells.append(Spell(at, until, severity, rng.choice((1, 10, 30))))
        at = until
    return tuple(spells)


def _storm(rng: Random, check: str, at: int) -> list[Fault]:
    """Many alike at once, a few of them longer than the others."""
    pattern, many = rng.choice(_STORMS), rng.randint(6, 14)
    status, until = rng.choice(_SEVERITY), at + rng.randint(60, 900)
    more = rng.randint(0, 15)
    early = [Spell(at, until + rng.choice((0, 0, 120)), status, 1) for _ in range(many)]
    later = [Spell(at + 200, until + 200, status, 1) for _ in range(more)]
    return [Fault(check, pattern.format(n), (spell,)) for n, spell in enumerate([*early, *later])]


def _acts(rng: Random, checks: dict[str, Pace], faults: list[Fault]) -> list[Act]:
    first, last = faults[0].spells[0].at, max(f.spells[-1].until for f in faults)
    acts = []
    for _ in range(rng.randint(1, 3)):
        at, fault = rng.randint(first, last), rng.choice(faults)
        kind = rng.choice(("ack", "ack", "ack", "silence", "accept", "restart", "blind"))
        target = fault.key if kind == "ack" else f"{fault.check}/{fault.key}"
        if kind == "ack" and rng.random() < 0.7:
            at = fault.spells[0].at + rng.randint(60, 400)
        if kind == "ack" and rng.random() < 0.5:
            target = ""
        if kind == "blind":
            target = rng.choice(list(checks))
        longest = 300 if kind == "restart" else 1500
        acts.append(Act(at, kind, target, rng.randint(30, longest)))
    return acts
