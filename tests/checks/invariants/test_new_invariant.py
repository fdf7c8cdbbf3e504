"""A new invariant is one entry beside the others and its sentences, and nothing else."""

from __future__ import annotations

import shutil
from pathlib import Path
from types import SimpleNamespace
from zoneinfo import ZoneInfo

import books
import pytest
from sqlalchemy import literal_column

from checks.books import judgement
from checks.invariants import refunds
from checks.invariants.catalogue import Invariant, catalogue
from checks.invariants.requests import Requests
from checks.reconciliation import CHECK, Options
from checks.sources.database.servers.tables import REFUND
from checks.sources.database.source import Database
from monitor import resources
from monitor.domain.check import Finding, ProbeContext, Status
from monitor.text.catalog import Catalog
from monitor.text.sentences import load

AMOUNT = REFUND.c.refund_amount
ENTRY = Invariant(
    "R99", Status.CRIT, Requests(REFUND, "refund_id", AMOUNT).rows(literal_column("0") >= AMOUNT)
)
SENTENCES = {
    "en": ("A refund must give money back.", "Ask who wrote this refund on {{ shard }}."),
    "ko": ("환불 금액은 0보다 커야 합니다.", "{{ shard }}에 이 환불을 기록한 주체를 확인하세요."),
}

TITLE = "R99 of {{ count }}"


@pytest.fixture
def added(monkeypatch, tmp_path):
    """Adds the entry to the refunds' list, and its sentences to the two files."""
    templates = tmp_path / "templates"
    shutil.copytree(resources.folder("templates"), templates)
    for language, (text, action) in SENTENCES.items():
        with (templates / language / "reconciliation.toml").open("a", encoding="utf-8") as file:
            file.write(
                f'\n[invariant.R99]\ntitle = "{TITLE}"\ntext = "{text}"\naction = "{action}"\n'
            )
    monkeypatch.setattr(resources, "folder", lambda name: templates)
    monkeypatch.setattr(refunds, "INVARIANTS", (*refunds.INVARIANTS, ENTRY))
    forget()
    yield
    monkeypatch.undo()
    forget()


def forget() -> None:
    catalogue.cache_clear()
    judgement.selected.cache_clear()


def broken(folder: Path) -> dict[str, Finding]:
    """What reconciliation finds on a shard with a refund below zero, by its key."""
    shard = books.shard(folder, "shard1")
    shard.run("UPDATE refund_request SET refund_amount = -5 WHERE payment_id = 159")
    platform = SimpleNamespace(database=Database({"shard1": shard.url}), kafka=None)
    context = ProbeContext(platform, Options(), {}, books.NOW)
    verdict, _ = CHECK.evaluate(CHECK.probe(context), context)
    return {finding.key: finding for finding in verdict.findings}


@pytest.mark.usefixtures("added")
@pytest.mark.parametrize("language", SENTENCES)
def test_an_added_invariant_is_found_broken_and_told_with_its_own_advice(tmp_path, language):
    finding = broken(tmp_path)["books_broken:shard1/R99"]
    said = Catalog(language, ZoneInfo("Asia/Seoul"), strict=True).finding(finding, books.NOW)
    text, action = SENTENCES[language]
    assert finding.status is Status.CRIT
    assert "R99" in said.title
    assert said.text.startswith(text)
    assert said.action == action.replace("{{ shard }}", "shard1")


def test_it_is_not_found_when_it_was_not_added(tmp_path):
    assert "books_broken:shard1/R99" not in broken(tmp_path)


@pytest.mark.parametrize("language", SENTENCES)
def test_every_invariant_says_what_must_hold_and_what_to_do(language):
    wanted = {
        f"invariant.{entry.id}.{part}"
        for entry in catalogue()
        for part in ("title", "text", "action")
    }
    assert {key for key in load(language) if key.startswith("invariant.")} == wanted
