"""Trainings that trainui did not start: those found in a directory, and running processes.

First which processes may be trainings, and what they write; then how trainings are added. Their
files are only read; the directory of the external run has a link to the training's log. Also the
command of such a run, as its tracker or its process had it, for a new run of ours.
"""

from __future__ import annotations

import os
import re
import shlex
from collections.abc import Iterable, Mapping, Sequence
from contextlib import suppress
from dataclasses import field, replace
from itertools import pairwise
from pathlib import Path

import psutil

from trainui import clock, errors, formatting, settings, system, wakeup
from trainui.control.submission import checked_name
from trainui.errors import NotFoundError, UsageError
from trainui.execution import external_stages, gpus, stall
from trainui.metrics import trackers
from trainui.metrics.discovery import default_sources, file_writers, trainings
from trainui.metrics.discovery.trainings import Job, Training
from trainui.metrics.formats import UnknownFormatError, decoded_parts
from trainui.metrics.tail import UnreadableFileError
from trainui.model.records import RunRecord, Slot, StageRecord
from trainui.model.states import ENDED, Status
from trainui.pipeline.masking import Masker, Secrets, assigned
from trainui.plugin import CommandLine, Format, Tracker, registry
from trainui.plugin.records import fits
from trainui.plugin.registry import PluginError
from trainui.record import dataclass
from trainui.store import shell_environment
from trainui.store.db import engine
from trainui.store.db.engine import open_store
from trainui.store.db.statements import Connection
from trainui.store.points import point_sources
from trainui.store.points.point_sources import key_of
from trainui.store.read import views
from trainui.store.runs import external_runs
from trainui.store.runs.external_runs import RESTING, ExternalState, WatchedStage
from trainui.supervisor.protocol import RUN_TAG
from trainui.supervisor.supervise import boot_id, read_process

_INTERPRETERS = re.compile(r"(?:.*/)?(?:python[\d.]*|torchrun|accelerate|deepspeed|uv)")

_LAUNCHER = re.compile(r"(?:.*/)?(?:torchrun|accelerate|deepspeed|uv|mpirun|mpiexec)")

_EXAMINED = 1 << 16
"""Bytes at the start and the end of a text that are searched for metrics."""

_AT_ONCE = 100
"""Runs per transaction."""


@dataclass(frozen=True, slots=True)
class AdoptableProcess:
    """A process of the user's that may be a training."""

    pid: int
    started: float
    """Seconds since 1970."""
    ticks: int
    """Its start in clock ticks since boot, which no change of the clock moves."""
    command: tuple[str, ...]
    directory: str
    why: str
    """Why it is listed: it uses a GPU, or has a metric file open for writing."""
    environ: Mapping[str, str] = field(default_factory=dict, repr=False)

    @property
    def name(self) -> str:
        """The name of the run that it would become."""
        if is_kernel(self.command):  # newer versions of Jupyter say of which notebook
            return Path(self.environ.get("JPY_SESSION_NAME") or "notebook").stem
        return _name(self.command)

    @property
    def key(self) -> str:
        """The process's identity on this machine, also after a reboot."""
        return f"/proc/{self.pid}#{boot_id()[:8]}.{self.ticks}"


def candidates() -> list[AdoptableProcess]:
    """Return the user's processes that hold a GPU or write metric files, newest first.

    Of a training with several processes only the one that started the others is a candidate.
    """
    holders = {pid for gpu in gpus.query().gpus for pid in gpu.pids}
    reasons: dict[int, str] = {}
    for process in psutil.process_iter():
        if process.pid == os.getpid() or not _is_ours_to_see(process):
            continue
        files = _written_files([process.pid])
        printed = _outputs(process.pid)
        written = (
            f"writes {path.name}"
            for path in files
            if _is_metrics(path) or (path in printed and _has_metrics(path))
        )
        why = "uses a GPU" if process.pid in holders else next(written, None)
        if why is not None:
            reasons.setdefault(_launcher(process), why)
    roots = (pid for pid in reasons if reasons.keys().isdisjoint(_parents(pid)))
    found = filter(None, (_described(pid, reasons[pid]) for pid in roots))
    return sorted(found, key=lambda one: -one.started)


def gpus_of(pid: int) -> tuple[int, ...]:
    """Return the indices of the GPUs that a process and all below it use."""
    pids = stall.process_family(pid)
    return tuple(gpu.index for gpu in gpus.query().gpus if not pids.isdisjoint(gpu.pids))


def _launcher(process: psutil.Process) -> int:
    """Return the pid of the launcher that started a process, e.g. of `torchrun`; else its own.

    A tracker's service stands for the process that started it.
    """
    pid = process.pid
    with suppress(psutil.Error):
        program = "".join(process.cmdline()[:1]).rpartition("/")[2]
        is_service = any(fits(program, one.services) for one in registry.records(Tracker))
        above = process.parents()
        for parent in above:
            is_starter = is_service or _starts_others(parent.cmdline())
            if not is_starter or not _is_ours_to_see(parent):
                break
            pid, is_service = parent.pid, False
    return pid


def _starts_others(command: Sequence[str]) -> bool:
    """Return True for a launcher, which may be a script: `python /usr/bin/torchrun`."""
    words = command[:3]
    return any(map(_LAUNCHER.fullmatch, words)) or "torch.distributed" in " ".join(words)


def _parents(pid: int) -> set[int]:
    try:
        return {parent.pid for parent in psutil.Process(pid).parents()}
    except psutil.Error:
        return set()


def _is_ours_to_see(process: psutil.Process) -> bool:
    """Return True for a process of this user that is not a part of trainui."""
    try:
        if process.uids().real != os.getuid() or "TRAINUI_RUN_ID" in process.environ():
            return False
        words, package = process.cmdline()[:6], f"{Path(errors.__file__).parent}/"
    except psutil.Error:
        return False
    return all(Path(word).name != "trainui" for word in words[:2]) and not any(
        (before == "-m" and word.partition(".")[0] == "trainui") or word.startswith(package)
        for before, word in pairwise(words)
    )


def _is_metrics(path: Path) -> bool:
    """Return True if a file has metrics: by its format, and a text by what it says."""
    if trackers.is_named_as_one(path):
        return trackers.is_trackers(path)
    if default_sources.is_trackers_own(path.parts):
        return False
    family = default_sources.family_of(path)
    if family is None:
        return any(default_sources.placed(path, None))  # a log without metrics, or a plugin's
    is_sure = any(one.fits(path.name) and not one.refines for one in registry.records(Format))
    return is_sure or _has_metrics(path)


def _has_metrics(path: Path) -> bool:
    with suppress(OSError, UnreadableFileError, UnknownFormatError, PluginError):
        return any(part.series for part in decoded_parts(path, _EXAMINED))
    return False


def _outputs(pid: int) -> set[Path]:
    """Return the files that a process prints to, whatever their names are."""
    found = set()
    for descriptor in (1, 2):
        with suppress(OSError):
            found.add(Path(f"/proc/{pid}/fd/{descriptor}").readlink())
    return found


def _written_files(pids: Iterable[int]) -> list[Path]:
    """Return the plain files that processes have open for writing."""
    return [path for path in map(Path, sorted(file_writers.written_by(pids))) if path.is_file()]


def _described(pid: int, why: str) -> AdoptableProcess | None:
    try:
        process, found = psutil.Process(pid), read_process(pid)
        if found is None:
            return None
        return AdoptableProcess(
            pid,
            started=process.create_time(),
            ticks=found.ticks,
            command=tuple(process.cmdline()),
            directory=process.cwd(),
            why=why,
            environ=process.environ(),
        )
    except psutil.Error:
        return None


def training_of(pid: int) -> tuple[Training, AdoptableProcess]:
    """Return a process as a training.

    Raises:
        NotFoundError: there is no such process, or it has ended.
        UsageError: it is another user's, or trainui started it itself.
    """
    try:
        process = psutil.Process(pid)
        owner, command = process.uids().real, process.cmdline()
    except psutil.ZombieProcess as error:
        raise NotFoundError(f"the process {pid} has ended") from error
    except psutil.Error as error:
        raise NotFoundError(
            f"no process has the pid {pid}; `trainui add --pid` lists yours"
        ) from error
    if not command:
        raise UsageError(
            f"the process {pid} has no command: it belongs to the kernel, or has ended"
        )
    if owner != os.getuid():
        raise UsageError(f"the process {pid} belongs to {process.username()}; adopt your own only")
    found = _described(pid, "")
    if found is None:
        raise UsageError(
            f"/proc/{pid} cannot be read: the process has ended, or the kernel denies access to it"
        )
    if not _is_ours_to_see(process):
        raise UsageError(f"the process {pid} belongs to trainui or one of its stages")
    log = _log(process)  # files of earlier trainings are none of its
    paths = open_metrics(pid) or _written_since(found) or ([log] if log else [])
    sources = tuple((path, None) for path in paths)
    job = Job(
        found.name,
        Path(found.directory),
        sources,
        status="running",
        started=found.started,
        log=log,
    )
    return Training("process", found.name, Path(found.key), (job,)), found


def open_metrics(pid: int) -> list[Path]:
    """Return the metric files that a process or one below it has open for writing."""
    return [
        path
        for path in _written_files(stall.process_family(pid))
        if not default_sources.is_trackers_own(path.parts)
        and default_sources.family_of(path) not in (None, "text")
    ]


def _written_since(process: AdoptableProcess) -> list[Path]:
    """Return the usual files of a process's directory, but none of earlier trainings."""
    candidates = default_sources.candidates(Path(process.directory))
    paths = (one.path for one in candidates if not one.is_fallback)
    return [path for path in paths if path.stat().st_mtime >= process.started]


def _log(process: psutil.Process) -> Path | None:
    """Return the file that a process's stdout goes to, if it is a plain one."""
    try:
        path = Path(f"/proc/{process.pid}/fd/1").readlink()
        return path if path.is_file() else None
    except OSError:
        return None


def is_kernel(command: Sequence[str]) -> bool:
    """Return True for the process in which the cells of a notebook run."""
    return any("ipykernel" in word for word in command[:4])


def _name(command: tuple[str, ...]) -> str:
    """Return the script's name without `.py`, also behind a launcher, else the program's."""
    words = list(command)
    if _starts_others(words):
        for word in words[1:]:
            if word.endswith(".py") and not _LAUNCHER.fullmatch(word.removesuffix(".py")):
                return Path(word).stem
    if _INTERPRETERS.fullmatch(words[0]):
        for index, word in enumerate(words[1:], 1):
            if word == "-m" and index + 1 < len(words):
                return words[index + 1].rpartition(".")[2]
            if word == "-c":
                break
            if not word.startswith("-"):
                return Path(word).stem
    return Path(words[0]).name


PROCESS = "process"
"""The name under which the secrets of an adopted process are stored: its command."""

_THIS_SHELL = "this shell's"


@dataclass(frozen=True, slots=True)
class Offer:
    """A new run of ours with the command of an external run."""

    origin: str
    """The external run's id."""
    name: str
    command: tuple[str, ...]
    directory: str
    environment: str = _THIS_SHELL
    """Where its environment comes from."""
    environ: Mapping[str, str] | None = None
    """The environment of the process; None: this shell's."""
    is_running: bool = False
    """True if the external run has not ended."""
    is_bare: bool = False
    """True if only the script is on record, and not its arguments."""

    @property
    def typed(self) -> str:
        """The command line that starts the run."""
        name = shlex.quote(self.name)
        command = f"trainui run --name {name} -- {self.shown}"
        return f"cd {shlex.quote(self.directory)} && {command}"

    @property
    def shown(self) -> str:
        """The command with its secrets and those of its environment masked."""
        environ = os.environ if self.environ is None else self.environ
        return shlex.join(Masker.of(environ, assigned(self.command)).texts(self.command))

    @property
    def lines(self) -> list[str]:
        """The description shown before it starts."""
        return [
            f"name         {self.name}",
            f"command      {self.shown}",
            f"directory    {self.directory}",
            f"environment  {self.environment}",
            *(["arguments    not on record: only the script is"] * self.is_bare),
            *(["caution      it still runs: both may write the same files"] * self.is_running),
        ]


def offer_of(run: RunRecord, stages: Sequence[StageRecord]) -> Offer:
    """Return the new run that an external run's command would be, of one or all of its stages.

    Raises:
        UsageError: its command is not on record, or its directory no longer exists.
    """
    found = _on_record(run, stages)
    if found is None:
        raise UsageError(
            f"{run.name} is an external run, and its command is not on record; to run it again: "
            f"trainui run --name {shlex.quote(run.name)} -- COMMAND"
        )
    if is_kernel(found.command):
        raise UsageError(
            f"{run.name} is the kernel of a notebook; to run the notebook as a new run: "
            f"trainui run --name {shlex.quote(run.name)} -- jupyter execute NOTEBOOK.ipynb"
        )
    if system.is_silent(found.directory) or not Path(found.directory).is_dir():
        raise UsageError(
            f"the directory {found.directory}, in which {run.name} ran, does not exist here; its "
            f"command was: {found.shown}"
        )
    return replace(found, is_running=run.status not in ENDED)


def command_of(run: RunRecord, stage: StageRecord) -> list[str] | None:
    """Return the command of an external run's stage, masked; None: it is not on record."""
    if system.is_silent(str((run.external or {}).get("path") or stage.directory)):
        return None
    found = _on_record(run, [stage])
    return None if found is None else shlex.split(found.shown)


def _on_record(run: RunRecord, stages: Sequence[StageRecord]) -> Offer | None:
    external = run.external or {}
    path = Path(str(external.get("path")))
    if external.get("command"):
        return _of_process(run, stages[0])
    job = Path(stages[0].directory) if len(stages) == 1 else path
    run_id = str(external.get("run") or "")
    for tracker in registry.records(Tracker):
        if tracker.name == external.get("kind"):
            return _of_tracker(run, registry.ask(tracker, tracker.command, path, job, run_id))
    return None


def check_is_ours(connection: Connection, run: RunRecord) -> None:
    """Raise UsageError, with the command line for a new run, if a run is an external one."""
    if run.external is not None:
        offer = offer_of(run, views.stages(connection, run.id))
        raise UsageError(
            f"{run.name} is an external run, which trainui only reads; to run it again as a new "
            f"run: {offer.typed}"
        )


def start_ours(offer: Offer) -> str:
    """Submit the new run; return its id."""
    from trainui.control.submission import submit
    from trainui.execution.gpus import usable_gpus
    from trainui.pipeline.stage_command import from_command

    wanted = 1 if usable_gpus().gpus else 0
    pipeline = from_command(offer.command, directory=offer.directory, gpus=wanted)
    return submit(pipeline, name=offer.name, environ=offer.environ, origin=offer.origin)


def _of_process(run: RunRecord, stage: StageRecord) -> Offer:
    external = run.external or {}
    command: Sequence[str] = shlex.split(str(external["command"]))
    directory = str(external.get("directory", stage.directory))
    file = Path(run.directory, shell_environment.ENVIRONMENT_FILE)
    if not file.exists():
        return Offer(run.id, run.name, tuple(command), directory)
    shell = shell_environment.read(file.parent)
    command = shell.secrets.stages.get(PROCESS, {}).get("command", command)
    words = f"of the process when it was added: {file}"
    return Offer(run.id, run.name, tuple(command), directory, words, shell.environ)


def _of_tracker(run: RunRecord, found: CommandLine | None) -> Offer | None:
    if found is None:
        return None
    known = "; ".join(filter(None, (_THIS_SHELL, found.environment)))
    return Offer(run.id, run.name, found.words, found.directory, known, is_bare=found.is_bare)


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
        runs = [
            self._run_of(job) or _starter(connection, training.kind, job) for job in training.jobs
        ]
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


def _starter(connection: Connection, kind: str, job: Job) -> str | None:
    """Return the run of ours whose attempt has noted in a job's directory that it started it."""
    for tracker in registry.records(Tracker):
        if tracker.name == kind and job.sources is None:
            own = job.directory / RUN_TAG
            found = registry.ask(tracker, tracker.owner, own, RUN_TAG, job.directory.parent)
            if found is not None:
                run = views.run(connection, Path(found.attempt).parents[2].name)
                return None if run is None else run.id
    return None


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
    if not system.does_answer(str(path)):
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
        if trackers.is_named_as_one(file) and trackers.is_trackers(file):
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
    states, configured = external_stages.job_states(found, file_writers.written()), settings.load()
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
    if engine.is_none_yet():
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
    training, process = training_of(pid)
    opened, used_gpus = open_metrics(pid), gpus_of(pid)
    identity = {
        "pid": pid,
        "ticks": process.ticks,
        "boot": boot_id(),
        "command": shlex.join(
            Masker.of(process.environ, assigned(process.command)).texts(process.command)
        ),
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
            slots = tuple(Slot(settings.host(), "gpu", index) for index in used_gpus)
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
        state = ExternalState(Status.RUNNING, started, pid=pid, gpus=used_gpus, directory=logs)
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
    return not is_part and len(views.stages(connection, stage.run_id)) == 1


def _record_environment(directory: Path, process: AdoptableProcess) -> None:
    """Store the environment and the command of an adopted process, for a new run of it."""
    secrets = Secrets(stages={PROCESS: {"command": list(process.command)}})
    directory.mkdir(mode=0o700, parents=True, exist_ok=True)
    shell_environment.write(directory, shell_environment.of_this_shell(process.environ, secrets))
