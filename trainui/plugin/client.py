"""Runs, from outside: list, show, read and steer them, as the command line does.

Everything is returned as `--json` prints it. A run is named by its id, its name (the latest), or
four or more characters of an id; each function raises NotFoundError if there is no such run.
Nothing is imported before a function is called.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from pathlib import Path
from typing import Any

from trainui import clock
from trainui.store.db import engine
from trainui.supervisor.protocol import RUN_TAG

Row = dict[str, Any]

ATTEMPT_TAG = RUN_TAG
"""Under this name a tracker may note to which attempt's directory a run or a job belongs."""


def list(most: int | None = None) -> tuple[Row, ...]:
    """Return the runs, the newest first; at most so many."""
    if engine.is_none_yet():
        return ()
    from trainui.store.read import run_in_json, views

    with engine.reading() as connection:
        return tuple(run_in_json.run_lines(connection, views.runs(connection, limit=most)))


def show(run: str) -> Row:
    """Return a run with its stages and their attempts."""
    from trainui.store.read import run_in_json, views

    with engine.reading() as connection, engine.snapshot(connection):
        return run_in_json.run_in_full(connection, views.find_run(connection, run))


def points(run: str, stage: str | None = None) -> Iterator[Row]:
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


def log(run: str, stage: str, attempt: int | None = None, last: int | None = None) -> Iterator[Row]:
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


def events(run: str | None = None, after: int = 0) -> tuple[Row, ...]:
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


def submit(
    file: str | Path,
    params: Mapping[str, str] | None = None,
    *,
    name: str | None = None,
    python: str | None = None,
) -> str:
    """Start a run of a pipeline file in the background; return its id.

    Its stages get this process's environment, and this `python` unless they name one.

    Raises:
        PipelineFileError: the file has problems.
        UnfitEnvironmentError: nothing can run on this machine; the message says what to do.
    """
    from trainui import control
    from trainui.execution.daemon import lifecycle
    from trainui.pipeline import loader

    pipeline = loader.load(str(file), params)
    lifecycle.ensure_started()
    return control.submit(pipeline, name=name, given=params, python=python)


def wait(run: str) -> Row:
    """Wait until a run has ended; return it as `show` does."""
    from trainui.api import PipelineExecutor

    run_id = _id(run)
    PipelineExecutor(run_id).wait()
    return show(run_id)


def has_gpus() -> bool:
    """Return True if stages can use a GPU of this machine."""
    from trainui.execution.gpus import usable_gpus

    return bool(usable_gpus().gpus)


def resume(run: str) -> tuple[str, ...]:
    """Give a new attempt to each stage that ended without completing; return their names."""
    from trainui import control
    from trainui.execution.attempt import lost_attempts
    from trainui.execution.daemon import lifecycle

    run_id = _id(run)
    lost_attempts.record([run_id])
    stages = control.resume(run_id)
    if stages:
        lifecycle.ensure_started()
    return tuple(stages)


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
