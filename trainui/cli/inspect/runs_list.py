"""The command `ls`."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Annotated

import typer

from trainui import clock, formatting, text
from trainui.cli import lookup, options, printing
from trainui.cli.runs import standstill
from trainui.errors import UsageError
from trainui.model.states import UNFINISHED
from trainui.store.db import engine
from trainui.store.read import run_list

if TYPE_CHECKING:
    from trainui.store.read.run_list import RunLine

NEWEST = 50
"""Default number of runs listed."""


@options.command(
    "trainui ls",
    "trainui ls --all",
    'trainui ls status:completed "params.lr>1e-3" --sort metric.val/loss --limit 5',
    "trainui ls --json | jq -r '.runs[0].run'",
    name="ls",
)
def list_runs(
    words: Annotated[
        list[str] | None,
        typer.Argument(
            metavar="[FILTER]...",
            help="Terms that a run must match, as in the screen: name:digits, lr>1e-3, trial>9.",
        ),
    ] = None,
    sort: Annotated[
        str | None,
        typer.Option(
            metavar="KEY",
            help="Order by when, state, name, stages, elapsed, params.NAME, metric.NAME or "
            "smoothed.NAME.",
        ),
    ] = None,
    most: Annotated[
        int | None,
        typer.Option(
            "--limit",
            "--number",
            "-n",
            min=0,
            metavar="N",
            help="List only the first N runs (default: 50).",
        ),
    ] = None,
    everything: Annotated[bool, typer.Option("--all", help="List all runs.")] = False,
    as_json: options.Json = False,
) -> None:
    """List the newest 50 runs, the newest first (all runs with --json)."""
    if engine.is_none_yet():
        printing.answer(as_json, {"runs": []}, ())
        if not as_json:
            printing.note("no runs yet; start with `trainui demo`")
        return
    if everything and most is not None:
        raise UsageError("--all and --number exclude each other; give one of them")
    limit = most if everything or as_json or most is not None else NEWEST
    if words or sort:
        _list_selected(words or (), sort, limit, as_json=as_json)
        return
    with lookup.view() as connection:
        if as_json:
            from trainui.store.read import run_in_json, views

            found = views.runs(connection, limit=limit)
            lost = lookup.find_lost(connection, [run.status for run in found])
            printing.value({"runs": run_in_json.run_lines(connection, found, lost)})
            return
        shown = run_list.run_lines(connection, limit=limit)
        lost = lookup.find_lost(connection, [run.status for run in shown])
        shown = run_list.with_lost(shown, lost)
        more = run_list.count_runs(connection) - len(shown)
    printing.lines(_list_lines(shown))
    _note_unattended(shown)
    if more > 0 and most is None:
        printing.note(f"{more} older not shown; `trainui ls --all` lists all")


def _note_unattended(shown: Sequence[RunLine]) -> None:
    """Print that the states of unfinished runs are not updated, if no worker runs."""
    states = {run.status for run in shown}
    absence = standstill.reader_absence() if states & UNFINISHED else ""
    for words in filter(None, (standstill.of_runs(shown), absence)):
        printing.note(f"! {words}")


def _list_selected(
    words: Sequence[str], sort: str | None, most: int | None, *, as_json: bool
) -> None:
    """List the runs that match a filter, in an order."""
    from trainui.cli.inspect import selection
    from trainui.store.read import run_in_json, views

    with lookup.view() as connection:
        lines = run_list.run_lines(connection)
        lost = lookup.find_lost(connection, [run.status for run in lines])
        lines = run_list.with_lost(lines, lost)
        found = selection.select(connection, lines, words, sort)
        shown = found.runs[:most]
        if found.lacks is not None:
            printing.note(found.lacks)
        if as_json:
            records = {run.id: run for run in views.runs(connection)}
            chosen = [records[one.id] for one in shown]
            printing.value({"runs": run_in_json.run_lines(connection, chosen, lost)})
            return
    printing.lines(_list_lines(shown, found.columns))
    if not found.runs:
        printing.note("no run matches")
    _note_unattended(shown)
    if len(found.runs) > len(shown):
        printing.note(f"{len(found.runs) - len(shown)} more match; `--all` lists all")


def _list_lines(
    found: Sequence[RunLine], more: Mapping[str, Mapping[str, str]] | None = None
) -> list[str]:
    """Return the list's lines, with more columns: their texts by run id."""
    if not found:
        return []
    lines = _columns(found, "%Y-%m-%d %H:%M:%S")
    if not printing.fits(lines):
        lines = _columns(found, "%m-%d %H:%M")
    for title, of_run in (more or {}).items():
        lines[0] += (title,)
        for index, run in enumerate(found, 1):
            lines[index] += (of_run.get(run.id, ""),)
    return printing.fitted(
        lines,
        right={"DONE", "TOOK"},
        cut={"NAME", "NOW"},
        optional=("NOW", "CREATED"),
        distinct=False,  # runs have ids
    )


def _columns(found: Sequence[RunLine], created: str) -> list[tuple[str, ...]]:
    """Return the rows, with the time of creation in a format."""
    header = ("RUN", "NAME", "STATE", "DONE", "CREATED", "TOOK", "NOW", "TROUBLE")
    rows = [header, *(_list_row(one, created) for one in found)]
    if not any(one.trouble.kinds for one in found):
        rows = [row[:-1] for row in rows]
    if any(one.verdict for one in found):
        verdicts = ("VERDICT", *(text.verdict(one.verdict) for one in found))
        rows = [(*row, word) for row, word in zip(rows, verdicts, strict=True)]
    return rows


def _list_row(run: RunLine, created: str) -> tuple[str, ...]:
    done = f"{run.done}/{run.total}"
    current = ", ".join(run.current[:3]) + (" ..." if len(run.current) > 3 else "")
    return (
        formatting.short_id(run.id),
        run.name,
        text.state(run.status, is_lost=run.lost is not None),
        done,
        formatting.local_time(run.created_at, created),
        formatting.worked(run.worked_until(clock.now())),
        current,
        text.trouble(run.trouble._asdict()),
    )
