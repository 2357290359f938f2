"""Submits the jobs of a multirun as a run, and waits for its end."""

from __future__ import annotations

import logging
import re
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml
from hydra.core.config_store import ConfigStore
from hydra.core.singleton import Singleton
from hydra.core.utils import JobReturn, JobStatus, configure_log, filter_overrides, setup_globals
from hydra.plugins.launcher import Launcher
from hydra.types import HydraContext, TaskFunction
from omegaconf import DictConfig

from trainui.plugin import client
from trainui.plugins.hydra import sweep
from trainui.plugins.hydra.launched_job import Launch, load_return

log = logging.getLogger(__name__)

_FOLDER = ".trainui-launch"
"""Not `.trainui`: what is beside that is no output of a job."""


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

    def setup(
        self, *, hydra_context: HydraContext, task_function: TaskFunction, config: DictConfig
    ) -> None:
        """Keep what a job needs."""
        self._launch = Launch(hydra_context, task_function, config)

    def launch(
        self, job_overrides: Sequence[Sequence[str]], initial_job_idx: int
    ) -> Sequence[JobReturn]:
        """Run the jobs and return their results, in order.

        A job that failed, or whose process ended without a result, gives a failed `JobReturn`.
        """
        assert self._launch is not None
        setup_globals()
        config = self._launch.config
        configure_log(config.hydra.hydra_logging, config.hydra.verbose)
        folder = Path(config.hydra.sweep.dir).absolute() / _FOLDER / str(initial_job_idx)
        folder.mkdir(parents=True, exist_ok=True)
        self._launch.jobs = {
            initial_job_idx + index: list(overrides)
            for index, overrides in enumerate(job_overrides)
        }
        self._launch.singletons = Singleton.get_state()
        for number, overrides in self._launch.jobs.items():
            log.info("\t#%d : %s", number, " ".join(filter_overrides(overrides)))
        states = self._run(folder, self._launch)
        configure_log(config.hydra.hydra_logging, config.hydra.verbose)
        return [
            load_return(folder, number) or _without_result(number, state)
            for (number, state) in zip(self._launch.jobs, states, strict=True)
        ]

    def _run(self, folder: Path, launch: Launch) -> list[str]:
        """Submit the run and wait for it; return a line for the end of each job."""
        launch_file = folder / "launch.pkl"
        launch.save(launch_file)
        name = re.sub(r"[./\[\]{}$]", "-", self._fields["name"])
        jobs, fields = launch.shown_jobs(), self._stage_fields()
        text = sweep.pipeline(name, jobs, fields, str(launch_file))
        file = folder / "pipeline.yaml"
        file.write_text(yaml.safe_dump(text, sort_keys=False, allow_unicode=True))
        run = client.submit(file, python=sys.executable)
        log.info("trainui run %s; see `trainui`, or continue with `trainui resume %s`", run, run)
        ended = client.wait(run)
        return [f"{one['name']} {one['status']} in run {run}" for one in ended["stages"]]

    def _stage_fields(self) -> Mapping[str, Any]:
        fields = {key: self._fields[key] for key in ("gpus", "cpus", "retries", "timeout")}
        if fields["gpus"] is None:
            fields["gpus"] = 1 if client.has_gpus() else 0
        given = {key: value for key, value in fields.items() if value is not None}
        return {"workdir": str(Path.cwd()), **given}


def _without_result(number: int, state: str) -> JobReturn:
    """Return the result of a job whose process ended before it could store one."""
    result = JobReturn()
    result.status = JobStatus.FAILED
    result.return_value = RuntimeError(f"job {number}: {state}, without a result")
    return result
