"""The broker: a configured Redis or Valkey, or exactly one private server for this home.

It only delivers messages; the state is in the store. Every message may be lost and is sent again.
`python -m trainui.execution.broker` starts it; a guard of an older version, from before an upgrade,
adds the argument `ensure`.
"""

from __future__ import annotations

import logging
import os
import re
import sys
import threading
import time
from pathlib import Path
from typing import Any
from urllib.parse import quote

from trainui import paths
from trainui import settings as settings_module
from trainui.errors import TrainuiError, UnfitEnvironmentError, UsageError
from trainui.execution import broker_server, processes
from trainui.paths import Home
from trainui.settings import Settings

logger = logging.getLogger("trainui.execution.broker")  # this module also runs as __main__

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

_ENSURE_PATIENCE = 90.0
"""Seconds: enough for one start that fails on damaged data and a second one without it."""

_SOCKET_PATIENCE = 10.0
"""Seconds without a socket after which a live server counts as unreachable; it starts in 0.1 s."""

_STOP_GRACE = 4.0
"""Seconds for the server to save its data before SIGKILL; at most 1 s of it is unsaved."""

_STATUS_TIMEOUT = 1.0
"""Seconds."""

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
        broker_server.find_programs()


def ensure(home: Home, settings: Settings) -> None:
    """Start our own broker, unless it is running or another one is configured. Idempotent.

    Raises:
        UsageError: the configured URL is invalid.
        UnfitEnvironmentError: no server program is installed, or it does not start.
    """
    if settings.broker_url is not None:
        url_for_celery(home, settings)
        return
    programs = broker_server.find_programs()
    for directory in (home.root, home.broker, home.worker):
        paths.make_private(directory)
    paths.prepare_socket_directory(home.broker_socket)
    give_up_at = time.monotonic() + _ENSURE_PATIENCE
    while time.monotonic() < give_up_at:
        if (lock := processes.acquire_lock(broker_server.lock_path(home))) is not None:
            with lock:  # the server inherits the lock and keeps it
                _start(home, programs, lock)
        processes.wait_until(lambda: _is_settled(home), _SOCKET_PATIENCE)
        if broker_server.is_listening(home.broker_socket):
            return
        if (pid := broker_server.find_pid(home)) is not None:  # its socket file was removed
            _end(home)
            logger.warning(
                "ended the broker, pid %d: its socket %s is gone", pid, home.broker_socket
            )
    raise UnfitEnvironmentError(
        f"the broker did not start; see its log {broker_server.log_path(home)}"
    )


def is_alive(home: Home, settings: Settings) -> bool:
    """Return True if `ensure` has nothing to do, judged cheaply by the lock and the socket file."""
    if settings.broker_url is not None:
        return True
    return home.broker_socket.exists() and processes.is_held(broker_server.lock_path(home))


def answers(home: Home, settings: Settings) -> bool:
    """Return False if the broker hangs; True also if ours is down or starting (see `is_alive`)."""
    if settings.broker_url is not None:
        return ask_configured(url_for_celery(home, settings), _STATUS_TIMEOUT) is not None
    answer = broker_server.ask(home.broker_socket, _STATUS_TIMEOUT)
    return answer is not None or broker_server.find_pid(home) is None


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
        "kind": broker_server.kind(answer) if answer else kind_of_url(configured),
        "pid": None,
        "reachable": answer is not None,
    }


def stop(home: Home) -> bool:
    """Stop our own broker, never a configured one; return True if ours is not running."""
    # A starting server owns the lock before its process can be distinguished from its parent.
    processes.wait_until(
        lambda: _is_free(home) or broker_server.find_pid(home) is not None, _STOP_GRACE
    )
    return _end(home)


def _is_free(home: Home) -> bool:
    return not processes.is_held(broker_server.lock_path(home))


def _end(home: Home) -> bool:
    """End our own server; return True if it is not running."""
    pid = broker_server.find_pid(home)
    if pid is None:
        return _is_free(home)

    def is_gone() -> bool:
        return _is_free(home) and broker_server.find_pid(home) is None

    return processes.end(pid, is_gone, grace=_STOP_GRACE)


def _start(home: Home, programs: list[Path], lock: processes.Lock) -> None:
    said: str | None = ""
    stored = home.broker / "appendonlydir"
    kept = stored.exists()
    for program in programs:
        said = broker_server.start(home, program, lock)
        if said and _SPOILT.search(said) and not _NO_FAULT_OF_IT.search(said):
            _set_aside(stored, said)
            kept = False
            said = broker_server.start(home, program, lock)
        if said is None:
            broker_server.note_start(home, kept=kept)
            return
        logger.warning("%s does not start:\n%s", program, said)
    raise UnfitEnvironmentError(
        f"the broker's server does not start; see its log {broker_server.log_path(home)}:\n{said}"
    )


def _set_aside(stored: Path, said: str) -> None:
    """Move damaged broker data aside; pending messages are in the store and are sent again."""
    if stored.exists():
        aside = stored.with_name(f"{stored.name}.broken-{time.strftime('%Y%m%dT%H%M%S')}")
        stored.rename(aside)
        logger.warning("the broker's data is damaged; moved it to %s:\n%s", aside, said)


def _is_settled(home: Home) -> bool:
    """Return True if the server is listening, is unreachable for good, or is not running."""
    return (
        broker_server.is_listening(home.broker_socket)
        or broker_server.has_lost_socket(home.broker_socket)
        or _is_free(home)
    )


def _status_of_ours(home: Home, settings: Settings) -> dict[str, Any]:
    answer = broker_server.ask(home.broker_socket, _STATUS_TIMEOUT)
    pid = int(answer["process_id"]) if answer and "process_id" in answer else None
    if pid is None and not _is_free(home):
        pid = broker_server.find_pid(home)
    return {
        "url": url_for_celery(home, settings),
        "kind": broker_server.kind(answer) if answer else _guess_kind(pid),
        "pid": pid,
        "reachable": answer is not None,
    }


def _guess_kind(pid: int | None) -> str:
    """Return the kind of a server that does not answer, or of the one that would be started."""
    try:
        program = Path(f"/proc/{pid}/exe").readlink() if pid else broker_server.find_programs()[0]
    except (OSError, UnfitEnvironmentError):
        return "valkey"
    return "valkey" if "valkey" in program.name else "redis"


def main() -> int:
    """Run `ensure` for the home that the environment names; return the exit code.

    The broker is stopped again if the worker is no longer wanted.
    """
    os.umask(0o077)
    processes.accept_signals()
    logging.basicConfig(level=logging.INFO, format="%(asctime)s broker: %(message)s")
    home, settings = paths.home(), settings_module.load()
    try:
        ensure(home, settings)
        if not processes.is_worker_wanted(home):  # the guard may have exited meanwhile
            stop(home)
    except TrainuiError as error:
        logger.error("%s", error)
        return error.exit_code
    return 0


if __name__ == "__main__":
    sys.exit(main())
