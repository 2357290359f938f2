"""Changes of the store, also while it cannot be read."""

from __future__ import annotations

from contextlib import closing

from trainui import paths
from trainui.execution.worker.services import ChangeDetector
from trainui.store.db.engine import Store
from trainui.store.runs import runs


def test_a_store_that_cannot_be_read_may_have_changed(store: Store) -> None:
    with store.write() as connection:
        runs.set_flag(connection, "a", "1")
    with closing(ChangeDetector()) as detector:
        assert [detector.seen(), detector.seen()] == [True, False]
        with store.write() as connection:
            runs.set_flag(connection, "a", "2")
        assert [detector.seen(), detector.seen()] == [True, False]
    file = paths.home().database
    away = file.rename(file.with_name("away"))
    with closing(ChangeDetector()) as detector:
        assert [detector.seen(), detector.seen()] == [True, True]
        away.rename(file)
        assert [detector.seen(), detector.seen()] == [True, False]


def test_a_store_without_a_version_is_not_outdated_and_may_have_changed(store: Store) -> None:
    with closing(ChangeDetector()) as detector:
        detector.seen()
        with store.write() as connection:
            connection.execute("ALTER TABLE alembic_version RENAME TO away")
        assert not detector.is_outdated()
        with store.write() as connection:
            connection.execute("ALTER TABLE away RENAME TO alembic_version")
        assert detector.seen()
        assert not detector.is_outdated()
