"""Where trainui keeps things, and how they are made: private to their owner whatever the umask."""

from __future__ import annotations

import contextlib
import os
import re
import stat
import threading
from collections import Counter
from collections.abc import Collection
from dataclasses import dataclass
from pathlib import Path

from trainui import plain_files
from trainui.errors import UnfitEnvironmentError

SOCKET_PATH_LIMIT = 100
"""Bytes. A unix socket's path may have 107; temporary names and suffixes take some."""

SHARED = Path("/tmp")
"""Where short sockets lie: one directory for all shells of a user, whatever TMPDIR each has."""

PLACE_FILE = ".trainui-place"
"""In a directory of runs: by it hosts tell whether they share it."""

OURS = ".trainui"
"""In a run's directory: the logs and journals of its attempts, out of reach of a stage that clears
its own directory. Attempts of older versions lie in a directory of this name in their stage's."""

LONGEST_PLAIN = 100
"""Characters of a stage's directory name; a longer one is cut, and has a hash."""

_UNSAFE = re.compile(r"[^A-Za-z0-9._-]+")


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
    def identity(self) -> Path:
        """By what this home is told from those of other machines."""
        return self.worker / "identity"

    @property
    def variables_key(self) -> Path:
        """Holds the word that keys the digests of attempts' variables."""
        return self.worker / "variables.key"

    @property
    def worker_log(self) -> Path:
        """The worker's log."""
        return self.worker / "worker.log"

    @property
    def guard_log(self) -> Path:
        """The guard's log, and what the broker says as it starts."""
        return self.worker / "guard.log"

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
    """Return the home that the environment names; nothing is made.

    Raises:
        UnfitEnvironmentError: neither it nor the system says where.
    """
    if configured := os.environ.get("TRAINUI_HOME"):
        return Home(absolute(configured))
    import platformdirs

    try:
        return Home(Path(platformdirs.user_data_dir("trainui", appauthor=False)).absolute())
    except RuntimeError as error:
        raise _homeless("~") from error


def absolute(text: str) -> Path:
    """Return a directory that a person named, with `~` or relative to the current one.

    Raises:
        UnfitEnvironmentError: nobody knows what `~` is.
    """
    try:
        return Path(text).expanduser().absolute()
    except RuntimeError as error:
        raise _homeless(text) from error


def _homeless(text: str) -> UnfitEnvironmentError:
    return UnfitEnvironmentError(
        f"{text}: HOME is not set, and the system knows no home of uid {os.geteuid()}; set HOME, "
        "or TRAINUI_HOME to a directory"
    )


def config_file() -> Path:
    """Return the path of `config.toml`, which need not exist."""
    if base := os.environ.get("XDG_CONFIG_HOME"):
        return Path(base) / "trainui" / "config.toml"
    import platformdirs

    return Path(platformdirs.user_config_dir("trainui", appauthor=False)) / "config.toml"


def make_private(directory: Path, *, follow: bool = True) -> Path:
    """Make a directory and its parents, itself with mode 0700.

    Args:
        directory: it may be there already.
        follow: whether a link to a directory will do.

    Raises:
        UnfitEnvironmentError: it cannot be made, is a link though none is followed, or belongs to
            somebody else.
    """
    try:
        make_parents(directory)
        with contextlib.suppress(FileExistsError):
            directory.mkdir(mode=0o700)
        _close_to_others(directory, os.O_PATH if follow else os.O_PATH | os.O_NOFOLLOW)
    except OSError as error:
        raise UnfitEnvironmentError(
            f"cannot make the directory {directory}: {error.strerror}; "
            "make it writable, or set TRAINUI_HOME to one that is"
        ) from error
    return directory


def make_parents(path: Path) -> None:
    """Make the directories above a path; whatever the umask, nobody else may write to them."""
    for parent in reversed(path.parents):
        with contextlib.suppress(FileExistsError):
            if not parent.exists():
                parent.mkdir(mode=0o755)


def _close_to_others(directory: Path, flags: int) -> None:
    descriptor = os.open(directory, flags | os.O_CLOEXEC)  # so that it stays the one looked at
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
            f"{directory} is a link that uid {status.st_uid} put where a directory belongs that "
            "only you can use; remove it, or set TRAINUI_HOME to a shorter path"
        )
    if not stat.S_ISDIR(status.st_mode):
        raise UnfitEnvironmentError(f"{directory} is not a directory; move it away")
    if status.st_uid != os.geteuid():
        raise UnfitEnvironmentError(
            f"{directory} belongs to another user (uid {status.st_uid}); "
            "set TRAINUI_HOME to a directory of your own"
        )


def write_private(path: Path, text: str) -> None:
    """Write a file with mode 0600 under a temporary name, then rename it into place."""
    writer = f"{os.getpid()}-{threading.get_ident()}"
    temporary = path.with_name(f".{path.name}.{writer}.tmp")
    descriptor = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC, 0o600)
    with os.fdopen(descriptor, "w", encoding="utf-8") as file:
        file.write(text)
    temporary.replace(path)


def identity(file: Path) -> str:
    """Return the random word that a file holds, written now where it is not there.

    By it a directory is known again on whatever machine it is seen: of several who write it at
    once one wins.
    """
    with contextlib.suppress(FileNotFoundError):
        return plain_files.read_text(file).strip()
    mine = os.urandom(16).hex()
    temporary = file.with_name(f".{file.name}.{mine}.tmp")
    write_private(temporary, mine)
    try:
        os.link(temporary, file)
    except FileExistsError:
        pass
    finally:
        temporary.unlink()
    return plain_files.read_text(file).strip()


def short_socket_path(path: Path) -> Path:
    """Return `path`, or, where it is too long for a socket, one in a private short directory."""
    encoded = os.fsencode(path)
    if len(encoded) <= SOCKET_PATH_LIMIT:
        return path
    digest = _digest(os.fsencode(path.parent))[:12]
    return SHARED / f"trainui-{os.geteuid()}-{digest}" / path.name


def prepare_socket_directory(socket_path: Path) -> Path:
    """Make the private directory of a socket, checking who owns it; return the socket's path.

    In the machine's temporary directory anybody can have put a link in its place: none is followed.
    """
    is_shared = socket_path.parent.parent == SHARED
    make_private(socket_path.parent, follow=not is_shared)
    return socket_path


def directory_names(
    stage_names: Collection[str], taken: Collection[str] = frozenset()
) -> dict[str, str]:
    """Return the directory names of stages: each a stage's own, in `[A-Za-z0-9._-]`.

    What is in no such name becomes `-`: `train[lr=0.3]` is `train-lr-0.3`. Where another stage
    would get the same, a hash is added.

    Args:
        stage_names: full names.
        taken: directory names of further stages.
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
    """Return where the logs and the journal of an attempt lie: beside its stage's directory."""
    return records_directory(stage_dir) / f"attempt-{number}"


def records_directory(stage_dir: Path) -> Path:
    """Return the directory of a stage's attempts."""
    return stage_dir.parent / OURS / stage_dir.name


def stage_directory(attempt_dir: Path) -> Path:
    """Return the stage's directory of an attempt, also of one that lies within it."""
    above = attempt_dir.parent
    return above.parent if above.name == OURS else above.parents[1] / above.name


def sample_pipelines() -> Path:
    """Return the directory of the bundled pipelines, in an installed package or in a checkout."""
    package = Path(__file__).parent
    installed = package / "sample_pipelines"
    return installed if installed.is_dir() else package.parent / "sample_pipelines"


def _digest(content: bytes) -> str:
    import hashlib  # loads OpenSSL, which most commands never need

    return hashlib.sha256(content).hexdigest()
