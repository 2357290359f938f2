"""Wakes the poller when a file in trainui's home changes, through inotify.

Called directly, since a blocked read costs nothing while nothing changes: `watchfiles` wakes 20
times a second, which was most of an idle screen's CPU, and reports 75 ms later. Where the kernel
has no inotify, or the home is on a network file system, the poller polls.
"""

from __future__ import annotations

import contextlib
import ctypes
import os
import select
import struct
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

from trainui import disk, paths, settings

STEP = 0.05
"""Debounce in seconds: while a training writes metrics the database changes often."""

MODIFY, IGNORED = 0x2, 0x8000
"""Events of `inotify(7)`: a write to a file, and the end of a watch."""

EVENTS = MODIFY | 0x40 | 0x80 | 0x100 | 0x200
"""Writes, and files that are moved away or here, created or deleted."""

MOST_READ = 65_536

_EVENT = struct.Struct("iIII")


class FileWatch:
    """Watches the directories of the database and of the worker's and the broker's locks.

    Releasing a lock changes no file, so users of a watch must check the locks themselves.
    """

    def __init__(self, on_change: Callable[[], None]) -> None:
        """Create a watch on nothing.

        Args:
            on_change: called in the watch's thread.
        """
        self._on_change = on_change
        self._home = paths.home()
        self._is_remote = settings.load().database_url is not None
        self._is_beyond = False
        self._inotify: int | None = None
        self._root = -1
        """The watch descriptor of the home."""
        self._watched: frozenset[int] = frozenset()
        self._stop_reader, self._stop_writer = os.pipe()
        self._thread = threading.Thread(target=self._run, name="watch", daemon=True)

    def sees(self) -> bool:
        """Watch the directories that exist now; returns True if changes will be reported."""
        if self._is_remote:
            return False
        try:
            return self._add_watches()
        except (OSError, AttributeError):  # no inotify, or no more watches
            return False

    def was_beyond_database(self) -> bool:
        """Return True if more than the database was written since the last call.

        That is, a file appeared or vanished, or one of the worker's or the broker's was written.
        """
        found, self._is_beyond = self._is_beyond, False
        return found

    def close(self) -> None:
        """Stop watching."""
        os.close(self._stop_writer)
        if self._thread.ident is not None:
            self._thread.join()
        if self._inotify is not None:
            os.close(self._inotify)
        os.close(self._stop_reader)

    def _add_watches(self) -> bool:
        """Watch each directory; for one that is watched already this changes nothing."""
        home = self._home
        if not self._watched and disk.file_system(home.root) in disk.NETWORK:
            return False
        if self._inotify is None:
            self._inotify = _call("inotify_init1", os.O_NONBLOCK | os.O_CLOEXEC)
            self._thread.start()
        found = [_watch(self._inotify, path) for path in (home.root, home.worker, home.broker)]
        self._root = -1 if found[0] is None else found[0]
        watched = frozenset(one for one in found if one is not None)
        if not watched <= self._watched:
            self._report(beyond=True)  # what changed before is not reported
        self._watched = watched
        return found[0] is not None

    def _run(self) -> None:
        assert self._inotify is not None
        while self._stop_reader not in _readable(self._inotify, self._stop_reader):
            with contextlib.suppress(BlockingIOError):
                events = list(_events(os.read(self._inotify, MOST_READ)))
                if any(mask != IGNORED for _, mask in events):
                    self._report(beyond=any(one != (self._root, MODIFY) for one in events))
            time.sleep(STEP)

    def _report(self, *, beyond: bool) -> None:
        self._is_beyond |= beyond
        self._on_change()


def _readable(*descriptors: int) -> list[int]:
    """Wait until one of these can be read; return those that can."""
    poll = select.poll()
    for one in descriptors:
        poll.register(one, select.POLLIN)
    return [one for one, _ in poll.poll()]


def _events(data: bytes) -> Iterator[tuple[int, int]]:
    """Yield the watch descriptor and the mask of each event."""
    at = 0
    while at < len(data):
        watch, mask, _, length = _EVENT.unpack_from(data, at)
        yield watch, mask
        at += _EVENT.size + length


def _watch(inotify: int, directory: Path) -> int | None:
    """Watch a directory; returns None if it does not exist."""
    try:
        return _call("inotify_add_watch", inotify, os.fsencode(directory), EVENTS)
    except FileNotFoundError:
        return None


def _call(name: str, *arguments: int | bytes) -> int:
    """Call a function of the C library; raises OSError, or AttributeError if it has none."""
    found: int = getattr(ctypes.CDLL(None, use_errno=True), name)(*arguments)
    if found < 0:
        number = ctypes.get_errno()
        raise OSError(number, os.strerror(number), name)
    return found
