"""Submits the jobs of a multirun as a run, and waits for its end."""

from __future__ import annotations

import atexit
import fcntl
import hashlib
import itertools
import json
import logging
import re
import sys
import uuid
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml
from hydra.core.config_store import ConfigStore
from hydra.core.singleton import Singleton
from hydra.core.utils import JobReturn, JobStatus, configure_log, filter_overrides, setup_globals
from hydra.plugins.launcher import Launcher
from hydra.types import HydraContext, TaskFunction
from omegaconf import DictConfig, OmegaConf

from trainui.plugin import NotFoundError, client
from trainui.plugins.hydra import sweep
from trainui.plugins.hydra.launched_job import Launch, load_return

log = logging.getLogger(__name__)

_FOLDER = ".trainui-launch"
"""Not `.trainui`: what is beside that is no output of a job."""

_RECORD = "run.json"


@dataclass
class TrainuiLauncherConf:
    """The fields of `hydra.launcher`: those of a stage, for every job."""

    _target_: str = "hydra_plugins.trainui_launcher.TrainuiLauncher"
    name: str = "${hydra.job.name}"
    """The run's name, and the stage's."""

    gpus: int | None = None
    """GPUs of a job; None: one, if this machine has any."""

    cpus: int = 1
    """CPU slots of a job."""

    retries: int = 0
    """Automatic attempts of a failed job."""

    timeout: str | None = None
    """Longest time of an attempt, e.g. `12h`."""


def register() -> None:
    """Add to Hydra's store the launcher's configuration."""
    ConfigStore.instance().store(
        group="hydra/launcher",
        name="trainui",
        node=TrainuiLauncherConf,
        provider="trainui",
    )


class RunLauncher(Launcher):
    """Runs jobs as the stages of a trainui run; the run survives this process."""

    def __init__(self, **fields: Any) -> None:
        super().__init__()
        self._fields = fields
        """The fields of `TrainuiLauncherConf`."""

        self._launch: Launch | None = None
        self._run: _Run | None = None
        """The run of this sweep; None before the first jobs."""

    def setup(
        self, *, hydra_context: HydraContext, task_function: TaskFunction, config: DictConfig
    ) -> None:
        """Keep what a job needs."""
        self._launch = Launch(hydra_context, task_function, config)

    def launch(
        self, job_overrides: Sequence[Sequence[str]], initial_job_idx: int
    ) -> Sequence[JobReturn]:
        """Run the jobs and return their results, in order; later calls add jobs to the same run.

        A job that failed, or whose process ended without a result, gives a failed `JobReturn`.
        """
        launch = self._launch
        assert launch is not None
        setup_globals()
        hydra = launch.config.hydra
        configure_log(hydra.hydra_logging, hydra.verbose)
        jobs = {initial_job_idx + at: list(one) for at, one in enumerate(job_overrides)}
        for number, overrides in jobs.items():
            log.info("\t#%d : %s", number, " ".join(filter_overrides(overrides)))
        if self._run is None or self._run.contradicts(jobs):
            self._run = self._find_run(launch, jobs)
        launch.singletons = Singleton.get_state()
        states = self._run_jobs(self._run, launch, jobs)
        configure_log(hydra.hydra_logging, hydra.verbose)
        return [
            load_return(self._run.folder, number) or _without_result(number, states.get(number, ""))
            for number in jobs
        ]

    def _find_run(self, launch: Launch, jobs: Mapping[int, list[str]]) -> _Run:
        """Return the run that a killed process of the same sweep left here, else a new one."""
        parent = Path(launch.config.hydra.sweep.dir).absolute() / _FOLDER
        own = [key for key in map(str, launch.config) if key != "hydra"]
        config = OmegaConf.masked_copy(launch.config, own)
        digest = hashlib.sha256(OmegaConf.to_yaml(config).encode()).hexdigest()
        left = _Run.left(parent, digest)
        if left is None or left.contradicts(jobs):
            return _Run.new(parent, digest)
        if left.jobs:
            log.info("trainui run %s was interrupted, and is continued", left.id)
            client.resume(left.id)
        return left

    def _run_jobs(
        self, run: _Run, launch: Launch, jobs: Mapping[int, list[str]]
    ) -> Mapping[int, str]:
        """Run the jobs that are not in the run yet; return a line for the end of each job."""
        run.is_waited_for = True
        launch.jobs = {**run.jobs, **jobs}
        if len(launch.jobs) > len(run.jobs):
            launch_file, file = run.folder / "launch.pkl", run.folder / "pipeline.yaml"
            launch.save(launch_file)
            text = self._pipeline(launch, str(launch_file), is_first=not run.jobs)
            # a line a member
            style: Any = {"sort_keys": False, "width": 1000, "default_flow_style": None}
            file.write_text(yaml.safe_dump(text, allow_unicode=True, **style))
            if run.jobs:
                client.extend(run.id, str(file))
            else:
                client.submit(file, python=sys.executable, run_id=run.id)
                said = "trainui run %s; see `trainui`, or continue with `trainui resume %s`"
                log.info(said, run.id, run.id)
            run.jobs = launch.jobs
            run.save()
        ended = client.wait(run.id)["stages"]
        run.is_waited_for = False
        words = (f"{one['name']} {one['status']} in run {run.id}" for one in ended)
        return dict(zip(run.jobs, words, strict=False))

    def _pipeline(self, launch: Launch, launch_file: str, *, is_first: bool) -> dict[str, Any]:
        hydra, jobs, fields = launch.config.hydra, launch.shown_jobs(), self._stage_fields()
        name = re.sub(r"[./\[\]{}$]", "-", self._fields["name"])
        # Hydra's own sweeper launches all jobs at once, unless it has a limit
        is_own = str(hydra.sweeper.get("_target_")).endswith(".BasicSweeper")
        if is_first and is_own and hydra.sweeper.get("max_batch_size") is None:
            found = sweep.pipeline(name, jobs, fields, launch_file)
            if found is not None:
                return found
        return sweep.growing_pipeline(name, jobs, hydra.overrides.task, fields, launch_file)

    def _stage_fields(self) -> Mapping[str, Any]:
        fields = {key: self._fields[key] for key in ("gpus", "cpus", "retries", "timeout")}
        if fields["gpus"] is None:
            fields["gpus"] = 1 if client.has_gpus() else 0
        given = {key: value for key, value in fields.items() if value is not None}
        return {"workdir": str(Path.cwd()), **given}


@dataclass
class _Run:
    """The run of a sweep, on record in a folder of the sweep's directory while it is launched."""

    folder: Path
    id: str
    config: str
    """Digest of the configuration without overrides."""

    jobs: dict[int, list[str]] = field(default_factory=dict)
    """Overrides by the numbers of the jobs that the run has."""

    is_waited_for: bool = False
    """True while jobs run whose results were not returned."""

    def __post_init__(self) -> None:
        self._lock = (self.folder / "lock").open("w")
        """Locked by the process that launches."""
        atexit.register(self._end)

    @classmethod
    def new(cls, parent: Path, config: str) -> _Run:
        """Put a run on record before it is submitted; other sweeps may have used the directory."""
        for number in itertools.count():
            with suppress(FileExistsError):
                (folder := parent / str(number)).mkdir(parents=True)
                run = cls(folder, str(uuid.uuid4()), config)
                fcntl.flock(run._lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
                run.save()
                return run
        raise AssertionError("no folder can be made")

    @classmethod
    def left(cls, parent: Path, config: str) -> _Run | None:
        """Return the latest run that a killed process left, if it was not cancelled or deleted."""
        for file in sorted(parent.glob(f"*/{_RECORD}"), key=lambda one: -int(one.parent.name)):
            found = json.loads(file.read_text())
            jobs = {int(number): one for number, one in found["jobs"].items()}
            run = cls(file.parent, found["run"], found["config"], jobs)
            with suppress(OSError, NotFoundError):
                fcntl.flock(run._lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
                states = {one["status"] for one in client.show(run.id)["stages"]} if jobs else {}
                if run.config == config and "cancelled" not in states:
                    return run
            atexit.unregister(run._end)
        return None

    def save(self) -> None:
        """Write the record, whole or not at all."""
        part = self.folder / f"{_RECORD}.part"
        part.write_text(json.dumps({"run": self.id, "config": self.config, "jobs": self.jobs}))
        part.replace(self.folder / _RECORD)

    def contradicts(self, jobs: Mapping[int, list[str]]) -> bool:
        """Return True if the run has jobs of the same numbers with other overrides."""
        return any(self.jobs.get(number, one) != one for number, one in jobs.items())

    def _end(self) -> None:
        """Remove the record as the process exits, unless results were not returned."""
        if not self.is_waited_for:
            (self.folder / _RECORD).unlink(missing_ok=True)


def _without_result(number: int, state: str) -> JobReturn:
    """Return the result of a job whose process ended before it could store one."""
    result = JobReturn()
    result.status = JobStatus.FAILED
    result.return_value = RuntimeError(f"job {number}: {state}, without a result")
    return result
