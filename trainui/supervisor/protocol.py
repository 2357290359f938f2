"""The files of an attempt directory and the records in them.

`supervise.py` imports nothing from trainui and repeats these names; tests check that both agree.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, fields
from enum import StrEnum
from typing import Any

from trainui.model.definition import DEFAULT_GRACE

VERSION = 1
"""The version of every record; a record with another version is rejected."""

IDENTITY = ("TRAINUI_RUN_ID", "TRAINUI_STAGE", "TRAINUI_ATTEMPT", "TRAINUI_RUN_DIR")
"""Environment variables that together identify an attempt's processes; empty in our own."""

SPEC_FILE = "spec.json"
LOCK_FILE = "lock"
STARTED_FILE = "started"
"""Created once, when the attempt starts: the attempt's outputs are newer than this file."""

RUN_TAG = "trainui.attempt"
"""The tag of MLflow's runs with the directory of the attempt that started them."""

STDOUT_FILE = "stdout.log"
STDERR_FILE = "stderr.log"
METRICS_FILE = "metrics.jsonl"
"""The file at `$TRAINUI_METRICS_FILE`."""
TIMES_FILE = "times.log"
WRITTEN_FILE = "written.log"
"""The files that the attempt's processes were seen to have open for writing: JSON, one a line."""
PIDS_FILE = "pid.json"
EXIT_FILE = "exit.json"
SUPERVISOR_LOG = "supervisor.log"
"""The supervisor's own errors; it has this file open for its lifetime."""


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
    SILENCE = "silence"
    """It exceeded its time limit without output."""
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
    stop_signal: str = "TERM"
    """The signal sent first to stop the process."""
    grace: float = DEFAULT_GRACE
    """Seconds between that signal and KILL."""
    timeout: float | None = None
    """Time limit of the process in seconds."""
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
