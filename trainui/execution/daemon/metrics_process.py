"""The metrics reader process: started, respawned and stopped by the worker.

If it hangs it is killed, and another one is started at once: one that a remote file system blocks
may not end before that answers. That is safe: points and read offsets are stored in one
transaction, in which no file is read, and a killed process runs no further instruction. While it
does not read, a note in the home says since when and why.
"""

from __future__ import annotations

import json
import logging
import os
import subprocess
import sys
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

from trainui import clock, formatting, paths, system, wakeup
from trainui.execution import processes
from trainui.execution.processes import RespawnedProcess
from trainui.formatting import signal_name
from trainui.paths import Home

GRACE = 1.5
"""Seconds for the reader to store its points before SIGKILL."""

POLL_EVERY = 1.0
"""Seconds between two polls."""

NAMED_AFTER = 3.0
"""Seconds without an answer after which it is reported, unless it is busy."""

STUCK_FOR = 10.0
"""Seconds without an answer after which it is killed if it is blocked, suspended or in an endless
loop, which its CPU time shows."""

BLOCKED_SHARE = 0.05
"""The share of a CPU below which it is blocked or suspended."""

LOOP_SECONDS = 5.0
"""CPU seconds without an answer that show an endless loop; a turn takes about 0.5, a start 1.5."""

HANGS_FOR = 60.0
"""Seconds without an answer after which it is killed in any case."""

STEADY_AFTER = 10.0
"""Seconds for which a reader that replaces another has to answer until all is well again."""

LONGEST_DELAY = 8.0
"""The most seconds until one that dies at each start is started again."""

KILL_WAIT = 0.5
"""Seconds to wait for the end of a reader that was killed."""

SILENT_FOR = 15.0
"""Seconds without an answer after which the file system of a remote reader is probed. That reader
is not killed."""

logger = logging.getLogger(__name__)


def start_reader(
    log: Path, module: str = "trainui.metrics.reader", *arguments: str
) -> subprocess.Popen[bytes]:
    """Start a reader that ends when this process ends, even if this process is killed.

    Its output is appended to the log. Its stdin is a pipe that nobody writes to: closing it, or
    dying, ends the reader. NumPy starts no threads in it, which it would not use.
    """
    with log.open("ab") as file:
        return subprocess.Popen(
            [sys.executable, "-m", module, *arguments],
            stdin=subprocess.PIPE,
            stdout=file,
            stderr=file,
            env={**os.environ, "OPENBLAS_NUM_THREADS": "1"},
            start_new_session=True,
        )


class MetricsProcess:
    """Keeps the metrics reader alive. The reader ends when this process ends, however that ends."""

    def __init__(self, mount: str = "", is_locked: Callable[[], bool] = lambda: False) -> None:
        """Start nothing yet.

        Args:
            mount: the mountpoint of the remote file system whose external runs are read. Its
                reader is not killed: it waits until the file system answers.
            is_locked: returns True while the database is locked, for which the reader waits.
        """
        self._mount = mount
        self._is_locked = is_locked
        name = f"reader of {mount}" if mount else "metrics reader"
        self._respawned = RespawnedProcess(
            name, self._spawn, self._is_alive, on_end=self._note_end, max_delay=LONGEST_DELAY
        )
        self._reader: subprocess.Popen[bytes] | None = None
        self._killed: list[subprocess.Popen[bytes]] = []
        """Readers that were killed and may not have ended."""
        self._probe = wakeup.WorkerProbe(wakeup.reader_socket(mount))
        self._polled_at = self._started_at = self._answered_at = time.monotonic()
        self._cpu_used = 0.0
        """CPU seconds that the reader had used when it last answered."""
        self._absence = Absence(paths.home()) if not mount else None

    def poll(self) -> None:
        """Respawn the reader if it died, and poll it if a poll is due."""
        now = time.monotonic()
        self._killed = [one for one in self._killed if one.poll() is None]
        self._respawned.poll(now)
        if now - self._polled_at >= POLL_EVERY:
            self._check_answer(now)

    def is_silent(self) -> bool:
        """Return True if the reader has not answered for longer than it reads at once."""
        return time.monotonic() - self._answered_at > SILENT_FOR

    def close(self) -> None:
        """Let the reader end once it can, without waiting for it."""
        if self._reader is not None:
            _close_pipe(self._reader)
        self._probe.close()

    def has_ended(self) -> bool:
        """Return True if no reader runs, those that were killed included."""
        readers = [*self._killed, *filter(None, [self._reader])]
        return all(one.poll() is not None for one in readers)

    def kill(self) -> None:
        """Kill the reader, which may be blocked for good."""
        self.close()
        if self._reader is not None:
            self._reader.kill()
            with suppress(subprocess.TimeoutExpired):
                self._reader.wait(KILL_WAIT)

    def _check_answer(self, now: float) -> None:
        self._polled_at = now
        reader = self._reader
        if reader is None or not self._is_alive():
            self._answered_at = now  # its end is noted, and the next one gets its time
            return
        used = _cpu_seconds(reader.pid)
        if self._probe.is_heard():
            self._answered_at, self._cpu_used = now, used
            if self._absence and (not self._absence.why or now - self._started_at > STEADY_AFTER):
                self._absence.end()
            return
        if self._absence is None:
            return  # a remote reader waits until its file system answers
        silent_for = now - self._answered_at
        used -= self._cpu_used
        is_stuck = used < BLOCKED_SHARE * silent_for or used > LOOP_SECONDS
        if silent_for >= NAMED_AFTER and (is_stuck or silent_for >= STUCK_FOR):
            self._absence.note(f"does not answer, pid {reader.pid}", since=silent_for)
        if silent_for < STUCK_FOR or not (is_stuck or silent_for >= HANGS_FOR):
            return
        if silent_for < HANGS_FOR and not system.is_any_silent() and self._is_locked():
            return
        logger.warning("killed the metrics reader: no answer for %.0f s", silent_for)
        self._absence.note(f"did not answer for {silent_for:.0f} s and was killed")
        reader.kill()
        _close_pipe(reader)
        self._killed.append(reader)
        self._respawned.process = None  # a new one need not wait for its end

    def stop(self) -> None:
        """Stop the reader."""
        reader = self._reader
        if reader is not None:
            processes.end(reader.pid, lambda: reader.poll() is not None, grace=GRACE)
            _close_pipe(reader)
        self._probe.close()
        if self._absence:
            self._absence.end()

    def _spawn(self) -> subprocess.Popen[bytes]:
        module = ("trainui.execution.external", self._mount) if self._mount else ()
        self._reader = start_reader(paths.home().worker_log, *module)
        self._started_at = self._answered_at = time.monotonic()
        self._cpu_used = 0.0
        return self._reader

    def _note_end(self, _pid: int, code: int) -> None:
        if self._absence:
            how = f"was killed by {signal_name(-code)}" if code < 0 else f"ended, exit code {code}"
            self._absence.note(how)

    def _is_alive(self) -> bool:
        return self._respawned.process is not None


class Absence:
    """The note of a home that its metrics reader does not read, and why."""

    def __init__(self, home: Home) -> None:
        self._file = home.worker / "absent-reader.json"
        self._since = 0
        self.why = ""
        """The reason that is noted; empty: the reader reads."""
        self._file.unlink(missing_ok=True)

    def note(self, why: str, since: float = 0.0) -> None:
        """Note the reason; `since` so many seconds ago, if none is noted yet."""
        if why == self.why:
            return
        self._since = self._since or time.time_ns() - int(since * 1e9)
        self.why = why
        paths.write_private(self._file, json.dumps({"since": self._since, "why": why}))

    def end(self) -> None:
        """Remove the note: the reader reads."""
        if self.why:
            self._file.unlink(missing_ok=True)
            self.why, self._since = "", 0


def absence(home: Home) -> tuple[float, str] | None:
    """Return for how many seconds the metrics reader has not read, and why; None if it reads.

    None also if no worker runs.
    """
    note = system.read_object(home.worker / "absent-reader.json")
    if note is None or not processes.is_held(home.worker_lock):
        return None
    return max(0.0, (time.time_ns() - int(note["since"])) / 1e9), str(note["why"])


def absence_words(home: Home) -> str:
    """Return that the metrics reader does not read; empty if it does."""
    if (found := absence(home)) is None:
        return ""
    since = formatting.local_time(clock.now() - int(found[0] * clock.SECOND), "%H:%M:%S")
    return f"the metrics reader {found[1]}; metrics since {since} wait in their files"


def _cpu_seconds(pid: int) -> float:
    """Return the CPU time that a process has used, in seconds; 0 if it has ended."""
    try:
        fields = system.read_bytes(Path(f"/proc/{pid}/stat")).rpartition(b")")[2].split()
        return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")
    except (OSError, ValueError, IndexError):
        return 0.0


def _close_pipe(reader: subprocess.Popen[bytes]) -> None:
    """Close the pipe whose end-of-file makes the reader exit."""
    if reader.stdin is not None:
        reader.stdin.close()
