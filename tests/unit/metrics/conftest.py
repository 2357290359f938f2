"""A store in a directory of its own, copied from one that is made once."""

from __future__ import annotations

import shutil
from collections.abc import Iterator, Mapping
from pathlib import Path

import pytest

from tests.unit.store import readings
from trainui.store.db.engine import Database, open_store


@pytest.fixture(scope="session")
def empty_database(tmp_path_factory: pytest.TempPathFactory) -> Path:
    file = tmp_path_factory.mktemp("template") / "trainui.db"
    open_store(f"sqlite:///{file}").close()
    return file


@pytest.fixture
def store(
    empty_database: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    database: Mapping[str, str],
) -> Iterator[Database]:
    home = tmp_path / "home"
    home.mkdir(mode=0o700)
    shutil.copy(empty_database, home / "trainui.db")
    for name, value in {"TRAINUI_HOME": str(home), **database}.items():
        monkeypatch.setenv(name, value)
    store = open_store()
    yield store
    readings.close_all()
    store.close()
