"""Foreign messages in the queue, and a broker that refuses writes: both are named."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest
import redis

from tests.faults.conftest import NewRun
from tests.integration import background
from tests.integration.runs import NOTE, home_with_worker, stage
from tests.unit.supervisor.waiting import wait_for
from trainui.cli import doctor
from trainui.execution.daemon import health, lifecycle
from trainui.paths import Home

MANY = 2_000


@pytest.fixture(scope="module")
def home(
    tmp_path_factory: pytest.TempPathFactory, served_database: Mapping[str, str]
) -> Iterator[Home]:
    directory = tmp_path_factory.mktemp("queue")
    include = '["tests.integration.sample_tasks"]'
    with home_with_worker(directory, served_database, cpus="3", include=include) as home:
        yield home


@pytest.fixture
def server(home: Home) -> Iterator[redis.Redis]:
    background.broker_pid(home)
    with redis.Redis(unix_socket_path=str(home.broker_socket)) as client:
        yield client


def message(task: str, number: int) -> str:
    """A message as Celery writes it."""
    body = "W1siYSIsICJiIiwgbnVsbCwge31dLCB7fSwge31d"
    headers = {"lang": "py", "task": task, "id": f"foreign-{number}", "argsrepr": "", "ignore": 1}
    properties = {
        "delivery_mode": 2,
        "delivery_info": {"exchange": "", "routing_key": "trainui"},
        "priority": 0,
        "body_encoding": "base64",
        "delivery_tag": str(number),
    }
    return json.dumps(
        {
            "body": body,
            "content-encoding": "utf-8",
            "content-type": "application/json",
            "headers": headers,
            "properties": properties,
        }
    )


def fill(server: redis.Redis, text: Any) -> None:
    with server.pipeline() as pipeline:
        for number in range(MANY):
            pipeline.lpush("trainui", text(number))
        pipeline.execute()


def queue() -> Any:
    return lifecycle.status()["queue"]


@pytest.mark.parametrize(
    "text",
    [
        lambda number: message("somebody.else", number),
        lambda number: f"no message {number}",
    ],
    ids=["unknown task", "garbage"],
)
def test_foreign_messages_are_discarded_and_counted(
    home: Home, new_run: NewRun, server: redis.Redis, tmp_path: Path, text: Any
) -> None:
    pid = background.worker_pid(home)
    before = queue()["discarded"]
    fill(server, text)
    run = new_run(stage("a", NOTE))
    run.completed_once("a")
    background.run_note(home, tmp_path / "note")
    wait_for(lambda: server.llen("trainui") == 0, "an empty queue")
    wait_for(lambda: queue()["discarded"] - before == MANY, "that on record")
    wait_for(lambda: queue()["waiting"] == 0, "an empty queue on record")
    assert "not ours and were discarded" in " ".join(lifecycle.status()["problems"])
    assert background.worker_pid(home) == pid


def test_a_broker_out_of_memory_is_named_and_stages_follow(
    home: Home, new_run: NewRun, server: redis.Redis
) -> None:
    pid = background.worker_pid(home)
    server.config_set("maxmemory", 1)
    try:
        run = new_run(stage("a", NOTE))
        problem = wait_for(lambda: queue()["refused"], "the refusal")
        assert "maxmemory" in problem
        assert health.brief(home, home.database).words == "broker refuses messages"
        assert any(problem in one for one in lifecycle.status()["problems"])
        level, found, *_ = doctor.worker()
        assert (level, problem in found) == (doctor.NOTE, True)
        assert run.statuses() == {"a": "queued"}
    finally:
        server.config_set("maxmemory", 0)
    run.completed_once("a")
    assert queue()["refused"] == ""
    assert background.worker_pid(home) == pid
