"""A home with a store of its own, and runs in it."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.unit.tui.filled import Filler
from trainui.store.engine import Store, open_store


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A home in which nothing is yet."""
    home = tmp_path / "home"
    monkeypatch.setenv("TRAINUI_HOME", str(home))
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "config"))
    for name in ("TRAINUI_RUNS_DIR", "TRAINUI_DATABASE_URL", "TRAINUI_KEYS", "TRAINUI_THEME"):
        monkeypatch.delenv(name, raising=False)
    return home


@pytest.fixture
def store(home: Path) -> Iterator[Store]:
    store = open_store()
    yield store
    store.close()


@pytest.fixture
def filler(store: Store, home: Path) -> Filler:
    return Filler(store, home / "runs")
