"""The commands `show`, `path`, `metrics` and `shell`: one run, its stages, series and sources."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from trainui import clock, formatting, paths, text
from trainui.cli import options, printing
from trainui.errors import UnfitEnvironmentError
from trainui.metrics import lenient
from trainui.model.states import CHECKPOINT, METRIC_ALERTS, UNFINISHED, WAITING, Status
from trainui.store.db import engine
from trainui.store.read import views
from trainui.store.read.time_worked import if_known
from trainui.supervisor.protocol import STDERR_FILE, STDOUT_FILE

if TYPE_CHECKING:
    from trainui.execution.attempt.prepared_process import PreparedProcess
    from trainui.model.records import AttemptRecord, Loss, RunRecord, SeriesSummary, StageRecord
    from trainui.pipeline.matrix import FoldedMetric
    from trainui.store.db.statements import Connection
    from trainui.store.points.read_points import SourceProblem
    from trainui.store.read.time_worked import TimeWorked

MOST_COMPARED = 50
"""Stages whose written files are compared with those of others."""

_MOST_STAGES = 5
"""The most stages without metrics for which the searched places are printed."""

RIGHT = {"ATTEMPT", "TOOK", "SINCE", "EXIT"}
"""The columns that are aligned at their right."""


@options.command("trainui show digits", "trainui show 3f2a --json")
def show(run: options.Run, as_json: options.Json = False) -> None:
    """Show one run: its stages, their states and attempts."""
    from trainui.cli import standstill
    from trainui.store.points import read_points
    from trainui.store.read import event_feed, run_in_json, run_list, time_worked, views

    with options.view() as connection:
        found = views.find_run(connection, run)
        lost = options.find_lost(connection, [found.status])
        if as_json:
            printing.value(run_in_json.run_in_full(connection, found, lost))
            return
        stages = lost.marked(views.stages(connection, found.id))
        attempts = views.attempts(connection, found.id)
        marks = event_feed.last_alerts(connection, found.id, (*METRIC_ALERTS, CHECKPOINT))
        alerts = run_list.alerted_stages(connection, [found.id]).get(found.id, {})
        left = _left(connection, found, stages)
        origin = None if found.origin is None else views.run(connection, found.origin)
        parent = found.origin or ""
        parent = parent if origin is None else text.run_label(origin.name, origin.id)
        worked = time_worked.of_run(connection, found.id)
        noted = run_in_json.notes(connection, found.id)
        causes = event_feed.causes(connection, found.id)
        owners = {one.id: one.name for one in stages}
        problems = read_points.problems(connection, owners)
        submission = views.submission(connection, found.id)
        explained = {owners[one.owner] for one in problems}
        silent = [one for one in stages if one.name not in explained]
        unmeasured = without_metrics(connection, found, stages, silent)
        shared = _written_by_several(connection, stages, attempts)
    notes = [
        *_continued(stages, attempts),
        *(event.text for events in marks.values() for event in events),
        *shared,
        *_summaries(submission, stages),
        *_cause_lines(stages, causes),
        *(": ".join(filter(None, ("note", one["verdict"], one["text"]))) for one in noted),
    ]
    printing.lines(
        [
            *_show_lines(found, stages, alerts, (worked, lost.runs.get(found.id)), left, parent),
            *_code_lines(found, stages, attempts),
        ]
    )
    printing.lines(["", *notes] if notes else [])
    if words := standstill.reason(stages):
        printing.note(f"! {words}")
    unread = [one.name for one in stages if one.id in attempts and attempts[one.id][-1].is_unread]
    if (unread or found.status in UNFINISHED) and (words := standstill.reader_absence()):
        printing.note(f"! {words}")
    if unread:
        printing.note(f"! metrics not read to their end yet: {formatting.listed(unread)}")
    for line in unmeasured:
        printing.note(f"no metrics: {line}")
    print_problems(problems, owners, {one.id: one.directory for one in stages})


def _continued(
    stages: Sequence[StageRecord], attempts: Mapping[str, Sequence[AttemptRecord]]
) -> list[str]:
    """Return a line for each attempt that continued from a checkpoint."""
    return [
        f"{stage.name}: attempt {one.number} continued from {one.checkpoint}"
        for stage in stages
        for one in attempts.get(stage.id, ())
        if one.checkpoint
    ]


def _summaries(submission: Mapping[str, Any], stages: Sequence[StageRecord]) -> list[str]:
    """Return a line with the summary that a tracker recorded, for each stage that has one."""
    from trainui.store.read import run_in_json

    lines = []
    for stage in stages:
        if values := run_in_json.tracked_summary(submission, stage.name):
            words = "  ".join(f"{name}={value}" for name, value in sorted(values.items()))
            lines.append(f"{stage.name}: summary {words}")
    return lines


def _cause_lines(
    stages: Sequence[StageRecord], causes: Mapping[tuple[str, int], Mapping[str, Any]]
) -> list[str]:
    """Return why stages failed; those that failed alike are named together."""
    alike: dict[tuple[str, ...], list[str]] = {}
    for stage in stages:
        if stage.status not in (Status.COMPLETED, Status.RUNNING):
            why = text.cause_lines(causes.get((stage.name, stage.attempt)))
            alike.setdefault(tuple(why), []).append(stage.name)
    lines = []
    for (first, *rest), names in ((why, names) for why, names in alike.items() if why):
        lines += [f"{formatting.first(names)}: {first}", *rest]
    return lines


def _code_lines(
    run: RunRecord, stages: list[StageRecord], attempts: Mapping[str, Sequence[AttemptRecord]]
) -> list[str]:
    """Return a line for each change of the code, with the stages that started or wait after it."""
    from trainui.resume import code_version

    late: dict[str, list[str]] = {}
    for stage in stages:
        tries = attempts.get(stage.id)
        if tries and (change := tries[-1].code_change):
            late.setdefault(change, []).append(stage.name)
    waiting = [one.name for one in stages if one.status in WAITING]
    if waiting and (change := code_version.since_submission(run)):
        same = late.pop(change.partition(";")[0], [])
        late[change] = list(dict.fromkeys([*same, *waiting]))
    shown = [f"{formatting.first(names)}: {change}" for change, names in late.items()]
    return ["", *shown] if shown else []


def _written_by_several(
    connection: Connection,
    stages: Sequence[StageRecord],
    attempts: Mapping[str, Sequence[AttemptRecord]],
) -> list[str]:
    """Return notes on the files that a stage's last attempt and another stage's wrote."""
    return [
        f"{stage.name}: {words}"
        for stage in stages[:MOST_COMPARED]
        for last in attempts.get(stage.id, ())[-1:]
        for words in views.written_by_both(connection, stage.id, Path(last.directory))
    ]


def _left(connection: Connection, run: RunRecord, stages: list[StageRecord]) -> str:
    """Return a run's estimated time to go as text; empty if unknown."""
    if run.status not in UNFINISHED or any(stage.stalled for stage in stages):
        return ""
    from trainui.tui.readers.time_to_go import EtaEstimator

    ending = EtaEstimator().look(connection, run, stages).run
    return "" if ending is None else ending.words(clock.now())


def _show_lines(
    run: RunRecord,
    stages: list[StageRecord],
    alerts: Mapping[str, str],
    worked: tuple[TimeWorked, Loss | None],
    left: str,
    parent: str,
) -> list[str]:
    """Return a run as text, with the time `worked`, which ends where the run was lost."""
    time, loss = worked
    micros = time.until(clock.now() if loss is None else loss.at)
    ticks = time.ticks and loss is None
    spent = formatting.worked(if_known(micros, external=run.is_external, ticks=ticks))
    since = formatting.local_time(run.started_at)
    about = [
        ("run", run.id),
        ("name", run.name),
        ("state", text.state(run.status, is_lost=loss is not None)),
        *([("from", parent)] if parent else []),
        *_source(run),
        ("directory", run.directory),
        *([("belongs to", f"the home {run.original}: only read here")] if run.original else []),
        *_about_code(run),
        ("created", formatting.local_time(run.created_at)),
        ("took", f"{spent}, since {since}" if since and spent else ""),
        *([("to go", left)] if left else []),
    ]
    header = ("STAGE", "STATE", "ATTEMPT", "TOOK", "SINCE", "EXIT", "WHY")
    rows = [
        _stage_row(one, alerts, external=run.is_external) for one in stages if not one.is_withdrawn
    ]
    return [
        *text.table(about),
        "",
        *printing.fitted(
            [header, *rows], right=RIGHT, cut={"STAGE"}, optional=("SINCE",), wrapped=True
        ),
    ]


def _source(run: RunRecord) -> list[tuple[str, str]]:
    """Return the pipeline file, or of an external run its process and command, or its files."""
    if run.external is None:
        return [("file", run.file or "(none)")]
    pid, command = run.external.get("pid"), run.external.get("command")
    source = f"process {pid}" if pid else f"{run.external['kind']} {run.external['path']}"
    return [("external", source), *([("command", str(command))] if command else [])]


def _about_code(run: RunRecord) -> list[tuple[str, str]]:
    from trainui.resume import code_version
    from trainui.resume.code_snapshot import CodeSnapshot

    state = code_version.recorded(Path(run.directory))
    if state.get("snapshot"):
        return [("snapshot", CodeSnapshot(**state["snapshot"]).words)]
    commit = (state.get("commit") or "")[:12]
    return [("code", commit + (", with changes" if state.get("dirty") else ""))] if commit else []


def _stage_row(stage: StageRecord, alerts: Mapping[str, str], *, external: bool) -> tuple[str, ...]:
    state = text.marked_state(stage, alerts.get(stage.name))
    exit_code = "" if stage.exit_code is None else str(stage.exit_code)
    number = str(stage.attempt) if stage.attempt else ""
    silent = text.STALLED if stage.stalled and stage.lost_at is None else ""
    why = stage.reason or silent
    ticks = stage.status == Status.RUNNING and stage.lost_at is None
    micros = if_known(stage.worked_until(clock.now()), external=external, ticks=ticks)
    took = formatting.worked(micros)
    since = "" if stage.since is None else formatting.clock_time(stage.since)
    return stage.name, state, number, took, since, exit_code, why


@options.command('ls "$(trainui path digits evaluate)"', 'cd "$(trainui path digits)"')
def path(
    run: options.Run, stage: options.OptionalStage = None, as_json: options.Json = False
) -> None:
    """Print the directory of a run or a stage."""
    found, stages = options.find(run, stage)
    directories = [found.directory] if stage is None else [one.directory for one in stages]
    if as_json:
        printing.value({"paths": directories})
    else:
        printing.exact(*directories)


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
    from trainui.pipeline import matrix
    from trainui.store.points import read_points

    record, stages = options.find(run, stage)
    owners = {one.id: one.name for one in stages}
    with engine.reading() as connection:
        problems = read_points.problems(connection, owners)
        if points:
            _print_points(connection, owners)
        else:
            with printing.progress("reading"):
                found = read_points.summaries(connection, owners)
            folded = matrix.spreads(matrix.folds(stages), found)
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
    connection: Connection,
    run: RunRecord,
    stages: Sequence[StageRecord],
    asked: Sequence[StageRecord] | None = None,
) -> list[str]:
    """Return where the metrics of a run that has ended without any were searched for.

    Stages that printed nothing are left out: hardly any of them was meant to have metrics. `asked`:
    only those of these stages.
    """
    from trainui.store.read import headlines

    is_live = any(one.status in UNFINISHED for one in stages)
    if is_live or any(headlines.has_series(connection, one.id) for one in stages):
        return []
    asked = stages if asked is None else asked
    printed = [one for one in asked if one.attempt and _has_printed(connection, one)]
    return _searched_places(connection, run, printed) if printed else []


def _has_printed(connection: Connection, stage: StageRecord) -> bool:
    directory = Path(views.attempts_of_stage(connection, stage.id)[-1].directory)
    return any(lenient.size(directory / name) for name in (STDOUT_FILE, STDERR_FILE))


def _searched_places(
    connection: Connection, run: RunRecord, stages: Sequence[StageRecord]
) -> list[str]:
    """Return where the metrics of some stages were searched for; nothing for external runs."""
    from trainui.metrics.discovery import stage_sources

    lines = []
    for one in [one for one in stages if one.attempt and not run.is_external][:_MOST_STAGES]:
        attempt = views.attempts_of_stage(connection, one.id)[-1]
        if attempt.is_unread:
            lines.append(f"{one.name}: its metrics are not read to their end yet")
            continue
        words = stage_sources.searched_places(
            Path(attempt.directory), Path(one.directory), one.definition
        )
        lines.append(f"{one.name}: {words}")
    return lines


def print_problems(
    problems: Sequence[SourceProblem],
    owners: Mapping[str, str],
    directories: Mapping[str, str] | None = None,
) -> None:
    """Print why sources of metrics cannot be read on stderr, a line for each problem.

    `directories` are those of the stages: a problem that several have in them is one line.
    """
    alike: dict[str, list[str]] = {}
    for one in problems:
        own = (directories or {}).get(one.owner)
        words = one.problem if own is None else one.problem.replace(own, "its directory")
        alike.setdefault(words, []).append(owners[one.owner])
    for words, names in alike.items():
        printing.note(f"! {formatting.first(names)}: {words}")


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
    return ["", *printing.fitted(rows, right={"MEAN", "DEVIATION"}, cut={"FOLDED", "METRIC"})]


def _lines(found: list[SeriesSummary]) -> list[str]:
    header = ("STAGE", "METRIC", "POINTS", "STEPS", "LAST", "MIN", "MAX", "NAN/INF")
    right = {"POINTS", "LAST", "MIN", "MAX", "NAN/INF"}
    optional = () if any(one.nonfinite for one in found) else ("NAN/INF",)
    rows = [header, *map(_row, found)]
    return printing.fitted(rows, right=right, cut={"STAGE", "METRIC"}, optional=optional)


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


@options.command("trainui shell digits evaluate", "echo nvidia-smi | trainui shell digits evaluate")
def shell(run: options.Run, stage: options.OneStage) -> None:
    """Open a shell in a stage's workdir, with the environment of its process.

    It is not part of the stage: it takes no slot, is not cancelled with it, and what it writes to
    $TRAINUI_METRICS_FILE is discarded.
    """
    prepared = _prepared(run, stage)
    program = prepared.environ.get("SHELL") or os.environ.get("SHELL") or "/bin/sh"
    printing.note(f"in {prepared.definition.workdir}; `exit` leaves")
    try:
        os.chdir(prepared.definition.workdir)
        os.umask(prepared.umask)
        os.execvpe(program, [program], shell_environment(prepared.environ))
    except OSError as error:
        raise UnfitEnvironmentError(
            f"cannot open {program} in {prepared.definition.workdir}: {error.strerror}"
        ) from error


def shell_environment(prepared: Mapping[str, str]) -> dict[str, str]:
    """Return the stage's variables, changed so that the shell is not taken for the stage."""
    # an attempt's processes are recognised by this variable; the added slash makes it differ
    own = {"TRAINUI_RUN_DIR": prepared["TRAINUI_RUN_DIR"].rstrip("/") + "/"}
    return {**prepared, **own, "TRAINUI_METRICS_FILE": os.devnull}


def _prepared(reference: str, stage: str) -> PreparedProcess:
    from trainui.execution.attempt.prepared_process import AttemptContext, prepare
    from trainui.resume import search_results
    from trainui.store.db import home_identity

    home_identity.check()  # a shell in a stage's directory could change the original's
    run, found = options.find_one(reference, stage)
    home_identity.check_run(run)
    with options.view() as connection:
        attempts = views.attempts_of_stage(connection, found.id)
        submission = views.submission(connection, run.id)
        results = search_results.needed_by(connection, run.id, found.definition)
    attempt = attempts[-1] if attempts else _not_started(found)
    context = AttemptContext(run, found, attempt, submission, results)
    prepared = prepare(context, attempt.checkpoint)
    printing.note(f"{found.name}, as attempt {attempt.number}")
    return prepared


def _not_started(stage: StageRecord) -> AttemptRecord:
    """Return a placeholder for the first attempt of a stage that has not started."""
    from trainui.model.records import AttemptRecord

    return AttemptRecord(
        id=0,
        stage_id=stage.id,
        number=1,
        status=Status.QUEUED,
        celery_task_id=None,
        directory=str(paths.attempt_directory(Path(stage.directory), 1)),
        slots=(),
        granted_at=0,
    )
