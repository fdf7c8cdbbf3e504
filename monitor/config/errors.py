"""The words for a broken configuration: which key is wrong, and what would be right."""

from __future__ import annotations

import difflib
import re
from collections.abc import Iterable
from datetime import UTC
from functools import lru_cache
from typing import TYPE_CHECKING, Any, get_args, get_origin

from pydantic import ValidationError
from pydantic_core import ErrorDetails

from monitor.config.language import spoken
from monitor.domain.statement import InvalidError

if TYPE_CHECKING:
    from monitor.text.catalog import Catalog

LINES_MAX = 8
_NAMED_MAX = 12
_LINE_MAX = 200
_UNKNOWN = ("extra_forbidden", "unexpected_keyword_argument")


class ConfigError(Exception):
    """The configuration cannot be used; the text names the key and what would be right."""


def comment(key: str) -> str:
    """What stands above a key in the example, as it is written."""
    return _catalog().sentences[f"config_keys.{key}"]


def has_comment(key: str) -> bool:
    """Whether there is such a comment."""
    return _catalog().has(f"config_keys.{key}")


def say(key: str, /, **params: Any) -> str:
    """A sentence about a configuration, in the language that is spoken."""
    return _catalog().say(f"config_error.{key}", **params)


def said(error: Exception) -> str:
    """What is wrong with a value; an error of others as it is."""
    if not isinstance(error, InvalidError):
        return str(error)
    return _catalog().say(f"invalid.{error.code}", **error.params)


def _catalog() -> Catalog:
    return _catalog_in(spoken())


@lru_cache(maxsize=2)
def _catalog_in(language: str) -> Catalog:
    from monitor.text.catalog import Catalog  # noqa: PLC0415 - only where something is wrong

    return Catalog(language, UTC)


def explain(error: ValidationError, name: str, model: Any, prefix: str = "") -> str:
    """What is wrong, key by key, and what would be right; never a value that was given."""
    items = error.errors(include_input=False, include_url=False)
    return listed(name, [f"{prefix}{_line(item, model)}" for item in items])


def listed(name: str, lines: Iterable[str]) -> str:
    """The lines about a file, few enough to be read."""
    unique = list(dict.fromkeys(lines))
    more = [say("more", count=len(unique) - LINES_MAX)] if len(unique) > LINES_MAX else []
    return "\n".join([f"{name}:", *(f"  {line}" for line in (*unique[:LINES_MAX], *more))])


def cut_line(text: str) -> str:
    """A foreign error on one line."""
    line = " ".join(text.split())
    return line if len(line) <= _LINE_MAX else f"{line[: _LINE_MAX - 1]}…"


def suggestion(key: str, known: Iterable[str]) -> str:
    """What a key that does not exist may have meant."""
    names = sorted(known)
    alike = [n for n in names if key and (n.startswith(f"{key}_") or n.endswith(f"_{key}"))]
    near = difflib.get_close_matches(key, names, 1) or alike
    if near:
        return say("near", near=near[0])
    if not names:
        return ""
    more = ", …" if len(names) > _NAMED_MAX else ""
    return say("known", known=", ".join(names[:_NAMED_MAX]) + more)


def _line(item: ErrorDetails, model: Any) -> str:
    places = item["loc"]
    path = ".".join(str(place) for place in places)
    if item["type"] in _UNKNOWN:
        near = suggestion(str(places[-1]), _keys(_at(model, places[:-1])))
        return f"{path}: {say('no_key')}{near}"
    wrong = _wrong_value(item)
    first = re.split(r"[^a-z_0-9]", wrong, maxsplit=1)[0]
    if first in _keys(_at(model, places)):  # the table's own rule names the key that is wrong
        return f"{path}.{wrong}" if path else wrong
    return f"{path}: {wrong}" if path else wrong


def _wrong_value(item: ErrorDetails) -> str:
    context = item.get("ctx", {})
    if isinstance(context.get("error"), InvalidError):
        return said(context["error"])
    if _catalog().has(key := f"invalid_value.{item['type']}"):
        return _catalog().say(key, **context)
    detail = item["msg"].removeprefix("Value error, ")
    return _catalog().say("invalid_value.other", detail=f"{detail[:1].lower()}{detail[1:]}")


def _at(model: Any, path: Iterable[Any]) -> Any:
    """The model of the table at a path."""
    for part in path:
        if get_origin(model) is dict:
            model = get_args(model)[-1]
        else:
            field = getattr(model, "model_fields", {}).get(part)
            model = field.annotation if field else None
    return model


def _keys(model: Any) -> list[str]:
    fields = getattr(model, "model_fields", None) or getattr(model, "__dataclass_fields__", {})
    return sorted(fields)
