"""Celery's own tools see stages as tasks of any Celery project, and such a project's tasks run."""

from __future__ import annotations

import json
import os
import re
import signal
import socket
import subprocess
import sys
import threading
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from tests.acceptance.command_line import CommandLine, stage_of, states_of
from tests.unit.supervisor.waiting import wait_for

HELD = """
    stages:
      - {name: "train it", run: "until test -e held.go; do sleep 0.05; done"}
    """

WRONG = """
    name: wrong
    stages:
      - {name: wrong, run: exit 3}
    """

TASK = "execute_stage_with_tracking"


@pytest.fixture
def held(served: CommandLine) -> str:
    """A run whose stage `train it` runs until the test lets it go; its id."""
    write_held(served)
    run = str(served.json("run", "held.yaml", "--detach")["run"])
    wait_for(lambda: states_of(served.json("show", run)) == {"train it": "running"}, "it", 60)
    return run


def write_held(cli: CommandLine) -> None:
    (cli.directory / "held.go").unlink(missing_ok=True)
    cli.write("held.yaml", HELD)


def celery_id(cli: CommandLine, run: str) -> str:
    return str(stage_of(cli.json("show", run), "train it")["celery_task_id"])


def celery(cli: CommandLine, *arguments: str) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-m", "celery", "-A", "trainui", *arguments],
        cwd=cli.directory,
        env=cli.environ,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        start_new_session=True,
    )


def said(cli: CommandLine, *arguments: str) -> str:
    with celery(cli, *arguments) as process:
        out, _ = process.communicate(timeout=60)
    assert process.returncode == 0, out
    return out


def test_inspect_shows_the_stage_by_its_name(served: CommandLine, held: str) -> None:
    # who names the worker waits no longer than until it has answered
    worker = f"trainui@{socket.gethostname()}"
    (task,) = active(served, worker)
    assert task["id"] == celery_id(served, held)
    assert task["name"].endswith(TASK)
    assert task["args"][1] == "train it"
    served.write("held.go", "")
    assert served("wait", held).code == 0
    assert active(served, worker) == []


def active(cli: CommandLine, worker: str) -> Any:
    answer = said(cli, "inspect", "active", "--json", "--timeout", "30", "-d", worker)
    (tasks,) = json.loads(answer).values()
    return tasks


@contextmanager
def watching(cli: CommandLine, *arguments: str) -> Iterator[subprocess.Popen[str]]:
    with celery(cli, *arguments) as process:
        try:
            yield process
        finally:
            os.killpg(process.pid, signal.SIGKILL)


def test_events_are_recorded_when_a_stage_starts_and_ends(served: CommandLine) -> None:
    write_held(served)
    seen: list[str] = []

    def told(what: str) -> bool:
        return re.search(what, "".join(seen), re.IGNORECASE) is not None

    with watching(served, "events", "--dump") as watcher:
        assert watcher.stdout
        threading.Thread(target=seen.extend, args=(watcher.stdout,), daemon=True).start()
        wait_for(lambda: told("heartbeat"), "the worker's heartbeat", 60)
        served.json("run", "held.yaml", "--detach")
        for event in ("task received", "task started", "task succeeded"):
            wait_for(lambda event=event: told(event), event, 60)  # type: ignore[misc]
            served.write("held.go", "")
    assert told(TASK)
    assert told("train it")


@pytest.mark.long
def test_flower_shows_the_stage_by_its_name(served: CommandLine, held: str) -> None:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]

    def ask(path: str) -> Any:
        try:
            with urllib.request.urlopen(f"http://127.0.0.1:{port}/{path}", timeout=5) as answer:
                return answer.read().decode()
        except OSError:
            return None

    served.environ["FLOWER_UNAUTHENTICATED_API"] = "true"
    with watching(served, "flower", "--address=127.0.0.1", f"--port={port}"):
        wait_for(lambda: ask("api/workers?refresh=true"), "Flower", 60)
        (worker,) = json.loads(ask("api/workers?refresh=true")).items()
        assert worker[0].startswith("trainui@")
        # it saw no event of this one, so the worker's page is read
        page = ask(f"worker/{worker[0]}")
        assert celery_id(served, held) in page
        assert "train it" in page
        served.write("held.go", "")
        served.json("wait", held)
        again = stage_of(served.run(HELD), "train it")["celery_task_id"]
        wrong = stage_of(served.run(WRONG, code=1), "wrong")["celery_task_id"]

        def seen(state: str, task_id: str) -> Any:
            found = json.loads(ask("api/tasks") or "{}").get(task_id)
            return found if found and found["state"] == state else None

        task = wait_for(lambda: seen("SUCCESS", again), "it", 60)
        assert task["name"].endswith(TASK)
        assert "train it" in task["args"]
        task = wait_for(lambda: seen("FAILURE", wrong), "the failed one", 60)
        assert "wrong: exit code 3" in task["exception"]


APP = """
from celery import Celery

app = Celery("shop", broker="memory://")
app.conf.include = ["shop.tasks"]
"""
TASKS = """
import trainui
from shop.app import app


@app.task(name="shop-training")
def train(lr, *, epochs):
    for epoch in range(epochs):
        trainui.log(step=epoch, loss=lr / (epoch + 1))
    return {"epochs": epochs}


@app.task(name="shop-report", bind=True)
def report(self, title):
    return f"{self.name}: {title}"
"""
PIPELINE = """
    name: shop
    stages:
      - {name: train, task: shop-training, params: {lr: 0.5, epochs: 3}}
      - {name: report, task: shop-report, params: {title: done}, depends_on: [train]}
    """


def test_tasks_of_a_celery_project_run_with_their_own_arguments(cli: CommandLine) -> None:
    package = cli.directory / "shop"
    package.mkdir()
    (package / "__init__.py").write_text("")
    (package / "app.py").write_text(APP)
    (package / "tasks.py").write_text(TASKS)
    config = Path(cli.environ["XDG_CONFIG_HOME"], "trainui", "config.toml")
    config.parent.mkdir(parents=True)
    config.write_text('include = ["shop.tasks"]\n')
    shown = cli.run(PIPELINE)
    assert states_of(shown) == {"train": "completed", "report": "completed"}
    assert stage_of(shown, "train")["result"] == {"epochs": 3}
    assert stage_of(shown, "report")["result"] == "shop-report: done"
    (series,) = cli.json("metrics", "shop")["series"]
    assert (series["name"], series["count"], series["last"]) == ("loss", 3, 0.5 / 3)
