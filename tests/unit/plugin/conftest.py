"""A registry that knows nothing yet, with a home and a directory for installed packages."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.unit.plugin import packages
from trainui.plugin import registry


@pytest.fixture
def site(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    (tmp_path / "home" / "worker").mkdir(parents=True, mode=0o700)
    monkeypatch.setenv("TRAINUI_HOME", str(tmp_path / "home"))
    site = tmp_path / "site"
    packages.use(site, monkeypatch)
    yield site
    packages.forget(*(one.stem for one in site.iterdir()))
    registry.reset()
