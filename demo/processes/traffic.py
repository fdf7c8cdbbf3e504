"""The trickle of customers: when they pay, whom and how much, and who wants the money back."""

from __future__ import annotations

import heapq
import random
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

from demo.platform.parts import GATEWAY_SECONDS, Parts, Span
from demo.processes import ingest
from demo.processes.ingest import Authorization

_SEOUL = ZoneInfo("Asia/Seoul")
# share of the mean rate at each hour of the day in Seoul
_WEEKDAY = (
    *(0.70, 0.55, 0.45, 0.40, 0.40, 0.42, 0.50, 0.68, 0.88, 1.00, 1.12, 1.28),
    *(1.45, 1.35, 1.22, 1.15, 1.15, 1.22, 1.36, 1.48, 1.52, 1.42, 1.20, 0.92),
)
_WEEKEND = (
    *(0.85, 0.72, 0.58, 0.48, 0.42, 0.40, 0.42, 0.50, 0.62, 0.78, 0.95, 1.10),
    *(1.22, 1.25, 1.22, 1.20, 1.18, 1.20, 1.25, 1.30, 1.32, 1.25, 1.10, 0.90),
)
_REGULARITY = 4  # 1 would be pure chance; a little order keeps quiet spells short
_MERCHANTS = 60
_REFUND_SHARE = 0.05
_ATTEMPTS_MAX = 5
_REASONS = ("changed my mind", "wrong size", "arrived late", "ordered twice")


@dataclass(frozen=True, slots=True)
class _Attempt:
    wish: Authorization
    number: int = 1


@dataclass(frozen=True, slots=True)
class _Return:
    merchant_id: str
    payment_id: int
    reason: str


class Traffic:
    """The customers, from a seed; who is refused tries a few times more."""

    def __init__(self, seed: int, payments_per_minute: float, start: datetime) -> None:
        self.payments_per_minute = payments_per_minute
        self._chance = random.Random(f"traffic {seed}")
        self._agenda: list[tuple[datetime, int, _Attempt | _Return | None]] = []
        self._number = 0
        self._plan(start + self._pause(start), None)

    @property
    def next_at(self) -> datetime:
        """When somebody comes next."""
        return self._agenda[0][0]

    def run(self, parts: Parts, span: Span) -> None:
        """Let the customers of this tick come, in order."""
        while self._agenda[0][0] <= span.until:
            at, _, what = heapq.heappop(self._agenda)
            if what is None:
                self._plan(at + self._pause(at), None)
                if self.payments_per_minute > 0:
                    self._come(parts, _Attempt(self._wish()), at)
            elif isinstance(what, _Attempt):
                self._come(parts, what, at)
            else:
                self._give_back(parts, what, at)

    def turn_to(self, payments_per_minute: float, now: datetime) -> None:
        """From now on so many payments a minute come on average."""
        self.payments_per_minute = payments_per_minute
        self._agenda = [entry for entry in self._agenda if entry[2] is not None]
        heapq.heapify(self._agenda)
        self._plan(now + self._pause(now), None)

    def _come(self, parts: Parts, attempt: _Attempt, at: datetime) -> None:
        if parts.conditions.traffic_gone:
            return
        answer = ingest.authorize(parts, attempt.wish, at)
        if answer.status == 200 and answer.body is not None:
            self._perhaps_return(attempt.wish, int(answer.body["paymentId"]), at)
        elif attempt.number < _ATTEMPTS_MAX:
            waited = GATEWAY_SECONDS if answer.status == 504 else 0.0
            again = at + timedelta(seconds=waited + self._chance.uniform(1, 4))
            self._plan(again, replace(attempt, number=attempt.number + 1))

    def _perhaps_return(self, wish: Authorization, payment_id: int, at: datetime) -> None:
        if self._chance.random() < _REFUND_SHARE:
            later = at + timedelta(hours=self._chance.uniform(1, 48))
            reason = self._chance.choice(_REASONS)
            self._plan(later, _Return(wish.merchant_id, payment_id, reason))

    def _give_back(self, parts: Parts, what: _Return, at: datetime) -> None:
        shard = parts.shards.of(what.merchant_id)
        busy = (shard.name, what.payment_id) in parts.marked
        if busy or parts.conditions.traffic_gone or not shard.up:
            self._plan(at + timedelta(minutes=10), what)
            return
        answer = ingest.refund(parts, what.payment_id, what.merchant_id, what.reason, at)
        if answer.status != 200:
            self._plan(at + timedelta(minutes=30), what)

    def _wish(self) -> Authorization:
        merchant = min(int(self._chance.expovariate(1 / 15)), _MERCHANTS - 1) + 1
        amount = max(10, min(int(self._chance.lognormvariate(5.7, 0.9)), 5000)) * 100
        key = f"trickle-{self._chance.getrandbits(64):016x}"
        return Authorization(f"MERCHANT-{merchant}", amount, "KRW", key)

    def _pause(self, at: datetime) -> timedelta:
        rate = self.payments_per_minute * share_of_mean(at)
        if rate <= 0:
            return timedelta(minutes=1)
        minutes = self._chance.gammavariate(_REGULARITY, 1 / _REGULARITY) / rate
        return timedelta(minutes=min(minutes, 60))

    def _plan(self, at: datetime, what: _Attempt | _Return | None) -> None:
        self._number += 1
        heapq.heappush(self._agenda, (at, self._number, what))


def share_of_mean(at: datetime) -> float:
    """How busy this moment is, 1 being the mean of the day, smooth from hour to hour."""
    local = at.astimezone(_SEOUL)
    shares = _WEEKEND if local.weekday() >= 5 else _WEEKDAY
    here, there = shares[local.hour], shares[(local.hour + 1) % 24]
    return here + (there - here) * local.minute / 60
