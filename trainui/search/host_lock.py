"""Lets one host at a time have a turn of a search: a lock in the run's directory."""

from __future__ import annotations

import fcntl
import os
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from trainui import paths
from trainui.domain.records import RunRecord
from trainui.errors import UnfitEnvironmentError
from trainui.store.runs.trials import SearchKey

TURN_WITHIN, LOCK_EVERY = 10.0, 0.05
"""Seconds to wait for another host's turn of the same search, and between two attempts."""


def study_file(run_directory: str, group: str) -> Path:
    """Return the file of a search's study: `train.study.db` in the run's directory."""
    return Path(run_directory, f"{paths.stage_directory_names([group])[group]}.study.db")


def lock_of(run_directory: str, group: str) -> Path:
    """Return the file that one host at a time locks for a turn of the search."""
    file = study_file(run_directory, group)
    return paths.records_directory(file).with_suffix(".lock")


@contextmanager
def only_host(run: RunRecord, key: SearchKey) -> Iterator[None]:
    """Wait until no other host has a turn of this search.

    Raises:
        UnfitEnvironmentError: another host had one all the time; it may hang.
    """
    lock = lock_of(run.directory, key.name)
    lock.parent.mkdir(mode=0o700, exist_ok=True)
    file = os.open(lock, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        with suppress(OSError):  # a file system without locks
            _lock(file, time.monotonic() + TURN_WITHIN)
        yield
    finally:
        os.close(file)


def _lock(file: int, until: float) -> None:
    while True:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            if time.monotonic() >= until:
                raise UnfitEnvironmentError(
                    "another host has been busy with this search for "
                    f"{TURN_WITHIN:.0f} s; if its worker hangs, restart it"
                ) from error
            time.sleep(LOCK_EVERY)
        else:
            return
