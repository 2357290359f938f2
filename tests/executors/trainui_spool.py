"""An executor whose jobs lie in a directory (`SPOOL`), and the process that runs them there.

The process runs supervisors under a foreign boot id, so no pid that they record is of use to a
worker. As on a cluster, a job that is killed loses all of its processes.
"""

from __future__ import annotations

import fcntl
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any

from trainui.plugin import (
    Executor,
    ExecutorBackend,
    JobLook,
    JobState,
    LaunchAnswer,
    Launched,
    OptionProblem,
    StageJob,
)

EXECUTOR = Executor(
    interface=1,
    name="spool",
    backend="trainui_spool:Spool",
    options=("partition",),
    problems="trainui_spool:problems",
)

PARTITIONS = ("cpu", "gpu")

FOREIGN = """
import os, sys
sys.path.insert(0, os.path.dirname(sys.argv[1]))
import supervise
supervise.boot_id = lambda: "foreign"
del sys.argv[1]
supervise.main()
"""


def problems(options: Mapping[str, Any]) -> Iterator[OptionProblem]:
    """Yield what is wrong with the options."""
    if "partition" in options and options["partition"] not in PARTITIONS:
        yield OptionProblem(f"must be one of {', '.join(PARTITIONS)}", "partition")


class Spool(ExecutorBackend):
    """What a worker does: it writes and reads files, and asks no process."""

    def __init__(self) -> None:
        self.place = Path(os.environ["SPOOL"])

    def offer(self) -> int | None:
        """Return how many more jobs the directory takes."""
        limit = self.place / "limit"
        if not limit.exists():
            return None
        jobs = {one.stem for one in self.place.glob("*.job")}
        gone = {one.stem for one in self.place.glob("*.gone")}
        return int(limit.read_text()) - len(jobs - gone)

    def launch(self, job: StageJob) -> Launched:
        """Write a job's file."""
        content = {"command": job.command, "identity": dict(job.identity)}
        unfinished = self._file(job, "new")
        unfinished.write_text(json.dumps(content))
        self._die_if_asked("before")
        unfinished.rename(self._file(job, "job"))
        self._die_if_asked("after")
        return Launched(LaunchAnswer.WAITING)

    def probe(self, job: StageJob) -> JobLook:
        """Return what the files say, if the process that writes them lives."""
        if (self.place / "broken").exists():
            raise RuntimeError("the spool is broken")
        if not self._file(job, "job").exists():
            return JobLook(JobState.NONE)
        if self._file(job, "gone").exists():
            return JobLook(JobState.GONE)
        if not is_served(self.place):
            return JobLook(JobState.UNSEEN, "the spool does not answer")
        started = self._file(job, "running").exists()
        return JobLook(JobState.RUNNING if started else JobState.WAITING, processes=(job.key,))

    def why_it_waits(self, job: StageJob) -> str:
        """Return that it is in the queue, if it is."""
        return "" if self._file(job, "running").exists() else "spool: in the queue"

    def stop(self, job: StageJob, *, kill: bool = False) -> bool:
        """Ask for a job's end."""
        self._file(job, "kill" if kill else "stop").touch()
        return self.probe(job).state in (JobState.WAITING, JobState.RUNNING)

    def _die_if_asked(self, moment: str) -> None:
        """Kill the worker, once, at a moment that a test has chosen."""
        chosen = self.place / "die"
        if chosen.exists() and chosen.read_text() == moment:
            chosen.unlink()
            os.kill(os.getpid(), signal.SIGKILL)

    def _file(self, job: StageJob, kind: str) -> Path:
        return self.place / f"{job.key}.{kind}"


def is_served(place: Path) -> bool:
    """Return True if the process that runs the jobs lives."""
    with (place / "lock").open("a") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_SH | fcntl.LOCK_NB)
        except BlockingIOError:
            return True
    return False


class Running:
    """A job that runs."""

    def __init__(self, file: Path) -> None:
        content = json.loads(file.read_text())
        self.file = file
        self.identity = content["identity"]
        python, *flags, program, job, directory = content["command"]
        self.process = subprocess.Popen(
            [python, *flags, "-c", FOREIGN, program, job, directory],
            stdin=subprocess.DEVNULL,
            start_new_session=True,
            env={"PATH": os.environ["PATH"]},
        )
        file.with_suffix(".running").touch()

    def poll(self) -> bool:
        """Do what was asked for; return True once nothing of it is left."""
        if self.file.with_suffix(".stop").exists():
            self.file.with_suffix(".stop").unlink()
            self.process.terminate()
        if self.file.with_suffix(".kill").exists():
            self.process.kill()
        if self.process.poll() is None:
            return False
        left = list(self._left())
        for pid in left:
            with suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        return not left

    def _left(self) -> Iterator[int]:
        wanted = {f"{name}={value}".encode() for name, value in self.identity.items()}
        for proc in Path("/proc").glob("[0-9]*"):
            with suppress(OSError):
                if wanted <= set((proc / "environ").read_bytes().split(b"\0")):
                    yield int(proc.name)


def serve(place: Path) -> None:
    """Run the jobs of a directory, one after the other is picked up."""
    running: list[Running] = []
    lock = (place / "lock").open("a")
    fcntl.flock(lock, fcntl.LOCK_EX)
    while True:
        for file in sorted(place.glob("*.job")):
            known = (file.with_suffix(one) for one in (".running", ".gone"))
            if any(one.exists() for one in known):
                continue
            if file.with_suffix(".stop").exists() or file.with_suffix(".kill").exists():
                file.with_suffix(".gone").touch()
            elif not (place / "hold").exists():
                running.append(Running(file))
        for one in list(running):
            if one.poll():
                one.file.with_suffix(".gone").touch()
                running.remove(one)
        time.sleep(0.02)


if __name__ == "__main__":
    serve(Path(sys.argv[1]))
