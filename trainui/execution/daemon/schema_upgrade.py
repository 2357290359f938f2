"""An upgrade of the database's schema: an older worker leaves, then the new one upgrades.

Only a worker upgrades, at its start, when it has its home's lock: nobody else writes then. A
command that needs a worker asks an older one to leave, and waits until its own has upgraded.
"""

from __future__ import annotations

from collections.abc import Callable
from contextlib import closing
from pathlib import Path

from trainui import paths, settings
from trainui.errors import StoreError, UnfitEnvironmentError
from trainui.execution import locks, processes
from trainui.paths import Home
from trainui.store import hosts
from trainui.store.db import readonly

PATIENCE = 120.0
"""Seconds for the copy and the upgrade of a large database."""

LOCK = "upgrade.lock"
"""The file in the worker's directory that the command locks which replaces an older worker."""


class DatabaseInUseError(StoreError):
    """Workers of an older trainui use the database on other hosts; the worker waits for them."""


def upgrade() -> None:
    """Upgrade the database if it is at an earlier revision; called by the worker of this home.

    Raises:
        DatabaseInUseError: a worker on another host uses it.
    """
    if readonly.is_outdated():
        from trainui.store.db.engine import upgrade_store

        check_other_hosts()
        upgrade_store()


def check_other_hosts() -> None:
    """Raise DatabaseInUseError if a worker on another host uses the database."""
    configured = settings.load()
    if configured.database_url is None:
        return
    here = settings.host(configured)
    with closing(readonly.connect_any_revision()) as connection:
        known = hosts.known(connection).values()
    names = [one.name for one in known if one.name != here and one.seconds < hosts.SILENT_AFTER]
    if names:
        raise DatabaseInUseError(
            f"{readonly.where()}: cannot be upgraded while older workers use it on "
            f"{', '.join(names)}: enter `trainui worker stop` there, wait "
            f"{hosts.SILENT_AFTER:.0f} s, then try again; stages keep running"
        )


def replace_older_worker(stop: Callable[[], bool], start: Callable[[], object]) -> None:
    """Have an older worker leave and ours upgrade the database; return when it is upgraded.

    `stop` stops the worker and its guard, and `start` starts ours.

    Raises:
        UnfitEnvironmentError: that is not possible; the database is as it was.
    """
    home = paths.home()
    check_other_hosts()
    with _one_at_a_time(home.worker / LOCK):
        if not readonly.is_outdated():
            return
        if not stop():
            processes.want_worker(home)
            raise UnfitEnvironmentError(
                f"{readonly.where()}: not upgraded, since the older worker that uses it (process "
                f"{locks.holder(home.worker_lock)}) does not leave; end it, then try again"
            )
        start()
        if not processes.wait_until(lambda: not readonly.is_outdated(), PATIENCE):
            raise UnfitEnvironmentError(_not_upgraded(home))


def _one_at_a_time(path: Path) -> locks.Lock:
    taken: list[locks.Lock] = []

    def is_taken() -> bool:
        if (lock := locks.acquire(path)) is not None:
            taken.append(lock)
        return bool(taken)

    if not processes.wait_until(is_taken, PATIENCE):
        raise UnfitEnvironmentError(f"{path}: another command upgrades the database, or hangs")
    return taken[0]


def _not_upgraded(home: Home) -> str:
    said = processes.read_tail(home.worker_log)
    words = f"{readonly.where()} was not upgraded; {home.worker_log} says why"
    return f"{words}:\n{said}" if said else words
