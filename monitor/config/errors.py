"""The words for a broken configuration: which key is wrong, and what would be right."""

from __future__ import annotations

import difflib
from typing import Any

from pydantic import ValidationError


def explain(error: ValidationError, name: str, model: Any, prefix: str = "") -> str:
    """What is wrong, key by key, and what would be right; never a value that was given."""
    lines = [f"{name}:"]
    for item in error.errors(include_input=False, include_url=False):
        path = ".".join(str(part) for part in item["loc"])
        if item["type"] in ("extra_forbidden", "unexpected_keyword_argument"):
            known = _known(model, item["loc"][:-1])
            lines.append(f"  {prefix}{path}: no such key{_near(str(item['loc'][-1]), known)}")
        else:
            message = item["msg"].removeprefix("Value error, ")
            lines.append(f"  {prefix}{path}: {message[0].lower()}{message[1:]}")
    return "\n".join(lines)


def _known(model: Any, path: tuple[Any, ...]) -> list[str]:
    for part in path:
        field = model.model_fields.get(part) if hasattr(model, "model_fields") else None
        model = field.annotation if field else model
    fields = getattr(model, "model_fields", None) or getattr(model, "__dataclass_fields__", {})
    return sorted(fields)


def _near(key: str, known: list[str]) -> str:
    near = difflib.get_close_matches(key, known, 1)
    if near:
        return f"; did you mean {near[0]!r}?"
    return f"; known are {', '.join(known)}" if known else ""
