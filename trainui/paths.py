"""The paths of trainui's files, and how they are created: private to their owner, any umask."""

from __future__ import annotations

import contextlib
import errno
import os
import re
import shutil
import stat
import threading
from collections import Counter
from collections.abc import Collection
from pathlib import Path

from trainui import system
from trainui.errors import UnfitEnvironmentError
from trainui.record import dataclass

SOCKET_PATH_LIMIT = 100
"""Bytes: a Unix socket's path may have 107, and temporary names need some of them."""

SHARED = Path("/tmp")
"""The directory of sockets with short paths: the same for all shells, whatever their TMPDIR."""

PLACE_FILE = ".trainui-place"
"""File in a directory of runs that identifies it, so that hosts know if they share it."""

OURS = ".trainui"
"""Directory in a run's directory for the logs and journals of its attempts, so that a stage may
clear its own directory."""

LONGEST_PLAIN = 100
"""Characters of a stage's directory name; a longer one is cut and gets a hash."""

_UNSAFE = re.compile(r"[^A-Za-z0-9._-]+")


class _Below:
    """A path below the home, as an attribute of it."""

    def __init__(self, *parts: str) -> None:
        self._parts = parts

    def __get__(self, home: Home, _: type[Home]) -> Path:
        return home.root.joinpath(*self._parts)


@dataclass(frozen=True, slots=True)
class Home:
    """The directory of the database, the broker and the worker (`$TRAINUI_HOME`)."""

    root: Path

    database = _Below("trainui.db")
    """The SQLite file."""
    broker = _Below("broker")
    """The broker's directory."""
    worker = _Below("worker")
    """The worker's directory: locks, logs, the wake-up socket."""
    runs = _Below("runs")
    """The parent of the runs' directories, unless the setting `runs_dir` is given."""
    identity = _Below("home.json")
    """The file with the home's random id and the place where it was noted."""
    boxes = _Below("boxes.json")
    """The machines that `trainui boxes add` has noted; it need not exist."""
    variables_key = _Below("worker", "variables.key")
    """The file with the secret key for digests of attempts' variables."""
    worker_log = _Below("worker", "worker.log")
    """The worker's log."""
    screen_seen = _Below("worker", "screen-seen")
    """An empty file whose time is that at which a screen was last seen open, to a minute."""
    guard_log = _Below("worker", "guard.log")
    """The log of the guard and of the broker's start."""
    guard_lock = _Below("worker", "guard.lock")
    """The lock file that the guard keeps locked while it lives; contains its pid."""
    worker_lock = _Below("worker", "worker.lock")
    """The lock file that the worker keeps locked while it lives; contains its pid."""

    @property
    def wake_socket(self) -> Path:
        """The datagram socket that wakes the worker; running attempts know the file by its name."""
        return short_socket_path(self.worker / "doorbell.sock")

    @property
    def broker_socket(self) -> Path:
        """The unix socket on which our own broker listens."""
        return short_socket_path(self.broker / "broker.sock")


def home() -> Home:
    """Return the home directory from the environment, without creating it.

    Raises:
        UnfitEnvironmentError: neither `TRAINUI_HOME` nor the user's home directory is known.
    """
    if configured := os.environ.get("TRAINUI_HOME"):
        return Home(absolute(configured))
    return Home(_user_directory("XDG_DATA_HOME", "~/.local/share") / "trainui")


def absolute(text: str) -> Path:
    """Return the absolute path of a directory that a user gave, with `~` or relative.

    Raises:
        UnfitEnvironmentError: the directory of `~` is unknown.
    """
    try:
        return Path(text).expanduser().absolute()
    except RuntimeError as error:
        raise UnfitEnvironmentError(
            f"{text}: HOME is not set, and uid {os.geteuid()} has no home directory; set HOME, "
            "or TRAINUI_HOME to a directory"
        ) from error


def config_file() -> Path:
    """Return the path of `config.toml`, which need not exist."""
    return _user_directory("XDG_CONFIG_HOME", "~/.config") / "trainui" / "config.toml"


def _user_directory(variable: str, default: str) -> Path:
    """Return a base directory of the XDG specification, which ignores relative values."""
    configured = os.environ.get(variable, "")
    return absolute(configured if configured.startswith("/") else default)


def make_private(directory: Path, *, follow: bool = True) -> Path:
    """Create a directory with mode 0700, and its parents; it may exist already.

    A link to a directory is accepted only if `follow`.

    Raises:
        UnfitEnvironmentError: it cannot be created, is a link that must not be followed, or
            belongs to another user.
    """
    try:
        make_parents(directory)
        with contextlib.suppress(FileExistsError):
            directory.mkdir(mode=0o700)
        _close_to_others(directory, os.O_PATH if follow else os.O_PATH | os.O_NOFOLLOW)
    except OSError as error:
        raise UnfitEnvironmentError(
            f"cannot create the directory {directory}: {error.strerror}; "
            "make it writable, or set TRAINUI_HOME to one that is"
        ) from error
    return directory


def make_parents(path: Path) -> None:
    """Create the parents of a path, writable for the owner alone whatever the umask."""
    for parent in reversed(path.parents):
        with contextlib.suppress(FileExistsError):
            if not parent.exists():
                parent.mkdir(mode=0o755)


def _close_to_others(directory: Path, flags: int) -> None:
    # opened, so that it stays the one that is checked
    descriptor = os.open(directory, flags | os.O_CLOEXEC)
    try:
        status = os.fstat(descriptor)
        _check_owned(directory, status)
        if stat.S_IMODE(status.st_mode) != 0o700:
            Path(f"/proc/self/fd/{descriptor}").chmod(0o700)
    finally:
        os.close(descriptor)


def _check_owned(directory: Path, status: os.stat_result) -> None:
    if stat.S_ISLNK(status.st_mode):
        raise UnfitEnvironmentError(
            f"{directory} is a link made by uid {status.st_uid} instead of a private directory; "
            "remove it, or set TRAINUI_HOME to a shorter path"
        )
    if not stat.S_ISDIR(status.st_mode):
        raise UnfitEnvironmentError(f"{directory} is not a directory; move it away")
    if status.st_uid != os.geteuid():
        raise UnfitEnvironmentError(
            f"{directory} belongs to another user (uid {status.st_uid}); "
            "set TRAINUI_HOME to a directory of your own"
        )


def remove_tree(directory: Path) -> None:
    """Delete a directory with all that is in it, even directories that their owner may not write.

    Raises:
        OSError: something in it belongs to another user, or cannot be deleted; or a file system is
            mounted in it, whose files are not in the directory: nothing is deleted then.
    """
    for mountpoint in system.mountpoints_in(directory):
        raise OSError(errno.EBUSY, f"a file system is mounted at {mountpoint}; unmount it first")
    try:
        shutil.rmtree(directory)
    except PermissionError:  # such as a module cache, which is read-only
        directory.chmod(0o700)
        for parent, names, _ in os.walk(directory):  # reads a directory after it was yielded
            for path in (Path(parent, name) for name in names):
                if not path.is_symlink():
                    path.chmod(0o700)
        shutil.rmtree(directory)


def write_private(path: Path, text: str) -> None:
    """Write a file with mode 0600 under a temporary name, then rename it into place."""
    writer = f"{os.getpid()}-{threading.get_ident()}"
    temporary = path.with_name(f".{path.name}.{writer}.tmp")
    descriptor = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC, 0o600)
    try:
        with os.fdopen(descriptor, "w", encoding="utf-8") as file:
            file.write(text)
        temporary.replace(path)
    except BaseException:
        temporary.unlink(missing_ok=True)
        raise


def identity(file: Path) -> str:
    """Return the random id in a file; create the file if it does not exist.

    The id identifies a directory on all machines that see it. If several processes create the file
    at once, all of them return the same id.
    """
    with contextlib.suppress(FileNotFoundError):
        return system.read_text(file).strip()
    mine = os.urandom(16).hex()
    temporary = file.with_name(f".{file.name}.{mine}.tmp")
    write_private(temporary, mine)
    try:
        os.link(temporary, file)
    except FileExistsError:
        pass
    finally:
        temporary.unlink()
    return system.read_text(file).strip()


def short_socket_path(path: Path) -> Path:
    """Return `path`, or a path in a short private directory if it is too long for a socket."""
    encoded = os.fsencode(path)
    if len(encoded) <= SOCKET_PATH_LIMIT:
        return path
    digest = _digest(os.fsencode(path.parent))[:12]
    return SHARED / f"trainui-{os.geteuid()}-{digest}" / path.name


def prepare_socket_directory(socket_path: Path) -> Path:
    """Create a socket's private directory, and check its owner; return the socket's path.

    In the shared temporary directory no link is followed, since any user could have made it.
    """
    is_shared = socket_path.parent.parent == SHARED
    make_private(socket_path.parent, follow=not is_shared)
    return socket_path


def remove_sockets(home: Home) -> None:
    """Remove what nobody listens on any more: sockets, and their private directories in /tmp.

    The caller makes sure that no process of the home is running or starting.
    """
    for directory in (home.worker, home.broker):
        short = short_socket_path(directory / ("x" * SOCKET_PATH_LIMIT)).parent
        is_ours = _is_own_directory(short)
        for place in (directory, short) if is_ours else (directory,):
            for socket in place.glob("*.sock"):
                socket.unlink(missing_ok=True)
        if is_ours:
            with contextlib.suppress(OSError):
                short.rmdir()


def _is_own_directory(path: Path) -> bool:
    """Return True if a path is a directory of this user, and no link that another has put there."""
    try:
        found = path.lstat()
    except OSError:
        return False
    return stat.S_ISDIR(found.st_mode) and found.st_uid == os.geteuid()


def stage_directory_names(
    stage_names: Collection[str], taken: Collection[str] = frozenset()
) -> dict[str, str]:
    """Return a unique directory name for each stage, of the characters `[A-Za-z0-9._-]`.

    Other characters become `-`: `train[lr=0.3]` is `train-lr-0.3`. If two stages would get the same
    name, or one is already `taken` by another stage, a hash is added.
    """
    plain = {name: _UNSAFE.sub("-", name).strip("-.") for name in stage_names}
    uses = Counter([*plain.values(), *taken])
    return {
        name: short
        if 0 < len(short) <= LONGEST_PLAIN and (uses[short] == 1 or short == name not in taken)
        else f"{short[:LONGEST_PLAIN]}-{_digest(name.encode())[:8]}".lstrip("-")
        for name, short in plain.items()
    }


def attempt_directory(stage_dir: Path, number: int) -> Path:
    """Return the directory of an attempt's logs and journal; it is not in the stage's directory."""
    return records_directory(stage_dir) / f"attempt-{number}"


def records_directory(stage_dir: Path) -> Path:
    """Return the parent of the directories of a stage's attempts."""
    return stage_dir.parent / OURS / stage_dir.name


def stage_directory(attempt_dir: Path) -> Path:
    """Return an attempt's stage directory."""
    records = attempt_dir.parent
    return records.parents[1] / records.name


def sample_pipelines() -> Path:
    """Return the directory of the bundled pipelines, in a package or a checkout."""
    package = Path(__file__).parent
    installed = package / "sample_pipelines"
    return installed if installed.is_dir() else package.parent / "sample_pipelines"


def _digest(content: bytes) -> str:
    import hashlib  # imported late: it loads OpenSSL, which most commands never need

    return hashlib.sha256(content).hexdigest()
