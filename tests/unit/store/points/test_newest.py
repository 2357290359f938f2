"""The newest points of a series are read in order, and in bounded parts."""

from __future__ import annotations

import pytest

from tests.unit.store.readings import Feeder, connect
from trainui.store.db.engine import Store
from trainui.store.db.readonly import snapshot
from trainui.store.plotting import series_data


def test_many_points_are_read_in_parts(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    beside = [Feeder(store, key=key) for key in "ab"]
    for feeder in (*beside, *beside, Feeder(store, key="c")):
        feeder.feed({"loss": [(1, 1.0)] * 4})
    monkeypatch.setattr(series_data, "AT_ONCE", 5)
    connection = connect(store)
    parts: list[list[series_data.NewPoint]] = []
    while not parts or parts[-1]:
        last = parts[-1][-1].ordinal if parts else -1
        with snapshot(connection):
            parts.append(series_data.points_after(connection, "stage", "loss", last))
    assert [one.ordinal for part in parts for one in part] == list(range(20))
    assert all(len(part) < 20 for part in parts)
