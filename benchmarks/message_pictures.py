"""Pictures of messages as Slack shows them: `benchmarks/message_pictures.py`.

Lives through faults of the stand-in on the simulated clock, takes the messages that the engine
makes, draws their blocks with Chromium in both languages, and writes docs/messages/*.png and
docs/messages.md. Needs `chromium` with the fonts of fonts-noto-cjk and fonts-noto-color-emoji
(Debian: apt-get install chromium fonts-noto-cjk fonts-noto-color-emoji). Takes some minutes.
"""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Sequence
from pathlib import Path
from zoneinfo import ZoneInfo

ROOT = Path(__file__).resolve().parents[1]
sys.path[:0] = [str(ROOT), str(ROOT / "tests" / "support"), str(ROOT / "benchmarks")]

from message_samples import Sample, samples  # noqa: E402
from slack_page import message, page  # noqa: E402
from small_png import cut_out  # noqa: E402

from monitor.text.messages.render import renderer  # noqa: E402

LANGUAGES = ("en", "ko")
ZONE = "Asia/Seoul"
FOLDER = ROOT / "docs" / "messages"
WIDTH = 600
HEAD = """\
# Messages

As Slack shows them, in both languages: the engine's own messages, most from a simulated life of the
stand-in. Drawn by `.venv/bin/python benchmarks/message_pictures.py`; their rules are in
[alerts.md](alerts.md).
"""
_MEASURE = (
    "<script>document.title = [...document.querySelectorAll('.message')]"
    ".map(e => Math.ceil(e.getBoundingClientRect().height))</script></body>"
)


def main() -> None:
    """Draw all of them."""
    browser = shutil.which("chromium") or shutil.which("google-chrome")
    if browser is None:
        sys.exit(
            "No chromium here. Debian: apt-get install chromium fonts-noto-cjk"
            " fonts-noto-color-emoji"
        )
    FOLDER.mkdir(exist_ok=True)
    made = sorted(samples(), key=lambda sample: _ORDER.index(sample.name))
    for language in LANGUAGES:
        shown = page((_shown(sample, language) for sample in made), language)
        for sample, picture in zip(made, drawn(browser, shown), strict=True):
            path = FOLDER / f"{sample.name}.{language}.png"
            path.write_bytes(picture)
            print(f"{path.relative_to(ROOT)}: {len(picture) / 1000:.0f} kB", flush=True)
    (ROOT / "docs" / "messages.md").write_text(document(made), "utf-8")


def document(made: Sequence[Sample]) -> str:
    """The document that shows the pictures side by side."""
    rows = [
        f"\n## {sample.caption}\n\n| English | Korean |\n|---|---|\n| {_linked(sample, 'en')} |"
        f" {_linked(sample, 'ko')} |\n"
        for sample in made
    ]
    return HEAD + "".join(rows)


_ORDER = (
    *("kafka-down", "kafka-over", "redis-down", "shard-down", "books", "storm", "regression"),
    *("unsteady", "never-visible", "receiver", "load-test", "morning-report"),
)


def _linked(sample: Sample, language: str) -> str:
    return f"![{sample.caption} ({language})](messages/{sample.name}.{language}.png)"


def _shown(sample: Sample, language: str) -> str:
    content = renderer(language, ZONE).slack(sample.message)
    at = sample.message.created_at.astimezone(ZoneInfo(ZONE))
    return message(content.blocks, f"{at:%H:%M}")


def drawn(browser: str, content: str) -> Iterator[bytes]:
    """The pictures of a page's messages: measured in the browser, and cut out of one screenshot."""
    with tempfile.TemporaryDirectory() as folder:
        file, shot = Path(folder) / "page.html", Path(folder) / "shot.png"
        file.write_text(content.replace("</body>", _MEASURE), "utf-8")
        dom = _run(browser, folder, 100, "--dump-dom", file.as_uri())
        (found,) = re.findall(r"<title>([\d,]+)</title>", dom)
        heights = [int(height) for height in found.split(",")]
        _run(browser, folder, sum(heights), f"--screenshot={shot}", file.as_uri())
        yield from cut_out(shot.read_bytes(), heights)


def _run(browser: str, folder: str, height: int, *asked: str) -> str:
    command = [
        *(browser, "--headless", "--no-sandbox", "--disable-gpu", "--disable-lcd-text"),
        *(
            "--hide-scrollbars",
            "--force-device-scale-factor=1",
            f"--user-data-dir={folder}/profile",
        ),
        *(f"--window-size={WIDTH},{height}", *asked),
    ]
    done = subprocess.run(command, capture_output=True, text=True, timeout=120, check=True)
    return done.stdout


if __name__ == "__main__":
    main()
