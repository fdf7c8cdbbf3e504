"""How plain data is stored."""

from __future__ import annotations

import json
from typing import Any


def to_json(value: Any, sort: bool = False) -> str:
    """Plain data as the text of a JSON column."""
    return json.dumps(value, ensure_ascii=False, separators=(",", ":"), sort_keys=sort)
