"""Limits that tests of points lower, so that few points suffice."""

from __future__ import annotations

import pytest

from trainui.store.plotting import windows


@pytest.fixture
def few(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let twelve thousand points be too many to be read one by one."""
    monkeypatch.setattr(windows, "MANY", 5000)
