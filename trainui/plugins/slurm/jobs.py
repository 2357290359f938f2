"""Stages as jobs of Slurm, known to it by the attempt's key as their name.

A job's script is our supervisor, which writes its start, logs and end to the attempt's directory.
Slurm is asked for two things alone: why a job waits, and what became of one whose supervisor left
no end. `squeue` answers for all jobs at once, in a thread, at most every ten seconds; no accounting
database is needed. A job is never requeued by Slurm (`--no-requeue`): what ended for the node's
sake is interrupted, and gets another job as the stage's `retries` say. If a job was submitted twice
because a worker died in between, the second one does nothing: its supervisor finds the start on
record.
"""

from __future__ import annotations

import errno
import json
import os
import re
import shlex
import shutil
import subprocess
import threading
import time
from collections.abc import Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

from trainui.plugin import (
    ExecutorBackend,
    JobLook,
    JobState,
    LaunchAnswer,
    Launched,
    OptionProblem,
    StageJob,
    UnfitEnvironmentError,
)
from trainui.plugin.executing import has_begun, has_ended, processes, stop_here

ASK_EVERY = 10.0
"""Seconds between two questions to Slurm's controller, whatever the number of jobs."""

ASK_AGAIN = 1.0
"""Seconds until the next question after a job was submitted or withdrawn."""

PATIENCE = 15.0
"""Seconds for an answer; Slurm's commands give up after 10 by themselves."""

SETTLED = 5.0
"""Seconds until an end without a record is believed: the file system may show files late."""

SIGNAL_BEFORE = 60
"""Seconds before a job's time limit at which its stage is asked to stop, to save its state; of a
short limit a tenth."""

JOB_VARIABLES = (
    *("CUDA_VISIBLE_DEVICES", "ROCR_VISIBLE_DEVICES", "GPU_DEVICE_ORDINAL"),
    *("SLURM_JOB_ID", "SLURM_JOB_PARTITION", "SLURM_JOB_NODELIST", "SLURMD_NODENAME"),
)
"""Variables of Slurm that a stage gets."""

NOTE = "slurm.json"
"""The note of a submission, in the attempt's directory."""

LOG = "slurm.log"
"""What Slurm and the job's script print, in the attempt's directory."""

_LIVE = frozenset({"RUNNING", "COMPLETING", "CONFIGURING", "SIGNALING", "STAGE_OUT", "STOPPED"})
_WAITING = frozenset({"PENDING", "SUSPENDED", "REQUEUED", "REQUEUE_HOLD", "SPECIAL_EXIT"})
_TIME = re.compile(r"\d+|(\d+-)?\d+(:\d\d){1,2}|\d+-\d+")
_DURATION = re.compile(r"(?:(\d+)d)?(?:(\d+)h)?(?:(\d+)m)?(?:(\d+)s)?")
_REFUSED = re.compile(r"^(sbatch: )?(error: )?(Batch job submission failed: )?")
_UNREACHABLE = ("Unable to contact slurm controller", "Socket timed out", "Connection refused")


@dataclass(frozen=True, slots=True)
class QueueRow:
    """A job as `squeue` shows it."""

    id: str
    state: str
    reason: str


@dataclass(frozen=True, slots=True)
class QueueAnswer:
    """An answer of `squeue`."""

    asked_at: float
    """Monotonic time before the question."""
    jobs: Mapping[str, QueueRow]
    """By name."""
    problem: str = ""
    """Why there was none; `jobs` are then those of the last one."""


def check() -> None:
    """Raise UnfitEnvironmentError if Slurm's commands are missing."""
    if missing := [one for one in ("sbatch", "squeue", "scancel") if shutil.which(one) is None]:
        raise UnfitEnvironmentError(
            f"executor slurm: {', '.join(missing)} not found: install Slurm's commands here, or "
            "submit on a login node of the cluster"
        )


def problems(options: Mapping[str, Any]) -> Iterator[OptionProblem]:
    """Yield what is wrong with a stage's options."""
    for name in ("partition", "account"):
        if not isinstance(options.get(name, ""), str):
            yield OptionProblem("must be a name", name)
    if "time" in options and time_limit(options["time"]) is None:
        yield OptionProblem("must be a duration such as 4h or 1d12h, or a time of Slurm", "time")
    extra = options.get("options", [])
    if not isinstance(extra, list) or not all(str(one).startswith("-") for one in extra):
        yield OptionProblem("must be a list of options of sbatch: [--constraint=a100]", "options")


def time_limit(value: Any) -> str | None:
    """Return a time limit as `sbatch` takes it: `4h` as 240 minutes; None: it is none."""
    text = str(value).strip()
    if _TIME.fullmatch(text):
        return text
    found = _DURATION.fullmatch(text)
    if not text or found is None:
        return None
    days, hours, minutes, seconds = (int(one or 0) for one in found.groups())
    return str(max(1, -(-(((days * 24 + hours) * 60 + minutes) * 60 + seconds) // 60)))


class Slurm(ExecutorBackend):
    """The jobs of one worker."""

    def __init__(self) -> None:
        self._queue = _Queue()
        self._submitted_at: dict[str, float] = {}
        """Monotonic times of this worker's submissions: earlier answers say nothing about them."""
        self._ended_at: dict[str, float] = {}
        """Monotonic times at which jobs without a recorded end were first seen to have ended."""

    def find(self, job: StageJob) -> bool:
        """Return True if Slurm has a job of this name, if it was ever submitted."""
        note = _note(job)
        if note is None or note.get("id"):
            return note is not None
        found: dict[str, QueueRow] = {}
        with suppress(OSError):  # no answer: `launch` has none either, or a second job does nothing
            found = ask(f"--name={job.key}")
        if found:
            _write_note(job, {"id": found[job.key].id})
        return bool(found)

    def launch(self, job: StageJob) -> Launched:
        """Submit a job; if the controller is away, the stage is queued again."""
        self._submitted_at[job.key] = time.monotonic()
        _write_note(job, {})  # first: the next worker asks for it
        own = {"TRAINUI_JOB_VARIABLES": ",".join(JOB_VARIABLES)}
        found = _run(*sbatch(job), environ=_environment() | dict(job.identity) | own)
        if found.returncode == 0:
            _write_note(job, {"id": found.stdout.partition(";")[0].strip()})
            self._submitted_at[job.key] = time.monotonic()
            self._queue.wake()
            return Launched(LaunchAnswer.WAITING)
        said = _REFUSED.sub("", found.stderr.strip()) or f"sbatch ended with {found.returncode}"
        away = errno.EAGAIN if any(one in said for one in _UNREACHABLE) else 0
        return Launched(LaunchAnswer.BROKEN, f"Slurm: {said}", away)

    def probe(self, job: StageJob) -> JobLook:
        """Look at the supervisor's records, and at Slurm's answer where these do not decide."""
        began = has_begun(job)
        if began and has_ended(job) and (job.directory / "pid.json").exists():
            return JobLook(JobState.GONE)
        note = _note(job)
        if note is None or not (note.get("id") or began):
            return JobLook(JobState.NONE)
        answer = self._queue.answer()
        known = (f"job {note.get('id', job.key)}",)
        going = JobLook(JobState.RUNNING if began else JobState.WAITING, processes=known)
        if answer is None or answer.asked_at <= self._submitted_at.get(job.key, 0.0):
            return going
        if answer.problem:
            return JobLook(JobState.UNSEEN, answer.problem)
        row = answer.jobs.get(job.key)
        if row is not None and row.state in _LIVE | _WAITING:
            self._ended_at.pop(job.key, None)
            return going
        first = self._ended_at.setdefault(job.key, time.monotonic())
        if time.monotonic() - first < SETTLED and not has_ended(job):
            return going
        if left := processes(job):  # not tracked by Slurm; on other nodes, proctrack/cgroup does
            return JobLook(JobState.ORPHAN, processes=tuple(map(str, left)))
        return JobLook(JobState.GONE, _end_words(job, note, row))

    def why_it_waits(self, job: StageJob) -> str:
        """Return Slurm's reason for a job that waits."""
        answer, note = self._queue.answer(), _note(job) or {}
        row = answer.jobs.get(job.key) if answer is not None else None
        if row is not None and row.state == "SUSPENDED":
            return "Slurm: suspended"
        if has_begun(job):
            return ""
        if row is None or row.state not in _WAITING:
            return f"Slurm: submitted as job {note.get('id', '?')}"
        return f"Slurm: {row.reason}"

    def stop(self, job: StageJob, *, kill: bool = False) -> bool:
        """Withdraw a job that waits; signal the supervisor of one that runs, or kill it all."""
        signals: list[list[str]] = [[]]
        if kill:
            signals = [["--signal=KILL", "--full"], []]
        elif has_begun(job) and not has_ended(job):
            signals = [["--signal=TERM", "--batch"]]
        for signal in signals:
            found = _run("scancel", "--me", *signal, f"--name={job.key}")
            if found.returncode != 0:
                raise OSError(f"scancel: {found.stderr.strip() or found.returncode}")
        self._queue.wake()
        if kill:
            stop_here(job, kill=True)
        return self.probe(job).state in (JobState.WAITING, JobState.RUNNING)


class _Queue:
    """What `squeue` says, asked in a thread while anybody wants to know."""

    def __init__(self) -> None:
        self._answer: QueueAnswer | None = None
        self._wanted = threading.Event()
        self._again = threading.Event()
        self._thread: threading.Thread | None = None

    def answer(self) -> QueueAnswer | None:
        """Return the last answer, at once; None: there was none yet."""
        self._wanted.set()
        if self._thread is None:
            self._thread = threading.Thread(target=self._serve, name="slurm", daemon=True)
            self._thread.start()
        return self._answer

    def wake(self) -> None:
        """Ask again soon: something was changed."""
        self._again.set()

    def _serve(self) -> None:
        while True:
            self._wanted.wait()
            self._wanted.clear()
            asked_at = time.monotonic()
            try:
                self._answer = QueueAnswer(asked_at, ask())
            except Exception as error:  # the next question may be answered
                known = {} if self._answer is None else self._answer.jobs
                self._answer = QueueAnswer(asked_at, known, str(error))
            time.sleep(ASK_AGAIN)
            if self._again.wait(ASK_EVERY - ASK_AGAIN):
                self._again.clear()


def ask(*which: str) -> dict[str, QueueRow]:
    """Return the user's jobs that Slurm knows by name, of several the one that lives.

    Raises:
        OSError: Slurm does not answer.
    """
    found = _run("squeue", "-h", "--me", "--states=all", "--format=%i|%T|%r|%j", *which)
    if found.returncode != 0:
        raise OSError(f"Slurm does not answer: {found.stderr.strip().partition(chr(10))[0]}")
    jobs: dict[str, QueueRow] = {}
    for parts in (line.split("|", 3) for line in found.stdout.splitlines()):
        if len(parts) == 4 and (parts[3] not in jobs or parts[1] in _LIVE | _WAITING):
            jobs[parts[3]] = QueueRow(*parts[:3])
    return jobs


def sbatch(job: StageJob) -> list[str]:
    """Return the command that submits a job."""
    options, words = job.options, ["sbatch", "--parsable", f"--job-name={job.key}"]
    words += ["--no-requeue", "--nodes=1", "--ntasks=1", f"--output={job.directory / LOG}"]
    words += [f"--chdir={job.directory}"]
    words += [f"--gres=gpu:{job.gpus}"] if job.gpus else []
    words += [f"--cpus-per-task={job.cpus}"] if job.cpus > 1 else []
    words += [f"--{one}={options[one]}" for one in ("partition", "account") if options.get(one)]
    limit = time_limit(options["time"]) if options.get("time") else None
    if limit is not None:
        before = min(SIGNAL_BEFORE, 6 * int(limit)) if limit.isdigit() else SIGNAL_BEFORE
        words += [f"--time={limit}", f"--signal=B:TERM@{before}"]
    return [*words, *map(str, options.get("options", [])), f"--wrap=exec {shlex.join(job.command)}"]


def _end_words(job: StageJob, note: Mapping[str, Any], row: QueueRow | None) -> str:
    """Return how Slurm says that a job ended whose supervisor recorded no end."""
    state = "unknown to Slurm" if row is None else row.state
    why = f" ({row.reason})" if row is not None and row.reason not in ("", "None") else ""
    words = f"Slurm: job {note.get('id', job.key)} is {state}{why}"
    if has_begun(job):
        return words
    return f"{words}, and its stage never started; see {job.directory / LOG}"


def _note(job: StageJob) -> dict[str, Any] | None:
    with suppress(OSError, ValueError):
        return dict(json.loads((job.directory / NOTE).read_text(encoding="utf-8")))
    return None


def _write_note(job: StageJob, note: Mapping[str, Any]) -> None:
    unfinished = job.directory / f".{NOTE}.new"
    unfinished.write_text(json.dumps(note), encoding="utf-8")
    unfinished.replace(job.directory / NOTE)


def _environment() -> dict[str, str]:
    """Return our environment without what belongs to a job that we may be in."""
    skipped = ("SLURM_", "SBATCH_", "SALLOC_", "SRUN_", "CUDA_VISIBLE_DEVICES")
    kept = {name: value for name, value in os.environ.items() if not name.startswith(skipped)}
    return kept | {one: os.environ[one] for one in ("SLURM_CONF",) if one in os.environ}


def _run(*argv: str, environ: Mapping[str, str] | None = None) -> subprocess.CompletedProcess[str]:
    """Run a command of Slurm; OSError if it is missing or does not return."""
    env = _environment() if environ is None else environ
    try:
        return subprocess.run(
            argv, env=env, capture_output=True, text=True, timeout=PATIENCE, check=False
        )
    except subprocess.TimeoutExpired as error:
        raise OSError(f"Slurm does not answer: {argv[0]} took {PATIENCE:g} s") from error
