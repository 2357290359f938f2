"""Start, stop and status of the background processes, for the CLI and the screen.

Nothing here imports Celery, connects to the broker, or waits unless asked to.

An upgrade of the database's schema is part of a start. Only a worker upgrades, when it has its
home's lock: nobody else writes then. A command that needs a worker asks an older one to leave, and
waits until its own has upgraded.

A systemd user unit starts the guard when the machine starts, which keeps the worker alive. Running
stages are not stopped with the unit.
"""

from __future__ import annotations

import getpass
import hashlib
import os
import shutil
import subprocess
import sys
from collections.abc import Callable, Mapping
from contextlib import closing, suppress
from pathlib import Path
from typing import Any

from trainui import paths, system
from trainui import settings as settings_module
from trainui.errors import StoreError, UnfitEnvironmentError
from trainui.execution import broker, processes
from trainui.execution.daemon import guard, health
from trainui.paths import Home
from trainui.settings import Settings
from trainui.store import hosts
from trainui.store.db import engine, home_identity, sqlite_file
from trainui.store.db.home_identity import Kind
from trainui.supervisor.supervise import start_ticks

UPGRADE_PATIENCE = 120.0
"""Seconds for the copy and the upgrade of a large database."""

_TIMEOUT = 60.0
"""Seconds for `systemctl`, which answers in less than one unless systemd hangs."""

UPGRADE_LOCK = "upgrade.lock"
"""The file in the worker's directory that the command locks which replaces an older worker."""


class DatabaseInUseError(StoreError):
    """Workers of an older trainui use the database on other hosts; the worker waits for them."""


def upgrade_schema() -> None:
    """Upgrade the database if it is at an earlier revision; called by the worker of this home.

    Raises:
        DatabaseInUseError: a worker on another host uses it.
    """
    if engine.is_outdated():
        from trainui.store.db.engine import upgrade_store

        check_other_hosts()
        upgrade_store()


def check_other_hosts() -> None:
    """Raise DatabaseInUseError if a worker on another host uses the database."""
    configured = settings_module.load()
    if configured.database_url is None:
        return
    here = settings_module.host(configured)
    with closing(engine.connect_any_revision()) as connection:
        known = hosts.known(connection).values()
    names = [one.name for one in known if one.name != here and one.seconds < hosts.SILENT_AFTER]
    if names:
        raise DatabaseInUseError(
            f"{engine.where()}: cannot be upgraded while older workers use it on "
            f"{', '.join(names)}: enter `trainui worker stop` there, wait "
            f"{hosts.SILENT_AFTER:.0f} s, then try again; stages keep running"
        )


def replace_older_worker(stop: Callable[[], bool], start: Callable[[], object]) -> None:
    """Have an older worker leave and ours upgrade the database; return when it is upgraded.

    `stop` stops the worker and its guard, and `start` starts ours.

    Raises:
        UnfitEnvironmentError: that is not possible; the database is as it was.
    """
    home = paths.home()
    check_other_hosts()
    with _one_at_a_time(home.worker / UPGRADE_LOCK):
        if not engine.is_outdated():
            return
        if not stop():
            processes.want_worker(home)
            raise UnfitEnvironmentError(
                f"{engine.where()}: not upgraded, since the older worker that uses it (process "
                f"{processes.lock_holder(home.worker_lock)}) does not leave; end it, then try again"
            )
        start()
        if not processes.wait_until(lambda: not engine.is_outdated(), UPGRADE_PATIENCE):
            raise UnfitEnvironmentError(_not_upgraded(home))


def _one_at_a_time(path: Path) -> processes.Lock:
    taken: list[processes.Lock] = []

    def is_taken() -> bool:
        if (lock := processes.acquire_lock(path)) is not None:
            taken.append(lock)
        return bool(taken)

    if not processes.wait_until(is_taken, UPGRADE_PATIENCE):
        raise UnfitEnvironmentError(f"{path}: another command upgrades the database, or hangs")
    return taken[0]


def _not_upgraded(home: Home) -> str:
    said = processes.read_tail(home.worker_log)
    words = f"{engine.where()} was not upgraded; {home.worker_log} says why"
    return f"{words}:\n{said}" if said else words


def ensure_started(*, wait: float | None = None) -> None:
    """Start the guard, which starts the broker and the worker. Idempotent.

    With `wait`, it returns once the worker accepts tasks, after that many seconds at most. If the
    database is of an older trainui, its worker leaves first, and this returns after the upgrade.

    Raises:
        UsageError: the configured broker URL is invalid.
        CopiedHomeError: the home is a copy of another one, whose runs it would take for its own.
        UnfitEnvironmentError: no broker is available, or the worker did not start in time; the
            message says what to do.
    """
    home = paths.home()
    home_identity.check()
    system.check_home(home.root)
    broker.check(home, settings_module.load())
    for directory in (home.root, home.worker):
        paths.make_private(directory)
    if engine.is_outdated():
        replace_older_worker(stop, lambda: _start(home))
    started = _start(home)
    if wait is not None:
        _wait_until_ready(home, started, wait)


def _start(home: Home) -> subprocess.Popen[bytes] | None:
    """Start the guard and the worker if they are not running; return the guard if it is new."""
    processes.want_worker(home)
    is_guarded = processes.is_held(home.guard_lock)
    started = processes.release_early_worker()
    if started is None and not is_guarded:
        argv = processes.GUARD_ARGV
        if not processes.is_held(home.worker_lock):  # else it outlived its guard
            # both at once: the worker does not wait for the guard
            argv = processes.with_child(argv, processes.WORKER_ARGV)
        started = processes.spawn(argv, home.guard_log)
    return started


def stop(timeout: float = 10.0) -> bool:
    """Stop the guard, the worker and our own broker, even if some were killed; stages keep running.

    The guard gets `timeout` seconds to stop the others before this process does it. Returns True if
    all have ended; False also if they were started again meanwhile.

    Raises:
        CopiedHomeError: the home is a copy; with hard links, its locks are those of its original.
    """
    home = paths.home()
    if not home.worker.exists():
        outlived = _outlived(home)
        broker_ended = broker.stop(home)  # it ends by itself only where its guard lives
        others_ended = processes.wait_until(lambda: not any(map(start_ticks, outlived)), timeout)
        return broker_ended and others_ended
    standing = home_identity.standing_of(sqlite_file.store_file(), home)
    if standing.kind in (Kind.COPY, Kind.UNKNOWN):
        standing.check()
    processes.withdraw_worker(home)
    _end(home, home.guard_lock, timeout)
    if processes.is_worker_wanted(home):
        return False
    worker_ended = _end(home, home.worker_lock, guard.WORKER_GRACE)
    has_ended = broker.stop(home) and worker_ended and not processes.is_held(home.guard_lock)
    if has_ended:
        guard.remove_sockets(home)  # if the guard was killed, or left the home
    return has_ended


def _outlived(home: Home) -> list[int]:
    """Return the pids of the guard and the worker of a home that was removed: they end soon."""
    locks = {f"{lock.resolve()} (deleted)" for lock in (home.guard_lock, home.worker_lock)}
    found = []
    for process in Path("/proc").glob("[0-9]*"):
        with suppress(OSError):  # it has ended, or belongs to another user
            if any(str(opened.readlink()) in locks for opened in (process / "fd").iterdir()):
                found.append(int(process.name))
    return found


def status() -> dict[str, Any]:
    """Return the status of the worker and the broker, within two seconds even if they hang.

    Returns:
        `{"home", "copy_of", "running", "pid", "guard_pid", "host", "slots", "log", "broker",
        "queue", "hosts", "problems", "disks"}`. `copy_of` is the home that this one was copied
        from; `queue` is `{"waiting", "discarded", "refused"}`; `hosts` share the database;
        `running` is true if the worker accepts tasks; `problems` are messages about processes that
        are down, with the reason.
    """
    home, settings = paths.home(), settings_module.load()
    rooms = system.disk_spaces(home.root, settings_module.runs_dir(settings))
    ready = health.read_ready(home)
    broker_status = broker.status(home, settings)
    queue = health.read_queue(home)
    standing = home_identity.standing_of(sqlite_file.store_file(), home)
    problems = health.problems(home, broker_status, is_ours=settings.broker_url is None)
    return {
        "home": str(home.root),
        "copy_of": standing.original or None,
        "running": ready is not None and not health.hangs(home),
        "pid": _pid_of(home.worker_lock),
        "guard_pid": _pid_of(home.guard_lock),
        "host": ready["host"] if ready else settings_module.host(settings),
        "slots": ready["slots"] if ready else [],
        "log": str(home.worker_log),
        "broker": broker_status,
        "queue": {"waiting": queue.waiting, "discarded": queue.discarded, "refused": queue.refused},
        "hosts": _hosts(settings),
        "problems": [standing.advice] if standing.words else problems,
        "disks": [
            {"path": str(room.path), "free_bytes": room.free, "low": room.is_low} for room in rooms
        ],
    }


def _hosts(settings: Settings) -> list[dict[str, Any]]:
    if settings.database_url is None:
        return []
    from trainui.store import hosts
    from trainui.store.db.engine import open_store

    try:
        with open_store().read() as connection:
            known = hosts.known(connection)
    except UnfitEnvironmentError:
        return []  # `trainui doctor` reports the problem
    return [
        {
            "host": host.name,
            "seconds": round(host.seconds, 1),
            "heard": host.seconds < hosts.SILENT_AFTER,
            "slots": list(host.slots),
            "queues": list(host.queues),
        }
        for host in known.values()
    ]


def _wait_until_ready(home: Home, started: subprocess.Popen[bytes] | None, seconds: float) -> None:
    def is_decided() -> bool:
        broken = started is not None and started.poll() not in (None, 0)
        return broken or health.read_ready(home) is not None

    processes.wait_until(is_decided, seconds)
    if health.read_ready(home) is None:
        logs = [home.guard_log, home.worker_log]
        tails = [f"{log}:\n{tail}" for log in logs if (tail := processes.read_tail(log))]
        words = ["the worker did not start; last lines of the logs:", *tails]
        raise UnfitEnvironmentError("\n".join(words))


def _pid_of(lock: Path) -> int | None:
    return processes.lock_holder(lock) or None


def _end(home: Home, lock: Path, grace: float) -> bool:
    """End the current owner of a lock, unless the worker is wanted again meanwhile."""
    # An owner that was just killed, or has just started, has no pid.
    processes.wait_until(lambda: not processes.is_held(lock) or _pid_of(lock) is not None, grace)
    pid = _pid_of(lock)
    if pid is None:
        return not processes.is_held(lock)
    return processes.end(
        pid, lambda: _pid_of(lock) != pid or processes.is_worker_wanted(home), grace=grace
    )


KEPT = ("PATH", "LANG", "XDG_CONFIG_HOME", "XDG_DATA_HOME", "CUDA_VISIBLE_DEVICES")
"""Environment variables passed to the worker in addition to `TRAINUI_*`."""

LINGER = Path("/var/lib/systemd/linger")
"""Directory with a file for each user whose services outlive the login session."""


def text(environ: Mapping[str, str]) -> str:
    """Return the text of the unit file.

    The variables give the home, the settings and PATH.
    """
    named = [name for name in environ if name.startswith("TRAINUI_")]
    variables = {name: environ[name] for name in sorted({*named, *KEPT}) if environ.get(name)}
    command = f"{_quoted(sys.executable.replace('$', '$$'))} -P -m trainui worker"
    return "\n".join(
        [
            "[Unit]",
            "Description=trainui: the worker that runs training pipelines",
            "",
            "[Service]",
            "Type=oneshot",
            "RemainAfterExit=yes",
            "# stages keep running when the worker is stopped",
            "KillMode=process",
            *(f"Environment={_quoted(f'{name}={value}')}" for name, value in variables.items()),
            f"ExecStart={command} start",
            f"ExecStop={command} stop",
            "",
            "[Install]",
            "WantedBy=default.target",
            "",
        ]
    )


def _quoted(word: str) -> str:
    escaped = word.replace("\\", "\\\\").replace('"', '\\"').replace("%", "%%")
    return f'"{escaped}"'


def path(environ: Mapping[str, str]) -> Path:
    """Return the path of the unit file; each non-default home has a separate one."""
    base = environ.get("XDG_CONFIG_HOME") or Path("~/.config").expanduser()
    home = environ.get("TRAINUI_HOME")
    suffix = f"-{hashlib.sha256(os.fsencode(home)).hexdigest()[:8]}" if home else ""
    return Path(base, "systemd", "user", f"trainui-worker{suffix}.service")


def install(environ: Mapping[str, str]) -> Path:
    """Write the unit, start it and enable it at boot; return its path.

    Raises:
        UnfitEnvironmentError: this user has no systemd user manager, or systemd would end the
            worker and all stages at the user's last logout.
    """
    _check_bus()
    _check_linger()
    unit = path(environ)
    unit.parent.mkdir(parents=True, exist_ok=True)
    unit.touch(mode=0o600)  # a setting may be a database's address, with its password
    unit.write_text(text(environ), encoding="utf-8")
    _systemctl("daemon-reload")
    _systemctl("enable", "--now", unit.name)
    return unit


def uninstall(environ: Mapping[str, str]) -> Path | None:
    """Disable and remove the unit; return its path, or None if it was not installed.

    Raises:
        UnfitEnvironmentError: systemctl failed.
    """
    unit = path(environ)
    if not unit.exists():
        return None
    if has_bus():
        _systemctl("disable", unit.name)
    unit.unlink()
    if has_bus():
        _systemctl("daemon-reload")
    return unit


def has_bus() -> bool:
    """Return True if this user has a systemd user manager."""
    if shutil.which("systemctl") is None:
        return False
    return _run("systemctl", "--user", "show-environment").returncode == 0


def lingers() -> bool:
    """Return True if this user's services outlive the login sessions (linger is enabled)."""
    try:
        return Path(LINGER, getpass.getuser()).exists()
    except (KeyError, OSError):  # a container's user without a name
        return False


def _check_bus() -> None:
    if not has_bus():
        raise UnfitEnvironmentError(
            "systemd user services are not available (`systemctl --user` finds no bus), as in "
            "containers and on some clusters. Commands that need the worker start it; to start it "
            "at boot where cron runs, add this line with `crontab -e`:\n"
            f"@reboot {sys.executable} -P -m trainui worker start"
        )


def _check_linger() -> None:
    if lingers() or _run("loginctl", "enable-linger").returncode == 0:
        return
    raise UnfitEnvironmentError(
        "linger is off: systemd would end the worker and all stages at your last logout, and would "
        "not start it at boot; enable it with "
        f"`sudo loginctl enable-linger {getpass.getuser()}`, then try again"
    )


def _systemctl(*arguments: str) -> None:
    done = _run("systemctl", "--user", *arguments)
    if done.returncode:
        said = (done.stderr or done.stdout).strip()
        raise UnfitEnvironmentError(f"`systemctl --user {' '.join(arguments)}` failed: {said}")


def _run(*argv: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        argv,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        errors="replace",
        timeout=_TIMEOUT,
        check=False,
    )
