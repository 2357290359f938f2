"""`PipelineExecutor`: pipelines run from a Python program.

Nothing about a run is kept in the object: another program may make one of the same id, and resume
or wait for the run.
"""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, TypedDict
from uuid import UUID

from trainui import clock, control
from trainui.control import self_wait_check
from trainui.domain.states import ENDED
from trainui.errors import NotFoundError, UsageError, WaitTimeoutError
from trainui.execution.attempt import lost_attempts
from trainui.execution.daemon import lifecycle
from trainui.pipeline import loader
from trainui.store.read import views

POLL = 0.05
"""Seconds between two looks at a run that is waited for."""


class StageState(TypedDict):
    """A stage and its state."""

    name: str
    status: str


class RunState(TypedDict):
    """A run, its state, and its stages' in the order given."""

    run: str
    status: str
    stages: list[StageState]


class PipelineExecutor:
    """Runs a pipeline under an id of the caller's choice."""

    def __init__(self, pipeline_uuid: str | UUID) -> None:
        """Name a run, which need not be there yet.

        Raises:
            UsageError: this cannot be an id.
        """
        if not isinstance(pipeline_uuid, str | UUID) or not str(pipeline_uuid):
            raise UsageError(
                f"a run's id is a UUID or a text such as 'my-run', not {pipeline_uuid!r}"
            )
        self.pipeline_uuid = str(pipeline_uuid)
        """The run's id: `[A-Za-z0-9._-]`, at most 64 characters."""

    def execute(self, stages: Sequence[Mapping[str, Any]]) -> RunState:
        """Check the stages, store them as a run, start the worker, and return at once.

        Args:
            stages: each with `name`, `task` (a registered Celery task or an importable function),
                and where needed `params` and `depends_on`. They run in the caller's working
                directory and environment, and import from where the caller's script lies.

        Raises:
            PipelineFileError: the stages have problems; nothing is stored.
            UsageError: there is a run of this id, or it cannot be an id.
            UnfitEnvironmentError: nothing can run here; the message says what to do.
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
        """Give every stage that is over and not completed a new attempt, and return at once.

        Raises:
            NotFoundError: there is no such run.
            UnfitEnvironmentError: nothing can run here; the message says what to do.
        """
        lost_attempts.record([self.pipeline_uuid])
        if control.resume(self.pipeline_uuid):
            lifecycle.ensure_started()
        return self._state()

    def wait(self, timeout: float | None = None) -> RunState:
        """Wait until the run is over.

        Args:
            timeout: seconds; None: as long as it takes.

        Raises:
            WaitTimeoutError: a TimeoutError; the run goes on.
            NotFoundError: there is no such run.
            UsageError: this is part of a stage, whose place the run may need.
        """
        self_wait_check.check_may_wait()
        started = time.monotonic()
        while (state := self._state())["status"] not in ENDED:
            waited = time.monotonic() - started
            if timeout is not None and waited >= timeout:
                raise WaitTimeoutError(
                    f"{self.pipeline_uuid} is not over after {clock.format_duration(waited)}; "
                    "it goes on"
                )
            time.sleep(POLL if timeout is None else min(POLL, timeout - waited))
        return state

    def _state(self) -> RunState:
        with views.reading() as connection:
            connection.execute("BEGIN")
            run = views.run(connection, self.pipeline_uuid)
            if run is None:
                raise NotFoundError(f"there is no run {self.pipeline_uuid!r}")
            stages = views.stages(connection, run.id)
        return {
            "run": run.id,
            "status": str(run.status),
            "stages": [{"name": one.name, "status": str(one.status)} for one in stages],
        }
