"""Launches an attempt: checks its preconditions and starts its supervisor.

Nothing here waits for the attempt's end. An interrupted launch may be repeated: the supervisor
guarantees that an attempt is started at most once.
"""

from __future__ import annotations

import json
import shutil
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import replace
from pathlib import Path

from trainui import clock, paths
from trainui import settings as settings_module
from trainui.errors import UnsafePathError
from trainui.execution import gpus, processes
from trainui.execution.attempt import outcome
from trainui.execution.attempt.executors import (
    Executors,
    end_previous,
    job_of,
    move_away_if_fresh,
)
from trainui.execution.attempt.prepared_process import (
    AttemptContext,
    NotLaunchableError,
    PreparedProcess,
    choose_checkpoint,
    identity_of,
    prepare,
)
from trainui.execution.gpus import UnusableLockError
from trainui.metrics.discovery import file_writers
from trainui.model.records import LOCAL, AttemptRecord
from trainui.model.states import Status
from trainui.pipeline.rules import fingerprint
from trainui.pipeline.stage_command import argv, validate_file_path
from trainui.plugin.backends import LaunchAnswer, Launched
from trainui.resume import code_snapshot, code_version, outputs
from trainui.store.db.engine import Database
from trainui.store.read import views
from trainui.store.runs import attempts
from trainui.supervisor import call_task, process, protocol, supervise
from trainui.supervisor.protocol import Exit, ExitReason, Spec

CALL_FILE = "call.json"
"""File in the attempt's directory: the arguments of `call_task`."""


class GpuGoneError(NotLaunchableError):
    """A GPU granted to the attempt is no longer usable; the stage is requeued for another one."""


class UpstreamOutputError(NotLaunchableError):
    """An output of an upstream stage was deleted after it completed, so no retry can succeed."""


def launch(store: Database, context: AttemptContext, executors: Executors) -> Launched:
    """Have an attempt's supervisor started by its executor.

    Raises:
        TrainuiError: the attempt cannot be started; the message says what is missing.
        OSError: a system call failed.
    """
    earlier: list[AttemptRecord] = []
    if context.attempt.number > 1:
        with store.read() as connection:
            known = views.attempts_of_stage(connection, context.stage.id)
        earlier = [one for one in known if one.number < context.attempt.number]
        end_previous((replace(context, attempt=one) for one in earlier), executors)
        if move_away_if_fresh(store, context.stage, earlier):
            earlier = []  # of which nothing is continued
    attempt_dir = Path(context.attempt.directory)
    _check_upstreams(store, context)
    _make_directory(Path(context.stage.directory))
    code_snapshot.make(Path(context.run.directory))
    checkpoint = choose_checkpoint(store, context, earlier)
    prepared = prepare(context, checkpoint)
    _check(context, prepared)
    if inputs := prepared.definition.inputs:  # recorded, so that a resume can detect changes
        states = {path: fingerprint.observe(path) for path in inputs}
        with store.write() as connection:
            attempts.set_inputs(connection, context.attempt.id, states)
    outputs.note(prepared.definition, Path(context.stage.directory), attempt_dir)
    code_version.note_environment(paths.home(), attempt_dir, prepared.environ)
    if prepared.definition.metrics is None:
        file_writers.note_sizes(Path(prepared.definition.workdir), attempt_dir)
    executor, job = executors.of(context.attempt), job_of(context)
    if context.attempt.executor != LOCAL and executor.find(job):
        executor.adopt(job)  # the worker that launched it died before it noted that
        return Launched(LaunchAnswer.WAITING)
    if not process.write_spec(attempt_dir, _spec(context, prepared, attempt_dir)):
        return Launched(LaunchAnswer.ALREADY, "this attempt was started before")
    if context.attempt.executor != LOCAL:
        shutil.copyfile(supervise.__file__, attempt_dir / protocol.SUPERVISOR_FILE)
    return executor.launch(job)


def _make_directory(directory: Path) -> None:
    try:
        directory.mkdir(parents=True, exist_ok=True)
    except FileExistsError as error:
        raise NotLaunchableError(
            f"the stage's directory {directory} is a file or a dangling link; remove it, then "
            "resume the run"
        ) from error


def prevent_start(attempt_dir: Path, reason: ExitReason, message: str) -> bool:
    """Prevent an attempt from ever starting, and record why; False if it has or may have started.

    A failed launch may only be late: its supervisor could still start. The exit file is for the
    case that the store cannot be written now: the next probe finds it.
    """
    found = Exit.of_no_start(reason, message, clock.now())
    record = attempt_dir / f".{protocol.EXIT_FILE}.new"
    with suppress(OSError):  # a full disk; without it the attempt counts as lost
        paths.write_private(record, found.to_json())
    try:
        (attempt_dir / protocol.STARTED_FILE).touch(exist_ok=False)
        (attempt_dir / protocol.LOCK_FILE).stat()  # raises if its records were removed
    except (FileExistsError, FileNotFoundError):
        record.unlink(missing_ok=True)
        return False
    if record.exists():
        record.replace(attempt_dir / protocol.EXIT_FILE)
    return True


def _check(context: AttemptContext, prepared: PreparedProcess) -> None:
    """Check the working directory and the inputs of the process."""
    workdir = Path(prepared.definition.workdir)
    if not workdir.is_dir():
        raise NotLaunchableError(
            f"workdir {workdir} does not exist; create it, or correct `workdir` of the stage"
        )
    run_directory, at_submission = context.run.directory, context.submission.get("allowed")
    allowed = [run_directory, *(at_submission or ())]
    for path in prepared.definition.inputs:  # again: a file may have become a link meanwhile
        if at_submission is None and not Path(path).is_relative_to(run_directory):
            continue  # an older run without a record of the allowed directories
        try:
            validate_file_path(path, allowed=allowed, base=run_directory)
        except UnsafePathError as error:
            raise NotLaunchableError(f"input {error}") from error


def _check_upstreams(store: Database, context: AttemptContext) -> None:
    """Check that the upstream stages still have their outputs.

    They existed when each upstream ended, or when a resume decided to skip it. Those that a person
    keeps as they are do not count, nor those of another host: its files may show up here later.
    """
    run_id, names = context.run.id, context.stage.depends_on
    with store.read() as connection:
        found = filter(None, [views.stage(connection, run_id, name) for name in names])
        completed = [
            (one, views.attempts_of_stage(connection, one.id)[-1])
            for one in found
            if one.status == Status.COMPLETED and one.definition.outputs
        ]
    for upstream, last in completed:
        made = fingerprint.origin_of(last, upstream.definition).definition
        if last.kept or last.host != context.attempt.host:
            continue
        directory = Path(upstream.directory)
        gone = outputs.gone(made, directory)
        if gone := gone or outputs.replaced(directory, upstream.attempt):
            raise UpstreamOutputError(
                f"upstream {upstream.name} has completed, but {gone}; resume the run: "
                f"{upstream.name} runs again first"
            )


def _spec(context: AttemptContext, prepared: PreparedProcess, attempt_dir: Path) -> Spec:
    definition, home = prepared.definition, paths.home()
    return Spec(
        argv=tuple(_argv(context, prepared, attempt_dir)),
        cwd=definition.workdir,
        env=prepared.environ,
        umask=prepared.umask,
        limits=prepared.limits,
        debuggers=settings_module.load().debuggers,
        stop_signal=definition.stop_signal,
        grace=definition.grace,
        timeout=definition.timeout,
        budget=definition.budget,
        silence_timeout=definition.silence_timeout,
        identity=identity_of(context),
        wake=str(home.wake_socket),
        revive=tuple(processes.GUARD_ARGV) if definition.is_local else None,
        revive_lock=str(home.guard_lock),
        locks=_locks(context.attempt),
    )


def _locks(attempt: AttemptRecord) -> tuple[str, ...]:
    """Return the lock files of an attempt's GPUs, after checking that the GPUs still work."""
    if not attempt.gpus:
        return ()
    found = gpus.query()
    working = {gpu.index: gpu for gpu in found.gpus if gpu.problem is None}
    for index in attempt.gpus:
        if index not in working:
            gpu = next((gpu for gpu in found.gpus if gpu.index == index), None)
            problem = gpu.problem if gpu else found.problem or "no longer exists"
            raise GpuGoneError(f"GPU {index} {problem}" if gpu else f"GPU {index}: {problem}")
    try:
        return gpus.prepare_locks(working[index] for index in attempt.gpus)
    except UnusableLockError as error:
        raise GpuGoneError(str(error)) from error


def _argv(context: AttemptContext, prepared: PreparedProcess, attempt_dir: Path) -> Sequence[str]:
    definition = prepared.definition
    if definition.task is None:
        return argv(definition.command or "", path=prepared.environ.get("PATH"))
    imported_from = [definition.workdir, context.submission.get("sys_path")]
    call = {
        "task": definition.task,
        "params": dict(definition.params),
        "sys_path": [path for path in imported_from if path],
        "include": list(settings_module.load().include),
    }
    call_file, result_file = attempt_dir / CALL_FILE, attempt_dir / outcome.RESULT_FILE
    paths.write_private(call_file, json.dumps(call))
    return [prepared.python.path, call_task.__file__, str(call_file), str(result_file)]
