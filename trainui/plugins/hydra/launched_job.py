"""Runs one job of a multirun: python -m trainui.plugins.hydra.launched_job FILE VALUE...

The values name the job, or its number behind `--job` before its values; see `sweep`. Exits 1 if the
job failed; its result is stored beside the launch file, whole or not at all.
"""

from __future__ import annotations

import os
import pickle
import sys
import traceback
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import cloudpickle
from hydra.core.singleton import Singleton
from hydra.core.utils import JobReturn, JobStatus, filter_overrides, run_job, setup_globals
from hydra.types import HydraContext, TaskFunction
from omegaconf import DictConfig, open_dict

from trainui.plugin.client import ATTEMPT_TAG
from trainui.plugins.hydra import sweep


@dataclass
class Launch:
    """The data that the processes of a multirun's jobs share."""

    context: HydraContext
    task_function: TaskFunction
    config: DictConfig
    """Of the multirun, before the overrides of a job."""

    jobs: dict[int, list[str]] = field(default_factory=dict)
    """Overrides by the jobs' numbers."""

    singletons: Any = None
    """The state of Hydra's singletons in the launching process."""

    def save(self, file: Path) -> None:
        """Write this to a file, behind the module path that is needed to load it."""
        part = file.with_suffix(".part")  # a job may be reading the file
        part.write_bytes(pickle.dumps(sys.path) + cloudpickle.dumps(self))
        part.replace(file)

    @classmethod
    def load(cls, file: Path) -> Launch:
        """Load what `save` wrote; the module path becomes this process's."""
        with file.open("rb") as stream:
            sys.path[:] = pickle.load(stream)
            launch: Launch = pickle.load(stream)
            return launch

    def shown_jobs(self) -> dict[int, Sequence[str]]:
        """Return the jobs' overrides without those of Hydra itself."""
        return {number: filter_overrides(one) for number, one in self.jobs.items()}

    def run(self, number: int) -> JobReturn:
        """Run a job in this process."""
        Singleton.set_state(self.singletons)
        setup_globals()
        loader = self.context.config_loader
        config = loader.load_sweep_config(self.config, self.jobs[number])
        with open_dict(config):
            config.hydra.job.id = number
            config.hydra.job.num = number
        _tag(config.hydra)
        return run_job(
            hydra_context=self.context,
            task_function=self.task_function,
            config=config,
            job_dir_key="hydra.sweep.dir",
            job_subdir_key="hydra.sweep.subdir",
        )


def _tag(hydra: DictConfig) -> None:
    """Note in a job's directory of which attempt it is, so that its metrics are found."""
    attempt = Path(os.environ["TRAINUI_METRICS_FILE"]).parent
    if hydra.output_subdir is not None:
        directory = Path(hydra.sweep.dir, str(hydra.sweep.subdir), hydra.output_subdir)
        directory.mkdir(parents=True, exist_ok=True)
        (directory / ATTEMPT_TAG).write_text(str(attempt))


def load_return(folder: Path, number: int) -> JobReturn | None:
    """Return a job's result; None if it stored none."""
    try:
        found: JobReturn = pickle.loads(_return_file(folder, number).read_bytes())
    except FileNotFoundError:
        return None
    return found


def _return_file(folder: Path, number: int) -> Path:
    return folder / f"{number}.pkl"


def main(arguments: Sequence[str]) -> int:
    """Run the job that the arguments name; return the exit code."""
    file = Path(arguments[0])
    launch = Launch.load(file)
    number = sweep.chosen(launch.shown_jobs(), arguments[1:])
    if arguments[1] == sweep.BY_NUMBER:
        launch.jobs[number] = sweep.edited(launch.jobs[number], arguments[3:])
    stored = _return_file(file.parent, number)
    stored.unlink(missing_ok=True)  # of an earlier attempt
    result = launch.run(number)
    part = stored.with_suffix(".part")
    part.write_bytes(cloudpickle.dumps(result))
    part.replace(stored)
    if result.status == JobStatus.COMPLETED:
        return 0
    traceback.print_exception(result._return_value)
    return 1


if __name__ == "__main__":
    # under its own name: what is pickled must not be of a module `__main__`
    from trainui.plugins.hydra import launched_job

    sys.exit(launched_job.main(sys.argv[1:]))
