"""The demo's folder: what is not its own is neither taken nor deleted."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from typer.testing import CliRunner

from monitor.cli.demo.folder import MARKER, ForeignFolderError, claim, sweep
from monitor.cli.main import main


def refused(*words: object) -> str:
    done = CliRunner().invoke(main, ["demo", *map(str, words)])
    assert done.exit_code == 3, done.output
    return done.output


@pytest.fixture(autouse=True)
def no_demo(monkeypatch):
    """What gets past the folder must not begin to live."""
    for name in ("cli.demo.run.run_demo", "cli.demo.platform.run_platform"):
        monkeypatch.setattr(f"monitor.{name}", lambda *_: None)


def foreign(folder: Path) -> Path:
    (folder / "platform").mkdir(parents=True)
    (folder / "platform" / "thesis.txt").write_text("years of work")
    (folder / "paypulse.db").write_text("somebody's history")
    return folder


@pytest.mark.parametrize("words", [(), ("platform",)], ids=["demo", "demo platform"])
def test_a_folder_with_foreign_files_is_refused_and_left_as_it_was(tmp_path, words):
    folder = foreign(tmp_path / "home")
    before = sorted(folder.rglob("*"))
    assert "not made by the demo" in refused(*words, "--folder", folder)
    assert sorted(folder.rglob("*")) == before
    assert (folder / "platform" / "thesis.txt").read_text() == "years of work"


@pytest.mark.parametrize("words", [(), ("platform",)], ids=["demo", "demo platform"])
def test_a_symbolic_link_is_refused_even_to_an_empty_folder(tmp_path, words):
    (tmp_path / "real").mkdir()
    link = tmp_path / "link"
    link.symlink_to(tmp_path / "real")
    assert "symbolic link" in refused(*words, "--folder", link)
    assert not any((tmp_path / "real").iterdir())


def test_a_folder_of_another_user_is_refused(tmp_path, monkeypatch):
    monkeypatch.setattr(os, "getuid", lambda: tmp_path.stat().st_uid + 1)
    assert "another user" in refused("--folder", tmp_path / "new")


def test_a_file_in_the_place_of_the_folder_is_refused(tmp_path):
    (tmp_path / "file").write_text("")
    assert "cannot use" in refused("--folder", tmp_path / "file")


@pytest.mark.parametrize("words", [(), ("platform",)], ids=["demo", "demo platform"])
def test_a_new_or_empty_folder_is_marked_and_taken_again_afterwards(tmp_path, words):
    for folder in (tmp_path, tmp_path / "deep" / "new"):
        for _ in range(2):
            done = CliRunner().invoke(main, ["demo", *words, "--folder", str(folder)])
            assert done.exit_code == 0, done.output
            assert (folder / MARKER).is_file()
            (folder / "paypulse.toml").write_text("")
        (folder / "deep").mkdir(exist_ok=True)


def test_a_sweep_deletes_the_demos_leftovers_only(tmp_path):
    claim(tmp_path)
    foreign(tmp_path)
    (tmp_path / "mine.txt").write_text("")
    sweep(tmp_path)
    assert sorted(p.name for p in tmp_path.iterdir()) == [MARKER, "mine.txt"]


def test_the_run_itself_refuses_too(tmp_path):
    with pytest.raises(ForeignFolderError):
        claim(foreign(tmp_path / "home"))
