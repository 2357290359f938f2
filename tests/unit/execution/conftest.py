"""A home and a store of its own for each test."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from contextlib import closing
from pathlib import Path

import pytest

from trainui.store.db import postgres, sqlite_file
from trainui.store.db.engine import Database, open_store


@pytest.fixture
def store(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, database: Mapping[str, str]
) -> Iterator[Database]:
    for name in [name for name in os.environ if name.startswith("TRAINUI_")]:
        monkeypatch.delenv(name)
    for name, value in {"TRAINUI_HOME": str(tmp_path / "home"), **database}.items():
        monkeypatch.setenv(name, value)
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "config"))
    store = open_store()
    yield store
    store.close()


@pytest.fixture
def hasty(store: Database, monkeypatch: pytest.MonkeyPatch) -> Iterator[Database]:
    """The same store for who waits no longer than a moment where another process writes."""
    monkeypatch.setattr(sqlite_file, "BUSY_TIMEOUT", 0.1)
    monkeypatch.setattr(postgres, "_SERVER", "-c lock_timeout=100ms")
    with closing(Database(store.url)) as hasty:
        yield hasty
