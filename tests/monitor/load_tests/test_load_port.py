"""The port to a k6: what the monitor asks of one, and that the real one is of that type."""

from __future__ import annotations

import ast
import inspect
from types import ModuleType

import pytest

from checks.k6 import runner as k6
from monitor.load_tests import port as load_port
from monitor.load_tests import runner as load_runner
from monitor.load_tests.port import K6


@pytest.mark.parametrize("module", [load_port, load_runner], ids=lambda m: m.__name__)
def test_nothing_between_the_monitor_and_its_k6_is_untyped(module: ModuleType) -> None:
    tree = ast.parse(inspect.getsource(module))
    assert not [node for node in ast.walk(tree) if isinstance(node, ast.Name) and node.id == "Any"]


def test_the_real_k6_offers_all_that_the_port_states() -> None:
    bound: K6 = k6
    stated = [name for name in vars(K6) if not name.startswith("_")]
    assert stated
    assert [name for name in stated if not callable(getattr(bound, name, None))] == []
