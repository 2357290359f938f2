"""`PipelineExecutor`: runs pipelines from a Python program.

The object stores nothing about the run: another program may create one with the same id, and
resume or wait for the run.
"""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, TypedDict
from uuid import UUID

from trainui import control, formatting
from trainui.control import requests
from trainui.errors import NotFoundError, UsageError, WaitTimeoutError
from trainui.execution.attempt import lost_attempts
from trainui.execution.daemon import lifecycle
from trainui.model.states import ENDED
from trainui.pipeline import loader
from trainui.store.db import engine
from trainui.store.read import views

POLL = 0.05
"""Poll interval in seconds while waiting for a run."""


class StageState(TypedDict):
    """A stage and its state."""

    name: str
    status: str


class RunState(TypedDict):
    """A run and its state, with its stages in the given order."""

    run: str
    status: str
    stages: list[StageState]


class PipelineExecutor:
    """Runs a pipeline under an id that the caller chooses."""

    def __init__(self, pipeline_uuid: str | UUID) -> None:
        """Create an executor for a run, which need not exist yet.

        Raises:
            UsageError: the id is not valid.
        """
        if not isinstance(pipeline_uuid, str | UUID) or not str(pipeline_uuid):
            raise UsageError(
                f"a run's id must be a UUID or a string like 'my-run', not {pipeline_uuid!r}"
            )
        self.pipeline_uuid = str(pipeline_uuid)
        """The run's id: `[A-Za-z0-9._-]`, at most 64 characters."""

    def execute(self, stages: Sequence[Mapping[str, Any]]) -> RunState:
        """Check the stages, store them as a run, start the worker, and return at once.

        Args:
            stages: each with `name`, `task` (a registered Celery task or an importable function),
                and optionally `params` and `depends_on`. They run in the caller's working
                directory and environment, and can import from the directory of its script.

        Raises:
            PipelineFileError: the stages have problems; nothing is stored.
            UsageError: a run with this id exists, or the id is not valid.
            UnfitEnvironmentError: nothing can run on this machine; the message says what to do.
        """
        pipeline = loader.from_api(stages, self.pipeline_uuid, directory=str(Path.cwd()))
        lifecycle.ensure_started()
        control.submit(
            pipeline,
            run_id=self.pipeline_uuid,
            environ=os.environ,
            python=sys.executable,
            sys_path=str(Path(sys.path[0]).absolute()),
        )
        return self._state()

    def resume(self) -> RunState:
        """Give a new attempt to every stage that ended without completing, and return at once.

        Raises:
            NotFoundError: the run does not exist.
            UnfitEnvironmentError: nothing can run on this machine; the message says what to do.
        """
        lost_attempts.record([self.pipeline_uuid])
        if control.resume(self.pipeline_uuid):
            lifecycle.ensure_started()
        return self._state()

    def wait(self, timeout: float | None = None) -> RunState:
        """Wait until the run has ended.

        Args:
            timeout: seconds; None: no limit.

        Raises:
            WaitTimeoutError: the timeout passed (a TimeoutError); the run continues.
            NotFoundError: the run does not exist.
            UsageError: the caller is part of a stage, whose slot the run may need.
        """
        requests.check_may_wait()
        started = time.monotonic()
        while (state := self._state())["status"] not in ENDED:
            waited = time.monotonic() - started
            if timeout is not None and waited >= timeout:
                raise WaitTimeoutError(
                    f"{self.pipeline_uuid} has not finished after {formatting.duration(waited)}; "
                    "it continues"
                )
            time.sleep(POLL if timeout is None else min(POLL, timeout - waited))
        return state

    def _state(self) -> RunState:
        with engine.reading() as connection, engine.snapshot(connection):
            run = views.run(connection, self.pipeline_uuid)
            if run is None:
                raise NotFoundError(f"no run {self.pipeline_uuid!r}")
            stages = views.stages(connection, run.id)
        return {
            "run": run.id,
            "status": str(run.status),
            "stages": [{"name": one.name, "status": str(one.status)} for one in stages],
        }
