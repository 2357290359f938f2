"""Limits that tests of points lower, so that few points suffice."""

from __future__ import annotations

import pytest

from trainui.store.points import plot_windows


@pytest.fixture
def few(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let twelve thousand points be too many to be read one by one."""
    monkeypatch.setattr(plot_windows, "READ_ONE_BY_ONE", 5000)
