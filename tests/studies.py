"""The files of Optuna's studies that a test opens."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from optuna.storages import RDBStorage


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
