"""Adopts processes that trainui did not start: which there are, and what is known of one."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import psutil

from trainui import paths
from trainui.errors import NotFoundError, UsageError
from trainui.metrics.discovery import default_sources
from trainui.metrics.discovery.trainings import Job, Training

_INTERPRETERS = re.compile(r"(?:.*/)?(?:python[\d.]*|torchrun|accelerate|deepspeed|uv)")


@dataclass(frozen=True, slots=True)
class Candidate:
    """A process of the user's that may be a training."""

    pid: int
    started: float
    """Seconds since 1970."""
    command: tuple[str, ...]
    directory: str
    why: str
    """Why it is listed: it uses a GPU, or has a metric file open for writing."""


def candidates() -> list[Candidate]:
    """Return the user's processes that hold a GPU or write metric files, newest first."""
    holders = _gpu_holders()
    found = []
    for process in psutil.process_iter():
        if process.pid == os.getpid() or not _is_ours_to_see(process):
            continue
        why = "uses a GPU" if process.pid in holders else _written_metrics(process)
        if why is not None and (one := _described(process, why)) is not None:
            found.append(one)
    return sorted(found, key=lambda one: -one.started)


def _gpu_holders() -> set[int]:
    from trainui.execution.gpu import nvml

    return {pid for gpu in nvml.look().gpus for pid in gpu.pids}


def _is_ours_to_see(process: psutil.Process) -> bool:
    """Return True for a process of this user that is not a part of trainui."""
    try:
        if process.uids().real != os.getuid():
            return False
        return "TRAINUI_RUN_ID" not in process.environ() and not _is_part_of_trainui(process)
    except psutil.Error:
        return False


def _is_part_of_trainui(process: psutil.Process) -> bool:
    command = " ".join(process.cmdline())
    return str(paths.home().root) in command or " trainui" in command or "trainui." in command


def _written_metrics(process: psutil.Process) -> str | None:
    for path in written_files(process):
        if default_sources.family_of(path) is not None or path.suffix == ".wandb":
            return f"writes {path.name}"
    return None


def written_files(process: psutil.Process) -> Iterator[Path]:
    """Yield the plain files that a process has open for writing."""
    try:
        for one in process.open_files():
            if getattr(one, "mode", "r") not in ("r", "rt"):
                yield Path(one.path)
    except psutil.Error:
        return


def _described(process: psutil.Process, why: str) -> Candidate | None:
    try:
        with process.oneshot():
            return Candidate(
                process.pid,
                process.create_time(),
                tuple(process.cmdline()),
                process.cwd(),
                why,
            )
    except psutil.Error:
        return None


def training(pid: int) -> tuple[Training, Candidate]:
    """Return a process as a training.

    Raises:
        NotFoundError: there is no such process.
        UsageError: it is another user's, or trainui started it itself.
    """
    try:
        process = psutil.Process(pid)
        owner, command = process.uids().real, process.cmdline()
    except psutil.Error as error:
        raise NotFoundError(
            f"no process has the pid {pid}; `trainui add --pid` lists yours"
        ) from error
    if not command or process.status() == psutil.STATUS_ZOMBIE:
        raise NotFoundError(f"the process {pid} has ended")
    if owner != os.getuid():
        raise UsageError(f"the process {pid} belongs to {process.username()}; adopt your own only")
    found = _described(process, "")
    if found is None:
        raise UsageError(
            f"the process {pid} cannot be examined: adopt it as the user who started it"
        )
    if not _is_ours_to_see(process):
        raise UsageError(f"the process {pid} is a part of trainui or one of its stages")
    sources = tuple((path, None) for path in _sources(process, found))
    name = _name(found.command)
    job = Job(
        name,
        Path(found.directory),
        sources,
        status="running",
        started=found.started,
        log=_log(process),
    )
    path = Path(f"/proc/{pid}#{found.started:.2f}")
    return Training("process", name, path, (job,)), found


def _sources(process: psutil.Process, described: Candidate) -> list[Path]:
    """Return the metric files of a process: those that it or its children have open for writing.

    If there are none: the usual files of its directory that were written since its start, else its
    log. Files of earlier trainings are none of its.
    """
    try:
        family = [process, *process.children(recursive=True)]
    except psutil.Error:
        family = [process]
    found = dict.fromkeys(path for one in family for path in written_files(one))
    opened = [
        path
        for path in found
        if default_sources.family_of(path) not in (None, "text") or path.suffix == ".wandb"
    ]
    log = _log(process)
    return opened or _written_since(described) or ([log] if log is not None else [])


def _written_since(process: Candidate) -> list[Path]:
    candidates = default_sources.candidates(Path(process.directory), {})
    paths = (one.path for one in candidates if not one.is_fallback)
    return [path for path in paths if path.stat().st_mtime >= process.started]


def _log(process: psutil.Process) -> Path | None:
    """Return the file that a process's stdout goes to, if it is a plain one."""
    try:
        path = Path(f"/proc/{process.pid}/fd/1").readlink()
        return path if path.is_file() else None
    except OSError:
        return None


def _name(command: tuple[str, ...]) -> str:
    """Return the script's name without `.py`, else the program's."""
    words = list(command)
    if _INTERPRETERS.fullmatch(words[0]):
        for index, word in enumerate(words[1:], 1):
            if word == "-m" and index + 1 < len(words):
                return words[index + 1].rpartition(".")[2]
            if not word.startswith("-"):
                return Path(word).stem
    return Path(words[0]).name
