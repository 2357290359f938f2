"""The background processes as front ends see them."""

from __future__ import annotations

import os
import shutil
import socket
import stat
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
import redis

from tests.integration import background
from tests.unit.supervisor.waiting import wait_for
from trainui import settings
from trainui.errors import UnfitEnvironmentError
from trainui.execution import processes
from trainui.execution.daemon import lifecycle
from trainui.execution.worker import celery_app
from trainui.paths import Home


def test_a_started_worker_takes_work_and_is_private(
    trainui_home: Home, monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as patched:
        patched.delattr(processes, "wait_until")  # it waits only where it is asked to
        lifecycle.ensure_started()
    lifecycle.ensure_started(wait=background.PATIENCE)
    seen = lifecycle.status()
    assert seen["running"]
    assert seen["pid"] == background.worker_pid(trainui_home)
    assert seen["guard_pid"] == background.guard_pid(trainui_home)
    assert seen["host"] == socket.gethostname()
    places = [slot for slot in seen["slots"] if slot["kind"] == "cpu"]
    assert places == [{"kind": "cpu", "index": n} for n in range(settings.load().cpus)]
    assert Path(seen["log"]).is_file()
    assert seen["broker"]["pid"] == background.broker_pid(trainui_home)
    assert seen["broker"]["reachable"]

    for path in [trainui_home.root, *trainui_home.root.rglob("*")]:
        mode = stat.S_IMODE(path.lstat().st_mode)
        assert mode == (0o700 if path.is_dir() else 0o600), f"{path}: {mode:o}"
    pids = [seen["pid"], seen["guard_pid"], seen["broker"]["pid"]]
    told = subprocess.run(["ss", "-Hltunp"], capture_output=True, text=True, check=True).stdout
    assert not any(f"pid={pid}," in told for pid in pids)
    for pid in pids:
        assert os.getsid(pid) != os.getsid(0)

    lifecycle.ensure_started(wait=background.PATIENCE)  # starting what runs is a success
    again = lifecycle.status()
    for disk in (*seen["disks"], *again["disks"]):
        assert disk.pop("free_bytes") > 0  # others write to it, too
    assert again == seen

    app = celery_app.create_app(trainui_home, settings.load())
    with app.connection_for_write() as connection:
        replies = app.control.broadcast(
            "ping", reply=True, limit=1, timeout=5.0, connection=connection
        )
    assert replies == [{f"trainui@{socket.gethostname()}": {"ok": "pong"}}]

    assert lifecycle.stop()
    assert background.is_all_gone(trainui_home)
    assert not lifecycle.status()["running"]
    assert lifecycle.stop()


def test_a_worker_that_does_not_come_up_is_explained(
    trainui_home: Home, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TRAINUI_BROKER_URL", "redis://127.0.0.1:1/0")
    lifecycle.ensure_started()
    wait_for(
        lambda: "refused" in processes.read_tail(trainui_home.worker_log),
        "a vain attempt",
    )
    with pytest.raises(UnfitEnvironmentError) as caught:
        lifecycle.ensure_started(wait=0.1)
    assert "the worker did not start" in str(caught.value)
    assert "127.0.0.1:1. Connection refused" in str(caught.value)
    assert lifecycle.stop()  # a worker that seeks its broker leaves too


def test_a_guard_that_fails_at_once_is_explained_at_once(
    trainui_home: Home, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    background.at_start(tmp_path / "broken", "import os; os.write(2, b'no memory\\n'); os._exit(9)")
    monkeypatch.setenv("PYTHONPATH", str(tmp_path / "broken"))
    began = time.monotonic()
    with pytest.raises(UnfitEnvironmentError, match="no memory"):
        lifecycle.ensure_started(wait=background.PATIENCE)
    assert time.monotonic() - began < background.PATIENCE / 2


@pytest.fixture
def foreign_redis(tmp_path: Path) -> Iterator[subprocess.Popen[bytes]]:
    if shutil.which("redis-server") is None:
        pytest.skip("there is no redis-server on PATH; `apt install redis-server` brings it")
    path = tmp_path / "r.sock"
    argv = ["redis-server", "--port", "0", "--unixsocket", str(path), "--save", ""]
    with subprocess.Popen([*argv, "--dir", str(tmp_path)], stdout=subprocess.DEVNULL) as server:
        wait_for(path.exists)
        yield server
        server.terminate()


def test_a_configured_redis_is_used_whatever_celery_is_configured_with(
    trainui_home: Home,
    tmp_path: Path,
    foreign_redis: subprocess.Popen[bytes],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("TRAINUI_BROKER_URL", f"unix://{tmp_path}/r.sock")
    monkeypatch.setenv("TRAINUI_INCLUDE", '["tests.integration.sample_tasks"]')
    with monkeypatch.context() as patch:
        patch.setenv("CELERY_BROKER_URL", "redis://127.0.0.1:1/0")  # another project's
        lifecycle.ensure_started(wait=background.PATIENCE)
    found = lifecycle.status()["broker"]
    assert found == {
        "url": f"unix://{tmp_path}/r.sock",
        "kind": "redis",
        "pid": None,
        "reachable": True,
    }
    worker = background.run_note(trainui_home, tmp_path / "note")
    assert worker == background.worker_pid(trainui_home)
    assert not trainui_home.broker.exists()
    assert lifecycle.stop()
    with redis.Redis(unix_socket_path=str(tmp_path / "r.sock")) as client:
        assert client.ping()
    assert foreign_redis.poll() is None
