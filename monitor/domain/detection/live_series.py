"""One live series: its past, its latest readings, and what the latest judgements come to."""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass, field
from datetime import datetime, tzinfo
from statistics import median

from monitor.domain.detection.live import Effect, Pace, Reading, Standing, Watch, advance, stand
from monitor.domain.detection.past import Frame, Hour, LiveLimits, Past

_SETTLED = 8  # with so many readings their pace is known


@dataclass(slots=True)
class Series:
    """A series as the live rule remembers it.

    Hours are those of the wall clock in `zone`; without one, times are taken as they stand.
    """

    limits: LiveLimits
    effect: Effect
    zone: tzinfo | None = None
    past: Past = field(init=False)
    watch: Watch = field(default_factory=Watch)
    _readings: deque[Reading] = field(default_factory=deque)
    _beside: deque[Reading] = field(default_factory=deque)  # the same, less what was expected
    _pace: Pace | None = None
    _hour: datetime | None = None
    _of_hour: list[float] = field(default_factory=list)
    _frame: Frame | None = None
    _waiting: deque[tuple[datetime, Hour]] = field(default_factory=deque)
    _was_firing: bool = False
    _has_fired: bool = False
    _is_set_aside: bool = False

    def __post_init__(self) -> None:
        """Nothing is known yet."""
        self.past = Past(self.limits)

    def hour_of(self, at: datetime) -> datetime:
        """The hour of the wall clock in which a moment lies."""
        local = at if self.zone is None else at.astimezone(self.zone)
        return local.replace(minute=0, second=0, microsecond=0)

    def learn(self, begun: datetime, seen: Hour, was_abnormal: bool = False) -> None:
        """One more hour of the past, oldest first, before any reading."""
        hour = self.hour_of(begun)
        if was_abnormal and not self._has_fired:
            self._frame = self.past.frame(hour)
        self._was_firing, self._has_fired = self._has_fired, was_abnormal
        self._learn(hour, seen)

    def read(self, at: datetime, value: float) -> Standing | None:
        """One more reading; how it stands, None as long as it cannot be judged."""
        hour = self.hour_of(at)
        if hour != self._hour:
            self._turn(hour)
        self._of_hour.append(value)
        self._remember(at, value)
        now = self._now()
        if now is None or self._pace is None or self._frame is None:
            return None
        standing = stand(self._frame, now, self._level, self.effect, self.limits)
        self.watch = advance(self.watch, standing, at, self._pace, self.limits)
        self._has_fired = self._has_fired or self.watch.fired_at is not None
        return standing

    def set_aside(self) -> None:
        """Do not learn this hour: something was going on that is not usual."""
        self._is_set_aside = True

    def _turn(self, hour: datetime) -> None:
        """An hour is over: learn it, and see what is usual in the next."""
        if self._hour is not None and self._of_hour and not self._is_set_aside:
            self._learn(self._hour, Hour.of(self._of_hour))
        self._was_firing = self._has_fired = self.watch.fired_at is not None
        self._is_set_aside = False
        self._hour, self._of_hour, self._pace = hour, [], None
        self._frame = self.past.frame(hour)

    def _learn(self, hour: datetime, seen: Hour) -> None:
        if not self._has_fired:
            self._waiting.append((hour, seen))
            while len(self._waiting) > self.limits.learn_after:
                self.past.learn(*self._waiting.popleft())
        elif not self._was_firing and self._frame is not None:
            self.past.learn(hour, self._cut(self._frame, seen), is_normal=False)

    def _cut(self, frame: Frame, seen: Hour) -> Hour:
        """An abnormal hour, cut to the limits that it crossed."""
        band, share = frame.whole, self.limits.change_min / self.limits.far_min
        floor = self.effect.floor(band.centre, share)
        low = band.centre - self.limits.far_min * max(band.centre - band.low, floor)
        high = band.centre + self.limits.far_min * max(band.high - band.centre, floor)
        return Hour(*(min(high, max(low, v)) for v in (seen.low, seen.middle, seen.high)))

    def _remember(self, at: datetime, value: float) -> None:
        self._readings.append((at, value))
        if self._frame is not None and self._frame.expected is not None:
            self._beside.append((at, value - self._frame.expected))
        if self._pace is None or len(self._readings) < _SETTLED:
            self._pace = Pace.of(self._readings)
        if self._pace is not None:
            since = at - self._pace.level_span(self.limits)
            for remembered in (self._readings, self._beside):
                while remembered and remembered[0][0] <= since:
                    remembered.popleft()

    def _now(self) -> float | None:
        """The middle of the readings that are taken together; None while there are too few."""
        together = self._pace.together if self._pace else 0
        if not together or len(self._readings) < together:
            return None
        if together == 1:
            return self._readings[-1][1]
        return median(self._readings[place][1] for place in range(-together, 0))

    def _level(self) -> float | None:
        """By how much the remembered readings differ from what was expected of each: the middle.

        None while there are too few.
        """
        if len(self._beside) < self.limits.level_readings:
            return None
        return median(value for _, value in self._beside)
