"""Two faults, one after the other: each is told, and each has its end."""

import pytest
from two_faults import Pair, healthy, lived, wrong

pytestmark = pytest.mark.slow

PAIRS = (
    Pair("redis_down", "broker_down", 30),
    Pair("slow_api", "ledger_wrong_amount", 2),
    Pair("shard2_unbooked", "redis_down", 300),
)


@pytest.fixture(scope="module")
def life(tmp_path_factory):
    made = healthy(tmp_path_factory.mktemp("pairs"))
    yield made
    made.close()


@pytest.mark.parametrize("pair", PAIRS, ids=lambda p: f"{p.first}, {p.gap_seconds} s, {p.second}")
def test_each_fault_of_a_pair_is_told_once_with_one_end_and_nothing_else(life, pair):
    assert list(wrong(lived(life, pair))) == []
