"""The page of message pictures shows every block that our messages use, and quotes as text."""

from __future__ import annotations

import pytest
from message_samples import Sample, made_samples
from slack_page import block, message

from monitor.text.messages.render import renderer

SAMPLES = list(made_samples())


@pytest.mark.parametrize("language", ["en", "ko"])
@pytest.mark.parametrize("sample", SAMPLES, ids=[sample.name for sample in SAMPLES])
def test_every_block_of_a_message_is_shown(sample: Sample, language: str) -> None:
    content = renderer(language, "Asia/Seoul").slack(sample.message)
    shown = message(content.blocks, "14:31")
    assert shown.count('class="header"') == 1
    assert shown.count('class="section"') == sum(b["type"] == "section" for b in content.blocks)


def test_marks_are_drawn_in_mrkdwn_only_and_tags_never() -> None:
    plain = {"type": "plain_text", "text": "*a* <b>"}
    marked = {"type": "mrkdwn", "text": "*a* &lt;b&gt; <https://x.test|y>"}
    assert "*a* &lt;b&gt;" in block({"type": "section", "text": plain})
    drawn = block({"type": "section", "text": marked})
    assert '<b>a</b> &lt;b&gt; <a href="https://x.test">y</a>' in drawn
