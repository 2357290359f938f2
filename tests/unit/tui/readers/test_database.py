"""The screen's connection to a database whose files change under it."""

from __future__ import annotations

from pathlib import Path

import pytest

from trainui import paths
from trainui.store.db import readonly
from trainui.store.db.engine import Store
from trainui.store.read import views
from trainui.store.runs import runs
from trainui.tui.readers.database import ScreenDatabase
from trainui.tui.snapshot.query import ListQuery


@pytest.mark.usefixtures("only_on_sqlite")
def test_a_screen_closes_a_deleted_log_and_opens_the_next_one(store: Store) -> None:
    with store.write() as connection:
        runs.set_flag(connection, "paused", "1")
    screen = ScreenDatabase()
    assert not screen.read(ListQuery()).problem
    Path(f"{paths.home().database}-wal").unlink()
    assert screen.has_changed()
    store.close()
    assert not screen.read(ListQuery()).problem  # it was the last user of the deleted log
    with store.write() as connection:
        runs.set_flag(connection, "paused", None)
    assert screen.has_changed()
    with readonly.reading() as connection:
        assert views.flag(connection, "paused") is None
    screen.close()
