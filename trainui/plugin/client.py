"""Runs, from outside: list, show, read and steer them, as the command line does.

Everything is returned as `--json` prints it. A run is named by its id, its name (the latest), or
four or more characters of an id; each function raises NotFoundError if there is no such run.
Nothing is imported before a function is called.
"""

from __future__ import annotations

import json
from collections.abc import Collection, Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from trainui import clock
from trainui.errors import NotFoundError, UsageError
from trainui.store.db import engine
from trainui.supervisor.protocol import RUN_TAG

if TYPE_CHECKING:
    from threading import Event

    from trainui.model.definition import Pipeline
    from trainui.resume.edit_effects import PipelineChoice

JsonObject = dict[str, Any]
"""A value as the commands print it with `--json`."""

ATTEMPT_TAG = RUN_TAG
"""Under this name a tracker may note to which attempt's directory a run or a job belongs."""


def list(most: int | None = None) -> tuple[JsonObject, ...]:
    """Return the runs, the newest first; at most so many."""
    if engine.is_none_yet():
        return ()
    from trainui.store.read import run_in_json, views

    with engine.reading() as connection:
        return tuple(run_in_json.run_lines(connection, views.runs(connection, limit=most)))


def overview(matching: str = "", most: int = 20, after: str | None = None) -> JsonObject:
    """Return the runs that match a filter of `trainui ls`, the newest first, each in short.

    `after` is the id of a run behind which to continue; `left` counts those that follow.
    """
    if engine.is_none_yet():
        return {"runs": [], "left": 0}
    from trainui.cli import options, selection
    from trainui.store.read import run_list, views

    with options.view() as connection:
        lines = run_list.run_lines(connection)
        lost = options.find_lost(connection, [run.status for run in lines])
        if after is not None:  # before the filter, which the run may match no more
            ids = [run.id for run in lines]
            if after not in ids:
                raise NotFoundError(f"the run {after} is gone; list again without after:")
            lines = lines[ids.index(after) + 1 :]
        found = selection.select(connection, run_list.with_lost(lines, lost), [matching], None).runs
        shown = [
            {
                "run": one.id,
                "name": one.name,
                "status": str(one.status),
                "created_at": clock.to_iso(one.created_at),
                "seconds": (one.worked_until(clock.now()) or 0) // clock.SECOND,
                "done": f"{one.done}/{one.total}",
                "running": [*one.current],
                "failed": [*one.failed],
                "trouble": {kind: getattr(one.trouble, kind) for kind in one.trouble.kinds},
                "best": best(one.id),
                "params": json.loads(one.params_json),
                "from": origin.origin if (origin := views.run(connection, one.id)) else None,
                "verdict": one.verdict or None,
                "note": one.note or None,
                "started_by": one.started_by or None,
                "lost": one.lost.words if one.lost is not None else None,
            }
            for one in found[:most]
        ]
    return {"runs": shown, "left": max(len(found) - most, 0)}


def best(run_id: str) -> JsonObject | None:
    """Return a run's most important metric and its best value; None if it has none."""
    from trainui.model.headline_metric import lower_is_better
    from trainui.pipeline import matrix
    from trainui.store.points import read_points
    from trainui.store.points.read_points import headline_of_run

    with engine.reading() as connection:
        if (chosen := headline_of_run(connection, run_id)) is None:
            return None
        stage, metric = chosen
        lower = lower_is_better(metric, stage.search)
        found = read_points.summaries(connection, {stage.id: stage.name}, metric)
    if not found:
        return None
    value = matrix.value_of(found[0], lower=lower)
    word = "last" if lower is None else "best"
    return {"metric": metric, word: value, "stage": stage.name}


def show(run: str) -> JsonObject:
    """Return a run with its stages and their attempts."""
    from trainui.store.read import run_in_json, views

    with engine.reading() as connection, engine.read_transaction(connection):
        return run_in_json.run_in_full(connection, views.find_run(connection, run))


def points(run: str, stage: str | None = None) -> Iterator[JsonObject]:
    """Yield the stored points of a run, or of a stage, in the order read."""
    from trainui.store.points import read_points
    from trainui.store.read import views

    with engine.reading() as connection:
        found = views.find_run(connection, run)
        chosen = (
            views.stages(connection, found.id)
            if stage is None
            else views.find_stages(connection, found.id, stage)
        )
        owners = {one.id: one.name for one in chosen}
        for one in read_points.points(connection, owners):
            yield {
                "stage": owners[one.owner],
                "name": one.name,
                "attempt": one.attempt,
                "step": one.step,
                "value": one.value,
                "time": clock.to_iso(one.time),
            }


def figures(
    run: str, stage: str | None = None, names: Sequence[str] = (), most: int | None = None
) -> JsonObject:
    """Return the metrics of a stage in few numbers, the most important first.

    Without a stage, of the newest with metrics. At most 60 points a series; `most` is the number
    of series with points, None: all. Of a sweep's name, one row a member, the best first.
    """
    from trainui.control import report

    with engine.reading() as connection, engine.read_transaction(connection):
        return report.metrics_of(connection, run, stage, names, most)


def log_part(
    run: str, stage: str | None = None, cursor: str | None = None, most: int = 3000
) -> JsonObject:
    """Return a part of a stage's log, by default its newest lines, at most so many characters.

    Without a stage, of the newest that ran. `cursor` continues behind the lines returned, and
    `earlier` before them.
    """
    from trainui.control import log_files

    with engine.reading() as connection:
        return log_files.part_of(connection, run, stage, cursor, most)


def log(
    run: str, stage: str, attempt: int | None = None, last: int | None = None
) -> Iterator[JsonObject]:
    """Yield the lines that an attempt of a stage has printed so far: the latest one by default."""
    from trainui.control import log_files
    from trainui.control.log_files import AttemptLogs
    from trainui.store.read import views

    with engine.reading() as connection:
        found = views.find_run(connection, run)
        (one,) = views.find_stages(connection, found.id, stage)
        attempts = views.attempts_of_stage(connection, one.id)
    chosen = [record for record in attempts if attempt in (None, record.number)]
    if not chosen:
        return
    place = log_files.find(chosen[-1].directory, chosen[-1].id, chosen[-1].host)
    for line in AttemptLogs(place, ("out", "err"), last=last).lines(to_end=True):
        text = line.raw.decode("utf-8", "replace").rstrip("\n")
        yield {"stream": line.stream, "time": clock.to_iso(line.time), "text": text}


def events(run: str | None = None, after: int = 0) -> tuple[JsonObject, ...]:
    """Return the events of a run, or of all, with higher ids than `after`."""
    from trainui.store.read import event_feed, views

    with engine.reading() as connection:
        run_id = None if run is None else views.find_run(connection, run).id
        found = event_feed.entries(connection, run_id=run_id, after=after)
    return tuple(
        {
            "id": one.number,
            "time": clock.to_iso(one.event.time),
            "run": one.run_id,
            "name": one.run_name,
            "stage": one.event.stage,
            "attempt": one.event.attempt,
            "kind": one.event.kind,
            "text": one.event.text,
        }
        for one in found
    )


def news(
    run: str | None = None,
    cursor: str | None = None,
    seconds: float = 0.0,
    stopped: Event | None = None,
) -> JsonObject:
    """Wait until a run, or any, has ended, failed, stalled or has a new best; return what changed.

    `cursor` is where an earlier answer ended; None: now. The reason is `timeout` if nothing came,
    or if `stopped` is set.
    """
    from trainui.control import news as news_of

    run_id = None if run is None else _id(run)
    changes = news_of.shared()
    return news_of.as_data(news_of.wait(cursor, run_id, seconds, changes, most=50, stopped=stopped))


def news_cursor(run: str | None = None) -> str:
    """Return the cursor behind the newest event, or that before a run's first one."""
    from trainui.control import news as news_of

    return news_of.now() if run is None else news_of.before(run)


def trouble() -> str:
    """Return why nothing new starts or ends are not recorded here; empty if a worker works."""
    from trainui.cli import standstill

    return standstill.copied() or standstill.worker_trouble()


def is_active() -> bool:
    """Return True if a run has not ended."""
    if engine.is_none_yet():
        return False
    from trainui.store.runs import runs

    with engine.reading() as connection:
        return runs.is_any_active(connection)


def version() -> str:
    """Return trainui's version."""
    from trainui.version import __version__

    return __version__


def is_upgraded() -> bool:
    """Return True if trainui was replaced under this process, which then has to start again."""
    from trainui import installation

    return not installation.is_unchanged()


def act_as(by: str) -> None:
    """Record all that this process does from now on as done by an agent."""
    from trainui.control import requests

    requests.act_as(by)


def preview(
    file: str | None = None, params: Mapping[str, str] | None = None, *, command: str | None = None
) -> JsonObject:
    """Return what `submit` would store: the stages, and remarks."""
    from trainui import control
    from trainui.cli import run as run_command
    from trainui.control import requests, submission

    if engine.exists():
        with engine.reading() as connection:
            requests.check_room(connection)
    found = control.preview(_pipeline(file, params, command))
    remarks = (*submission.checkpoint_remarks(found), *submission.shared_path_remarks(found))
    return {**run_command.plan_as_json(found), "remarks": remarks}


def plan(run: str, file: str | None = None, *, as_submitted: bool = True) -> JsonObject:
    """Return what `resume` would do, as `trainui resume --dry-run` does.

    `changed_file` is the run's file if it has changed since; without `as_submitted` it is used.
    """
    from trainui import control
    from trainui.cli import resume as resume_command

    choice = _pipeline_to_resume(run, file, as_submitted)
    planned = control.plan_resume(_id(run), pipeline=choice.pipeline)
    shown = resume_command.plan_as_json(planned, choice.diff)
    return {**shown, "changed_file": choice.changed_file}


def _pipeline_to_resume(run: str, file: str | None, as_submitted: bool) -> PipelineChoice:
    from trainui.resume import edit_effects
    from trainui.store.read import views

    with engine.reading() as connection:
        found = views.find_run(connection, run)
    if found.is_external:
        return edit_effects.PipelineChoice()
    return edit_effects.choose_pipeline(
        found, file=file, as_submitted=as_submitted and file is None
    )


def named_id(name: str) -> str:
    """Return the id of the run to be submitted under a name of the caller's choice.

    The same name gives the same id in this home, and so submits nothing twice.
    """
    import uuid

    from trainui import paths
    from trainui.store.db import home_identity
    from trainui.store.db.engine import open_store

    if not home_identity.id_of(paths.home()):
        open_store().settle()
    return str(uuid.uuid5(uuid.NAMESPACE_OID, f"{home_identity.id_of(paths.home())} {name}"))


def exists(run_id: str) -> bool:
    """Return True if there is a run with exactly this id."""
    from trainui.store.read import views

    if not engine.exists():
        return False
    with engine.reading() as connection:
        return views.run(connection, run_id) is not None


def submit(
    file: str | Path | None = None,
    params: Mapping[str, str] | None = None,
    *,
    command: str | None = None,
    name: str | None = None,
    python: str | None = None,
    run_id: str | None = None,
    origin: str | None = None,
    note: str | None = None,
) -> str:
    """Start a run of a pipeline file, or of a command, in the background; return its id.

    Its stages get this process's environment, and this `python` unless they name one. With the
    `run_id` of a run that exists, nothing is submitted a second time. `origin` names the run that
    it came from.

    Raises:
        PipelineFileError: the file has problems.
        UnfitEnvironmentError: nothing can run on this machine; the message says what to do.
    """
    from trainui import control
    from trainui.execution.daemon import lifecycle

    if run_id is not None and exists(run_id):
        return run_id
    pipeline = _pipeline(None if file is None else str(file), params, command)
    came_from = None if origin is None else _id(origin)
    lifecycle.ensure_started()
    try:
        return control.submit(
            pipeline,
            name=name,
            given=params,
            python=python,
            run_id=run_id,
            origin=came_from,
            note=note,
        )
    except UsageError:
        if run_id is not None and exists(run_id):  # submitted by another process meanwhile
            return run_id
        raise


def _pipeline(file: str | None, params: Mapping[str, str] | None, command: str | None) -> Pipeline:
    """Return the pipeline of a file, or of a command, which gets a GPU if there is one."""
    from trainui.pipeline import loader, stage_command

    if (file is None) == (command is None):
        raise UsageError("give a file or a command, and not both")
    if command is None:
        return loader.load(str(file), params)
    if params:
        raise UsageError("params are for a file; write a command's own arguments in the command")
    found = stage_command.from_command([command])
    if found.stages[0].is_local and has_gpus():
        found = stage_command.from_command([command], gpus=1)
    return found


def wait(run: str) -> JsonObject:
    """Wait until a run has ended; return it as `show` does."""
    from trainui.api import PipelineExecutor

    run_id = _id(run)
    PipelineExecutor(run_id).wait()
    return show(run_id)


def has_gpus() -> bool:
    """Return True if stages can use a GPU of this machine."""
    from trainui.execution.gpus import usable_gpus

    return bool(usable_gpus().gpus)


def resume(run: str, file: str | None = None, *, as_submitted: bool = True) -> tuple[str, ...]:
    """Give a new attempt to each stage that ended without completing; return their names.

    With another pipeline `file`, or without `as_submitted` the run's own if it has changed, stages
    that differ run again as well.
    """
    from trainui import control
    from trainui.execution.attempt import lost_attempts
    from trainui.execution.daemon import lifecycle

    run_id = _id(run)
    lost_attempts.record([run_id])
    choice = _pipeline_to_resume(run_id, file, as_submitted)
    stages = control.resume(run_id, pipeline=choice.pipeline, edit=choice.edit)
    if stages:
        lifecycle.ensure_started()
    return tuple(stages)


def extend(run: str, file: str) -> tuple[str, ...]:
    """Add the stages that a run's changed file has and the run does not; return their full names.

    They run with the environment of the others, which stay as they are: none runs again.
    """
    from trainui import control
    from trainui.execution.attempt import lost_attempts
    from trainui.execution.daemon import lifecycle
    from trainui.pipeline.rules.resume_plan import StageOptions
    from trainui.store.read import views

    run_id = _id(run)
    pipeline = _pipeline_to_resume(run_id, file, as_submitted=False).pipeline
    assert pipeline is not None, "a file was given"
    with engine.reading() as connection:
        known = {one.name for one in views.stages(connection, run_id) if not one.removed}
    added = tuple(one.name for one in pipeline.stages if one.name not in known)
    if added:
        lost_attempts.record([run_id])
        lifecycle.ensure_started()
        control.resume(run_id, StageOptions(only=added), pipeline=pipeline)
    return added


def note(run: str, text: str, verdict: str | None = None) -> str:
    """Add a note to a run, a verdict (`keep`, `discard`) or both; return the run's id."""
    from trainui.control import requests

    run_id = _id(run)
    requests.add_note(run_id, text, verdict)
    return run_id


def cancel(run: str, stages: Collection[str] | None = None) -> tuple[str, ...]:
    """Cancel stages by their full names, or all; return those that have not ended yet."""
    from trainui import control
    from trainui.execution.daemon import lifecycle

    asked = control.cancel(_id(run), stages)
    if asked:
        lifecycle.ensure_started()
    return tuple(asked)


def _id(run: str) -> str:
    from trainui.store.read import views

    with engine.reading() as connection:
        return str(views.find_run(connection, run).id)
