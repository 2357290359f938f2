"""The command `ls`."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Annotated, Any, NamedTuple

import typer

from trainui import clock, formatting, paths, text
from trainui.cli import options, printing, standstill
from trainui.errors import TrainuiError, UsageError
from trainui.model.states import UNFINISHED
from trainui.store.db import engine
from trainui.store.read import run_list

if TYPE_CHECKING:
    from trainui.control.box_runs import BoxRuns
    from trainui.control.boxes import BoxConnection
    from trainui.store.read.run_list import RunLine

NEWEST = 50
"""Default number of runs listed."""

BOX_TERM = "box:"
"""Before a box's name in a filter."""


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
    """List the newest 50 runs, the newest first (all runs with --json), those of boxes too."""
    if everything and most is not None:
        raise UsageError("--all and --number exclude each other; give one of them")
    limit = most if everything or as_json or most is not None else NEWEST
    own, box = _without_box(words or ())
    there = _on_boxes(own, sort, limit, box, as_json=as_json)
    local = _Local([], []) if box is not None else _read_local(own, sort, limit, as_json=as_json)
    if as_json:
        rows = [*local.rows, *_rows_there(there)]
        if not sort:
            rows.sort(key=lambda one: str(one["created_at"]), reverse=True)
        printing.value({"runs": rows[:limit]})
        return
    shown = [*local.runs, *_lines_there(there)]
    if not sort:
        shown.sort(key=lambda run: -run.created_at)
    printing.lines(_list_lines(shown[:limit], local.columns))
    if not shown:
        is_new = engine.is_none_yet() and not there
        printing.note("no runs yet; start with `trainui demo`" if is_new else "no run matches")
    if local.runs:
        _note_unattended(local.runs)
    if there:
        from trainui.control import box_runs

        printing.note(*box_runs.problems(there))
    if (more := local.more) > 0 and most is None:
        older = "more match" if own else "older not shown"
        printing.note(f"{more} {older}; `trainui ls --all` lists all")


class _Local(NamedTuple):
    """The runs of this machine."""

    runs: list[RunLine]
    rows: list[dict[str, Any]]
    """The same as `--json` has them, if that is asked for."""
    columns: Mapping[str, Mapping[str, str]] = {}
    """Further columns: their texts by run id."""
    more: int = 0
    """How many further ones there are."""


def _read_local(
    words: Sequence[str], sort: str | None, most: int | None, *, as_json: bool
) -> _Local:
    """Read the newest runs, or those that match a filter, in an order."""
    if engine.is_none_yet():
        return _Local([], [])
    columns: Mapping[str, Mapping[str, str]] = {}
    with options.view() as connection:
        if words or sort:
            from trainui.cli import selection

            lines = run_list.run_lines(connection)
            lost = options.find_lost(connection, [run.status for run in lines])
            found = selection.select(connection, run_list.with_lost(lines, lost), words, sort)
            shown, columns, count = found.runs[:most], found.columns, len(found.runs)
            if found.lacks is not None:
                printing.note(found.lacks)
        else:
            shown = run_list.run_lines(connection, limit=most)
            lost = options.find_lost(connection, [run.status for run in shown])
            shown, count = run_list.with_lost(shown, lost), run_list.count_runs(connection)
        rows: list[dict[str, Any]] = []
        if as_json:
            from trainui.store.read import run_in_json, views

            records = {run.id: run for run in views.runs(connection)}
            chosen = [records[one.id] for one in shown]
            rows = run_in_json.run_lines(connection, chosen, lost)
    return _Local(shown, rows, columns, count - len(shown))


def _without_box(words: Sequence[str]) -> tuple[list[str], str | None]:
    """Return a filter without its term `box:NAME`, and the name."""
    terms = " ".join(words).split()
    named = [term.removeprefix(BOX_TERM) for term in terms if term.startswith(BOX_TERM)]
    if not named:
        return list(words), None
    return [term for term in terms if not term.startswith(BOX_TERM)], named[-1]


def _on_boxes(
    words: Sequence[str], sort: str | None, most: int | None, box: str | None, *, as_json: bool
) -> list[BoxRuns]:
    if not paths.home().boxes.exists() and box is None:
        return []
    from trainui.control import box_runs, boxes

    asked = list(boxes.all_boxes().values()) if box is None else [boxes.named(box)]
    options = [*(["--sort", sort] if sort else []), *([] if most is None else [f"-n{most}"])]
    return box_runs.lists(asked, [*options, *words], None if as_json else _more_of)


def _more_of(connection: BoxConnection, runs: Sequence[Mapping[str, Any]]) -> dict[str, RunLine]:
    """Return what the list shows of a box's runs besides what `--json` has, by their ids there."""
    from trainui.tui import box_wire, run_actions

    ids = [str(one["run"]) for one in runs]
    try:
        found = box_wire.call_over(connection, run_actions.run_lines, ids) if ids else []
    except TrainuiError:  # of another version; `ls --json` says less
        return {}
    return {one.id: one for one in found}


def _rows_there(there: Sequence[BoxRuns]) -> Iterator[dict[str, Any]]:
    for found in there:
        for run in found.runs:
            yield {**run, "box": found.box.name}


def _lines_there(there: Sequence[BoxRuns]) -> Iterator[RunLine]:
    for found in there:
        from trainui.control import box_runs

        name = found.box.name
        for run in found.runs:
            if (line := (found.more or {}).get(run["run"])) is not None:
                yield line._replace(id=f"{name}:{line.id}", box=name)
            else:
                yield box_runs.as_line(run, name, found.seen_at if found.problem else None)


def _note_unattended(shown: Sequence[RunLine]) -> None:
    """Print that the states of unfinished runs are not updated, if no worker runs."""
    states = {run.status for run in shown}
    absence = standstill.reader_absence() if states & UNFINISHED else ""
    for words in filter(None, (standstill.of_runs(shown), absence)):
        printing.note(f"! {words}")


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
    if any(one.box for one in found):
        cells = ("BOX", *(one.box for one in found))
        rows = [(row[0], cell, *row[1:]) for row, cell in zip(rows, cells, strict=True)]
    if any(one.verdict for one in found):
        verdicts = ("VERDICT", *(text.verdict(one.verdict) for one in found))
        rows = [(*row, word) for row, word in zip(rows, verdicts, strict=True)]
    return rows


def _list_row(run: RunLine, created: str) -> tuple[str, ...]:
    done = f"{run.done}/{run.total}" if run.total else ""
    current = ", ".join(run.current[:3]) + (" ..." if len(run.current) > 3 else "")
    return (
        formatting.short_id(run.id.removeprefix(f"{run.box}:")),
        run.name,
        text.state(run.status, is_lost=run.lost is not None),
        done,
        formatting.local_time(run.created_at, created),
        formatting.worked(run.worked_until(clock.now())),
        current,
        text.trouble(run.trouble._asdict()),
    )
