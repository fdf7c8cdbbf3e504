"""Stores that a test leaves open are closed: from Python 3.13 they would be errors."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from monitor.store.database import Store


@pytest.fixture(autouse=True)
def _closed_stores(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    opened: list[Store] = []
    original = Store.__init__

    def init(self: Store, *args: Any, **options: Any) -> None:
        original(self, *args, **options)
        opened.append(self)

    monkeypatch.setattr(Store, "__init__", init)
    yield
    for store in opened:
        store.close()
