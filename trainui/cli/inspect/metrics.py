"""The command `metrics`: a summary of each series or all points, and problems of sources."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from trainui import clock, formatting
from trainui.cli import lookup, options
from trainui.cli.output import printing, progress, tables
from trainui.metrics.files import lenient_files
from trainui.model.states import UNFINISHED
from trainui.store.read import views
from trainui.supervisor.protocol import STDERR_FILE, STDOUT_FILE

if TYPE_CHECKING:
    from trainui.model.records import RunRecord, SeriesSummary, StageRecord
    from trainui.pipeline.folding import FoldedMetric
    from trainui.store.db.protocol import Connection
    from trainui.store.points.read_points import SourceProblem


_MOST_STAGES = 5
"""The most stages without metrics for which the searched places are printed."""


@options.command(
    "trainui metrics digits",
    "trainui metrics digits train --json",
    "trainui metrics digits --points > points.jsonl",
)
def metrics(
    run: options.Run,
    stage: options.OptionalStage = None,
    points: Annotated[
        bool, typer.Option("--points", help="Print every stored point, one JSON object per line.")
    ] = False,
    as_json: options.Json = False,
) -> None:
    """Show the metrics of a run or a stage.

    A series joins the points of a stage's attempts: if an attempt continues from a checkpoint, its
    points replace those of earlier attempts from that step on. Problems of metric sources are
    printed on stderr, one line per source. Members that are folded (`seeds`, `over`) also have the
    mean and standard deviation of their best values, of the last where no direction is known.
    """
    from trainui.pipeline import folding
    from trainui.store.points import read_points

    record, stages = lookup.find(run, stage)
    owners = {one.id: one.name for one in stages}
    with views.reading() as connection:
        problems = read_points.problems(connection, owners)
        if points:
            _print_points(connection, owners)
        else:
            with progress.display("reading"):
                found = read_points.summaries(connection, owners)
            folded = folding.spreads(folding.folds(stages), found)
            data = {
                "series": [asdict(one) for one in found],
                **({"folded": [_folded_as_json(one) for one in folded]} if folded else {}),
                "problems": [
                    {"stage": owners[one.owner], "source": one.key, "message": one.problem}
                    for one in problems
                ],
            }
            if found:
                lines = [*_lines(found), *_folded_lines(folded)]
            elif any(one.status in UNFINISHED for one in stages):
                lines = ["no metrics yet"]
            else:
                lines = ["no metrics", *_searched_places(connection, record, stages)]
            printing.answer(as_json, data, lines)
    print_problems(problems, owners)


def without_metrics(
    connection: Connection, run: RunRecord, stages: Sequence[StageRecord]
) -> list[str]:
    """Return where the metrics of a run that has ended without any were searched for.

    Stages that printed nothing are left out: hardly any of them was meant to have metrics.
    """
    from trainui.store.read import headlines

    is_live = any(one.status in UNFINISHED for one in stages)
    if is_live or any(headlines.has_series(connection, one.id) for one in stages):
        return []
    printed = [one for one in stages if one.attempt and _has_printed(connection, one)]
    return _searched_places(connection, run, printed) if printed else []


def _has_printed(connection: Connection, stage: StageRecord) -> bool:
    directory = Path(views.attempts_of_stage(connection, stage.id)[-1].directory)
    return any(lenient_files.size(directory / name) for name in (STDOUT_FILE, STDERR_FILE))


def _searched_places(
    connection: Connection, run: RunRecord, stages: Sequence[StageRecord]
) -> list[str]:
    """Return where the metrics of some stages were searched for; nothing for external runs."""
    from trainui.metrics.discovery import searched_places

    lines = []
    for one in [one for one in stages if one.attempt and not run.is_external][:_MOST_STAGES]:
        attempt = views.attempts_of_stage(connection, one.id)[-1]
        if attempt.is_unread:
            lines.append(f"{one.name}: its metrics are not read to their end yet")
            continue
        words = searched_places.describe(
            Path(attempt.directory), Path(one.directory), one.definition
        )
        lines.append(f"{one.name}: {words}")
    return lines


def print_problems(problems: Sequence[SourceProblem], owners: Mapping[str, str]) -> None:
    """Print why sources of metrics cannot be read on stderr, one line per source."""
    for one in problems:
        printing.note(f"! {owners[one.owner]}: {one.problem}")


def _print_points(connection: Connection, owners: dict[str, str]) -> None:
    from trainui.store.points import read_points

    for point in read_points.points(connection, owners):
        printing.value_line(
            {
                "stage": owners[point.owner],
                "name": point.name,
                "attempt": point.attempt,
                "step": printing.number(point.step),
                "value": printing.number(point.value),
                "time": clock.to_iso(point.time),
            }
        )


def _folded_as_json(one: FoldedMetric) -> dict[str, object]:
    return {
        "stage": one.fold.name,
        "over": one.fold.over,
        "name": one.metric,
        "of": one.of,
        "mean": one.spread.mean,
        "deviation": one.spread.deviation,
        "count": one.spread.count,
        "members": one.spread.members,
    }


def _folded_lines(found: Sequence[FoldedMetric]) -> list[str]:
    if not found:
        return []
    header = ("FOLDED", "OVER", "METRIC", "MEAN OF", "MEAN", "DEVIATION", "MEMBERS")
    rows = [header, *(one.cells for one in found)]
    return ["", *tables.fitted(rows, right={"MEAN", "DEVIATION"}, cut={"FOLDED", "METRIC"})]


def _lines(found: list[SeriesSummary]) -> list[str]:
    header = ("STAGE", "METRIC", "POINTS", "STEPS", "LAST", "MIN", "MAX", "NAN/INF")
    right = {"POINTS", "LAST", "MIN", "MAX", "NAN/INF"}
    optional = () if any(one.nonfinite for one in found) else ("NAN/INF",)
    rows = [header, *map(_row, found)]
    return tables.fitted(rows, right=right, cut={"STAGE", "METRIC"}, optional=optional)


def _row(one: SeriesSummary) -> tuple[str, ...]:
    steps = "" if one.first_step is None else f"{one.first_step:g} to {one.last_step:g}"
    return (
        one.stage,
        one.name,
        str(one.count),
        steps,
        formatting.number(one.last),
        formatting.number(one.min),
        formatting.number(one.max),
        str(one.nonfinite or ""),
    )
