"""On ctrl+c in a command that changes a run, reports what was already done."""

from __future__ import annotations

import sys
from collections.abc import Collection, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

import typer

from trainui.cli import lookup
from trainui.errors import StoppedError
from trainui.store.db import engine

if TYPE_CHECKING:
    from trainui.store.read import event_feed

CANCELLED = {"cancel", "cancelled"}
"""Kinds of the events that record a cancellation."""

REVIVED = {"pending"}
"""Kind of the event that records a resume or a rerun."""

_NEED_WORKER = {"cancel", *REVIVED}


@contextmanager
def report_on_stop(what: str) -> Iterator[None]:
    """Report `what` if the user stops the block; raise StoppedError then."""
    try:
        yield
    except (KeyboardInterrupt, typer.Abort) as error:  # the latter at a question
        raise StoppedError(f"stopped; {what}") from error


@contextmanager
def report_changes_on_stop(
    runs: Collection[str], kinds: Collection[str], what: str
) -> Iterator[None]:
    """If the user stops the block, report what was already stored, and have it carried out.

    `kinds` are the kinds of events that record the change; `what`, e.g. "resumed", is printed
    before the stages' names.

    Raises:
        StoppedError: the user pressed ctrl+c, and some of the change is stored.
        KeyboardInterrupt: nothing is stored.
    """
    last = 0
    if engine.exists():
        from trainui.store.read import event_feed

        with lookup.view() as connection:
            last = event_feed.last(connection)
    try:
        yield
        sys.stdout.flush()  # fails here if stdout is a closed pipe
    except KeyboardInterrupt as error:
        from trainui.execution.daemon import lifecycle
        from trainui.store.read import event_feed

        with lookup.view() as connection:
            found = event_feed.entries(connection, after=last)
        found = [one for one in found if one.run_id in runs and one.event.kind in kinds]
        if not found:
            raise
        if not _NEED_WORKER.isdisjoint(one.event.kind for one in found):
            lifecycle.ensure_started()
        raise StoppedError(_words(found, what)) from error


def _words(found: Collection[event_feed.FeedEntry], what: str) -> str:
    stages: dict[str, dict[str, None]] = {}
    for one in found:
        stages.setdefault(one.run_id, {})[one.event.stage or ""] = None
    return "\n".join(
        f"stopped, but {what}: {', '.join(names)}; see `trainui show {run_id}`"
        for run_id, names in stages.items()
    )
