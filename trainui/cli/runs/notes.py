"""The commands `note` and `tree`."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Annotated, Any

import typer

from trainui import formatting
from trainui.cli import lookup, options
from trainui.cli.output import printing

if TYPE_CHECKING:
    from trainui.model.records import RunRecord
    from trainui.store.db.protocol import Connection


@options.command(
    'trainui note digits "warm-up was too short"',
    "trainui note digits --verdict discard",
)
def note(
    run: options.Run,
    words: Annotated[str, typer.Argument(metavar="[TEXT]", help="The note.")] = "",
    verdict: Annotated[
        str | None, typer.Option(metavar="keep|discard", help="Your verdict on the run.")
    ] = None,
    as_json: options.Json = False,
) -> None:
    """Add a note to a run, and a verdict."""
    from trainui.control import notes

    found = lookup.find_run(run)
    notes.add(found.id, words, verdict)
    printing.answer(as_json, lookup.in_full(found.id) if as_json else None, [])


@options.command("trainui tree", "trainui tree --json")
def tree(as_json: options.Json = False) -> None:
    """Show which run came from which, with the difference, the best value and the verdict.

    A run has an origin if it was started with `trainui run --from RUN`.
    """
    from trainui.control import notes
    from trainui.store.read import views

    with lookup.view() as connection:
        runs = views.runs(connection)
        best = {run.id: _best(connection, run) for run in runs}
        by_id = {run.id: run for run in runs}
        origins = [(run, by_id[run.origin]) for run in runs if run.origin in by_id]
        differences = {run.id: notes.difference(connection, run, one) for run, one in origins}
    rows = {
        run.id: {
            "run": run.id,
            "name": run.name,
            "from": run.origin if run.origin in by_id else None,
            "difference": differences.get(run.id),
            "best": best[run.id],
            "verdict": run.verdict,
        }
        for run in runs
    }
    shown = list(_lines(rows)) if not as_json else []
    printing.answer(as_json, {"runs": list(rows.values())}, shown)


def _best(connection: Connection, run: RunRecord) -> dict[str, Any] | None:
    """Return the value of a run that the list of runs shows."""
    from trainui.model.headline_metric import headline
    from trainui.store.read import headlines, stage_alerts
    from trainui.tui.readers.stage_values import StageValues

    stage = headlines.headline_stage(connection, run.id)
    name = None if stage is None else headline(stage.names, stage.search)
    if stage is None or name is None:
        return None
    stages = headlines.compared_stages(connection, name, run.id).get(run.id, [])
    nan = stage_alerts.stages_with_nan(connection, [run.id]).get(run.id, frozenset())
    best = StageValues().best(connection, stages, name, stage.search, nan)
    return None if best is None else {"metric": name, "value": best[1].value}


def _lines(rows: Mapping[str, Mapping[str, Any]]) -> Iterator[str]:
    """Yield the tree's lines, the newest root first, each run below its origin."""
    below: dict[str | None, list[str]] = {}
    for run_id, row in rows.items():
        below.setdefault(row["from"], []).append(run_id)

    def walk(run_ids: Sequence[str], indent: str) -> Iterator[str]:
        for run_id in run_ids:
            row = rows[run_id]
            parts = [f"{formatting.short_id(run_id)}  {row['name']}"]
            if row["difference"]:
                parts.append(row["difference"])
            if row["best"]:
                parts.append(f"{row['best']['metric']} {row['best']['value']:.6g}")
            if row["verdict"]:
                parts.append(row["verdict"])
            yield indent + "  ".join(parts)
            yield from walk(list(reversed(below.get(run_id, ()))), f"{indent}  ")

    yield from walk(below.get(None, ()), "")
