"""Submits a pipeline: checks it, makes the run's directory and stores the run, all or nothing.

A note in the home names a run's directory before it is created, and its identity (device and inode)
once it exists. The next process deletes each noted directory whose note nobody has locked and whose
run is not in the store: a submission or a deletion was killed. A directory with another identity is
never touched.
"""

from __future__ import annotations

import json
import os
import re
import uuid
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import asdict, replace
from importlib.util import find_spec
from pathlib import Path

from trainui import paths, settings, wakeup
from trainui.control import requests
from trainui.errors import UnfitEnvironmentError, UnsafePathError, UsageError, install_advice
from trainui.execution.processes import Lock
from trainui.formatting import quantity
from trainui.model.definition import Pipeline, Search, StageDefinition
from trainui.pipeline import field_names, filling, masking, stage_command
from trainui.pipeline.masking import Masker, is_secret
from trainui.pipeline.rules import shared_paths
from trainui.pipeline.stage_command import allowed_directories, validate_file_path
from trainui.plugin import Executor, registry
from trainui.resume import code_snapshot, code_version
from trainui.resume.code_snapshot import SnapshotFiles
from trainui.resume.submitted import PIPELINE_FILE, SnapshotPaths, filled_in, stage_directories
from trainui.store import shell_environment
from trainui.store.db import engine, home_identity
from trainui.store.db.engine import open_store
from trainui.store.read import views
from trainui.store.runs import stored_pipeline
from trainui.store.runs.stored_pipeline import NewRun
from trainui.store.shell_environment import ShellEnvironment
from trainui.supervisor.supervise import try_lock

_RUN_ID = re.compile(r"[A-Za-z0-9._-]{1,64}")
_LONGEST_NAME = 200
"""Characters of a run name, which lists cut."""


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
    note: str | None = None,
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
        note: a note on it.

    Raises:
        UsageError: the id, name or note is not valid, or a run with this id exists.
        UnfitEnvironmentError: a stage needs more slots than this machine has, or the run's
            directory cannot be created.
        UnsafePathError: the location of an input is not allowed.
    """
    environ = os.environ if environ is None else environ
    run_id = _checked_id(run_id)
    if note is not None:
        requests.check_note(note)
    name = checked_name(name or pipeline.name)
    configured = settings.load()
    directory = settings.runs_dir(configured) / run_id
    directories = stage_directories(directory, pipeline)
    submitted = filled = _checked(pipeline, directory, environ)
    code = None
    if pipeline.snapshot or configured.snapshot == "always":
        code = code_snapshot.find(Path(pipeline.directory))
        target = directory / code_snapshot.DIRECTORY
        moved = SnapshotPaths(Path(code.snapshot.root), target, code.files)
        submitted, environ = moved.pipeline(filled), moved.variables(environ)
        sys_path = sys_path and moved.path(sys_path)
    as_written = _without_secrets(pipeline, directory, filled)
    stored, taken = masking.conceal(submitted, as_written, shell_environment.inheritable(environ))
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
            "python": python or stage_command.find_interpreter(None, environ).path,
            "given": masker.values(given or {}),
            "snapshot": asdict(code.snapshot) if code else None,
            **({"from": origin} if origin else {}),
            "allowed": allowed_for(pipeline),
        },
        priority=priority,
        host=settings.host(configured),
        place=settings.runs_dir_identity(configured),
        started_by=requests.actor(),
    )
    _check_encoding(new)
    with _stored(new, pipeline.text, shell, masker.text((note or "").strip())):
        _record_code(filled, directory, environ, code)
    wakeup.wake()
    return run_id


def preview(pipeline: Pipeline) -> Pipeline:
    """Return a pipeline as it would be submitted, with a directory called RUN; store nothing.

    It raises UnfitEnvironmentError and UnsafePathError as `submit`.
    """
    directory = settings.runs_dir(settings.load()) / "RUN"
    submitted = _checked(pipeline, directory, os.environ)
    as_written = _without_secrets(pipeline, directory, submitted)
    return masking.conceal(submitted, as_written, shell_environment.inheritable(os.environ))[0]


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
    if not _RUN_ID.fullmatch(run_id) or not run_id.strip(".") or run_id == code_snapshot.TREES:
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


def _check_encoding(new: NewRun) -> None:
    """Raise UnicodeEncodeError for a path that is not UTF-8, before anything is created."""
    stages = [one.to_json() for one in new.pipeline.stages]
    json.dumps([stages, new.directory, new.submission], ensure_ascii=False).encode()


@contextmanager
def _stored(new: NewRun, text: str, shell: ShellEnvironment, remark: str) -> Iterator[None]:
    """Create a run's directory, let the caller fill it, and store the run."""
    store = open_store()
    sweep_staging()
    with engine.reading() as connection:
        if views.run(connection, new.id) is not None:
            raise UsageError(f"a run {new.id!r} already exists; resume it, or choose another id")
        requests.check_room(connection)
    directory = Path(new.directory)
    with noted(new.id) as note, _new_directory(directory, note):
        paths.write_private(directory / PIPELINE_FILE, text)
        shell_environment.write(directory, shell)
        yield
        with store.write() as connection:
            requests.check_room(connection)
            stored_pipeline.create(connection, new)
            if remark:
                requests.record_note(connection, new.id, remark)
            requests.record_deed(connection, new.id, "submitted")


def _record_code(
    pipeline: Pipeline, directory: Path, environ: Mapping[str, str], code: SnapshotFiles | None
) -> None:
    """Write into a run's directory which code and packages it is submitted with."""
    code_version.record(
        Path(pipeline.directory),
        pipeline.stages,
        directory,
        snapshot=asdict(code.snapshot) if code else None,
        packages=code_version.packages_of(pipeline.stages, environ),
    )
    if code:
        code_snapshot.prepare(code, directory)


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


def check_search(stages: Iterable[StageDefinition]) -> None:
    """Raise UnfitEnvironmentError if a package of the stages' searches is not installed."""
    searches = {stage.group or stage.name: stage.search for stage in stages if stage.search}
    for name, search in searches.items():
        plugin = field_names.searchers().get(search.sampler)
        if plugin is None:
            raise UnfitEnvironmentError(
                f"the search of stage {name} needs a plugin that is not installed; see "
                "`trainui plugins`"
            )
        title = plugin.title or plugin.name
        if any(find_spec(module) is None for module in plugin.modules):
            advice = install_advice(plugin.extra) if plugin.extra else "install it"
            raise UnfitEnvironmentError(
                f"the search of stage {name} needs {title}, which is not installed: {advice}"
            )
        for used, module in _needed(search):
            if find_spec(module) is None:
                raise UnfitEnvironmentError(
                    f"{used}, in the search of stage {name}, needs {module}, which is not "
                    f"installed: install it beside {title} (pip install {module})"
                )


def _needed(search: Search) -> Iterator[tuple[str, str]]:
    """Yield the parts of a search that need a package besides the searcher's, and that package."""
    rules = {**field_names.samplers(), **field_names.pruners()}
    rule, used = search.prune, [search.sampler]
    while rule is not None:
        used.append(rule.by)
        rule = rule.wrapped
    yield from ((one, module) for one in used if one in rules for module in rules[one].modules)
    for option in search.sampler_options:
        if search.sampler_options[option]:
            for module in rules[search.sampler].options[option].modules:
                yield option, module


def check_executors(stages: Iterable[StageDefinition]) -> None:
    """Check the executors of stages that do not run on this machine.

    Raises:
        UsageError: no package has an executor of that name, or its options are wrong.
        UnfitEnvironmentError: the place cannot be used from here.
        PluginError: it cannot be loaded.
    """
    elsewhere = [one for one in stages if not one.is_local]
    for stage in elsewhere:
        from trainui.pipeline.field_types import executor_problems, refusals  # imports Pydantic

        found = executor_problems(stage.executor, stage.executor_options)
        asked = (stage.executor, stage.executor_options, stage.gpus, stage.cpus)
        for one in found or refusals(*asked):
            option = "" if one.at_name else one.option
            called = option if option in ("gpus", "cpus") else f"executor {option}".strip()
            raise UsageError(f"stage {stage.name}: {called} {one.message}")
    for name in {one.executor for one in elsewhere}:
        if (its := registry.find(Executor, name)) is not None:
            registry.run(its, its.check, passes=(UnfitEnvironmentError,))


def check_slots(stages: Iterable[StageDefinition], environ: Mapping[str, str]) -> None:
    """Raise UnfitEnvironmentError if a stage needs more slots than this machine has.

    `CUDA_VISIBLE_DEVICES` in the run's environment limits the GPUs.
    """
    wanted = [stage for stage in stages if stage.is_local]
    if (problem := missing_gpus(wanted, environ)) is not None:
        raise UnfitEnvironmentError(
            f"{problem}; `--no-gpus` runs it without, `trainui doctor` shows what was found"
        )
    if (problem := missing_cpus(wanted)) is not None:
        raise UnfitEnvironmentError(problem)


def missing_cpus(stages: Iterable[StageDefinition]) -> str | None:
    """Return a message if a stage needs more CPU slots than this machine has; else None."""
    # a stage with a GPU takes no CPU slot
    largest = max((one for one in stages if not one.gpus), key=lambda one: one.cpus, default=None)
    slots = settings.load().cpus
    if largest is None or largest.cpus <= slots:
        return None
    return (
        f"stage {largest.name} needs {largest.cpus} CPU slots and this machine has {slots}: lower "
        "its `cpus`, or raise the setting `cpus` (TRAINUI_CPUS) and restart the worker"
    )


def missing_gpus(stages: Iterable[StageDefinition], environ: Mapping[str, str]) -> str | None:
    """Return a message if a stage needs more GPUs than this machine has; else None."""
    largest = max(stages, key=lambda stage: stage.gpus, default=None)
    if largest is None or largest.gpus == 0 or settings.load().database_url is not None:
        return None  # another host may have enough
    from trainui.execution.gpus import usable_gpus

    usable = usable_gpus(environ=environ)
    if usable.working >= largest.gpus:
        return None
    wanted = quantity(largest.gpus, "GPU")
    has = f"only {usable.working} can be used" if usable.working else "no GPU can be used"
    why = f" ({usable.hindrance})" if usable.hindrance else ""
    return f"stage {largest.name} needs {wanted} and {has} on this machine{why}"


def check_inputs(pipeline: Pipeline, *, run_directory: Path, environ: Mapping[str, str]) -> None:
    """Raise the first error of `invalid_inputs`, if there is one."""
    for error in invalid_inputs(pipeline, environ, run_directory):
        raise error


def invalid_inputs(
    pipeline: Pipeline, environ: Mapping[str, str], run_directory: Path | None = None
) -> Iterator[UsageError]:
    """Yield an error for each invalid input that no stage produces, once per input.

    Inputs inside `run_directory` are produced by the run. An UnsafePathError: it does not exist, or
    its location is not allowed; else `${env.NAME}` names a variable that is not in `environ`.
    """
    seen: set[str] = set()
    for stage in pipeline.stages:
        try:
            inputs = filling.inputs_before_start(stage, environ)
        except UsageError as error:
            yield error
            continue
        for path in [one for one in inputs if one not in seen]:
            seen.add(path)
            if run_directory is not None and Path(path).is_relative_to(run_directory):
                continue
            try:
                validate_file_path(path, allowed=[pipeline.directory], base=pipeline.directory)
            except UnsafePathError as error:
                yield UnsafePathError(f"stage {stage.name}, input {error}")


def allowed_for(pipeline: Pipeline) -> list[str]:
    """Return the directories allowed for a pipeline's inputs; stages check again at their start."""
    return allowed_directories([pipeline.directory], base=pipeline.directory)


def checkpoint_remarks(pipeline: Pipeline) -> Iterator[str]:
    """Yield a remark for each stage of a new run with checkpoints from before: used or ignored.

    A stage continues from one only if it is asked to. The pipeline comes from `control.preview`.
    """
    from trainui.resume import checkpoints

    nowhere = settings.runs_dir(settings.load()) / "RUN" / "STAGE"
    noted_places: set[tuple[str, str]] = set()
    for stage in pipeline.stages:
        rule = stage.checkpoint
        if rule is None or (place := (rule.glob, stage.workdir)) in noted_places:
            continue
        noted_places.add(place)
        where = checkpoints.search(stage, nowhere)
        if not where.found:
            continue
        if (asked := checkpoints.requested(stage)) is not None:
            yield f"{stage.name} continues from {asked}"
        elif (said := checkpoints.reason_unused(where)) is not None:
            yield f"{stage.name} starts without a checkpoint: {said}"


def shared_path_remarks(pipeline: Pipeline) -> Iterator[str]:
    """Yield a remark for each path to which several stages write at once.

    The pipeline comes from `control.preview`.
    """
    yield from (one.words for one in shared_paths.find(pipeline.stages))


class StagingNote(Lock):
    """A note on a run's directory that may have no run in the store.

    It is locked by the process that works on the directory, until that process ends.
    """

    def write(self, directory: Path) -> None:
        """Record a directory and its current identity."""
        text = json.dumps({"directory": str(directory), "identity": _identity(directory)}).encode()
        os.pwrite(self.descriptor, text, 0)
        os.ftruncate(self.descriptor, len(text))

    def read(self) -> tuple[Path, list[int] | None] | None:
        """Return the directory and its identity; None if nothing was written yet."""
        try:
            found = json.loads(os.pread(self.descriptor, 65_536, 0))
            return Path(found["directory"]), found["identity"]
        except (ValueError, KeyError):
            return None

    def remove(self) -> None:
        """Delete the note: nothing needs to be cleaned up."""
        self.path.unlink(missing_ok=True)


@contextmanager
def noted(run_id: str) -> Iterator[StagingNote]:
    """Lock a run directory's note; at the end, delete the directory if the run is not stored.

    Raises:
        UsageError: another process is submitting or deleting this run.
    """
    path = paths.make_private(_notes()) / run_id
    with _locked(path, os.O_RDWR | os.O_CREAT) as note:
        if note is None:
            raise UsageError(f"the run {run_id!r} is being submitted or deleted just now")
        try:
            yield note
        finally:
            _delete_unstored(note, run_id)
            note.remove()


def _notes() -> Path:
    return paths.home().root / "unstored"


def forget_staging() -> None:
    """Remove all notes: they name directories of the home that this one was copied from."""
    with suppress(FileNotFoundError):
        for path in _notes().iterdir():
            path.unlink()


def sweep_staging() -> None:
    """Delete the directories that killed processes left behind.

    Raises:
        CopiedHomeError: the notes are of another home, whose processes may be at work.
    """
    home_identity.check()
    with suppress(OSError, UnfitEnvironmentError):  # concurrent sweep, or read-only home
        for path in list(_notes().iterdir()):
            with _locked(path, os.O_RDWR) as note:
                if note is not None:
                    _delete_unstored(note, path.name)
                    note.remove()


def _delete_unstored(note: StagingNote, run_id: str) -> None:
    written = note.read()
    with engine.reading() as connection:
        if written is None or views.run(connection, run_id) is not None:
            return
    directory, identity = written
    if identity is None:
        with suppress(OSError):  # killed while creating it: it is empty
            directory.rmdir()
    elif identity == _identity(directory):
        with suppress(OSError, UnfitEnvironmentError):
            code_snapshot.release_trees(directory)
        with suppress(OSError):
            paths.remove_tree(directory)


@contextmanager
def _locked(path: Path, flags: int) -> Iterator[StagingNote | None]:
    """Open and lock a note; None if another process has it locked or removed it."""
    try:
        note = StagingNote(path, os.open(path, flags | os.O_CLOEXEC, 0o600))
    except FileNotFoundError:
        raise
    except OSError as error:
        raise UnfitEnvironmentError(
            f"cannot write {path}: {error.strerror}; free some space in the home, or make it "
            "writable"
        ) from error
    with note:
        is_ours = try_lock(note.descriptor) and not note.is_lost()
        yield note if is_ours else None


def _identity(directory: Path) -> list[int] | None:
    """Return a directory's identity (device, inode); None if it does not exist."""
    try:
        status = directory.lstat()
    except OSError:
        return None
    return [status.st_dev, status.st_ino]
