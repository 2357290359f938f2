"""Stages as jobs of Slurm, known to it by the attempt's key as their name.

A job's script is our supervisor, which writes its start, logs, signs of life and end to the
attempt's directory. Slurm is asked for two things alone: why a job waits, and what became of one
that it has ended. `squeue` answers for all jobs at once, in a thread, at most every nine seconds;
no accounting database is needed.

Nothing runs twice. A submission whose answer is lost is looked for by its name before another one.
A job is not requeued by Slurm (`--no-requeue`); if it runs again nevertheless, or was submitted
twice, the supervisor finds the start on record and does nothing. A job that waits although its
stage has begun is withdrawn: the stage gets another one, as its `retries` say.
"""

from __future__ import annotations

import errno
import json
import os
import signal
import threading
import time
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from trainui.plugin import ExecutorBackend, JobLook, JobState, LaunchAnswer, Launched, StageJob
from trainui.plugin.executing import (
    NO_PYTHON,
    UNSHARED,
    end_of,
    has_ended,
    has_started,
    look_again,
    processes,
    sign_of_life,
    stop_here,
)
from trainui.plugins.slurm import requests

ASK_EVERY = 9.0
"""Seconds between two questions to Slurm's controller, whatever the number of jobs: what they bring
is shown within ten."""

ASK_AFTER = 1.0
"""Seconds from the first interest to a question: more jobs may be submitted meanwhile."""

SETTLED = 5.0
"""Seconds until an end without a record is believed: the file system may show files late."""

EXPLAINED = 15.0
"""Seconds that Slurm gets to say why it has ended a job."""

SILENT = 30.0
"""Seconds without a sign of life after which a job of a node that Slurm has lost is dead."""

WATCHED = 60.0
"""Seconds after a job's end in which a second one of its name is looked for."""

NOTE = "slurm.json"
"""The note of a submission, in the attempt's directory."""

_LIVE = frozenset({"RUNNING", "COMPLETING", "CONFIGURING", "SIGNALING", "STAGE_OUT", "STOPPED"})
_QUEUED = frozenset({"PENDING", "REQUEUED", "REQUEUE_HOLD", "REQUEUE_FED", "SPECIAL_EXIT"})
_HELD = "requeued held"
"""Part of Slurm's reason for a job whose script it could not start: it never starts by itself."""
_STANDING = _LIVE | _QUEUED | {"SUSPENDED"}
_NODE_LOST = frozenset({"NODE_FAIL", "BOOT_FAIL"})
"""States in which nobody has seen the end of the job's processes."""

_FIELDS = ("JobID", "Name", "State", "exit_code", "StartTime", "Reason")

_UNSHARED = (
    "the node of job {id} cannot see {directory}: the runs' directory has to lie on a file system "
    "that this machine and the nodes share, at the same path; set TRAINUI_RUNS_DIR"
)
_NO_PYTHON = "the node of job {id} has no Python from 3.8 on; see {log}"
_NO_OUTPUT = "0:53"
"""The exit code of a job whose output cannot be opened on its node."""


@dataclass(frozen=True, slots=True)
class QueueRow:
    """A job as `squeue` shows it."""

    id: str
    state: str
    exit_code: str
    """`CODE:SIGNAL`."""
    reason: str
    starts_at: float | None = None
    """Slurm's estimate for a job that waits, in seconds since the epoch."""


@dataclass(frozen=True, slots=True)
class QueueAnswer:
    """An answer of `squeue`."""

    asked_at: float
    """Monotonic time before the question."""
    jobs: Mapping[str, QueueRow]
    """By name."""
    problem: str = ""
    """Why there was none; `jobs` are then those of the last one."""


class Slurm(ExecutorBackend):
    """The jobs of one worker."""

    def __init__(self) -> None:
        self._queue = _Queue()
        self._ids: dict[str, str] = {}
        """The ids of jobs that are known to be submitted."""
        self._submitted_at: dict[str, float] = {}
        """Monotonic times of this worker's submissions: earlier answers say nothing about them."""
        self._starts: dict[str, float] = {}
        """The estimated starts that are shown."""
        self._began_at: dict[str, float] = {}
        """Monotonic times at which starts were first seen: an earlier answer shows them queued."""
        self._ended_at: dict[str, float] = {}
        """Monotonic times at which jobs were first seen to have ended without a record, or for a
        reason that Slurm alone knows."""
        self._signs: dict[str, tuple[str, float]] = {}
        """The last signs of life of jobs whose node is lost, and when each was first seen."""
        self._asked_to_stop: set[str] = set()
        self._requeued: set[str] = set()
        """Jobs that Slurm would run again although their stage has begun."""
        self._withdrawn: set[str] = set()
        """Jobs that were cancelled before they began, as Slurm has confirmed."""

    def find(self, job: StageJob) -> bool:
        """Return True if Slurm has a job of this name, if it was ever submitted."""
        if self._id(job):
            return True
        if _note(job) is None:
            return False
        with suppress(OSError):  # no answer: a second job does nothing
            if (row := ask(f"--name={job.key}").get(job.key)) is not None:
                self._keep_id(job, row.id)
                return True
        return False

    def launch(self, job: StageJob) -> Launched:
        """Submit a job; if the controller is away, the stage is queued again.

        If its answer is lost, the job counts as submitted until the next answer to `squeue`.
        """
        if problem := self._queue.recent_problem():
            return Launched(LaunchAnswer.BROKEN, problem, errno.EAGAIN)
        _write_note(job, {})  # first: the next worker asks for it
        own = {"TRAINUI_JOB_VARIABLES": ",".join(requests.JOB_VARIABLES)}
        environ = requests.environment() | dict(job.identity) | own
        try:
            found = requests.run(*requests.submission(job), environ=environ)
        except TimeoutError:
            self._submitted_at[job.key] = time.monotonic()
            return Launched(LaunchAnswer.WAITING)
        self._submitted_at[job.key] = time.monotonic()
        if found.returncode == 0:
            self._keep_id(job, found.stdout.partition(";")[0].strip())
            return Launched(LaunchAnswer.WAITING)
        said = requests.words_of(found)
        if any(one in found.stderr for one in requests.DOUBTFUL):
            return Launched(LaunchAnswer.WAITING)
        if any(one in found.stderr for one in (*requests.AWAY, *requests.FULL)):
            return Launched(LaunchAnswer.BROKEN, f"Slurm: {said}", errno.EAGAIN)
        words = f"Slurm refuses the job: {said}{requests.remedy(job)}"
        return Launched(LaunchAnswer.BROKEN, words)

    def probe(self, job: StageJob) -> JobLook:
        """Look at the supervisor's records, and at Slurm's answer where these do not decide."""
        began = has_started(job)
        if (began and has_ended(job)) or job.key in self._withdrawn:
            return self._explained(job) if began else JobLook(JobState.GONE)
        id_ = self._id(job)
        if not id_ and not began and _note(job) is None:
            return JobLook(JobState.NONE)
        answer = self._queue.answer()
        known = (f"job {id_ or job.key}",)
        going = JobLook(JobState.RUNNING if began else JobState.WAITING, processes=known)
        if answer is None or answer.asked_at <= self._submitted_at.get(job.key, 0.0):
            return going
        if answer.problem:
            return going if began else JobLook(JobState.UNSEEN, answer.problem)
        row = answer.jobs.get(job.key)
        if row is None and not id_ and not began:
            return JobLook(JobState.NONE)  # it was never accepted
        if row is not None:
            self._keep_id(job, row.id)
            began_at = self._began_at.setdefault(job.key, time.monotonic()) if began else 0.0
            if began and row.state in _QUEUED and answer.asked_at > began_at:
                self._requeued.add(job.key)
                self._queue.withdraw(row.id)  # Slurm would run it again
        if row is not None and not began and _HELD in row.reason:
            self._queue.withdraw(row.id)
            return JobLook(JobState.GONE, self._end_words(job, row, began=False))
        if row is not None and row.state in _STANDING:
            self._ended_at.pop(job.key, None)
            return going
        return self._ended(job, row, going)

    def _ended(self, job: StageJob, row: QueueRow | None, going: JobLook) -> JobLook:
        """Return the look at a job that Slurm no longer has, and whose end is not on record."""
        began, now = going.state == JobState.RUNNING, time.monotonic()
        if not began and (proved := _never_started(job, row)):
            return JobLook(JobState.GONE, proved)
        first = self._ended_at.setdefault(job.key, now)
        if now - first < SETTLED and not has_ended(job):
            return going
        if began and (row is None or row.state in _NODE_LOST):
            sign = sign_of_life(job)
            last, seen_at = self._signs.setdefault(job.key, (sign, now))
            if sign != last:
                self._signs[job.key] = sign, now
            if sign != last or now - seen_at < SILENT:
                return going
        if left := processes(job):  # not tracked by Slurm; on other nodes, proctrack/cgroup does
            for pid in left:  # it may have been suspended, and Slurm continues no job that ended
                with suppress(OSError):
                    os.kill(pid, signal.SIGCONT)
            return JobLook(JobState.ORPHAN, processes=tuple(map(str, left)))
        return JobLook(JobState.GONE, self._end_words(job, row, began=began))

    def _explained(self, job: StageJob) -> JobLook:
        """Return the look at a job whose end is on record, with Slurm's reason if it stopped it."""
        if job.key in self._asked_to_stop or end_of(job) != "stopped":
            self._queue.watch(job.key)
            return JobLook(JobState.GONE)
        now, answer = time.monotonic(), self._queue.answer()
        first = self._ended_at.setdefault(job.key, now)
        row = None if answer is None else answer.jobs.get(job.key)
        is_new = answer is not None and not answer.problem and answer.asked_at > first
        if now - first < EXPLAINED and (not is_new or (row is not None and row.state in _LIVE)):
            return JobLook(JobState.RUNNING)
        self._queue.watch(job.key)
        if not is_new or row is None:
            return JobLook(JobState.GONE)
        if row.state in _QUEUED:
            self._requeued.add(job.key)
            self._queue.withdraw(row.id)
        return JobLook(JobState.GONE, self._end_words(job, row, began=True))

    def why_it_waits(self, job: StageJob) -> str:
        """Return Slurm's reason for a job that waits."""
        answer = self._queue.answer()
        row = answer.jobs.get(job.key) if answer is not None else None
        if row is not None and row.state == "SUSPENDED":
            return f"Slurm: suspended; `scontrol resume {row.id}` continues it"
        if has_started(job):
            return ""
        if row is not None and row.state == "CONFIGURING":
            return "Slurm: its node is being prepared (CONFIGURING)"
        if row is None or row.state not in _QUEUED:
            id_ = self._id(job)
            return f"Slurm: submitted as job {id_}" if id_ else "Slurm has not answered yet"
        return requests.why_waiting(row.id, row.reason, self._shown_start(job, row))

    def _shown_start(self, job: StageJob, row: QueueRow) -> float | None:
        """Return a job's estimated start; one that differs little from the last is not new."""
        new, shown, now = row.starts_at, self._starts.get(job.key), time.time()
        if new is None or new < now:
            return None
        if shown is None or abs(new - shown) > 60.0 + (new - now) / 10:
            self._starts[job.key] = shown = new
        return shown

    def stop(self, job: StageJob, *, kill: bool = False) -> bool:
        """Withdraw a job that waits; signal the supervisor of one that runs, or kill it all."""
        self._asked_to_stop.add(job.key)
        started = has_started(job)
        signals: list[list[str]] = [[]]
        if kill:
            signals = [["--signal=KILL", "--full"], []]
        elif started and not has_ended(job):
            signals = [["--signal=TERM", "--batch"]]
        for how in signals:
            found = requests.run("scancel", "--me", *how, f"--name={job.key}")
            if found.returncode != 0:
                raise OSError(f"scancel: {requests.words_of(found)}")
        if kill:
            stop_here(job, kill=True)
        if not started:
            row = ask(f"--name={job.key}").get(job.key)
            if row is None or row.state not in _STANDING:
                self._withdrawn.add(job.key)
        return self.probe(job).state in (JobState.WAITING, JobState.RUNNING)

    def _id(self, job: StageJob) -> str:
        """Return the id of a job that was submitted; empty if that is not known."""
        if job.key not in self._ids and (id_ := (_note(job) or {}).get("id")):
            self._ids[job.key] = str(id_)
        return self._ids.get(job.key, "")

    def _keep_id(self, job: StageJob, id_: str) -> None:
        if self._ids.get(job.key) != id_:
            self._ids[job.key] = id_
            _write_note(job, {"id": id_})

    def _end_words(self, job: StageJob, row: QueueRow | None, *, began: bool) -> str:
        """Return how Slurm says that a job ended whose supervisor recorded no end of its own."""
        named = f"Slurm: job {self._id(job) or job.key}"
        if job.key in self._requeued:
            return f"{named} was requeued, and withdrawn since its stage had begun"
        state = "unknown to Slurm" if row is None else row.state
        why = f" ({row.reason})" if row is not None and row.reason not in ("", "None") else ""
        words = f"{named} is {state}{why}"
        if began:
            return words
        return f"{words}, and its stage never started; see {job.directory / requests.LOG}"


class _Queue:
    """What `squeue` says, asked in a thread while anybody wants to know."""

    def __init__(self) -> None:
        self._answer: QueueAnswer | None = None
        self._wanted = threading.Event()
        self._thread: threading.Thread | None = None
        self._to_withdraw: set[str] = set()
        """Ids of jobs that wait although their stage has begun."""
        self._over: dict[str, float] = {}
        """Names of jobs whose end is known, with the time: another of the name is not to start."""

    def answer(self) -> QueueAnswer | None:
        """Return the last answer, at once; None: there was none yet."""
        self._wanted.set()
        if self._thread is None:
            self._thread = threading.Thread(target=self._serve, name="slurm", daemon=True)
            self._thread.start()
        return self._answer

    def recent_problem(self) -> str:
        """Return why the last question, if it was asked just now, was not answered."""
        answer = self.answer()
        is_recent = answer is not None and time.monotonic() - answer.asked_at < 3 * ASK_EVERY
        return answer.problem if answer is not None and is_recent else ""

    def withdraw(self, id_: str) -> None:
        """Have a job cancelled soon."""
        self._to_withdraw.add(id_)
        self._wanted.set()

    def watch(self, name: str) -> None:
        """Have jobs of this name cancelled if the next answers show that they wait."""
        self._over[name] = time.monotonic()
        self._wanted.set()

    def _serve(self) -> None:
        while True:
            self._wanted.wait()
            time.sleep(ASK_AFTER)
            self._wanted.clear()
            asked_at = time.monotonic()
            before = self._states()
            self._ask(asked_at)
            if self._states() != before:
                look_again()
            time.sleep(max(0.0, asked_at + ASK_EVERY - ASK_AFTER - time.monotonic()))

    def _states(self) -> dict[str, str]:
        jobs = self._answer.jobs if self._answer is not None else {}
        return {name: row.state for name, row in jobs.items()}

    def _ask(self, asked_at: float) -> None:
        try:
            for id_ in tuple(self._to_withdraw):
                requests.run("scancel", id_)
                self._to_withdraw.discard(id_)
            jobs = ask()
            self._answer = QueueAnswer(asked_at, jobs)
        except Exception as error:  # the next question may be answered
            known = {} if self._answer is None else self._answer.jobs
            self._answer = QueueAnswer(asked_at, known, str(error))
        else:
            for name, since in tuple(self._over.items()):
                if name in jobs and jobs[name].state in _QUEUED:
                    self.withdraw(jobs[name].id)
                elif asked_at - since > WATCHED:
                    del self._over[name]
        if self._to_withdraw or self._over:
            self._wanted.set()  # nobody else may want to know


def ask(*which: str) -> dict[str, QueueRow]:
    """Return the user's jobs that Slurm knows by name, of several the one that lives.

    Raises:
        OSError: Slurm does not answer.
    """
    fields = ",".join(f"{name}:|" for name in _FIELDS)
    found = requests.run("squeue", "-h", "--me", "--states=all", f"--Format={fields}", *which)
    if found.returncode != 0:
        raise OSError(f"Slurm does not answer: {requests.words_of(found)}")
    jobs: dict[str, QueueRow] = {}
    for parts in (line.split("|", len(_FIELDS)) for line in found.stdout.splitlines()):
        if len(parts) < len(_FIELDS):
            continue
        id_, name, state, code, start, reason = (one.strip() for one in parts[: len(_FIELDS)])
        if name not in jobs or state in _STANDING:
            jobs[name] = QueueRow(id_, state, code, reason, _seconds(start))
    return jobs


def _seconds(time_of_day: str) -> float | None:
    with suppress(ValueError):  # N/A
        return datetime.fromisoformat(time_of_day).timestamp()
    return None


def _never_started(job: StageJob, row: QueueRow | None) -> str:
    """Return why a job's script could not start the stage, if its exit code proves it."""
    if row is None:
        return ""
    code = row.exit_code
    about = {"id": row.id, "directory": job.directory, "log": job.directory / requests.LOG}
    if code.startswith(f"{UNSHARED}:") or code == _NO_OUTPUT:
        return _UNSHARED.format_map(about)
    return _NO_PYTHON.format_map(about) if code.startswith(f"{NO_PYTHON}:") else ""


def _note(job: StageJob) -> dict[str, Any] | None:
    with suppress(OSError, ValueError):
        return dict(json.loads((job.directory / NOTE).read_text(encoding="utf-8")))
    return None


def _write_note(job: StageJob, note: Mapping[str, Any]) -> None:
    unfinished = job.directory / f".{NOTE}.new"
    unfinished.write_text(json.dumps(note), encoding="utf-8")
    unfinished.replace(job.directory / NOTE)
