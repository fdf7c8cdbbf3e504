"""The catalog: the sentences of templates/<language>/, filled with a finding's parameters."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime, tzinfo
from functools import cached_property
from typing import Any, Protocol

from jinja2 import Environment, StrictUndefined, Template, TemplateError, pass_context
from jinja2.runtime import Context

from monitor.domain.check import Params, Status
from monitor.text.filters import clean, filters
from monitor.text.sentences import CatalogError, load

log = logging.getLogger(__name__)


class FindingLike(Protocol):
    """A finding, an alert, or an alert as it was told."""

    @property
    def code(self) -> str: ...
    @property
    def subject(self) -> str: ...
    @property
    def status(self) -> Status: ...
    @property
    def params(self) -> Params: ...
    @property
    def evidence(self) -> tuple[Params, ...]: ...


@dataclass(frozen=True, slots=True)
class Sentence:
    """A finding in words: one line, what it means, what to do next."""

    title: str
    text: str
    action: str


@dataclass(frozen=True, slots=True)
class _Row:
    """A finding told inside another one's evidence."""

    code: str
    subject: str
    status: Status
    params: Params
    evidence: tuple[Params, ...] = ()


class Catalog:
    """The sentences of one language with times in one zone.

    `strict` raises CatalogError for what it cannot say; otherwise the code and the parameters
    stand in for the sentence, so that no alert is lost for a word.
    """

    def __init__(self, language: str, zone: tzinfo, *, strict: bool = False) -> None:
        self.language = language
        self.zone = zone
        self.strict = strict
        self._compiled: dict[str, Template] = {}

    @cached_property
    def sentences(self) -> Mapping[str, str]:
        """Every sentence by its dotted key, such as `finding.service_down.title`."""
        return load(self.language)

    @cached_property
    def _environment(self) -> Environment:
        # Plain sentences: each output (Slack, HTML) escapes at its own boundary.
        made = Environment(undefined=StrictUndefined, autoescape=False)  # noqa: S701
        made.filters.update(filters(self.language, self.zone))
        made.filters.update(self._references())
        return made

    def _references(self) -> dict[str, Callable[..., Any]]:
        """The filters by which a sentence tells what other sentences say."""

        @pass_context
        def say(context: Context, key: str) -> str:
            return self.say(key, **_filled(context))

        @pass_context
        def doubt(context: Context, code: str) -> str:
            return self.doubt(code, _filled(context))

        @pass_context
        def cause(context: Context, evidence: Iterable[Params]) -> str:
            return self.finding(_cause(evidence, context), context["_now"]).title

        @pass_context
        def consequences(context: Context, evidence: Iterable[Params]) -> str:
            root = _cause(evidence, context)
            rows = [row for row in map(_row, evidence) if row != root]
            titles = [self.finding(row, context["_now"]).title for row in rows]
            return "; ".join(dict.fromkeys(titles))

        return {
            "say": say,
            "doubt": doubt,
            "series": self.series,
            "cause": cause,
            "consequences": consequences,
        }

    def has(self, key: str) -> bool:
        """Whether there is such a sentence."""
        return key in self.sentences

    def say(self, key: str, /, **params: Any) -> str:
        """A sentence of our own by its key."""
        try:
            return self._fill(key, params)
        except CatalogError:
            if self.strict:
                raise
            log.warning("no words for %s in %s", key, self.language)
            return f"{key.removesuffix('.text').rpartition('.')[2]} {_listed(params)}".strip()

    def name(self, table: str, code: str) -> str:
        """The name of a check, a status or a metric; the code itself if it has none."""
        key = f"{table}.{code}"
        return self.say(key) if self.has(key) else str(clean(code))

    def reason(self, reason: str, params: Mapping[str, Any]) -> str:
        """Why something could not be seen."""
        return self.say(f"reason.{reason}.text", **params)

    def finding(
        self, finding: FindingLike, now: datetime | None = None, *, over: bool = False
    ) -> Sentence:
        """A finding in words; times on the local day of `now` are told without their date.

        `over`: it is over, so that its title stands in the past tense where it has one.
        """
        key = f"finding.{finding.code}"
        title = "title_over" if over and self.has(f"{key}.title_over") else "title"
        try:
            params = self._params(finding, now)
            parts = [self._fill(f"{key}.{part}", params) for part in (title, "text", "action")]
        except CatalogError as error:
            if self.strict:
                raise
            log.warning("no words for a finding: %s", error)
            return _bare(finding)
        return Sentence(*parts)

    def doubt(self, code: str, params: Mapping[str, Any]) -> str:
        """Why a load test measured nothing."""
        known = code if self.has(f"load_doubt.{code}") else "unknown_exit_code"
        return self.say(f"load_doubt.{known}", **params)

    def series(self, name: str) -> str:
        """A series in words: the metric's name and what it is about."""
        metric, _, subject = name.partition("{")
        label = self.name("metric", metric)
        return f"{label} ({clean(subject.rstrip('}'))})" if subject else label

    def _fill(self, key: str, params: Mapping[str, Any]) -> str:
        try:
            template = self._compiled.get(key)
            if template is None:
                template = self._environment.from_string(self.sentences[key])
                self._compiled[key] = template
            return " ".join(template.render(params).split())
        except KeyError:
            raise CatalogError(f"{self.language}: no sentence {key}") from None
        except (TemplateError, TypeError, ValueError, ArithmeticError) as error:
            raise CatalogError(f"{self.language}: {key}: {error}") from error

    def _params(self, finding: FindingLike, now: datetime | None) -> dict[str, Any]:
        params = {key: clean(value) for key, value in finding.params.items()}
        about = {"subject": clean(finding.subject), "status": finding.status.value}
        return {**params, **about, "evidence": finding.evidence, "_now": now}


def _filled(context: Context) -> dict[str, Any]:
    """The parameters of the sentence that is being filled."""
    others = {*context.environment.globals, "evidence"}
    return {key: value for key, value in context.get_all().items() if key not in others}


def _cause(evidence: Iterable[Params], context: Context) -> _Row:
    """The finding that the others in the evidence follow from; its own parameters if none is it."""
    params = _filled(context)
    code, subject = str(params.get("cause_code") or ""), str(params.get("cause_subject") or "")
    rows = (row for row in map(_row, evidence) if (row.code, row.subject) == (code, subject))
    return next(rows, _Row(code, subject, Status(params["status"]), params))


def _row(row: Params) -> _Row:
    told = {key: value for key, value in row.items() if key not in ("code", "subject", "status")}
    status = Status(str(row.get("status", Status.WARN)))
    return _Row(str(row.get("code", "")), str(row.get("subject", "")), status, told)


def _bare(finding: FindingLike) -> Sentence:
    title = f"{finding.code} {clean(finding.subject)}".strip()
    return Sentence(title, _listed(finding.params), "")


def _listed(params: Mapping[str, Any]) -> str:
    return ", ".join(f"{key}={clean(value)}" for key, value in params.items())
