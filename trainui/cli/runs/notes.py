"""The commands `note` and `tree`."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Annotated, Any

import typer

from trainui import text
from trainui.cli import lookup, options
from trainui.cli.output import printing

if TYPE_CHECKING:
    from trainui.domain.records import RunRecord
    from trainui.store.db.protocol import Connection


@options.command(
    'trainui note digits "warm-up was too short"',
    "trainui note digits --verdict discard",
)
def note(
    run: options.Run,
    words: Annotated[
        str, typer.Argument(metavar="[TEXT]", help="The note.", show_default=False)
    ] = "",
    verdict: Annotated[
        str | None,
        typer.Option(metavar="keep|discard", help="Your verdict on the run.", show_default=False),
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
    """Return the best value of a run's search, else of its headline metric, over its stages."""
    from trainui.domain.headline_metric import headline
    from trainui.domain.metric_direction import lower_is_better, may_lead
    from trainui.pipeline.folding import value_of
    from trainui.store.points import curves
    from trainui.store.read import views

    stages = {stage.id: stage for stage in views.stages(connection, run.id)}
    series = curves.summaries(connection, list(stages))
    names = sorted({one.name for one in series})
    searches = (stage.definition.search for stage in stages.values())
    search = next((one for one in searches if one is not None and one.metric in names), None)
    name = headline(names, search)
    lower = None if name is None else lower_is_better(name, search)
    found = [(one, value_of(one, lower=lower)) for one in series if one.name == name]
    values = [
        (not may_lead(stages[one.stage].status, search), one.nonfinite > 0, value)
        for one, value in found
        if value is not None
    ]
    if not values:
        return None
    sign = -1 if lower is False else 1
    best = values[-1] if lower is None else min(values, key=lambda one: (*one[:2], sign * one[2]))
    return {"metric": name, "value": best[2]}


def _lines(rows: Mapping[str, Mapping[str, Any]]) -> Iterator[str]:
    """Yield the tree's lines, the newest root first, each run below its origin."""
    below: dict[str | None, list[str]] = {}
    for run_id, row in rows.items():
        below.setdefault(row["from"], []).append(run_id)

    def walk(run_ids: Sequence[str], indent: str) -> Iterator[str]:
        for run_id in run_ids:
            row = rows[run_id]
            parts = [f"{run_id[:8]}  {text.harmless(row['name'])}"]
            if row["difference"]:
                parts.append(text.harmless(row["difference"]))
            if row["best"]:
                parts.append(f"{row['best']['metric']} {row['best']['value']:.6g}")
            if row["verdict"]:
                parts.append(row["verdict"])
            yield indent + "  ".join(parts)
            yield from walk(list(reversed(below.get(run_id, ()))), f"{indent}  ")

    yield from walk(below.get(None, ()), "")
