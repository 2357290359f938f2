"""Whatever lies in the queue, only a stage that the planner granted ever runs."""

from __future__ import annotations

import json
import pickle
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.integration import background
from tests.integration.runs import Run, home_with_worker, send_again, wait_until_taken
from tests.unit.supervisor.waiting import wait_for
from trainui import paths, settings
from trainui.execution.daemon import lifecycle
from trainui.execution.worker import celery_app
from trainui.execution.worker.celery_app import TASK_NAME
from trainui.model.states import Status
from trainui.paths import Home
from trainui.store.db import engine


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Home]:
    with home_with_worker(tmp_path_factory.mktemp("messages")) as home:
        yield home


class Touch:
    """Makes a file as it is unpickled."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def __reduce__(self) -> Any:
        return Path.touch, (self.path,)


def put(body: bytes, content_type: str, task: str = TASK_NAME) -> None:
    """Put a message of any kind into the worker's queue."""
    app = celery_app.create_app(paths.home(), settings.load())
    with celery_app.publishing_connection(app) as connection:
        app.amqp.Producer(connection, auto_declare=False).publish(
            body,
            routing_key=app.conf.task_default_queue,
            content_type=content_type,
            content_encoding="binary",
            headers={"task": task, "id": "made-up", "lang": "py", "argsrepr": "", "kwargsrepr": ""},
        )


def assert_it_serves(home: Home, directory: Path) -> None:
    """See that the worker is the one it was, and runs stages."""
    pid = background.worker_pid(home)
    run = Run(directory, {"name": "after", "run": "true"})
    assert run.wait().status == Status.COMPLETED
    assert background.worker_pid(home) == pid


def test_it_takes_json_alone(home: Home, tmp_path: Path) -> None:
    before = background.worker_pid(home)
    harm = tmp_path / "harm"
    arguments = [[Touch(harm), "a", None, {}], {}, {}]
    put(pickle.dumps(arguments), "application/x-python-serialize")
    put(f"!!python/object/apply:os.mknod ['{harm}']".encode(), "application/x-yaml")
    put(b"\x81\xa1a\xa1b", "application/x-msgpack")
    put(pickle.dumps(arguments), "application/json")
    put(b"no json", "application/json")
    wait_until_taken()
    assert_it_serves(home, tmp_path / "work")
    assert not harm.exists()
    assert background.worker_pid(home) == before
    log = home.worker_log.read_text()
    assert "Refusing to deserialize untrusted content of type pickle" in log
    assert "Refusing to deserialize untrusted content of type yaml" in log


def test_it_knows_no_task_but_its_own(home: Home, tmp_path: Path) -> None:
    before = lifecycle.status()["queue"]["discarded"]
    for task in (
        "os.system",
        "tests.note",
        "trainui.execution.broker.stop",
        "subprocess.run",
    ):
        background.send(home, task, f"touch {tmp_path / 'harm'}")
    wait_until_taken()
    assert_it_serves(home, tmp_path / "work")
    assert not (tmp_path / "harm").exists()
    wait_for(lambda: lifecycle.status()["queue"]["discarded"] >= before + 4, "four are counted")


def test_a_stage_without_a_grant_does_not_run(home: Home, tmp_path: Path) -> None:
    run = Run(
        tmp_path / "work",
        {"name": "first", "run": "while ! test -e $PWD/go; do sleep 0.1; done"},
        {"name": "second", "run": "touch second", "depends_on": ["first"]},
    )
    first = run.process("first")
    before = attempts_of_all()
    made_up: list[tuple[Any, ...]] = [
        ("no-such-run", "first", None, {}),
        (run.id, "no-such-stage", None, {}),
        (run.id, "second", None, {}),
        (run.id, "first", "os.system", {"command": f"touch {tmp_path / 'harm'}"}),
        (run.id, ["second"], None, {}),
        ({"run": run.id}, "second", None, {}),
        (run.id,),
        (),
    ]
    for arguments in made_up:
        put(json.dumps([arguments, {}, {}]).encode(), "application/json")
    send_again(run, "second", first.celery_task_id)
    send_again(run, "first", first.celery_task_id)
    wait_until_taken()
    assert_it_serves(home, tmp_path / "other")
    assert run.statuses() == {"first": "running", "second": "pending"}
    assert attempts_of_all() == before + 1  # that of the run after it
    assert not (tmp_path / "harm").exists()
    (tmp_path / "work" / "go").touch()
    assert run.wait().status == Status.COMPLETED
    assert len(run.attempts("first")) == len(run.attempts("second")) == 1


def attempts_of_all() -> int:
    """How many attempts there are in the store."""
    with engine.reading() as connection:
        return int(connection.execute("SELECT count(*) FROM attempts").fetchone()[0])
