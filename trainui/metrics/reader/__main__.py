"""The metrics reader's process, `python -m trainui.metrics.reader`: its loop over all attempts."""

from __future__ import annotations

import logging
import os
import select
import stat
import threading
import time
from collections.abc import Callable, Iterable, Sequence
from contextlib import closing
from pathlib import Path

from trainui import settings, system, wakeup
from trainui.errors import StoreError, TrainuiError, UnfitEnvironmentError
from trainui.metrics.discovery.stage_sources import SearchDirectories
from trainui.metrics.reader.attempt import AttemptReader, Shared
from trainui.metrics.reader.watch import FileChanges, Watch
from trainui.metrics.tail import UnreadableFileError, raise_shortage
from trainui.store.db import engine
from trainui.store.db.engine import Database, open_patiently
from trainui.store.runs import metrics_progress
from trainui.store.shell_environment import MaskedFormatter
from trainui.supervisor import protocol
from trainui.supervisor.process import ProbeState, probe
from trainui.wakeup import WakeupSocket

ACTIVE_PAUSE = 0.045
"""Seconds between polls of files that grow: polling costs less than an event for each write."""

REST = 22
"""Each turn is followed by a pause that is this many times as long. So many busy files are polled
less often: 64 files of 20 lines a second cost 4.5 % of a core, and 4 % more for their events."""

ACTIVE_FOR = 2.5
"""Seconds for which a file is polled after it last grew."""

SCAN_PAUSE = 0.1
"""The least seconds between two scans for files, however many appear."""

SCAN_REST = 10
"""The least pause before a scan that the worker waits for, because an attempt has started or ended,
is so many times as long as the last scan took."""

IDLE_PAUSE = 1.0
"""Seconds between scans when nothing happens, in case an event was lost."""

SCAN_COST_FACTOR = 2000
"""The idle pause is at least this many times as long as the last scan took, up to `LONGEST_PAUSE`,
so that idle attempts cost almost nothing."""

LONGEST_PAUSE, LONGEST_REST = 20.0, 2.0

BLIND_PAUSE = 0.25
"""Seconds between polls of files without change events, e.g. on NFS."""

log = logging.getLogger("trainui.metrics.reader")

NICE = 5
"""Nice level: trainings come first if all cores are busy."""

_LOOK_EVERY = 1000
"""Milliseconds between two checks of the parent's pid."""


# The main loop of the process that reads the metrics of all running attempts.
#
# It ends with the worker. It may be killed at any moment, since points and the offset up to which
# they were read are stored in one transaction.


class MetricsReader:
    """Reads the metrics of a host's running attempts.

    External runs on a remote file system have a reader for each, as that may stop answering.
    """

    def __init__(self, store: Database, host: str, mount: str = "") -> None:
        """Read nothing yet; `mount` is the mountpoint of a remote file system, or empty."""
        self._store = store
        self._host = host
        self._mount = mount
        self._shared = Shared(store)
        self._wakeup = WakeupSocket(wakeup.reader_socket(mount))
        self._watch = Watch(self._on_change)
        self._owners: dict[str, set[int]] = {}
        """The ids of attempts by the path of each file that is read."""
        self._due = set[int]()
        """Ids of inactive attempts to read at the next turn: a file of theirs grew, or there is
        more to read at once."""
        self._attempts: dict[int, AttemptReader] = {}
        self._at_end: list[AttemptReader] = []
        """Attempts that have ended and are read except for an unfinished last line."""
        self._failed: dict[tuple[int, str], str] = {}
        """The error by attempt id and the name of the method that failed."""
        self._lost: set[int] = set()
        """Ids of attempts that ended without a recorded exit: their supervisor died too."""
        self._scan_due = True
        self._is_awaited = False
        """True if the worker waits for that scan."""
        self._scanned_at = -LONGEST_PAUSE
        self._scan_cpu = 0.0
        """CPU seconds used by the last scan."""
        self._scan_interval = IDLE_PAUSE
        """Seconds between scans for changes that the watch missed."""
        self._grew_at: dict[int, float] = {}
        """When each attempt's files last grew."""
        self._turn_cpu = 0.0
        """CPU seconds used by the last turn."""

    def _on_change(self, changes: FileChanges) -> None:
        """Wake the loop for a change that it would not poll; called by the watch's thread."""
        if changes.others:
            wakeup.wake(self._wakeup.path, wakeup.APPEARED)
            return
        grown = set[int]().union(*(self._owners.get(path, ()) for path in changes.grown))
        if inactive := grown - self._active():
            self._due.update(inactive)
            wakeup.wake(self._wakeup.path, wakeup.GREW)

    def _active(self) -> set[int]:
        """Return the ids of the attempts whose files grew lately."""
        since = time.monotonic() - ACTIVE_FOR
        return {attempt_id for attempt_id, grown in list(self._grew_at.items()) if grown > since}

    def turn(self, *, scan: bool, is_awaited: bool = False) -> float:
        """Read what has grown, and scan if that is due; return the seconds to pause.

        Scan if something may have changed other than a file that grew; soon if it `is_awaited`.
        """
        used = time.thread_time()
        self._scan_due |= scan
        self._is_awaited |= is_awaited
        touched = {self._due.pop() for _ in range(len(self._due))}
        wanted = set(self._attempts) if self._watch.is_blind else touched | self._active()
        due = [one for id_, one in self._attempts.items() if id_ in wanted]
        self._due.update(self._advance(due))
        self._turn_cpu, before = time.thread_time() - used, self._turn_cpu
        if self._seconds_to_scan() <= 0:
            self._scan()  # after reading, since new lines must not wait for it
        if self._due:
            return 0.0
        if self._is_awaited:
            return self._seconds_to_scan()
        if not self._scan_due and not self._active():
            return BLIND_PAUSE if self._watch.is_blind else IDLE_PAUSE
        # a single long turn must not delay new lines
        return min(max(ACTIVE_PAUSE, REST * min(self._turn_cpu, before)), LONGEST_REST)

    def _seconds_to_scan(self) -> float:
        pause = SCAN_PAUSE if self._scan_due else self._scan_interval
        if self._is_awaited:
            pause = min(pause, SCAN_REST * self._scan_cpu)
        return max(0.0, self._scanned_at + pause - time.monotonic())

    def _scan(self) -> None:
        """Scan for attempts and for their files, and have all of them read at the next turn."""
        used = time.thread_time()
        self._scanned_at, self._scan_due, self._is_awaited = time.monotonic(), False, False
        self._find_attempts()
        self._watch_files()
        self._scan_cpu = time.thread_time() - used
        self._scan_interval = min(max(IDLE_PAUSE, SCAN_COST_FACTOR * self._scan_cpu), LONGEST_PAUSE)
        self._scan_soon(self._attempts.values())
        self._due.update(self._attempts)

    def _scan_soon(self, readers: Iterable[AttemptReader]) -> None:
        if any(one.files.is_search_pending for one in readers):
            self._scan_interval = IDLE_PAUSE

    def _advance(self, due: Sequence[AttemptReader]) -> list[int]:
        """Read and store a batch of each attempt; return the ids of those with more to read."""
        self._at_end.clear()
        more = [one.attempt.attempt_id for one in due if self._guarded(one, self._read)]
        if self._shared.writer.flush():
            more = [one.attempt.attempt_id for one in due]
            self._scan_due = True  # a run may have been deleted
        self._scan_soon(due)
        for reader in self._at_end:
            self._guarded(reader, self._finish)
        return more

    def _guarded(
        self, reader: AttemptReader, act: Callable[[AttemptReader], bool | None]
    ) -> bool | None:
        """Call a method of an attempt's reader; an error does not stop the other attempts.

        Raises:
            StoreError: the store cannot be used, which affects all attempts.
        """
        what = reader.attempt.attempt_id, act.__name__
        mount = reader.attempt.mount if system.has_remote() else ""
        try:
            if mount not in ("", self._mount) and not system.does_answer(mount):
                # reading would block all others
                raise UnreadableFileError(system.silence_message(mount))
            result = act(reader)
        except StoreError:
            raise
        except Exception as error:
            self._note_failure(reader, what, error)
        else:
            if self._failed.pop(what, None) and not any(id_ == what[0] for id_, _ in self._failed):
                reader.note_failure(None)
            return result
        return None

    def _note_failure(self, reader: AttemptReader, what: tuple[int, str], error: Exception) -> None:
        """Log once why an attempt cannot be read now; it is retried at the next scan."""
        attempt_id, why = what[0], str(error) or repr(error)
        self._grew_at.pop(attempt_id, None)
        if self._failed.get(what) != why:
            self._failed[what] = why
            trace = None if isinstance(error, OSError | TrainuiError) else error
            log.warning("attempt %s is not read now: %s", attempt_id, why, exc_info=trace)
            reader.note_failure(why)

    def _find_attempts(self) -> None:
        """Close the readers of attempts that need none any more; scan for the others' files."""
        with self._store.read() as connection:
            found = metrics_progress.attempts_to_read(connection, self._host)
        running = {one.attempt_id: one for one in found if one.remote_mount == self._mount}
        for attempt_id in self._attempts.keys() - running.keys():
            self._attempts.pop(attempt_id).close()
            self._grew_at.pop(attempt_id, None)
        self._failed = {what: why for what, why in self._failed.items() if what[0] in running}
        for attempt_id, attempt in running.items():
            if attempt_id in self._attempts:
                self._attempts[attempt_id].attempt = attempt
            else:
                self._attempts[attempt_id] = AttemptReader(self._store, attempt, self._shared)
            self._guarded(self._attempts[attempt_id], AttemptReader.scan)

    def _watch_files(self) -> None:
        readers = self._attempts.values()
        self._lost = {one.attempt.attempt_id for one in readers if _is_lost(one.files.place)}
        owners: dict[str, set[int]] = {}
        for one in readers:
            for path in one.paths():
                owners.setdefault(path, set()).add(one.attempt.attempt_id)
        self._owners = owners
        self._watch.watch(
            {path for one in readers for path in one.directories},
            frozenset[Path]().union(*(one.files.hints for one in readers)),
        )

    def _read(self, reader: AttemptReader) -> bool:
        """Read a batch of an attempt; return True if there is more to read at once."""
        attempt = reader.attempt
        # Checked before reading, so that everything written before the end is read. False also if
        # the file cannot be accessed, where pathlib would raise.
        recorded = os.path.exists(f"{attempt.attempt_dir}/{protocol.EXIT_FILE}")  # noqa: PTH110
        ended = recorded or attempt.ended or attempt.attempt_id in self._lost
        if ended:
            reader.end()
        step = reader.read()
        if step.points or reader.is_log_due:
            self._grew_at[attempt.attempt_id] = time.monotonic()
        if ended and not step.more:
            self._at_end.append(reader)
        return step.more

    def _finish(self, reader: AttemptReader) -> None:
        """Read an attempt to its end; its stage waits for this, so an error must not prevent it."""
        attempt = reader.attempt
        try:
            reader.finish(clean=_ended_cleanly(reader.files.place.attempt_dir))
        except (UnfitEnvironmentError, OSError):
            raise  # retried: metrics that are not stored are not complete
        except Exception:
            log.exception(
                "the metrics of attempt %s were not read to their end", attempt.attempt_id
            )
            with self._store.write() as connection:
                metrics_progress.mark_metrics_complete(connection, attempt.attempt_id)
        self._attempts.pop(attempt.attempt_id).close()

    def run(self, stopping: threading.Event) -> None:
        """Take turns until `stopping` is set."""
        scan, is_awaited = True, True
        while not stopping.is_set():
            try:
                pause = self.turn(scan=scan, is_awaited=is_awaited)
            except StoreError as error:  # locked, or the disk is full: read again later
                engine.outages.failed(error)
                self._scan_due, pause = True, IDLE_PAUSE
            except TrainuiError as error:
                log.warning("%s", error)
                self._scan_due, pause = True, IDLE_PAUSE
            said = self._wakeup.wait(pause)
            scan, is_awaited = not said <= {wakeup.GREW}, wakeup.LOOK in said

    def close(self) -> None:
        """Close all files, the watch and the wake-up socket."""
        self._watch.close()
        for attempt in self._attempts.values():
            attempt.close()
        self._wakeup.close()


def _ended_cleanly(attempt_dir: Path) -> bool:
    """Return True if a process ended by itself, so that its last lines are not torn."""
    try:
        ended = protocol.read_exit(attempt_dir)
    except protocol.JournalError:
        return False
    except OSError as error:
        raise_shortage(error)
        return False
    return ended is not None and ended.signal is None and not ended.signalled


def _is_lost(place: SearchDirectories) -> bool:
    """Return True if all of an attempt's processes ended without a recorded exit."""
    try:
        return probe(place.attempt_dir).state == ProbeState.LOST
    except (protocol.JournalError, OSError):
        return False  # of another version (the worker reports that), or not readable now


# The reader's own process: reads metrics until its parent process has ended.


def main(
    mount: str = "", beside: Callable[[Database, threading.Event], None] | None = None
) -> None:
    """Run the reader until its parent process has ended.

    With a `mount`, it reads the external runs on that remote file system; `beside` is called with
    the store, and with what is set when the parent has ended.
    """
    handler = logging.StreamHandler()
    handler.setFormatter(MaskedFormatter("%(asctime)s %(levelname)s %(name)s: %(message)s"))
    logging.basicConfig(level=logging.INFO, handlers=[handler])
    logging.getLogger("watchfiles").setLevel(logging.WARNING)  # otherwise it logs each change
    os.nice(NICE)
    system.raise_open_files()
    stopping = threading.Event()
    threading.Thread(target=_await_parent, args=(stopping, mount), daemon=True).start()
    if (store := open_patiently(stopping.wait)) is not None:
        if beside is not None:
            beside(store, stopping)
        with closing(MetricsReader(store, settings.host(), mount)) as reader:
            reader.run(stopping)


def _await_parent(stopping: threading.Event, mount: str) -> None:
    """Wait until the parent has ended: our stdin is closed, or our parent process changes."""
    parent = os.getppid()
    piped = stat.S_ISFIFO(os.fstat(0).st_mode)
    poll = select.poll()
    if piped:
        poll.register(0, select.POLLIN)
    while os.getppid() == parent:
        # A fork of the parent may keep the pipe open, so check the parent's pid too.
        if poll.poll(_LOOK_EVERY) and not os.read(0, 4096):
            break
    stopping.set()
    wakeup.wake(wakeup.reader_socket(mount))


if __name__ == "__main__":
    main()
