"""The files of an attempt directory, as the records trainui writes and reads.

`supervise.py` imports nothing of trainui, so it spells these names itself; the tests hold the
two together.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, replace
from enum import StrEnum
from typing import Any

VERSION = 1
"""The version of every record; one with another version is refused, not guessed at."""

IDENTITY = ("TRAINUI_RUN_ID", "TRAINUI_STAGE", "TRAINUI_ATTEMPT", "TRAINUI_RUN_DIR")
"""Variables that, together, only the processes of one attempt have; empty in our own."""

SPEC_FILE = "spec.json"
LOCK_FILE = "lock"
STARTED_FILE = "started"
"""Made as the attempt starts, and never again: outputs are newer than this file."""

STDOUT_FILE = "stdout.log"
STDERR_FILE = "stderr.log"
METRICS_FILE = "metrics.jsonl"
"""What `$TRAINUI_METRICS_FILE` names."""
TIMES_FILE = "times.log"
PIDS_FILE = "pid.json"
EXIT_FILE = "exit.json"
SUPERVISOR_LOG_FILE = "supervisor.log"


class JournalError(Exception):
    """A record is of a version, or in words, that this trainui does not know."""


class ExitReason(StrEnum):
    """Why an attempt ended."""

    EXITED = "exited"
    """The process ended by itself, by whatever code or signal."""

    STOPPED = "stopped"
    """Somebody asked the supervisor to stop it."""

    TIMEOUT = "timeout"
    """It ran for longer than it may."""

    SILENCE = "silence"
    """It wrote nothing for longer than it may."""

    LOCK_HELD = "lock_held"
    """It was not started: another process of this machine has what it needs."""

    START_FAILED = "start_failed"
    """It could not be started."""

    POSTPONED = "postponed"
    """It was not started, for want of something that may be had later: no fault of the stage."""


@dataclass(frozen=True, slots=True)
class Spec:
    """What a supervisor is to run, and how."""

    argv: tuple[str, ...]
    """The command, its program looked for on the PATH of `env`."""

    cwd: str
    """The working directory, absolute."""

    env: Mapping[str, str]
    """The whole environment of the process: nothing is added to it."""

    umask: int = 0o022
    """The umask of the process; that of the supervisor is 077."""

    stop_signal: str = "TERM"
    """The name of the signal that asks the process to end."""

    grace: float = 30.0
    """Seconds between that signal and KILL."""

    timeout: float | None = None
    """Seconds that the process may run."""

    silence_timeout: float | None = None
    """Seconds that it may write nothing."""

    identity: Mapping[str, str] = field(default_factory=dict)
    """Variables of `env` that, together, no process outside this attempt has."""

    wake: str | None = None
    """The datagram socket to knock at when it ended."""

    revive: tuple[str, ...] | None = None
    """What to start when it ended and nobody holds `revive_lock`."""

    revive_lock: str | None = None
    """The lock that whoever records the end holds for its life."""

    locks: tuple[str, ...] = ()
    """Machine-wide lock files that are held while any process of the attempt lives."""

    def to_json(self) -> str:
        """Write it as the supervisor reads it."""
        plain = replace(self, env=dict(self.env), identity=dict(self.identity))
        return json.dumps({"version": VERSION, **asdict(plain)})


@dataclass(frozen=True, slots=True)
class Pids:
    """Which processes an attempt was given; each is known by its pid and its start time."""

    boot_id: str
    """The boot of the machine in which these pids mean something."""

    pid: int
    """The attempt's own process, leader of its session and group."""

    start_ticks: int
    """When it started, in clock ticks since the boot."""

    supervisor_pid: int
    """The supervisor."""

    supervisor_start_ticks: int
    """When that started."""

    started_at: int
    """When the process started, in microseconds since 1970 in UTC."""


@dataclass(frozen=True, slots=True)
class Exit:
    """How an attempt ended, as its supervisor saw it."""

    exit_code: int | None
    """The process's exit code, if it exited."""

    signal: int | None
    """The signal that ended it, if one did."""

    reason: ExitReason
    """Why it ended."""

    message: str | None
    """What hindered the start; for a held lock, its path."""

    signalled: bool
    """Whether the supervisor signalled the process: an exit code of 0 then proves nothing."""

    started_at: int
    """When the process started, in microseconds since 1970 in UTC."""

    completed_at: int
    """When the process itself ended, in the same unit."""

    max_rss_bytes: int | None
    """The most memory that one of its processes had; None if none ran."""

    oom_kill: bool
    """Whether the kernel killed for want of memory in its control group, just before it ended."""

    left: tuple[int, ...]
    """Processes that outlived even KILL."""

    errno: int | None = None
    """The system's number for what hindered the start; 0 or None: none."""

    disk_full: bool = False
    """Whether the disk of its logs was full as it ended."""

    @classmethod
    def of_no_start(cls, reason: ExitReason, message: str, now: int) -> Exit:
        """Return the record of an attempt of which no process ever ran."""
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
        """Write it as a supervisor does."""
        return json.dumps({"version": VERSION, **asdict(self)})


def decode(record: type[Any], text: bytes, where: str) -> dict[str, Any] | None:
    """Read the fields of a record out of its JSON; None if it is torn.

    Raises:
        JournalError: it is of another version.
    """
    try:
        values = json.loads(text)
    except ValueError:
        return None
    if not isinstance(values, dict):
        return None
    if values.get("version") != VERSION:
        raise JournalError(
            f"{where} is of version {values.get('version')!r}; this trainui reads {VERSION}"
        )
    return {name: values[name] for name in record.__dataclass_fields__ if name in values}
