"""Tools for executors: what a job's supervisor has recorded, and its processes on this machine.

An executor elsewhere asks its place; `has_begun` says whether a job that the place runs has started
its stage. One that runs jobs on this machine needs `look_here` and `stop_here` alone, if it gives
each process that it starts the job's `identity` in its environment.
"""

from __future__ import annotations

import os
import re
import shlex
import signal
from contextlib import suppress

from trainui import wakeup
from trainui.plugin.backends import JobLook, JobState, StageJob
from trainui.supervisor import process, protocol

__all__ = [
    *("NO_PYTHON", "UNSHARED", "end_of", "has_begun", "has_ended", "has_started"),
    *("look_again", "look_here", "processes", "script", "sign_of_life", "stop_here", "supervisor"),
]


UNSHARED, NO_PYTHON = 74, 75
"""Exit codes of `script`: the job's directory cannot be seen there, or no Python was found."""

_VERSIONED = re.compile(r"/python3\.([89]|\d\d)$")

_SCRIPT = """\
if [ ! -r {file} ]; then
  echo "trainui: $(hostname) cannot see {file}" >&2
  exit {unshared}
fi
[ ! -x {versioned} ] || exec {versioned} {rest}
for python in {python} python3 python; do
  "$python" -c 'import sys; sys.exit(sys.version_info < (3, 8))' >/dev/null 2>&1 &&
    exec "$python" {rest}
done
echo "trainui: $(hostname) has neither {python} nor another Python from 3.8 on" >&2
exit {no_python}
"""


def script(job: StageJob) -> str:
    """Return a script of sh that runs a job's command, or says on stderr why it cannot.

    Nothing of trainui has to be there: any Python from 3.8 on will do, the worker's own first.
    """
    python, *rest = job.command
    real = os.path.realpath(python)
    return _SCRIPT.format(
        file=shlex.quote(str(job.directory / protocol.SUPERVISOR_FILE)),
        python=shlex.quote(python),
        # its name says its version, so that nothing has to be asked
        versioned=shlex.quote(real if _VERSIONED.search(real) else ""),
        rest=shlex.join(rest),
        unshared=UNSHARED,
        no_python=NO_PYTHON,
    )


def end_of(job: StageJob) -> str:
    """Return why a job's recorded end came, e.g. `exited` or `stopped`; empty: none is on record.

    `stopped` is an end by a signal to its supervisor, `limit` one at the place's time limit.
    """
    with suppress(protocol.JournalError, OSError):
        if (found := protocol.read_exit(job.directory)) is not None:
            return str(found.reason)
    return ""


def sign_of_life(job: StageJob) -> str:
    """Return what a job's supervisor rewrites every five seconds; empty: it has written nothing."""
    with suppress(OSError):
        return (job.directory / protocol.ALIVE_FILE).read_text(encoding="ascii")
    return ""


def has_begun(job: StageJob) -> bool:
    """Return True once a job's supervisor has recorded a start or an end."""
    return has_started(job) or has_ended(job)


def has_started(job: StageJob) -> bool:
    """Return True once a job's supervisor has recorded the stage's process."""
    with suppress(OSError):
        # not by a Path, which takes twice as long: jobs that wait are looked at every second
        os.stat(f"{job.directory}/{protocol.PIDS_FILE}")  # noqa: PTH116
        return True
    return False


def has_ended(job: StageJob) -> bool:
    """Return True once an end is on record: its supervisor's, or that it may not start."""
    return (job.directory / protocol.EXIT_FILE).exists()


def processes(job: StageJob) -> list[int]:
    """Return the processes on this machine that have a job's variables in their environment."""
    return process.processes_of(job.identity)


def supervisor(job: StageJob) -> int | None:
    """Return a job's supervisor if it has recorded a start and runs on this machine."""
    pids = protocol.readable_pids(job.directory)
    return pids.supervisor_pid if pids and process.is_supervisor_alive(pids) else None


def look_again() -> None:
    """Have the worker look at the jobs that wait at once: something about them is known now."""
    wakeup.wake(message=wakeup.ENDED)


def look_here(job: StageJob) -> JobLook:
    """Look at a job whose processes all run on this machine."""
    found = tuple(map(str, processes(job)))
    if not has_begun(job):
        return JobLook(JobState.WAITING if found else JobState.NONE, processes=found)
    if not found:
        return JobLook(JobState.GONE)
    is_supervised = has_ended(job) or supervisor(job) is not None
    return JobLook(JobState.RUNNING if is_supervised else JobState.ORPHAN, processes=found)


def stop_here(job: StageJob, *, kill: bool = False) -> bool:
    """Stop a job whose processes all run on this machine; return False if it has none.

    Its supervisor is asked to stop it. If it waits, or with `kill`, all of its processes get the
    signal.
    """
    asked = supervisor(job)
    found = [asked] if asked is not None and not kill else processes(job)
    for pid in found:
        with suppress(ProcessLookupError):
            os.kill(pid, signal.SIGKILL if kill else signal.SIGTERM)
    return bool(found)
