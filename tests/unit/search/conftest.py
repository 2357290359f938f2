"""A store in a directory of its own, and runs to put in it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path

import pytest

from tests.studies import closed_studies as closed_studies
from tests.unit.store import readings
from tests.unit.store.conftest import add_run as add_run
from trainui.store.db.engine import Database, open_store


@pytest.fixture
def store(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, database: Mapping[str, str]
) -> Iterator[Database]:
    for name, value in {"TRAINUI_HOME": str(tmp_path / "home"), **database}.items():
        monkeypatch.setenv(name, value)
    store = open_store()
    yield store
    readings.close_all()
    store.close()
