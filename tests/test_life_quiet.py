"""A healthy platform: days of life in which nobody is told anything."""

import pytest
from simulated import world

TWO_DAYS_MINUTES = 2 * 24 * 60


@pytest.mark.parametrize("seed", [1, 2, 3])
def test_two_quiet_days_and_an_hour_of_minutes_raise_nothing_at_all(tmp_path, seed):
    every = {1: 900, 2: 1800, 3: 3600}[seed]
    life = world(tmp_path, seed=seed, every=every, payments_per_minute=[0.5, 1.5, 3][seed - 1])
    life.live(TWO_DAYS_MINUTES)
    life.watch_every(60)
    life.live(30)
    with life.app.store.read() as tx:
        raised = tx.exec_driver_sql("select code, subject, phase from alerts").all()
    words = life.words(TWO_DAYS_MINUTES + 60)
    life.close()
    assert raised == []
    assert life.told == []
    assert {word for found in words.values() for word in found} == {"ok"}
