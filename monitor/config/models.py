"""The configuration: one TOML file plus environment, validated whole before the first job."""

from __future__ import annotations

import difflib
import os
import re
import tomllib
from collections.abc import Iterator, Mapping
from datetime import date, datetime, time, timedelta
from pathlib import Path
from typing import Annotated, Any, Literal
from zoneinfo import ZoneInfo, available_timezones

from pydantic import (
    AfterValidator,
    BaseModel,
    ConfigDict,
    Field,
    ValidationError,
    field_validator,
    model_validator,
)

from monitor.config.errors import ConfigError as ConfigError  # noqa: PLC0414 - others use it
from monitor.config.errors import cut_line, listed, say
from monitor.config.errors import explain as explain  # noqa: PLC0414
from monitor.config.fill import filled
from monitor.config.heartbeat import HeartbeatSection
from monitor.config.language import DEFAULT as DEFAULT_LANGUAGE
from monitor.config.language import Language, named_language, speak, spoken, spoken_language
from monitor.config.mcp import McpSection
from monitor.config.option_types import NUMBER, SECONDS_MAX, Seconds, SecondsOrZero, Switch
from monitor.config.platform import PlatformSection
from monitor.config.section import Home, Section, seconds_of
from monitor.domain.alert import Rule
from monitor.domain.backoff import DeliveryPolicy
from monitor.domain.detection.past import DAY_HOURS, LiveLimits
from monitor.domain.detection.periods import PeriodLimits
from monitor.domain.incident.model import Policy
from monitor.domain.statement import InvalidError


def _zone(name: str) -> str:
    if name not in available_timezones():
        near = difflib.get_close_matches(name, available_timezones(), 1)
        raise InvalidError("zone", given=name, near="".join(near))
    return name


Zone = Annotated[str, AfterValidator(_zone)]


# The defaults of the rules stand with the rules.
_RULE, _POLICY, _DELIVERY = Rule(), Policy(), DeliveryPolicy()
_LIVE_LIMITS, _PERIOD_LIMITS = LiveLimits(), PeriodLimits()


class RuleSection(Section):
    """How often a finding must be seen, and be gone, before something is said."""

    fire: Annotated[int, Field(ge=1, le=30), NUMBER] = _RULE.fire
    within: Annotated[int, Field(ge=1, le=30), NUMBER] = _RULE.within
    resolve: Annotated[int, Field(ge=1, le=30), NUMBER] = _RULE.resolve
    blind_after_seconds: Seconds = seconds_of(_RULE.blind_after)

    def rule(self) -> Rule:
        """The rule of these numbers."""
        blind_after = timedelta(seconds=self.blind_after_seconds)
        return Rule(self.fire, max(self.within, self.fire), self.resolve, blind_after)


class AlertSection(RuleSection):
    """When something is said; `checks.<name>.alert` has fire to blind_after_seconds for one."""

    wait_seconds: SecondsOrZero = seconds_of(_POLICY.wait)
    wait_seconds_max: Seconds = seconds_of(_POLICY.wait_max)
    update_seconds: Seconds = seconds_of(_POLICY.update_every)
    remind_crit_seconds: Seconds = seconds_of(_POLICY.remind_crit)
    remind_warn_seconds: Seconds = seconds_of(_POLICY.remind_warn)

    @model_validator(mode="after")
    def _wait_is_bounded(self) -> AlertSection:
        if self.wait_seconds > self.wait_seconds_max:
            raise InvalidError("wait_bounds")
        return self

    def for_check(self, own: RuleSection) -> Rule:
        """The rule of a check: these numbers, and its own in place of those that it names."""
        numbers = {key: getattr(own, key) for key in own.model_fields_set}
        return self.model_copy(update=numbers).rule()

    def policy(self) -> Policy:
        """When an incident speaks."""
        return Policy(
            wait=timedelta(seconds=self.wait_seconds),
            wait_max=timedelta(seconds=self.wait_seconds_max),
            update_every=timedelta(seconds=self.update_seconds),
            remind_crit=timedelta(seconds=self.remind_crit_seconds),
            remind_warn=timedelta(seconds=self.remind_warn_seconds),
        )


class BaselineSection(Section):
    """When a metric counts as worse than its own past."""

    enabled: Switch = True
    days: Annotated[int, Field(ge=2, le=60), NUMBER] = _LIVE_LIMITS.history_max // DAY_HOURS
    history_min: Annotated[int, Field(ge=3, le=24 * 60), NUMBER] = _LIVE_LIMITS.history_min
    change_min: Annotated[float, Field(gt=0, le=1000), NUMBER] = _PERIOD_LIMITS.change_min

    def live_limits(self) -> LiveLimits:
        """The limits by which a reading is judged against the hours before it."""
        return LiveLimits(history_min=self.history_min, history_max=DAY_HOURS * self.days)

    def limits(self) -> PeriodLimits:
        """The limits by which two periods are compared."""
        return PeriodLimits(self.change_min)


class ReportSection(Section):
    """When the reports are sent, in the configured zone; an empty string sends none."""

    daily: str = "08:30"
    weekly: str = ""
    weekday: Literal["mon", "tue", "wed", "thu", "fri", "sat", "sun"] = "mon"
    late_hours_max: Annotated[float, Field(gt=0, le=24), NUMBER] = 3.5

    @field_validator("daily", "weekly")
    @classmethod
    def _is_a_time(cls, text: str) -> str:
        try:
            return text and time.fromisoformat(text).strftime("%H:%M")
        except ValueError:
            raise InvalidError("time_of_day", given=text) from None

    def cron(self, kind: str) -> str:
        """The cron line of a report ("" if it is not sent)."""
        at = self._time(kind)
        if at is None:
            return ""
        day = "*" if kind == "daily" else self.weekday
        return f"{at.minute} {at.hour} * * {day}"

    def day(self, kind: str, slot_at: datetime, zone: ZoneInfo) -> date:
        """The local day whose report is made at a slot of its cron line.

        A time that a change of the clocks leaves out takes place right after it, which may be on
        the next day (23:30 where the clocks go from 23:00 to 0:00).
        """
        local, at = slot_at.astimezone(zone), self._time(kind)
        is_next_day = at is not None and local.time() < at
        return local.date() - timedelta(days=is_next_day)

    def _time(self, kind: str) -> time | None:
        text = self.daily if kind == "daily" else self.weekly
        return time.fromisoformat(text) if text else None


class DeliverySection(Section):
    """How long a message that does not arrive is tried again."""

    hours_max: Annotated[float, Field(gt=0, le=24 * 30), NUMBER] = _DELIVERY.keep // timedelta(
        hours=1
    )

    def policy(self) -> DeliveryPolicy:
        """How hard delivery tries."""
        return DeliveryPolicy(keep=timedelta(hours=self.hours_max))


class RetentionSection(Section):
    """How long history is kept."""

    raw_days: Annotated[int, Field(ge=1, le=3650), NUMBER] = 30
    history_years: Annotated[int, Field(ge=1, le=100), NUMBER] = 5


class PrivacySection(Section):
    """Fields that are never shown beside those that look personal or secret anyway, by name."""

    mask: tuple[str, ...] = ()


class CheckRuleSection(RuleSection):
    """What differs for one check; an incident may span several, so its times hold for all."""

    @model_validator(mode="before")
    @classmethod
    def _times_hold_for_all(cls, given: Any) -> Any:
        for key in AlertSection.model_fields.keys() - RuleSection.model_fields.keys():
            if isinstance(given, dict) and key in given:
                raise InvalidError("holds_for_all", key=key)
        return given


class OpenSection(BaseModel):
    """A table with keys of a plug-in beside ours; the plug-in's may be secrets, and stay unsaid."""

    model_config = ConfigDict(extra="allow", frozen=True)

    @property
    def options(self) -> dict[str, Any]:
        """What the plug-in itself must know."""
        return dict(self.model_extra or {})

    def __repr_args__(self) -> Iterator[tuple[str | None, Any]]:
        """Our own keys only."""
        known = type(self).model_fields
        return ((key, value) for key, value in super().__repr_args__() if key in known)


class CheckSection(OpenSection):
    """A check: its schedule and alert rule here, its own options beside them."""

    enabled: Switch | None = None
    every_seconds: Annotated[float, Field(ge=1, le=SECONDS_MAX), NUMBER] | None = None
    cron: str | None = None
    jitter_seconds: SecondsOrZero = 0
    timeout_seconds: Seconds | None = None
    alert: CheckRuleSection = CheckRuleSection()


class ReceiverSection(OpenSection):
    """A receiver of messages: its kind here, its own options beside it."""

    kind: str


class Config(Section):
    """The whole configuration."""

    language: Language = DEFAULT_LANGUAGE
    timezone: Zone = "Asia/Seoul"
    database: Home = Path("paypulse.db")
    platform: PlatformSection = PlatformSection()
    alerts: AlertSection = AlertSection()
    baseline: BaselineSection = BaselineSection()
    report: ReportSection = ReportSection()
    delivery: DeliverySection = DeliverySection()
    heartbeat: HeartbeatSection = HeartbeatSection()
    retention: RetentionSection = RetentionSection()
    mcp: McpSection = McpSection()
    privacy: PrivacySection = PrivacySection()
    receivers: dict[str, ReceiverSection] = Field(default_factory=dict)
    checks: dict[str, CheckSection] = Field(default_factory=dict)

    @property
    def receiver_names(self) -> tuple[str, ...]:
        """Who is told; the console where nobody is configured."""
        return tuple(self.receivers) or ("console",)

    @property
    def zone(self) -> ZoneInfo:
        """The zone of the calendar and of every time that a person reads."""
        return ZoneInfo(self.timezone)

    def check(self, name: str) -> CheckSection:
        """The section of a check; an empty one if the file has none."""
        return self.checks.get(name, CheckSection())


DEFAULT_FILE = Path("paypulse.toml")


def load(path: Path | None = None, env: Mapping[str, str] = os.environ) -> Config:
    """The configuration of a file (PAYPULSE_CONFIG, else ./paypulse.toml, else the defaults)."""
    speak(spoken_language(None, env))
    source = file_of(path, env)
    if source is None:
        language = f'language = "{spoken_language(None, env)}"'
        return parse(language, env, say("environment"))
    try:
        text = source.read_text(encoding="utf-8-sig")
    except UnicodeDecodeError:
        raise ConfigError(say("not_utf8", file=str(source))) from None
    except (OSError, ValueError) as error:
        said = getattr(error, "strerror", None) or error
        raise ConfigError(say("unreadable", file=str(source), error=str(said))) from None
    return parse(text, env, str(source))


def file_of(path: Path | None = None, env: Mapping[str, str] = os.environ) -> Path | None:
    """The file that is meant; None if none is named and there is none of the usual name."""
    variable = env.get("PAYPULSE_CONFIG", "").strip()
    named = path or (Path(variable) if variable else None)
    if named is None:
        return DEFAULT_FILE if DEFAULT_FILE.is_file() else None
    try:
        named = named.expanduser()
        is_there = named.exists()
    except (OSError, ValueError, RuntimeError):
        is_there = False
    if not is_there:
        raise ConfigError(say("no_file", file=str(named)))
    return named


def parse(text: str, env: Mapping[str, str], name: str = "configuration") -> Config:
    """A configuration from TOML; `${NAME}` in a string is taken from the environment."""
    speak(spoken_language(text, env))
    try:
        data = tomllib.loads(text)
    except (ValueError, RecursionError) as error:  # a number of 5000 digits is a mere ValueError
        where = re.search(r"at line (?P<line>\d+), column (?P<column>\d+)", str(error))
        place = where.groupdict() if where else {"line": "", "column": ""}
        told = say("not_toml", file=name, error=cut_line(str(error)), **place)
        raise ConfigError(told) from None
    if named_language(env):
        data["language"] = spoken()
    data, wrong = filled(data, env)
    if wrong:
        raise ConfigError(listed(name, wrong))
    section = data.setdefault("platform", {})
    if (address := env.get("API_BASE_URL", "").strip()) and isinstance(section, dict):
        section["base_url"] = address
    try:
        return Config.model_validate(data)
    except ValidationError as error:
        raise ConfigError(explain(error, name, Config)) from None
