"""Attributes writes to attempts by the kernel's events (fanotify).

This is exact even for a file that is open only for an instant, but it needs root. Without root,
`writer_samples` samples the open files.
"""

from __future__ import annotations

import logging
import math
import os
import select
import threading
import time
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Set
from contextlib import suppress
from itertools import islice
from pathlib import Path

from trainui import mounts
from trainui.metrics.discovery import default_sources, process_files
from trainui.metrics.files.fanotify import CREATED, DIRECTORY, MOVED_TO, Fanotify, FileEvent

MOST_DIRECTORIES = 2000

REST = 0.0004
"""Seconds of rest for each event: it bounds the cost of a training that writes all the time."""

REUSED_AFTER = 10.0
"""Seconds after which a pid may have been reused by another process."""

_MOST = 10_000
"""The most processes that are cached."""

_MOST_FILES = 50_000
"""The most files that are noted; the attempts that wrote first are forgotten."""

_PAUSE = 1000
"""Milliseconds between two checks that an attempt still asks."""

log = logging.getLogger(__name__)


class WriteEvents:
    """The writes in the directories where several attempts work."""

    def __init__(self) -> None:
        self._asking = set[Path]()
        """The directories of the attempts that ask."""
        self._lock = threading.Lock()
        """Guards the queue."""
        self._queue: Fanotify | None = None
        self._is_permitted = True
        self._directories: dict[bytes, str] = {}
        """The watched directories, by handle."""
        self._attempts: dict[int, tuple[Path | None, float]] = {}
        """By pid: its attempt, and when that was read, which is impossible once it has ended."""
        self._written: dict[Path, set[Path]] = defaultdict(set)
        self._noted = 0
        self.count = 0
        """Changes when more is known."""

    def want(self, attempt_dir: Path, directories: Iterable[Path]) -> None:
        """Report from now on who writes in some directories; none: the attempt stops asking."""
        found = [*map(str, directories)] if self._is_permitted else []
        with self._lock:
            (self._asking.add if found else self._asking.discard)(attempt_dir)
            if found and self._queue is None:
                self._begin()
            if len(self._directories) >= MOST_DIRECTORIES:
                self._forget_deleted()
            self._add(found)

    def written(self) -> Mapping[Path, Set[Path]]:
        """Return by attempt directory the files that its processes have written until now."""
        self._read()
        return {attempt: {*files} for attempt, files in [*self._written.items()]}

    def _begin(self) -> None:
        try:
            self._queue = Fanotify()
        except OSError as error:
            self._disable(error)
            return
        self._directories, self._attempts = {}, {}
        threading.Thread(target=self._run, args=(self._queue,), name="writes", daemon=True).start()

    def _disable(self, error: OSError) -> None:
        self._is_permitted = False
        self._asking.clear()
        log.info("the kernel does not report who writes a file: %s", error)

    def _forget_deleted(self) -> None:
        """Forget the directories that no longer exist, e.g. those of temporary files."""
        self._directories = {
            handle: directory
            for handle, directory in self._directories.items()
            if mounts.remote_mount(directory) or os.path.isdir(directory)  # noqa: PTH112
        }

    def _add(self, directories: Iterable[str]) -> None:
        queue = self._queue
        if queue is None:
            return
        for directory in directories:
            with suppress(OSError):  # gone, or on a file system that has no handles
                handle = queue.handle_of(directory)
                if handle not in self._directories:
                    if len(self._directories) >= MOST_DIRECTORIES:
                        continue
                    queue.add(directory)
                self._directories[handle] = directory  # also of one that was renamed

    def _run(self, queue: Fanotify) -> None:
        poll = select.poll()
        poll.register(queue.descriptor, select.POLLIN)
        while self._is_wanted(queue):
            if poll.poll(_PAUSE):
                time.sleep(REST * self._read())

    def _read(self) -> int:
        """Note what has happened; return the number of events."""
        with self._lock:
            try:
                events = self._queue.read() if self._queue else []
            except OSError as error:
                self._disable(error)
                return 0
            for event in events:
                self._note(event)
        return len(events)

    def _is_wanted(self, queue: Fanotify) -> bool:
        """Return True if an attempt asks; else close the queue."""
        with self._lock:
            if not self._asking:
                queue.close()
                self._queue = None
                self._written.clear()
                self._noted = 0
            return bool(self._asking)

    def _note(self, event: FileEvent) -> None:
        directory, attempt = self._directories.get(event.directory), self._attempt_of(event.pid)
        if directory is None:
            return
        path = f"{directory}/{event.name}"
        if event.bits & DIRECTORY:
            if event.bits & (CREATED | MOVED_TO):
                self._add([path, *_below(path)])
        elif attempt and default_sources.is_usual(Path(path)):
            self._note_file(attempt, Path(path))

    def _note_file(self, attempt: Path, file: Path) -> None:
        if file in self._written[attempt]:
            return
        self._written[attempt].add(file)
        self.count += 1
        self._noted += 1
        while self._noted > _MOST_FILES:
            self._noted -= len(self._written.pop(next(iter(self._written))))

    def _attempt_of(self, pid: int) -> Path | None:
        """Return the attempt of a process, also of one that has ended since it wrote."""
        now = time.monotonic()
        if environment := process_files.environment_of(f"/proc/{pid}"):
            if len(self._attempts) >= _MOST:
                self._attempts.clear()
            attempt = process_files.attempt_in(environment)
            self._attempts[pid] = attempt, now
            return attempt
        attempt, seen = self._attempts.get(pid, (None, -math.inf))
        return attempt if now - seen < REUSED_AFTER else None


def _below(directory: str) -> Iterator[str]:
    """Yield the directories that were made before the events of their parent were reported.

    A directory that was moved may have a million below it.
    """
    found = (parent for parent, *_ in os.walk(directory))
    return islice(found, 1, MOST_DIRECTORIES)
