"""The files of an attempt directory, the records in them, and how these are read.

A missing or incomplete record is None, and an incomplete last line is ignored. A record that is of
another version or cannot be understood raises JournalError.

`supervise.py` imports nothing from trainui and repeats these names; tests check that both agree.
"""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import asdict, field, fields
from enum import StrEnum
from pathlib import Path
from typing import Any, TypeVar

from trainui import system
from trainui.errors import NotPlainFileError
from trainui.model.definition import DEFAULT_GRACE
from trainui.record import dataclass
from trainui.supervisor.supervise import boot_id

VERSION = 1
"""The version of every record; a record with another version is rejected."""

IDENTITY = ("TRAINUI_RUN_ID", "TRAINUI_STAGE", "TRAINUI_ATTEMPT", "TRAINUI_RUN_DIR")
"""Environment variables that together identify an attempt's processes; empty in our own."""

SPEC_FILE = "spec.json"
LOCK_FILE = "lock"
STARTED_FILE = "started"
"""Created once, when the attempt starts: the attempt's outputs are newer than this file."""

RUN_TAG = "trainui.attempt"
"""The tag, of a tracker's run or a job, that is the directory of the attempt that started it."""

STDOUT_FILE = "stdout.log"
STDERR_FILE = "stderr.log"
METRICS_FILE = "metrics.jsonl"
"""The file at `$TRAINUI_METRICS_FILE`."""
TIMES_FILE = "times.log"
WRITTEN_FILE = "written.log"
"""The files that the attempt's processes were seen to have open for writing: JSON, one a line."""
PIDS_FILE = "pid.json"
EXIT_FILE = "exit.json"
ALIVE_FILE = "alive"
"""Rewritten every few seconds by the supervisor of an executor's job."""
SUPERVISOR_FILE = "supervise.py"
"""A copy of the supervisor, for an executor's job."""
SUPERVISOR_LOG = "supervisor.log"
"""The supervisor's own errors; it has this file open for its lifetime."""

WRITTEN_BYTES = 1 << 20
"""How much of the list of written files is read: more than a supervisor notes."""

TAIL_BYTES = 65_536
"""How much of the journal of times is read: about 2000 entries."""


class JournalError(Exception):
    """A record has an unknown version or content."""


class ExitReason(StrEnum):
    """Why an attempt ended."""

    EXITED = "exited"
    """The process ended by itself, with any exit code or signal."""
    STOPPED = "stopped"
    """The supervisor was asked to stop it."""
    TIMEOUT = "timeout"
    """It exceeded its time limit."""
    LIMIT = "limit"
    """The time limit of its job was near."""
    SILENCE = "silence"
    """It exceeded its time limit without output."""
    BUDGET = "budget"
    """It used up the time that it is given, and counts with what it has made."""
    LOCK_HELD = "lock_held"
    """It was not started: another process on this machine holds a lock it needs."""
    START_FAILED = "start_failed"
    """It could not be started."""
    POSTPONED = "postponed"
    """It was not started because of a transient error that is not the stage's fault."""


@dataclass(frozen=True, slots=True)
class Spec:
    """The instructions for a supervisor."""

    argv: tuple[str, ...]
    """The command; its program is searched for on the PATH of `env`."""
    cwd: str
    """The working directory, absolute."""
    env: Mapping[str, str]
    """The complete environment of the process; nothing is added."""
    umask: int = 0o022
    """The umask of the process (the supervisor's own is 077)."""
    limits: Mapping[str, Any] = field(default_factory=dict)
    """Its CPUs, nice value and resource limits; without: the supervisor's."""
    debuggers: bool = False
    """True: any process of the same user may read and debug the process."""
    stop_signal: str = "TERM"
    """The signal sent first to stop the process."""
    grace: float = DEFAULT_GRACE
    """Seconds between that signal and KILL."""
    timeout: float | None = None
    """Time limit of the process in seconds."""
    budget: float | None = None
    """Seconds after which the process is stopped as planned."""
    silence_timeout: float | None = None
    """Time limit without output in seconds."""
    identity: Mapping[str, str] = field(default_factory=dict)
    """Variables of `env` that together identify this attempt's processes."""
    wake: str | None = None
    """The datagram socket to notify of the end."""
    revive: tuple[str, ...] | None = None
    """The command to start at the end if nobody holds `revive_lock` (starts the worker)."""
    revive_lock: str | None = None
    """The lock that the process which records ends (the worker) holds for its lifetime."""
    locks: tuple[str, ...] = ()
    """Machine-wide lock files, held while any process of the attempt is alive."""

    def to_json(self) -> str:
        """Return the JSON that the supervisor reads."""
        known = {one.name: getattr(self, one.name) for one in fields(self)}
        return json.dumps({"version": VERSION, **known}, default=dict)


@dataclass(frozen=True, slots=True)
class Pids:
    """The processes of an attempt, each identified by pid and start time."""

    boot_id: str
    """The boot of the machine for which these pids are valid."""
    pid: int
    """The attempt's main process, leader of its session and process group."""
    start_ticks: int
    """Its start time in clock ticks since boot."""
    supervisor_pid: int
    """The supervisor."""
    supervisor_start_ticks: int
    """The supervisor's start time in clock ticks since boot."""
    started_at: int
    """When the process started, in microseconds since 1970 in UTC."""


@dataclass(frozen=True, slots=True)
class Exit:
    """The end of an attempt as recorded by its supervisor."""

    exit_code: int | None
    """The process's exit code, if it exited."""
    signal: int | None
    """The signal that ended it, if one did."""
    reason: ExitReason
    """Why it ended."""
    message: str | None
    """Why the start failed; for a held lock, its path."""
    signalled: bool
    """True: the supervisor sent a signal, so exit code 0 does not prove success."""
    started_at: int
    """When the process started, in microseconds since 1970 in UTC."""
    completed_at: int
    """When the main process ended, in the same unit."""
    max_rss_bytes: int | None
    """Peak memory of its largest process in bytes; None if none ran."""
    oom_kill: bool
    """True: the kernel's OOM killer acted in its control group shortly before the end."""
    left: tuple[int, ...]
    """Pids of processes that survived KILL."""
    errno: int | None = None
    """The errno of the failed start; 0 or None: none."""
    disk_full: bool = False
    """True: the disk of its logs was full at the end."""

    @classmethod
    def of_no_start(cls, reason: ExitReason, message: str, now: int) -> Exit:
        """Return the record of an attempt that never had a process."""
        return cls(
            exit_code=None,
            signal=None,
            reason=reason,
            message=message,
            signalled=False,
            started_at=now,
            completed_at=now,
            max_rss_bytes=None,
            oom_kill=False,
            left=(),
        )

    def to_json(self) -> str:
        """Return the JSON that a supervisor writes."""
        return json.dumps({"version": VERSION, **asdict(self)})


def parse_times(line: bytes) -> tuple[int, int, int] | None:
    """Parse a line of the journal of times; None if it is damaged."""
    try:
        time, out, err = (int(word) for word in line.split())
    except ValueError:
        return None
    return time, out, err


_Record = TypeVar("_Record", Spec, Pids, Exit)


def read_spec(attempt_dir: Path) -> Spec | None:
    """Return the attempt's spec; None if it was never written."""
    return _read(attempt_dir, SPEC_FILE, Spec)


def read_pids(attempt_dir: Path) -> Pids | None:
    """Return the attempt's processes; None if there are none yet."""
    return _read(attempt_dir, PIDS_FILE, Pids)


def readable_pids(attempt_dir: Path) -> Pids | None:
    """Return the attempt's processes; None if there are none yet, or if they cannot be read."""
    try:
        return read_pids(attempt_dir)
    except (JournalError, OSError):
        return None


def is_of_this_boot(attempt_dir: Path) -> bool:
    """Return True if the attempt's processes were started since this machine's last boot."""
    pids = readable_pids(attempt_dir)
    return pids is not None and pids.boot_id == boot_id()


def read_exit(attempt_dir: Path) -> Exit | None:
    """Return how the attempt ended; None if it has not, or if its end was not recorded."""
    return _read(attempt_dir, EXIT_FILE, Exit, reason=ExitReason)


def last_growths(attempt_dir: Path) -> list[tuple[int, int, int]]:
    """Return when the logs grew in the last hours, in microseconds since 1970, with their sizes.

    stdout is before stderr.
    """
    try:
        with system.open_plain(attempt_dir / TIMES_FILE) as file:
            file.seek(max(0, file.seek(0, os.SEEK_END) - TAIL_BYTES))
            text = file.read(TAIL_BYTES)
    except OSError:
        return []
    lines = text[text.find(b"\n") + 1 : text.rfind(b"\n") + 1].splitlines()
    return [entry for line in lines if (entry := parse_times(line))]


def written_files(attempt_dir: Path) -> list[Path]:
    """Return the files that the attempt's processes were seen to have open for writing."""
    try:
        with system.open_plain(attempt_dir / WRITTEN_FILE) as file:
            lines = file.read(WRITTEN_BYTES).split(b"\n")[:-1]
    except OSError:
        return []
    found: list[Path] = []
    for line in lines:
        with suppress(ValueError, TypeError):  # a damaged line
            found.append(Path(json.loads(line)))
    return found


def log_sizes(attempt_dir: Path) -> tuple[int, int]:
    """Return the sizes of stdout and stderr in bytes; 0 for an unreadable one."""
    return _size(attempt_dir / STDOUT_FILE), _size(attempt_dir / STDERR_FILE)


def _size(path: Path) -> int:
    found = system.look(path)
    return 0 if found is None else found.st_size


def _read(
    attempt_dir: Path, name: str, record: type[_Record], **kinds: Callable[[Any], Any]
) -> _Record | None:
    """Return a record; `kinds` convert the values of fields. Unknown fields are ignored."""
    path = attempt_dir / name
    try:
        values = json.loads(system.read_bytes(path))
    except (FileNotFoundError, ValueError):
        return None
    except NotPlainFileError as error:
        raise JournalError(str(error)) from error
    if not isinstance(values, dict):
        return None
    if (version := values.get("version")) != VERSION:
        reads = f"this trainui reads {VERSION}"
        raise JournalError(f"{path} is of version {version!r}; {reads}")
    known = {one: values[one] for one in record.__dataclass_fields__ if one in values}
    lists = {one: tuple(value) for one, value in known.items() if isinstance(value, list)}
    try:
        return record(
            **{**known, **lists, **{one: kind(known[one]) for one, kind in kinds.items()}}
        )
    except (LookupError, TypeError, ValueError) as error:
        raise JournalError(f"{path} cannot be understood: {error}") from error
