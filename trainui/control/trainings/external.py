"""Adds trainings that trainui did not start: those found in a directory, and running processes.

Their files are only read; the directory of the external run has a link to the training's log.
"""

from __future__ import annotations

import shlex
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from trainui import clock, formatting, settings, wakeup
from trainui.control.submission import checked_name
from trainui.control.trainings import adoption
from trainui.control.trainings.adoption import AdoptableProcess
from trainui.control.trainings.external_command import PROCESS
from trainui.errors import NotFoundError, UsageError
from trainui.execution import external_stages
from trainui.execution.external_watch import RESTING
from trainui.metrics.discovery import process_files, tracker_runs, trainings
from trainui.metrics.discovery.trainings import Job, Training
from trainui.model.records import Slot
from trainui.model.states import Status
from trainui.pipeline.substitution.masking import Masker
from trainui.pipeline.substitution.secrets import Secrets
from trainui.plugin import Tracker, registry
from trainui.store import shell_environment
from trainui.store.db import readonly
from trainui.store.db.engine import open_store
from trainui.store.db.protocol import Connection
from trainui.store.points import point_sources
from trainui.store.points.point_sources import key_of
from trainui.store.runs import external_runs
from trainui.store.runs.external_runs import ExternalState, WatchedStage
from trainui.supervisor.supervise import boot_id
from trainui.system import mounts


@dataclass(slots=True)
class KnownTrainings:
    """The runs by what they read."""

    paths: dict[str, str]
    """By the keys of external trainings."""
    files: dict[str, str]
    """By the files that other runs read."""
    directories: dict[str, str]
    """By the directories that these files are in or below."""

    @classmethod
    def load(cls, connection: Connection) -> KnownTrainings:
        """Return what is stored now."""
        files = point_sources.read_by_runs(connection)
        directories = {str(up): run for key, run in files.items() for up in Path(key).parents}
        return cls(external_runs.known_paths(connection), files, directories)

    def look_up(self, connection: Connection, training: Training) -> tuple[str | None, Training]:
        """Return the run that a training is or belongs to, and the training with its new jobs."""
        known = self.paths.get(training.key)
        if known is not None:
            return known, external_stages.new_jobs(connection, known, training)
        runs = [self._run_of(job) for job in training.jobs]
        rest = tuple(
            self._unread(job) for job, run in zip(training.jobs, runs, strict=True) if not run
        )
        return (None if rest else runs[0]), replace(training, jobs=rest)

    def _run_of(self, job: Job) -> str | None:
        """Return the run that reads all files of a job, or some of those in its directory."""
        if job.sources is None:
            return self.directories.get(str(job.directory))
        runs = [self.files.get(key_of(path)) for path, _format in job.sources]
        return runs[0] if all(runs) and runs else None

    def _unread(self, job: Job) -> Job:
        if job.sources is None:
            return job
        unread = (one for one in job.sources if key_of(one[0]) not in self.files)
        return replace(job, sources=tuple(unread))


_AT_ONCE = 100
"""Runs per transaction."""


@dataclass(frozen=True, slots=True)
class Added:
    """A training, and the run that it has become or was already."""

    run_id: str
    training: Training
    name: str
    is_new: bool
    remark: str = ""
    """A remark for the user, e.g. that a process writes files of a run that was added before."""


def find(path: Path, left_out: trainings.LeftOut | None = None) -> list[Training]:
    """Return the trainings below an absolute path, of which links are followed, sorted by path.

    Args:
        left_out: gets what was passed over.

    Raises:
        NotFoundError: there is no such path, or no training in it.
        UsageError: it cannot be read.
    """
    if not mounts.does_answer(str(path)):
        raise UsageError(f"{path}: its file system does not answer; try again when its server does")
    try:
        left_out = {} if left_out is None else left_out
        found = trainings.below(path.resolve(), left_out)
    except FileNotFoundError as error:
        raise NotFoundError(f"{path} does not exist") from error
    except OSError as error:
        raise UsageError(f"{path} cannot be read: {error.strerror}") from error
    if found:
        return found
    if path.is_file():
        raise NotFoundError(
            f"no training found in {path}: it is not a file of a tracker, a metric file or a log "
            "with metrics; try the directory of the training"
        )
    for file in sorted(path.iterdir()):
        if tracker_runs.DATABASE.fullmatch(file.name) and tracker_runs.is_trackers(file):
            trainings.below(file)  # raises if it is damaged
    if left_out:
        words = formatting.listed([f"{place}: {why}" for place, why in left_out.items()])
        raise NotFoundError(f"no training found in {path} but these, which were left out: {words}")
    raise NotFoundError(
        f"no training found in {path}: no files of a tracker or framework, and none with a "
        "usual name such as metrics.csv or log.jsonl"
    )


def listed(path: Path) -> list[Training]:
    """Return the trainings below a path as `add` would store them; raise as `find` does."""
    return [one.training for one in preview(find(path))]


def add(found: Sequence[Training], name: str | None = None) -> list[Added]:
    """Store trainings as external runs, unless they are already stored or a run of ours reads them.

    Without a name, a run has its training's.

    Raises:
        UsageError: a name is given for several trainings, or is not valid.
    """
    store = open_store()
    with store.read() as connection:
        known = KnownTrainings.load(connection)
    if name is not None and len(found) > 1:
        raise UsageError(f"--name fits one training; {len(found)} were found")
    states, configured = external_stages.job_states(found, process_files.written()), settings.load()
    added: list[Added] = []
    for start in range(0, len(found), _AT_ONCE):
        with store.write() as connection:
            for training in found[start : start + _AT_ONCE]:
                run_id, more = known.look_up(connection, training)
                external = {"kind": training.kind, "path": str(training.path), "pid": None}
                if more.jobs:
                    external["run"] = training.run
                    checked = name and checked_name(name)
                    new = external_stages.new_run(more, checked, external, configured)
                    external_stages.store(connection, new, more, run_id, states)
                    run_id = known.paths[training.key] = run_id or new.id
                assert run_id is not None
                title = name or external_stages.printable(training.name)
                added.append(Added(run_id, training, title, bool(more.jobs)))
    wakeup.wake()
    return added


def preview(found: Sequence[Training]) -> list[Added]:
    """Return what `add` would do; nothing is stored."""
    if readonly.is_none_yet():
        return [Added("", one, one.name, is_new=True) for one in found]
    with open_store().read() as connection:
        known = KnownTrainings.load(connection)
        looked_up = [(one, *known.look_up(connection, one)) for one in found]
    return [Added(run or "", one, one.name, bool(more.jobs)) for one, run, more in looked_up]


def adopt(pid: int, name: str | None = None) -> Added:
    """Store a process that already runs as an external run, unless it is stored.

    Raises:
        NotFoundError: there is no such process.
        UsageError: it cannot be adopted, or the name is not valid.
    """
    training, process = adoption.training(pid)
    opened, gpus = adoption.open_metrics(pid), adoption.gpus_of(pid)
    identity = {
        "pid": pid,
        "ticks": process.ticks,
        "boot": boot_id(),
        "command": shlex.join(Masker.of(process.environ).texts(process.command)),
        "directory": process.directory,
    }
    store = open_store()
    with store.write() as connection:
        known = external_runs.known_processes(connection).get((pid, process.ticks, boot_id()))
        if known is not None:
            return Added(known, training, training.name, is_new=False)
        since = clock.now() - RESTING * clock.SECOND
        files = [str(path) for path in opened]
        found = external_runs.writers_of(connection, settings.host(), files, since)
        whole = [one for one in found if _is_whole(connection, one)]
        if len(found) == len(whole) == 1:
            slots = tuple(Slot(settings.host(), "gpu", index) for index in gpus)
            directory = external_runs.set_process(connection, whole[0], identity, slots)
            _record_environment(Path(directory), process)
            run_id, title = whole[0].run_id, whole[0].name
            remark = f"{title} was added before by its files; now its process is followed"
            wakeup.wake()
            return Added(run_id, training, title, is_new=False, remark=remark)
        external = {"kind": "process", "path": str(training.path)} | identity
        checked = name and checked_name(name)
        new = external_stages.new_run(training, checked, external, settings.load())
        (stage,) = new.pipeline.stages
        started = external_stages.micros(process.started)
        place = Path(new.directory)
        logs = external_stages.attempt_directory(place, stage, training.jobs[0])
        state = ExternalState(Status.RUNNING, started, pid=pid, gpus=gpus, directory=logs)
        _record_environment(place, process)
        external_runs.add(connection, new, {stage.name: state})
    wakeup.wake()
    names = ", ".join(sorted({one.name for one in found}))
    remark = f"it writes files of {names} too: that may be the same training" if found else ""
    return Added(new.id, training, new.name, is_new=True, remark=remark)


def _is_whole(connection: Connection, stage: WatchedStage) -> bool:
    """Return True if a stage is its run: not a trial, a job of a multirun, or one of a database."""
    kinds = {one.name for one in registry.records(Tracker) if one.has_jobs}
    is_part = stage.external.get("run") or stage.external["kind"] in kinds
    return not is_part and len(external_runs.stage_names(connection, stage.run_id)) == 1


def _record_environment(directory: Path, process: AdoptableProcess) -> None:
    """Store the environment and the command of an adopted process, for a new run of it."""
    secrets = Secrets(stages={PROCESS: {"command": list(process.command)}})
    directory.mkdir(mode=0o700, parents=True, exist_ok=True)
    shell_environment.write(directory, shell_environment.of_this_shell(process.environ, secrets))
