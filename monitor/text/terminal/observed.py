"""What one look came to: each cause told once, and what follows from it folded under it."""

from __future__ import annotations

from collections.abc import Hashable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime

from monitor.domain.check import Finding
from monitor.domain.check_pass import Observed
from monitor.text.catalog import Catalog
from monitor.text.symbols import ARROW, DOTS

_GAP, _DIAGNOSIS = "monitoring_gap", "diagnosis"


@dataclass(frozen=True, slots=True)
class _Pass:
    """A pass with the findings that tell themselves, and those that their cause tells for them."""

    name: str
    seen: Observed
    own: tuple[Finding, ...]
    folded: tuple[tuple[Finding, Finding], ...]  # each with its cause

    @property
    def is_behind(self) -> bool:
        """Whether all that it has to say is told with its cause."""
        told = all(finding.code in (_GAP, _DIAGNOSIS) for finding, _ in self.folded)
        return bool(self.folded) and not self.own and told


def observed_lines(seen: Mapping[str, Observed], catalog: Catalog) -> list[str]:
    """Every pass in a line, its findings below it; a cause is explained once."""
    passes = _passes(seen)
    behind: dict[int, list[str]] = {}
    for each in passes:
        gaps = [cause for finding, cause in each.folded if finding.code == _GAP]
        if each.is_behind and gaps:
            name = f"{catalog.name('check', each.name)} ({each.name})"
            behind.setdefault(id(gaps[0]), []).append(name)
    told = [each for each in passes if not each.is_behind]
    return [line for each in told for line in _pass_lines(each, behind, catalog)]


def finding_lines(finding: Finding, catalog: Catalog, now: datetime | None) -> list[str]:
    """A finding: its title, what it means, what to do."""
    sentence = catalog.finding(finding, now)
    lines = [f"   {DOTS[finding.status]} {sentence.title}", f"      {sentence.text}"]
    return [*lines, f"      {ARROW} {sentence.action}"] if sentence.action else lines


def _pass_lines(each: _Pass, behind: Mapping[int, list[str]], catalog: Catalog) -> Iterator[str]:
    status, at = each.seen.verdict.status, each.seen.at
    label, verdict = catalog.name("check", each.name), catalog.name("verdict", status)
    yield f"{DOTS[status]} {label} ({each.name}): {verdict}  [{each.seen.took_ms:.0f} ms]"
    for finding in each.own:
        yield from finding_lines(finding, catalog, at)
        if names := behind.get(id(finding)):
            yield f"      {catalog.say('show.behind', count=len(names), names=', '.join(names))}"
    for finding, cause in each.folded:
        title, why = (catalog.finding(one, at).title for one in (finding, cause))
        said = title if title == why else catalog.say("show.follows", title=title, cause=why)
        yield f"   {DOTS[finding.status]} {said}"


def _passes(seen: Mapping[str, Observed]) -> list[_Pass]:
    causes, passes = _causes(seen), []
    for name, each in seen.items():
        found = each.verdict.findings
        own = tuple(finding for finding in found if id(finding) not in causes)
        folded = tuple((f, causes[id(f)]) for f in found if id(f) in causes)
        passes.append(_Pass(name, each, own, folded))
    return passes


def _causes(seen: Mapping[str, Observed]) -> dict[int, Finding]:
    """By identity of each finding that another one tells: that one."""
    every = [finding for each in seen.values() for finding in each.verdict.findings]
    shown = {f.key: f for f in reversed(every) if f.code != _DIAGNOSIS}
    roots = _roots(f for f in every if f.code == _DIAGNOSIS)
    firsts: dict[Hashable, Finding] = {}
    causes = {}
    for finding in every:
        cause = shown.get(_root(finding, roots)) or firsts.setdefault(_sameness(finding), finding)
        if cause is not finding:
            causes[id(finding)] = cause
    return causes


def _roots(diagnoses: Iterable[Finding]) -> dict[str, str]:
    """By the key of what follows: the key of its cause."""
    return {
        f"{row['code']}:{row['subject']}": diagnosis.subject
        for diagnosis in diagnoses
        for row in diagnosis.evidence[1:]
    }


def _root(finding: Finding, roots: Mapping[str, str]) -> str:
    if finding.code == _DIAGNOSIS:
        return finding.subject
    is_by_itself = finding.params.get("why") == "not_visible"  # whatever else fails
    root = "" if is_by_itself else roots.get(finding.key, "")
    return "" if root == finding.key else root


def _sameness(finding: Finding) -> Hashable:
    """What is alike for two findings that tell a reader the same: only a blindness recurs so."""
    if finding.code != _GAP:
        return id(finding)
    return (finding.key, *(finding.params.get(name) for name in ("why", "reason", "got")))
