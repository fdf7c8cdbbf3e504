"""Walking over the keys of Redis in small steps, so that nobody else has to wait for it."""

from __future__ import annotations

import re
import time
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from checks.sources.facts.platform import KeyLife, RateUse, RedisStats
from checks.sources.facts.unavailable import cut
from checks.sources.redis.wire import Client, IllTypedError

_RATE_KEY = re.compile(r"rate:(authorize|capture|refund):(.+)", re.DOTALL)
SOON_SECONDS = 60
_PREFIXES_MAX = 50
_SAMPLE_MAX = 1000
_OTHERS = "(others)"


@dataclass(frozen=True, slots=True)
class Bounds:
    """How far a walk goes; `sample`: so many keys of a prefix give its average life."""

    keys_max: int = 3_000_000
    seconds_max: float = 8.0
    step_keys: int = 500
    sample: int = 1000


@dataclass(slots=True)
class Tally:
    """The keys of one prefix: how many, and the lives of those that were asked for."""

    keys: int = 0
    asked: int = 0
    ending: int = 0
    ttl_seconds_sum: int = 0
    never: int = 0
    soon: int = 0
    sample: list[int] = field(default_factory=list)

    def add(self, ttl: int) -> None:
        """Count one life as Redis says it: -1 has no end, -2 has just gone."""
        self.asked += 1
        self.never += ttl == -1
        self.ending += ttl >= 0
        self.soon += 0 <= ttl < SOON_SECONDS
        self.ttl_seconds_sum += max(0, ttl)
        if ttl >= 0 and len(self.sample) < _SAMPLE_MAX:
            self.sample.append(ttl)

    def life(self, prefix: str) -> KeyLife:
        """What is known of the lives under this prefix."""
        average = round(self.ttl_seconds_sum / max(1, self.ending), 1)
        soon = round(100 * self.soon / self.ending, 1) if self.ending else None
        return KeyLife(prefix, self.keys, average, self.never, soon, _spread(self.sample))


@dataclass(frozen=True, slots=True)
class Sweep:
    """One walk over all keys; `complete` False: the bounds ended it."""

    total_keys: int
    tallies: Mapping[str, Tally]
    complete: bool

    def stats(self) -> RedisStats:
        """How many keys there are, by use."""
        seen = sum(tally.keys for tally in self.tallies.values())
        counts = (self._keys("rate"), self._keys("idem"), self._keys("cache"), self.total_keys)
        return RedisStats(*counts, 0 if self.complete else max(1, self.total_keys - seen))

    def lives(self) -> tuple[KeyLife, ...]:
        """The lives by prefix."""
        return tuple(tally.life(prefix) for prefix, tally in self.tallies.items())

    def _keys(self, prefix: str) -> int:
        return self.tallies[prefix].keys if prefix in self.tallies else 0


def _spread(sample: Sequence[int]) -> tuple[int, int, int] | None:
    """The 10th, 50th and 90th percentile."""
    if not sample:
        return None
    ordered = sorted(sample)
    low, middle, high = (ordered[int(share * (len(ordered) - 1))] for share in (0.1, 0.5, 0.9))
    return low, middle, high


class Scan:
    """The keys in steps of SCAN; `complete` once it came to the end within its bounds."""

    def __init__(self, client: Client, bounds: Bounds, match: str | None = None) -> None:
        self._client = client
        self._bounds = bounds
        self._match = match
        self.complete = False

    def __iter__(self) -> Iterator[Sequence[bytes]]:
        bounds, cursor, seen = self._bounds, 0, 0
        ends_at = time.monotonic() + bounds.seconds_max
        while True:
            cursor, keys = self._client.scan(cursor, match=self._match, count=bounds.step_keys)
            if keys:
                yield keys
            seen += len(keys)
            if cursor == 0:
                self.complete = True
                return
            if seen >= bounds.keys_max or time.monotonic() > ends_at:
                return


def sweep(client: Client, bounds: Bounds) -> Sweep:
    """Count the keys by prefix, and find those that never expire.

    Redis itself knows how many have no end: only while some of them are still to be found is
    every key asked for its life.
    """
    total, endless = client.dbsize(), _endless(client)
    tallies: dict[str, Tally] = defaultdict(Tally)
    scan = Scan(client, bounds)
    for keys in scan:
        hunting = sum(tally.never for tally in tallies.values()) < endless
        asked = list(_counted(keys, tallies, bounds, hunting=hunting))
        for tally, ttl in zip(*_asked(client, asked), strict=True):
            tally.add(ttl)
    return Sweep(total, dict(tallies), scan.complete)


def _endless(client: Client) -> int:
    number = client.connection_pool.connection_kwargs.get("db") or 0
    known = client.info("keyspace").get(f"db{number}", {"keys": 0, "expires": 0})
    return int(known["keys"] - known["expires"])


def _counted(
    keys: Iterable[bytes], tallies: dict[str, Tally], bounds: Bounds, *, hunting: bool
) -> Iterator[tuple[bytes, Tally]]:
    """Each key counted under its prefix; those whose life is wanted come back."""
    for key in keys:
        prefix = cut(key[:60].split(b":", 1)[0].decode("utf-8", "replace"), 40)
        known = prefix in tallies or len(tallies) < _PREFIXES_MAX
        tally = tallies[prefix if known else _OTHERS]
        tally.keys += 1
        if hunting or tally.keys <= bounds.sample:
            yield key, tally


def _asked(
    client: Client, asked: Sequence[tuple[bytes, Tally]]
) -> tuple[Sequence[Tally], Sequence[int]]:
    if not asked:
        return (), ()
    pipe = client.pipeline(transaction=False)
    for key, _ in asked:
        pipe.ttl(key)
    return [tally for _, tally in asked], pipe.execute()


def rates(client: Client, bounds: Bounds) -> tuple[tuple[RateUse, ...], bool]:
    """Every rate-limit counter, and whether these are all."""
    found: dict[bytes, RateUse] = {}
    scan = Scan(client, bounds, match="rate:*")
    for keys in scan:
        found.update(counters(client, keys))
    return tuple(found.values()), scan.complete


def counters(client: Client, keys: Iterable[bytes]) -> Iterator[tuple[bytes, RateUse]]:
    """The counters under some keys, as far as they still live."""
    known = [(key, m) for key in keys if (m := _RATE_KEY.fullmatch(key.decode("utf-8", "replace")))]
    pipe = client.pipeline(transaction=False)
    for key, _ in known:
        pipe.get(key)
        pipe.ttl(key)
    answers = iter(pipe.execute(raise_on_error=False))
    for (key, match), value, ttl in zip(known, answers, answers, strict=False):
        if value is not None and ttl != -2:
            use = RateUse(cut(match[2]), match[1], _count(key, value), None if ttl == -1 else ttl)
            yield key, use


def _count(key: bytes, value: object) -> int:
    if isinstance(value, bytes) and re.fullmatch(rb"\d{1,18}", value):
        return int(value)
    raise IllTypedError(f"a number under {cut(key.decode('utf-8', 'replace'), 60)}", repr(value))
