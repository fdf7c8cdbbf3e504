"""A healthy platform: days of life in which nobody is told anything."""

import pytest
from simulated import world

pytestmark = pytest.mark.slow

TWO_DAYS_MINUTES = 2 * 24 * 60


@pytest.mark.parametrize(
    ("seed", "every_seconds", "payments_per_minute"),
    [
        (1, 900, 0.5),
        (2, 1800, 1),
        (3, 3600, 2),
    ],
)
def test_two_quiet_days_and_then_minutes_raise_nothing_at_all(
    tmp_path, seed, every_seconds, payments_per_minute
):
    life = world(tmp_path, seed=seed, every=every_seconds, payments_per_minute=payments_per_minute)
    life.live(TWO_DAYS_MINUTES)
    life.watch_every(60)
    life.live(12)
    with life.app.store.read() as tx:
        raised = tx.exec_driver_sql("select code, subject, phase from alerts").all()
    words = life.words(TWO_DAYS_MINUTES + 60)
    words.pop("diagnose_issues")  # says nothing where the others look less than three times an hour
    life.close()
    assert raised == []
    assert life.told == []
    assert {word for found in words.values() for word in found} == {"ok"}
