"""What a person decides about a home that is a copy, or may be one.

It becomes a home of its own, which leaves alone whatever its original runs, or it replaces its
original. Until then nothing is changed from it (`store.db.home_identity`).
"""

from __future__ import annotations

import os
from pathlib import Path

from trainui import clock, paths
from trainui.control import submission
from trainui.errors import UnfitEnvironmentError, UsageError
from trainui.execution import broker, processes
from trainui.model.records import NOT_STARTED_BY_US
from trainui.model.states import UNFINISHED, Status
from trainui.paths import OURS, Home
from trainui.store.db import home_identity
from trainui.store.db.engine import Database, file_of, open_store
from trainui.store.db.home_identity import Kind, Noted, Standing
from trainui.store.db.statements import Connection
from trainui.store.read import event_feed, views
from trainui.store.runs import attempts, runs, stage_requests
from trainui.store.runs.attempts import Outcome
from trainui.supervisor import protocol


def make_own() -> None:
    """Make a copied home one of its own: a new id, and directories of its own for its runs.

    What was running is `interrupted`, what waited `cancelled`; whatever runs belongs to the
    original. Runs whose directories are outside of the home stay there, and are only read.

    Raises:
        UsageError: it is no copy.
        UnfitEnvironmentError: it shares its files with its original.
    """
    store, home = open_store(), paths.home()
    standing = _undecided(store, home)
    before = standing.noted
    assert before is not None
    _check_not_linked(store, home)
    if file_of(store.url) is None:  # the runs on a server are those of the original
        with store.decide() as connection:
            home_identity.note(connection, home, before, as_new=True)
        return
    _forget_processes(home)
    broker.forget_start(home)
    _link_to_own_files(home, before)
    with store.decide() as connection:
        _let_end(connection, standing)
        home_identity.note(connection, home, before, as_new=True)
        _keep_outside(connection, home, before)
    submission.forget_staging()


def replace_original() -> None:
    """Let a home replace the one that it was copied from: it keeps its id and is noted here.

    Raises:
        UsageError: it is no copy.
        UnfitEnvironmentError: the original has a worker, or one of its stages runs.
    """
    store, home = open_store(), paths.home()
    standing = _undecided(store, home)
    before = standing.noted
    assert before is not None
    original = Home(Path(standing.original or before.path))
    _check_not_linked(store, home)
    if standing.kind is Kind.COPY and (
        processes.is_held(original.worker_lock) or processes.is_held(original.guard_lock)
    ):
        raise UnfitEnvironmentError(
            f"the home {original.root} has a worker: stop it with `trainui worker stop "
            f"--with-stages` there, or make {home.root} a home of its own with `--as-copy`"
        )
    with store.decide() as connection:
        if pids := home_identity.running_elsewhere(connection, before.roots, home):
            raise UnfitEnvironmentError(
                f"stages of the home {original.root} still run ({pids}): let them end, or make "
                f"{home.root} a home of its own with `--as-copy`"
            )
        home_identity.note(connection, home, before)
    if standing.kind is Kind.COPY:
        home_identity.give_up(original, home)


def _undecided(store: Database, home: Home) -> Standing:
    """Return how a home stands, or raise UsageError if there is nothing to decide."""
    with store.read() as connection:
        standing = home_identity.look(connection, home)
    if standing.noted is None or standing.kind is Kind.SAME:
        raise UsageError(
            f"{home.root} is not a copy of another home; start its worker with "
            "`trainui worker start`"
        )
    return standing


def _check_not_linked(store: Database, home: Home) -> None:
    """Check that the files of a home are not those of its original, as after `cp -al`."""
    file = file_of(store.url) or home.identity
    if file.stat().st_nlink > 1:
        raise UnfitEnvironmentError(
            f"{file} has several names (hard links, e.g. of `cp -al`), so what is written here "
            "changes the other home: make a copy with `cp -a`, and use that"
        )


def _forget_processes(home: Home) -> None:
    """Remove the records of the original's processes, so that nobody signals those."""
    if not _is_inside(home.runs, home):
        return  # a link to the runs of the original
    for attempt in home.runs.glob(f"*/{OURS}/*/attempt-*"):
        for name in (protocol.PIDS_FILE, protocol.SPEC_FILE):
            (attempt / name).unlink(missing_ok=True)


def _link_to_own_files(home: Home, before: Noted) -> None:
    """Let links in the runs that lead into the original lead to the copies of those files."""
    if not _is_inside(home.runs, home):
        return
    for parent, directories, files in os.walk(home.runs):
        for path in (Path(parent, name) for name in (*directories, *files)):
            if path.is_symlink():
                target = str(path.readlink())
                own = home_identity.moved_path(target, before.roots, str(home.root))
                if own != target:
                    path.unlink()
                    path.symlink_to(own)


def _let_end(connection: Connection, standing: Standing) -> None:
    """Record the end of everything that the original runs or will run."""
    original = standing.original or (standing.noted.path if standing.noted else "")
    why = f"this home was copied from {original} while it ran there"
    for attempt in attempts.in_state(connection, Status.RUNNING):
        if attempt.executor != NOT_STARTED_BY_US or attempt.pid is not None:
            outcome = Outcome(Status.INTERRUPTED, clock.now(), error=why, retry=False)
            attempts.end(connection, attempt.id, outcome)
    for run in views.runs(connection):
        if run.status not in UNFINISHED or run.is_external:
            continue
        stages = views.stages(connection, run.id)
        waiting = [stage for stage in stages if stage.status in UNFINISHED]
        stage_requests.cancel(connection, run.id, waiting)
    ended = runs.to_notify(connection)
    runs.mark_notified(connection, [run.id for run in ended])  # the original notifies
    runs.set_flag(connection, runs.NOTIFIED, str(event_feed.last(connection)))
    runs.set_flag(connection, runs.DIGESTED, str(clock.now()))


def _keep_outside(connection: Connection, home: Home, before: Noted) -> None:
    """Mark the runs whose directories are not in this home: they are the original's."""
    for run in views.runs(connection):
        if run.original is None and not _is_inside(Path(run.directory), home):
            runs.set_original(connection, run.id, before.path)


def _is_inside(path: Path, home: Home) -> bool:
    return Path(os.path.realpath(path)).is_relative_to(os.path.realpath(home.root))
