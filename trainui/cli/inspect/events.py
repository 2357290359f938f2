"""The command `events`: list past events, or follow new ones."""

from __future__ import annotations

import sys
import time
from collections.abc import Iterable, Iterator
from typing import Annotated, Any

import typer

from trainui import clock, formatting
from trainui.cli import options
from trainui.cli.output import printing
from trainui.model.states import ENDED
from trainui.store.db import protocol, sqlite_file
from trainui.store.read import event_feed, views
from trainui.store.read.event_feed import FeedEntry

POLL = 0.1
"""Poll interval in seconds; if nothing changed, a poll reads only one number."""

NEWEST = 50
"""Default number of events when all runs are listed."""


@options.command(
    "trainui events digits",
    "trainui events -n 100",
    "trainui events -f --json | jq -r 'select(.kind == \"failed\") | .text'",
)
def events(
    run: Annotated[
        str | None,
        typer.Argument(
            metavar="[RUN]",
            help="A run: its id, its name (the latest), or 4 or more characters of an id "
            "(default: all of them).",
        ),
    ] = None,
    follow: Annotated[
        bool,
        typer.Option(
            "--follow", "-f", help="Print new events as they happen; with RUN, until it ends."
        ),
    ] = False,
    most: Annotated[
        int | None,
        typer.Option("--number", "-n", min=0, metavar="N", help="Show only the last N events."),
    ] = None,
    as_json: options.Json = False,
) -> None:
    """List the events of a run, or the last 50 of all runs (all of them with --json).

    With -f --json, each event is one JSON value on one line.
    """
    if run is None and not follow and views.is_none_yet():
        printing.answer(as_json, {"events": []}, ())
        printing.note("no runs yet; start with `trainui demo`")
        return
    with views.reading() as connection:
        run_id = None if run is None else views.find_run(connection, run).id
        if most is None and run_id is None and not as_json:
            most = NEWEST
        if follow:
            for found in _growing(connection, run_id, most):
                _print(found, as_json)
            return
        found = event_feed.entries(connection, run_id=run_id, most=most)
    if as_json:
        printing.value({"events": [_as_json(entry) for entry in found]})
    else:
        _print(found, as_json)


def _growing(
    connection: protocol.Connection, run_id: str | None, most: int | None
) -> Iterator[list[FeedEntry]]:
    seen, version = 0, None
    database = sqlite_file.Unreplaced()
    while True:
        database.check()
        # read the state before the events, so that no event before the end is missed
        is_over = run_id is not None and _is_over(connection, run_id)
        if (now := views.data_version(connection)) != version:
            version = now
            found = event_feed.entries(connection, run_id=run_id, after=seen, most=most)
            seen, most = (found[-1].number if found else seen), None
            yield found
        if is_over:
            return
        time.sleep(POLL)


def _is_over(connection: protocol.Connection, run_id: str) -> bool:
    run = views.run(connection, run_id)
    return run is None or run.status in ENDED


def _print(found: Iterable[FeedEntry], as_json: bool) -> None:
    for entry in found:
        if as_json:
            printing.value_line(_as_json(entry))
        else:
            printing.line(_line(entry))
    sys.stdout.flush()


def _as_json(entry: FeedEntry) -> dict[str, Any]:
    event = entry.event
    return {
        "id": entry.number,
        "time": clock.to_iso(event.time),
        "run": entry.run_id,
        "name": entry.run_name,
        "stage": event.stage,
        "attempt": event.attempt,
        "kind": event.kind,
        "text": event.text,
    }


def _line(entry: FeedEntry) -> str:
    when = formatting.local_time(entry.event.time)
    run = f"{entry.run_name} ({formatting.short_id(entry.run_id)})"
    return f"{when}  {run}  {entry.event.text}"
