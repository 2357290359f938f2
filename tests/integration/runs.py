"""Runs under test: submitted as front ends do, looked at as the screen does."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from tests.integration import background
from tests.integration.conftest import kill_all
from tests.unit.supervisor.waiting import wait_for
from trainui import control, paths, settings
from trainui.execution.daemon import lifecycle
from trainui.execution.worker import celery_app
from trainui.execution.worker.celery_app import TASK_NAME
from trainui.model.records import AttemptRecord, Event, RunRecord, StageRecord
from trainui.model.states import ENDED, Status
from trainui.paths import Home
from trainui.pipeline import loader
from trainui.store.db import engine
from trainui.store.read import views

NOTE = "printf '%s\\n' \"$TRAINUI_STAGE $TRAINUI_ATTEMPT\" >> ledger; "
"""A line of a stage's script: it runs."""

HOLD = NOTE + "until [ -e go ]; do sleep 0.02; done"
"""A script that ends once it is let go."""


def stage(name: str, run: Any, *depends_on: str, **fields: Any) -> dict[str, Any]:
    """A stage of a pipeline file."""
    return {"name": name, "run": run, "depends_on": list(depends_on), **fields}


@contextmanager
def home_with_worker(
    directory: Path, environ: Mapping[str, str] | None = None, **values: str
) -> Iterator[Home]:
    """A home whose worker takes work; nothing of it is left behind."""
    with home_of_its_own(directory, environ, **values) as home:
        background.start()
        yield home


@contextmanager
def home_of_its_own(
    directory: Path, environ: Mapping[str, str] | None = None, **values: str
) -> Iterator[Home]:
    """An empty home, which the environment names; nothing of it is left behind.

    Args:
        directory: where.
        environ: variables, such as those of a `database`.
        values: settings.
    """
    with pytest.MonkeyPatch.context() as environment:
        environment.setenv("TRAINUI_HOME", str(directory / "home"))
        environment.setenv("XDG_CONFIG_HOME", str(directory / "config"))
        for name, value in values.items():
            environment.setenv(f"TRAINUI_{name.upper()}", value)
        for name, value in (environ or {}).items():
            environment.setenv(name, value)
        home = paths.home()
        yield home
        stopped = lifecycle.stop()
        kill_all(home)
        assert stopped, f"not all could be stopped; see the logs in {home.worker}"


class Run:
    """A run of a pipeline, in a directory of its own."""

    def __init__(
        self,
        directory: Path,
        *stages: Mapping[str, Any],
        top: Mapping[str, Any] | None = None,
        **fields: Any,
    ) -> None:
        directory.mkdir(exist_ok=True)
        file = directory / "pipeline.yaml"
        file.write_text(json.dumps({"name": "test", **(top or {}), "stages": stages}))  # is YAML
        self.directory = directory
        self.id = control.submit(loader.load(str(file), {}), **fields)

    def record(self) -> RunRecord:
        with engine.reading() as connection:
            found = views.run(connection, self.id)
        assert found is not None
        return found

    def stages(self) -> dict[str, StageRecord]:
        """By name; where hosts share the database, why one waits without this host's name."""
        with engine.reading() as connection:
            found = views.stages(connection, self.id)
        here = f"{settings.host()}: "
        return {
            stage.name: stage._replace(reason=stage.reason and stage.reason.removeprefix(here))
            for stage in found
        }

    def stage(self, name: str) -> StageRecord:
        return self.stages()[name]

    def attempts(self, name: str) -> list[AttemptRecord]:
        with engine.reading() as connection:
            return views.attempts_of_stage(connection, self.stage(name).id)

    def attempt(self, name: str) -> AttemptRecord:
        return self.attempts(name)[-1]

    def events(self) -> list[Event]:
        with engine.reading() as connection:
            return [event for _, event in views.events(connection, self.id)]

    def statuses(self) -> dict[str, str]:
        return {name: str(stage.status) for name, stage in self.stages().items()}

    def wait_for(self, name: str, status: Status) -> StageRecord:
        """Wait until a stage is in a state, and return it."""
        return self.until(name, lambda stage: stage.status == status, str(status))

    def until(self, name: str, holds: Callable[[StageRecord], bool], what: str) -> StageRecord:
        """Wait until something holds of a stage, and return it."""
        try:
            return wait_for(lambda: found if holds(found := self.stage(name)) else None, what)
        except AssertionError as error:
            raise AssertionError(f"{name} is not {what}: {self.stages()}") from error

    def wait(self) -> RunRecord:
        """Wait until the run is over."""
        try:
            wait_for(lambda: self.record().status in ENDED, "the run's end")
        except AssertionError as error:
            raise AssertionError(f"the run is not over: {self.stages()}") from error
        return self.record()

    def process(self, name: str) -> AttemptRecord:
        """Wait until a stage's process runs, and return its attempt."""
        wait_for(
            lambda: (tries := self.attempts(name)) and tries[-1].pid and not tries[-1].completed_at,
            f"the process of {name}",
        )
        return self.attempt(name)

    def go(self) -> None:
        """Let the stages that hold come to their end."""
        (self.directory / "go").touch()

    def completed_once(self, *names: str) -> None:
        """Wait for the run's end, and see that each of these stages ran once and completed."""
        assert self.wait().status == Status.COMPLETED, self.stages()
        assert sorted(self.lines("ledger")) == sorted(f"{name} 1" for name in names)
        for name in names:
            assert [one.status for one in self.attempts(name)] == [Status.COMPLETED]

    def lines(self, name: str) -> list[str]:
        """The lines of a file in the run's directory of its own; none where it is not there."""
        path = self.directory / name
        return path.read_text().splitlines() if path.exists() else []


def send_again(run: Run, name: str, task_id: str | None) -> None:
    """Send the message of a stage once more, as a broker may."""
    app = celery_app.create_app(paths.home(), settings.load())
    with celery_app.publishing_connection(app) as connection:
        app.send_task(
            TASK_NAME,
            args=(run.id, name, None, {}),
            task_id=task_id,
            connection=connection,
            retry=False,
        )


def wait_until_taken() -> None:
    """Wait until the worker has taken every message that was sent."""
    app = celery_app.create_app(paths.home(), settings.load())
    with app.connection_for_read() as connection:
        client = connection.default_channel.client
        queue = app.conf.task_default_queue
        wait_for(lambda: client.llen(queue) == 0, "an empty queue")
