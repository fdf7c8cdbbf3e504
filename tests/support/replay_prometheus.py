"""Prometheus as far as recorded readings go: selectors over the latest of each series."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable
from typing import Any

_SELECTOR = re.compile(r"(?P<name>[a-z_0-9]*)(?:\{(?P<matchers>.*)\})?(?:\[\w+\])?")
_MATCHER = re.compile(r'(\w+)(=~|=)("(?:[^"\\]|\\.)*")')


class ReplayedPrometheus:
    """Answers what the sources ask of the instant answers that were recorded."""

    def __init__(self, bodies: Iterable[str]) -> None:
        answers = [json.loads(body)["data"] for body in bodies]
        self._rows = [row for data in answers for row in data.get("result", ())]

    def answer(self, query: str) -> dict[str, Any]:
        """The answer in Prometheus' own form."""
        if query == "vector(1)":
            return _vector([{"metric": {}, "value": [0, "1"]}])
        wrapped = re.fullmatch(r"(timestamp|last_over_time)\((.*)\)", query)
        rows = self._selected(wrapped[2] if wrapped else query)
        if wrapped and wrapped[1] == "timestamp":
            rows = [{**row, "value": [row["value"][0], str(row["value"][0])]} for row in rows]
        return _vector(rows)

    def _selected(self, selector: str) -> list[dict[str, Any]]:
        parts = _SELECTOR.fullmatch(selector)
        assert parts is not None, selector
        wanted = [
            (label, re.compile(json.loads(text) if sign == "=~" else re.escape(json.loads(text))))
            for label, sign, text in _MATCHER.findall(parts["matchers"] or "")
        ]
        if parts["name"]:
            wanted.append(("__name__", re.compile(re.escape(parts["name"]))))
        return [
            row
            for row in self._rows
            if all(pattern.fullmatch(row["metric"].get(label, "")) for label, pattern in wanted)
        ]


def _vector(rows: list[dict[str, Any]]) -> dict[str, Any]:
    return {"status": "success", "data": {"resultType": "vector", "result": rows}}
