"""A model does not confirm its own acts: a person does, by the client or on this machine."""

from __future__ import annotations

import os
import pty
import select
import subprocess
import sys
from datetime import timedelta

import pytest
from mcp_case import NOW, talk, writing_app
from store_case import fresh_store, rows
from typer.testing import CliRunner

from mcp_server.access.confirm import Act, new_code
from mcp_server.toolsets import all_offers
from monitor.cli.main import main
from monitor.domain.audit import APPROVAL_LIFE, Approval
from monitor.store.acts.approvals import (
    OPEN_MAX,
    approve,
    ask_approval,
    open_approvals,
    take_approval,
)
from monitor.store.database import open_store

NOTE = ("note", {"text": "ingest 2.4 is out"})
ACTS = {
    "note": {"text": "x"},
    "silence": {"pattern": "services/*"},
    "clear_rate_limit": {"merchant_id": "M-1"},
}


def code_of(result) -> str:
    return result.structured_content["evidence"]["approve_with"].split()[-1]


def waits(app, caller="stdio:somebody"):
    act = Act("note", {"text": "x"}, caller)
    times = {"asked_at": NOW, "expires_at": NOW + APPROVAL_LIFE}
    return ask_approval(
        app.store, Approval(new_code(), act.digest, act.tool, act.caller, "?", **times)
    )


@pytest.mark.parametrize("tool", ACTS)
def test_whatever_a_model_sends_again_nothing_is_done_without_a_person(tmp_path, tool):
    app = writing_app(tmp_path, *ACTS)
    given = ACTS[tool]

    def with_all_that_came_back(results):
        evidence = results[0].structured_content["evidence"]
        return tool, {**given, "confirm_token": code_of(results[0]), **evidence}

    def with_the_code(results):
        return tool, {**given, "approve_with": code_of(results[0])}

    same = (tool, given)
    results = talk(app, same, same, same, with_the_code, with_all_that_came_back, same)
    done = [(r.structured_content.get("evidence") or {}).get("done") for r in results]
    assert done == [False, False, False, None, None, False]
    assert len({code_of(r) for r in results if not r.is_error}) == 1  # one act waits once
    assert rows(app.store, "SELECT * FROM audit WHERE outcome = 'done'") == []
    assert (
        rows(app.store, "SELECT * FROM notes UNION ALL SELECT id, 0, '', '', '' FROM silences")
        == []
    )


def test_every_tool_that_writes_is_behind_the_same_question():
    writing = [offer for offer in all_offers() if offer.writing]
    assert {*ACTS} < {offer.name for offer in writing}
    assert all(offer.writing.asks for offer in writing)


@pytest.mark.parametrize(
    ("tool", "arguments"),
    [
        ("note", {"text": "something else"}),
        ("note", {**NOTE[1], "kind": "operation"}),
        ("silence", {"pattern": "services/*"}),
    ],
    ids=["text", "kind", "tool"],
)
def test_an_approval_holds_for_exactly_what_the_person_saw(tmp_path, tool, arguments):
    app = writing_app(tmp_path, "note", "silence")

    def another(results):
        assert approve(app.store, code_of(results[0]), "kim", NOW)
        return tool, arguments

    _, other, same = talk(app, NOTE, another, NOTE)
    assert other.structured_content["evidence"]["done"] is False
    assert same.structured_content["evidence"]["done"] is True
    assert len(rows(app.store, "SELECT * FROM notes")) == 1


def test_an_approval_holds_once(tmp_path):
    app = writing_app(tmp_path, "note")

    def approved(results):
        assert approve(app.store, code_of(results[0]), "kim", NOW)
        return NOTE

    _, done, again = talk(app, NOTE, approved, NOTE)
    assert done.structured_content["evidence"]["done"] is True
    assert again.structured_content["evidence"]["done"] is False
    assert len(rows(app.store, "SELECT * FROM notes")) == 1


def test_an_approval_is_of_one_caller(tmp_path):
    app = writing_app(tmp_path, "note")
    asked = waits(app, "http:write token (Claude)")
    assert approve(app.store, asked.code, "kim", NOW)
    other = Act("note", {"text": "x"}, "http:write token (somebody else)")
    assert take_approval(app.store, other.digest, NOW) == ""
    assert take_approval(app.store, asked.digest, NOW) == "kim"


def test_an_approval_ends_after_a_while_before_and_after_it_was_given(tmp_path):
    app = writing_app(tmp_path, "note")
    asked, late = waits(app), NOW + APPROVAL_LIFE
    assert not approve(app.store, asked.code, "kim", late)
    assert approve(app.store, asked.code, "kim", NOW)
    assert not approve(app.store, asked.code, "lee", NOW)
    assert take_approval(app.store, asked.digest, late) == ""


def test_only_so_many_acts_wait_at_a_time(tmp_path):
    app = writing_app(tmp_path, "note")
    made = [waits(app, f"stdio:{number}") for number in range(OPEN_MAX + 1)]
    assert made[-1] is None and all(made[:-1])
    (full,) = talk(app, NOTE)
    assert full.is_error and "paypulse mcp pending" in full.structured_content["summary"]
    with app.store.read() as tx:
        assert len(open_approvals(tx, NOW)) == OPEN_MAX


@pytest.fixture
def configured(tmp_path):
    """A configuration, its store, and an act of a model that waits now."""
    store = fresh_store(tmp_path)
    file = tmp_path / "paypulse.toml"
    file.write_text(f'database = "{tmp_path}/paypulse.db"\n')
    from datetime import UTC, datetime  # noqa: PLC0415

    now = datetime.now(UTC)
    act = Act("silence", {"pattern": "services/*"}, "stdio:kim (Claude)")
    asked = Approval(
        *(new_code(), act.digest, act.tool, act.caller, "Tell nobody about services/*?"),
        asked_at=now,
        expires_at=now + APPROVAL_LIFE,
        arguments=act.arguments,
    )
    ask_approval(store, asked)
    store.close()
    return file, asked


def test_what_waits_is_listed_with_who_asked_and_what_it_would_do(configured):
    file, asked = configured
    done = CliRunner().invoke(main, ["mcp", "pending", "-c", str(file)])
    assert done.exit_code == 0, done.output
    for text in (asked.code, asked.question, "stdio:kim (Claude)", "services/*"):
        assert text in done.output


def test_without_a_terminal_nobody_approves_not_even_with_a_yes_on_the_input(configured):
    file, asked = configured
    words = ["mcp", "approve", asked.code, "-c", str(file)]
    done = CliRunner().invoke(main, words, input="y\n")
    assert done.exit_code == 3 and "terminal" in done.output
    assert left(file) == [asked.code] and not taken(file, asked)
    assert CliRunner().invoke(main, [*words, "--yes"]).exit_code == 3


@pytest.mark.parametrize(("answer", "by"), [("y", True), ("n", False), ("", False)])
def test_a_person_at_a_terminal_approves_or_rejects(configured, answer, by):
    file, asked = configured
    shown, code = at_a_terminal(file, asked.code.lower(), answer)
    assert asked.question in shown and "stdio:kim" in shown
    assert (code == 0) is by, shown
    assert bool(taken(file, asked)) is by
    assert left(file) == []


def at_a_terminal(file, code: str, answer: str) -> tuple[str, int]:
    """What `paypulse mcp approve` shows to somebody who answers so, and its exit code."""
    ours, theirs = pty.openpty()
    words = [sys.executable, "-c", "from monitor.cli.main import run_main; run_main()"]
    running = subprocess.Popen(
        [*words, "mcp", "approve", code, "-c", str(file)],
        stdin=theirs,
        stdout=theirs,
        stderr=theirs,
        close_fds=True,
    )
    os.close(theirs)
    os.write(ours, f"{answer}\n".encode())
    shown = b""
    while select.select([ours], [], [], 60)[0]:
        try:
            shown += os.read(ours, 4096)
        except OSError:  # the other end is closed: it has ended
            break
    os.close(ours)
    return shown.decode(), running.wait(10)


def left(file) -> list[str]:
    return [code for (code,) in with_store(file, lambda s: rows(s, "SELECT code FROM approvals"))]


def taken(file, asked) -> str:
    return with_store(
        file, lambda s: take_approval(s, asked.digest, asked.asked_at + timedelta(1e-6))
    )


def with_store(file, use):
    store = open_store(file.with_name("paypulse.db"))
    try:
        return use(store)
    finally:
        store.close()
