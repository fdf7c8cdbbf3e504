"""Whoever holds the lock of a database may begin it anew; nobody else may."""

from monitor.scheduling.lock import only_scheduler, require_not_gone


def test_the_holder_itself_may_begin_a_new_file(tmp_path):
    database = tmp_path / "paypulse.db"
    with only_scheduler(database):
        database.unlink()
        require_not_gone(database)
