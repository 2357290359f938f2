"""The user services of systemd, as they are seen from containers."""

from __future__ import annotations

import os

import pytest

from trainui.execution.daemon import lifecycle


def test_a_nameless_users_worker_exits_when_idle(monkeypatch: pytest.MonkeyPatch) -> None:
    """As in a container that was started with a number as its user."""
    for name in ("LOGNAME", "USER", "LNAME", "USERNAME"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setattr(os, "getuid", lambda: 4_242_424)
    assert not lifecycle.lingers()
