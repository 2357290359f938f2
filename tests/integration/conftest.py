"""A private TRAINUI_HOME for each test; all of its processes are ended after the test."""

from __future__ import annotations

import contextlib
import os
import signal
from collections.abc import Iterator, Mapping
from pathlib import Path

import pytest

from tests.unit.supervisor.waiting import is_alive, wait_for
from trainui import paths
from trainui.execution import broker, processes
from trainui.execution.daemon import lifecycle
from trainui.paths import Home
from trainui.supervisor.process import processes_of


@pytest.fixture
def trainui_home(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, database: Mapping[str, str]
) -> Iterator[Home]:
    """An empty home, set in the environment; its processes are ended after the test.

    Every process that the test starts must have `TRAINUI_HOME` in its environment (it is
    inherited): remaining processes, including stages, are found and killed by it.
    """
    for name in [name for name in os.environ if name.startswith(("TRAINUI_", "CELERY_"))]:
        monkeypatch.delenv(name)
    for name, value in {"TRAINUI_HOME": str(tmp_path / "home"), **database}.items():
        monkeypatch.setenv(name, value)
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "config"))
    home = paths.home()
    yield home
    stopped = lifecycle.stop()
    kill_all(home)
    assert stopped, f"not all could be stopped; see the logs in {home.worker}"


def kill_all(home: Home) -> None:
    """Kill every process of a home, including those started meanwhile."""
    held = (home.guard_lock, home.worker_lock, broker.lock_path(home))
    killed = set[int]()
    """One that is ending has no environment any more, and may still hold its attempt's lock."""

    def none_is_left() -> bool:
        pids = processes_of({"TRAINUI_HOME": str(home.root)})
        if (server := broker.find_pid(home)) is not None:
            pids.append(server)
        for pid in pids:
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
                killed.add(pid)
        alive = any(is_alive(pid) for pid in killed)
        return not alive and not any(processes.is_held(lock) for lock in held)

    wait_for(none_is_left, "the end of all processes")
