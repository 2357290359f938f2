"""A home with a store of its own, and runs in it."""

from __future__ import annotations

import shutil
from collections.abc import Iterator, Mapping
from pathlib import Path

import pytest

from tests.unit.tui.filled import Filler
from trainui.store.db.engine import Database, open_store
from trainui.tui import terminal
from trainui.tui.readers import curve_reader, machine, poller
from trainui.tui.readers import database as readers_database


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, database: Mapping[str, str]) -> Path:
    """A home in which nothing is yet."""
    # as rarely as people look, tests would wait for most of their time
    monkeypatch.setattr(poller, "PERIOD", 0.05)
    monkeypatch.setattr(poller, "LEAST_GAP", 0.1)
    monkeypatch.setattr(curve_reader, "PERIOD", 0.1)
    monkeypatch.setattr(poller, "REST", 0.3)
    monkeypatch.setattr(readers_database, "DEBOUNCE", 0.02)
    monkeypatch.setattr(machine, "CHECK_PERIOD", 0.3)
    # on a busy machine, a key would be given to what has the focus before the last key's action
    monkeypatch.setattr(terminal, "TIMEOUT", 10.0)
    home = tmp_path / "home"
    monkeypatch.setenv("TRAINUI_HOME", str(home))
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "config"))
    for name in ("TRAINUI_RUNS_DIR", "TRAINUI_DATABASE_URL", "TRAINUI_KEYS", "TRAINUI_THEME"):
        monkeypatch.delenv(name, raising=False)
    for name, value in database.items():
        monkeypatch.setenv(name, value)
    return home


@pytest.fixture(scope="session")
def empty_database(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A database of the current schema: making one takes longer than most tests."""
    file = tmp_path_factory.mktemp("empty") / "trainui.db"
    open_store(f"sqlite:///{file}").close()
    return file


@pytest.fixture
def store(home: Path, empty_database: Path) -> Iterator[Database]:
    home.mkdir(mode=0o700)
    shutil.copy(empty_database, home / "trainui.db")
    store = open_store()
    yield store
    store.close()


@pytest.fixture
def filler(store: Database, home: Path) -> Filler:
    return Filler(store, home / "runs")
