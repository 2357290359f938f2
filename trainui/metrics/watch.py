"""Directories watched for changes, so that nothing has to be looked at while nothing happens.

The kernel's inotify tells, where there is one (Linux) and the file system is on this machine;
elsewhere a watch is blind, and whoever uses it has to look now and then.
"""

from __future__ import annotations

import ctypes
import logging
import math
import os
import select
import struct
import sys
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

from trainui import disk

PAUSE = 0.03
"""Seconds between two looks at what has changed, at the least."""

REST = 120
"""A look is followed by a pause as many times as long: a hundred files that grow cost a hundredth
of a core."""

SETTLED = 0.002
"""Seconds from a change to a look at the least: who writes in pieces has written them all."""

_GROWN = 0x2 | 0x8
_CAME_OR_WENT = 0x40 | 0x80 | 0x100 | 0x200 | 0x400
_ALL = _GROWN | _CAME_OR_WENT
_LOST = 0x4000
_NOT_FOLLOWED = 0x8000
"""Numbers of inotify(7): MODIFY, CLOSE_WRITE (also when the holder of a lock ends); MOVED_FROM,
MOVED_TO, CREATE, DELETE, DELETE_SELF; Q_OVERFLOW; IGNORED."""

_EVENT = struct.Struct("iIII")

_BUFFER = 65_536

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Changes:
    """What happened in the directories."""

    grown: frozenset[str]
    """Paths of files that were written to."""
    others: bool
    """Something came or went, or there was more than the kernel could tell."""


class Watch:
    """Calls back when something changes in some directories, not those below them."""

    def __init__(self, on_change: Callable[[Changes], object], pause: float = PAUSE) -> None:
        """Watch nothing yet.

        Args:
            on_change: called by a thread of the watch's own.
            pause: seconds between two calls at the least; the first after a rest comes at once.
        """
        self._on_change = on_change
        self._pause = pause
        self._inotify = _inotify()
        self._numbers: dict[Path, int | None] = {}
        """Of each directory, the kernel's number for its watch; None: it cannot be watched."""
        self._lock = threading.Lock()
        self._stop, self._stopper = os.pipe()
        self._thread: threading.Thread | None = None

    @property
    def is_blind(self) -> bool:
        """Whether there is a directory whose changes are not told."""
        return any(number is None for number in self._numbers.values())

    def sees(self, directory: Path) -> bool:
        """Whether changes in a directory are told."""
        return self._numbers.get(directory) is not None

    def watch(self, directories: set[Path]) -> None:
        """Watch these directories and no others; those that are not there are left out."""
        with self._lock:
            for gone in self._numbers.keys() - directories:
                self._remove(gone)
            for path in directories - self._numbers.keys():
                if path.is_dir():
                    self._numbers[path] = self._add(path)
        if self._thread is None and self._inotify is not None:
            self._thread = threading.Thread(target=self._run, name="watch", daemon=True)
            self._thread.start()

    def _add(self, path: Path) -> int | None:
        if self._inotify is None or disk.file_system(path) in disk.NETWORK:
            return None
        number = _libc.inotify_add_watch(self._inotify, os.fsencode(path), _ALL)
        if number < 0:
            error = ctypes.get_errno()
            log.warning("%s cannot be watched, and is looked at: %s", path, os.strerror(error))
            return None
        return int(number)

    def _remove(self, path: Path) -> None:
        number = self._numbers.pop(path)
        # Another name of the same directory has the same number.
        if number is not None and number not in self._numbers.values():
            _libc.inotify_rm_watch(self._inotify, number)

    def _run(self) -> None:
        source = self._inotify
        assert source is not None
        any_of, end = _poll(source, self._stop), _poll(self._stop)
        due = -math.inf
        while True:
            if self._stop in (ready for ready, _ in any_of.poll()):
                return
            if end.poll(1000 * max(due - time.monotonic(), SETTLED)):
                return
            looked, used = time.monotonic(), time.thread_time()
            changes = self._read(source)
            if changes.grown or changes.others:
                self._on_change(changes)
            due = looked + max(self._pause, REST * (time.thread_time() - used))

    def _read(self, source: int) -> Changes:
        grown, others = set(), False
        with self._lock:
            names: dict[int, list[Path]] = {}
            for path, watch in self._numbers.items():
                if watch is not None:
                    names.setdefault(watch, []).append(path)
            for number, kind, name in _events(source):
                others |= bool(kind & (_CAME_OR_WENT | _LOST))
                if kind & _NOT_FOLLOWED:  # the directory is gone; one of its name is watched anew
                    for path in names.get(number, ()):
                        del self._numbers[path]
                elif kind & _GROWN:
                    grown |= {f"{path}/{name}" for path in names.get(number, ())}
        return Changes(frozenset(grown), others)

    def close(self) -> None:
        """Watch nothing any more."""
        os.close(self._stopper)
        if self._thread is not None:
            self._thread.join()
        os.close(self._stop)
        if self._inotify is not None:
            os.close(self._inotify)


_libc = ctypes.CDLL(None, use_errno=True)


def _inotify() -> int | None:
    """Return a descriptor that tells of changes; None where the system has none."""
    try:
        descriptor = _libc.inotify_init1(os.O_NONBLOCK | os.O_CLOEXEC)
    except AttributeError:
        return None
    return int(descriptor) if descriptor >= 0 else None


def _poll(*descriptors: int) -> select.poll:
    poll = select.poll()
    for descriptor in descriptors:
        poll.register(descriptor, select.POLLIN)
    return poll


def _events(source: int) -> Iterator[tuple[int, int, str]]:
    """Yield what there is: the number of the watch, what happened, and the file's name."""
    for event in dict.fromkeys(_raw_events(source)):
        number, kind, _cookie, _size = _EVENT.unpack_from(event)
        yield number, kind, os.fsdecode(event[_EVENT.size :].rstrip(b"\0"))


def _raw_events(source: int) -> Iterator[bytes]:
    """Yield the same as the kernel tells it, once for each line that is written."""
    while True:
        try:
            data = os.read(source, _BUFFER)
        except BlockingIOError:
            return
        at = 0
        while at < len(data):
            end = at + _EVENT.size + int.from_bytes(data[at + 12 : at + 16], sys.byteorder)
            yield data[at:end]
            at = end
