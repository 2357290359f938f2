"""Finds processes that trainui did not start and that may be trainings, and describes one."""

from __future__ import annotations

import os
import re
from collections.abc import Iterable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from itertools import pairwise
from pathlib import Path

import psutil

from trainui import errors
from trainui.errors import NotFoundError, UsageError
from trainui.execution import nvml, stall
from trainui.metrics import trackers
from trainui.metrics.discovery import default_sources, file_writers, tracker_runs
from trainui.metrics.discovery.trainings import Job, Training
from trainui.metrics.formats import UnknownFormatError
from trainui.metrics.source_file import decoded_parts
from trainui.metrics.tail import UnreadableFileError
from trainui.plugin import Format, Tracker, registry
from trainui.plugin.records import fits
from trainui.supervisor.supervise import boot_id, read_process

_INTERPRETERS = re.compile(r"(?:.*/)?(?:python[\d.]*|torchrun|accelerate|deepspeed|uv)")

_LAUNCHER = re.compile(r"(?:.*/)?(?:torchrun|accelerate|deepspeed|uv|mpirun|mpiexec)")

_EXAMINED = 1 << 16
"""Bytes at the start and the end of a text that are searched for metrics."""


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
    holders = {pid for gpu in nvml.query().gpus for pid in gpu.pids}
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
    return tuple(gpu.index for gpu in nvml.query().gpus if not pids.isdisjoint(gpu.pids))


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
        return tracker_runs.is_trackers(path)
    if default_sources.is_trackers_own(path.parts):
        return False
    family = default_sources.family_of(path)
    if family is None:
        return any(default_sources.placed(path, None))  # a log without metrics, or a plugin's
    is_sure = any(one.fits(path.name) and not one.refines for one in registry.records(Format))
    return is_sure or _has_metrics(path)


def _has_metrics(path: Path) -> bool:
    with suppress(OSError, UnreadableFileError, UnknownFormatError):
        return any(part.series for part in decoded_parts(path, _EXAMINED, with_end=True))
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


def training(pid: int) -> tuple[Training, AdoptableProcess]:
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
