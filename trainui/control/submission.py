"""Submits a pipeline: creates the run's directory and stores the run, both or neither."""

from __future__ import annotations

import json
import os
import re
import uuid
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import asdict, replace
from pathlib import Path

from trainui import paths, settings, wakeup
from trainui.control import staging_cleanup
from trainui.control.staging_cleanup import StagingNote
from trainui.control.submission_checks import (
    allowed_for,
    check_executors,
    check_inputs,
    check_search,
    check_slots,
)
from trainui.errors import UnfitEnvironmentError, UsageError
from trainui.model.definition import Pipeline
from trainui.pipeline.fields import process
from trainui.pipeline.substitution import secrets
from trainui.pipeline.substitution.masking import Masker, is_secret
from trainui.resume import code_version
from trainui.resume.snapshot import files, run_copy, trees
from trainui.resume.submitted import PIPELINE_FILE, SnapshotPaths, filled_in, stage_directories
from trainui.store import shell_environment
from trainui.store.db.engine import open_store
from trainui.store.read import views
from trainui.store.runs import new_run
from trainui.store.runs.new_run import NewRun
from trainui.store.shell_environment import ShellEnvironment

_RUN_ID = re.compile(r"[A-Za-z0-9._-]{1,64}")
_LONGEST_NAME = 200


def submit(
    pipeline: Pipeline,
    *,
    name: str | None = None,
    run_id: str | None = None,
    environ: Mapping[str, str] | None = None,
    python: str | None = None,
    sys_path: str | None = None,
    priority: int = 0,
    given: Mapping[str, str] | None = None,
    origin: str | None = None,
) -> str:
    """Store a run of a pipeline, which the worker then starts; return the run's id.

    Args:
        pipeline: as loaded.
        name: the run's name; None: the pipeline's name.
        run_id: `[A-Za-z0-9._-]`, at most 64 characters; None: a new UUID.
        environ: the environment of its stages; None: this process's.
        python: `${python}` for stages that set none; None: `python` on the PATH of `environ`.
        sys_path: the directory searched first when tasks are imported.
        priority: runs with a higher priority start first.
        given: the parameters given with `-p`, used again by a resume with another file.
        origin: the id of the run that it came from.

    Raises:
        UsageError: the id or name is not valid, or a run with this id exists.
        UnfitEnvironmentError: a stage needs more slots than this machine has, or the run's
            directory cannot be created.
        UnsafePathError: the location of an input is not allowed.
    """
    environ = os.environ if environ is None else environ
    run_id = _checked_id(run_id)
    name = checked_name(name or pipeline.name)
    configured = settings.load()
    directory = settings.runs_dir(configured) / run_id
    directories = stage_directories(directory, pipeline)
    submitted = filled = _checked(pipeline, directory, environ)
    found = copied = None
    if pipeline.snapshot or configured.snapshot == "always":
        found = files.find(Path(pipeline.directory))
        copied = asdict(found.snapshot)
        root, target = Path(found.snapshot.root), directory / run_copy.DIRECTORY
        moved = SnapshotPaths(root, target, found.files)
        submitted = moved.pipeline(submitted)
        environ, sys_path = moved.variables(environ), sys_path and moved.path(sys_path)
    as_written = _without_secrets(pipeline, directory, filled)
    stored, taken = secrets.conceal(submitted, as_written, shell_environment.inheritable(environ))
    shell = shell_environment.of_this_shell(environ, taken)
    masker = Masker(shell.known_secrets())
    new = NewRun(
        id=run_id,
        name=masker.text(name),
        pipeline=stored,
        directory=str(directory),
        stage_directories=directories,
        submission={
            "umask": shell.umask,
            "sys_path": sys_path,
            "python": python or process.find_interpreter(None, environ).path,
            "given": masker.values(given or {}),
            "snapshot": copied,
            **({"from": origin} if origin else {}),
            "allowed": allowed_for(pipeline),
        },
        priority=priority,
        host=settings.host(configured),
        place=settings.runs_dir_identity(configured),
    )
    # paths that are not UTF-8 cannot be stored as they are: raise before anything is created
    json.dumps([one.to_json() for one in stored.stages], ensure_ascii=False).encode()
    json.dumps([new.directory, new.submission], ensure_ascii=False).encode()
    with _stored(new, pipeline.text, shell):
        code_version.record(
            Path(pipeline.directory),
            filled.stages,
            directory,
            snapshot=copied,
            packages=code_version.packages_of(filled.stages, environ),
        )
        if found:
            run_copy.prepare(found, directory)
    wakeup.wake()
    return run_id


def preview(pipeline: Pipeline) -> Pipeline:
    """Return a pipeline as it would be submitted, with a directory called RUN; store nothing.

    It raises UnfitEnvironmentError and UnsafePathError as `submit`.
    """
    directory = settings.runs_dir(settings.load()) / "RUN"
    submitted = _checked(pipeline, directory, os.environ)
    as_written = _without_secrets(pipeline, directory, submitted)
    return secrets.conceal(submitted, as_written, shell_environment.inheritable(os.environ))[0]


def _checked(pipeline: Pipeline, directory: Path, environ: Mapping[str, str]) -> Pipeline:
    """Check the requirements of a pipeline; return it filled in."""
    check_executors(pipeline.stages)
    check_slots(pipeline.stages, environ)
    check_search(pipeline.stages)
    submitted = filled_in(pipeline, directory)
    check_inputs(submitted, run_directory=directory, environ=shell_environment.inheritable(environ))
    return submitted


def _without_secrets(pipeline: Pipeline, directory: Path, filled: Pipeline) -> Pipeline:
    """Return a pipeline as `filled` in, but with its secret parameters left as variables."""
    if not any(map(is_secret, pipeline.params)):
        return filled
    return filled_in(pipeline, directory, secrets=False)


def without_gpus(pipeline: Pipeline) -> Pipeline:
    """Return the pipeline with `gpus: 0` for every stage."""
    return pipeline.with_stages(tuple(replace(stage, gpus=0) for stage in pipeline.stages))


def _checked_id(run_id: str | None) -> str:
    if run_id is None:
        return str(uuid.uuid4())
    if not _RUN_ID.fullmatch(run_id) or not run_id.strip(".") or run_id == trees.DIRECTORY:
        raise UsageError(
            f"{run_id!r} is not a valid run id: use letters, digits, `.`, `_` and `-`, "
            "at most 64 of them"
        )
    return run_id


def checked_name(name: str) -> str:
    """Return a run's name; raise UsageError if it is not valid."""
    if not name.strip() or not name.isprintable() or len(name) > _LONGEST_NAME:
        raise UsageError(
            f"{name[:40]!r} is not a valid run name: use up to {_LONGEST_NAME} printable characters"
        )
    return name


@contextmanager
def _stored(new: NewRun, text: str, shell: ShellEnvironment) -> Iterator[None]:
    """Create a run's directory, let the caller fill it, and store the run."""
    store = open_store()
    staging_cleanup.sweep()
    with views.reading() as connection:
        if views.run(connection, new.id) is not None:
            raise UsageError(f"a run {new.id!r} already exists; resume it, or choose another id")
    directory = Path(new.directory)
    with staging_cleanup.noted(new.id) as note, _new_directory(directory, note):
        paths.write_private(directory / PIPELINE_FILE, text)
        shell_environment.write(directory, shell)
        yield
        with store.write() as connection:
            new_run.create(connection, new)


@contextmanager
def _new_directory(directory: Path, note: StagingNote) -> Iterator[None]:
    """Create a run's directory, and record it in its note."""
    try:
        if not directory.exists():  # otherwise it belongs to someone else
            note.write(directory)
        # an existing directory may be shared with others, so its mode is not changed
        paths.make_parents(directory.parent)
        directory.parent.mkdir(mode=0o700, exist_ok=True)
        directory.mkdir(mode=0o700)
        note.write(directory)
        directory.chmod(0o700)  # whatever the umask is
    except FileExistsError as error:
        raise UsageError(
            f"{directory} already exists; choose another id, or move it away"
        ) from error
    except OSError as error:
        raise UnfitEnvironmentError(
            f"cannot create the run's directory {directory}: {error.strerror}; "
            "make its parent writable, or set TRAINUI_RUNS_DIR"
        ) from error
    try:
        yield
    except OSError as error:
        raise UnfitEnvironmentError(
            f"cannot write into {directory}: {error.strerror}; free some space, or set "
            "TRAINUI_RUNS_DIR to a directory on another disk"
        ) from error
