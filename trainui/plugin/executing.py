"""Tools for executors: what a job's supervisor has recorded, and its processes on this machine.

An executor elsewhere asks its place; `has_begun` says whether a job that the place runs has started
its stage. One that runs jobs on this machine needs `look_here` and `stop_here` alone, if it gives
each process that it starts the job's `identity` in its environment.
"""

from __future__ import annotations

import os
import signal
from contextlib import suppress

from trainui.plugin.records import JobLook, JobState, StageJob
from trainui.supervisor import orphans, protocol

__all__ = ["has_begun", "has_ended", "look_here", "processes", "stop_here", "supervisor"]


def has_begun(job: StageJob) -> bool:
    """Return True once a job's supervisor has recorded a start or an end."""
    return (job.directory / protocol.PIDS_FILE).exists() or has_ended(job)


def has_ended(job: StageJob) -> bool:
    """Return True once an end is on record: its supervisor's, or that it may not start."""
    return (job.directory / protocol.EXIT_FILE).exists()


def processes(job: StageJob) -> list[int]:
    """Return the processes on this machine that have a job's variables in their environment."""
    return orphans.processes_of(job.identity)


def supervisor(job: StageJob) -> int | None:
    """Return a job's supervisor if it has recorded a start and runs on this machine."""
    pids = protocol.readable_pids(job.directory)
    return pids.supervisor_pid if pids and orphans.is_supervisor_alive(pids) else None


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
