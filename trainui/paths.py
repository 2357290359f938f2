"""Where trainui keeps things, and how they are made: private to their owner whatever the umask."""

from __future__ import annotations

import hashlib
import os
import re
import stat
import tempfile
import threading
from dataclasses import dataclass
from pathlib import Path

from trainui.errors import UnfitEnvironmentError

SOCKET_PATH_LIMIT = 100
"""Bytes. A unix socket's path may have 107; temporary names and suffixes take some."""

_UNSAFE = re.compile(r"[^A-Za-z0-9._=,-]")


@dataclass(frozen=True, slots=True)
class Home:
    """The directory that holds the database, the broker and the worker (`$TRAINUI_HOME`)."""

    root: Path

    @property
    def database(self) -> Path:
        """The SQLite file."""
        return self.root / "trainui.db"

    @property
    def broker(self) -> Path:
        """The broker's directory."""
        return self.root / "broker"

    @property
    def worker(self) -> Path:
        """The worker's directory: locks, logs, the doorbell."""
        return self.root / "worker"

    @property
    def runs(self) -> Path:
        """Where the directories of runs lie, unless the setting `runs_dir` says otherwise."""
        return self.root / "runs"

    @property
    def worker_log(self) -> Path:
        """The worker's log."""
        return self.worker / "worker.log"

    @property
    def guard_lock(self) -> Path:
        """Held by the guard for its life; holds its pid."""
        return self.worker / "guard.lock"

    @property
    def worker_lock(self) -> Path:
        """Held by the worker for its life; holds its pid."""
        return self.worker / "worker.lock"

    @property
    def doorbell(self) -> Path:
        """The datagram socket that wakes the worker."""
        return short_socket_path(self.worker / "doorbell.sock")

    @property
    def broker_socket(self) -> Path:
        """The unix socket on which our own broker listens."""
        return short_socket_path(self.broker / "broker.sock")


def home() -> Home:
    """Return the home that the environment names; nothing is made."""
    configured = os.environ.get("TRAINUI_HOME")
    if configured:
        return Home(Path(configured).expanduser().absolute())
    import platformdirs

    return Home(Path(platformdirs.user_data_dir("trainui", appauthor=False)))


def config_file() -> Path:
    """Return the path of `config.toml`, which need not exist."""
    if base := os.environ.get("XDG_CONFIG_HOME"):
        return Path(base) / "trainui" / "config.toml"
    import platformdirs

    return Path(platformdirs.user_config_dir("trainui", appauthor=False)) / "config.toml"


def make_private(directory: Path) -> Path:
    """Make a directory and its parents, itself with mode 0700.

    Raises:
        UnfitEnvironmentError: it cannot be made, or belongs to somebody else.
    """
    try:
        directory.mkdir(mode=0o700, parents=True, exist_ok=True)
        status = directory.stat()
        if status.st_uid != os.geteuid():
            raise UnfitEnvironmentError(
                f"{directory} belongs to another user (uid {status.st_uid}); "
                "set TRAINUI_HOME to a directory of your own"
            )
        if stat.S_IMODE(status.st_mode) != 0o700:
            directory.chmod(0o700)
    except OSError as error:
        raise UnfitEnvironmentError(
            f"cannot make the directory {directory}: {error.strerror}; "
            "make it writable, or set TRAINUI_HOME to one that is"
        ) from error
    return directory


def write_private(path: Path, text: str) -> None:
    """Write a file with mode 0600 under a temporary name, then rename it into place."""
    writer = f"{os.getpid()}-{threading.get_ident()}"
    temporary = path.with_name(f".{path.name}.{writer}.tmp")
    descriptor = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC, 0o600)
    with os.fdopen(descriptor, "w", encoding="utf-8") as file:
        file.write(text)
    temporary.replace(path)


def short_socket_path(path: Path) -> Path:
    """Return `path`, or, where it is too long for a socket, one in a private short directory."""
    encoded = os.fsencode(path)
    if len(encoded) <= SOCKET_PATH_LIMIT:
        return path
    digest = hashlib.sha256(os.fsencode(path.parent)).hexdigest()[:12]
    return Path(tempfile.gettempdir()) / f"trainui-{os.geteuid()}-{digest}" / path.name


def prepare_socket_directory(socket_path: Path) -> Path:
    """Make the private directory of a socket, checking who owns it; return the socket's path."""
    make_private(socket_path.parent)
    return socket_path


def directory_name(stage_name: str) -> str:
    """Return a stage's directory name: its name where that is safe, else a safe one with a hash.

    Two different names never give one directory name.
    """
    safe = _UNSAFE.sub("_", stage_name)
    if safe == stage_name and len(safe) <= 100 and safe.strip("."):
        return safe
    digest = hashlib.sha256(stage_name.encode()).hexdigest()[:8]
    return f"{safe[:100]}-{digest}"


def sample_pipelines() -> Path:
    """Return the directory of the bundled pipelines, in an installed package or in a checkout."""
    package = Path(__file__).parent
    installed = package / "sample_pipelines"
    return installed if installed.is_dir() else package.parent / "sample_pipelines"
