"""A store in a directory of its own, and runs to put in it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest
from optuna.storages import RDBStorage

from tests.unit.store import readings
from tests.unit.store.conftest import add_run as add_run
from trainui.store.db.engine import Store, open_store


@pytest.fixture(autouse=True)
def closed_studies(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Close all files of studies that a test opened: Python 3.13 warns about open ones."""
    opened, init = list[RDBStorage](), RDBStorage.__init__

    def noted(storage: RDBStorage, *arguments: Any, **options: Any) -> None:
        init(storage, *arguments, **options)
        opened.append(storage)

    monkeypatch.setattr(RDBStorage, "__init__", noted)
    yield
    for storage in opened:
        storage.remove_session()
        storage.engine.dispose()


@pytest.fixture
def store(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, database: Mapping[str, str]
) -> Iterator[Store]:
    for name, value in {"TRAINUI_HOME": str(tmp_path / "home"), **database}.items():
        monkeypatch.setenv(name, value)
    store = open_store()
    yield store
    readings.close_all()
    store.close()
