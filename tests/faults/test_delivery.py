"""Messages come too often, too late, or again, and claims race: each attempt starts once."""

from __future__ import annotations

import itertools
import subprocess
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path

import pytest

from tests.faults.conftest import NewRun
from tests.faults.meddling import DELIVERIES
from tests.integration.runs import (
    NOTE,
    Run,
    home_with_worker,
    send_again,
    stage,
    wait_until_taken,
)
from tests.unit.supervisor.waiting import wait_for
from trainui import control
from trainui.execution.planner import host
from trainui.model.definition import Pipeline, StageDefinition
from trainui.model.records import LOCAL
from trainui.model.states import Status
from trainui.paths import Home
from trainui.store.db.engine import Database, open_store
from trainui.store.db.statements import insert
from trainui.store.runs import attempts, stored_pipeline

RUNS, STAGES_EACH, CLAIMERS = 10, 10, 8
"""100 stages, each claimed by all: 800 claims."""


@pytest.fixture(scope="module")
def home(
    tmp_path_factory: pytest.TempPathFactory, served_database: Mapping[str, str]
) -> Iterator[Home]:
    directory = tmp_path_factory.mktemp("delivery")
    with home_with_worker(
        directory, served_database, cpus="3", include='["tests.faults.meddling"]'
    ) as home:
        yield home


def refusals(home: Home, run: Run) -> int:
    """How many messages of a run the worker took for nothing."""
    return home.worker_log.read_text().count(f"of run {run.id} is already claimed")


def test_a_message_that_is_delivered_five_times_runs_once(home: Home, new_run: NewRun) -> None:
    """Case 7. Each message of a DAG comes five times, at once, to a worker with threads for all.

    Messages for what has completed or was cancelled, or of an earlier attempt, run nothing.
    """
    names = [f"s{number}" for number in range(6)]
    run = new_run(stage("a", NOTE), *(stage(name, NOTE, "a") for name in names))
    run.completed_once("a", *names)
    expected = (DELIVERIES - 1) * 7
    wait_for(lambda: refusals(home, run) == expected, f"{expected} refusals")

    late = run.stage("a").celery_task_id
    control.rerun(run.id, ["a"])
    run.until("a", lambda found: found.attempt == 2 and found.status == "completed", "done again")
    cancelled = new_run(stage("b", NOTE + "sleep 60", grace=1))
    cancelled.process("b")
    control.cancel(cancelled.id)
    cancelled.wait()
    for _ in range(DELIVERIES):
        send_again(run, "a", late)
        send_again(run, "a", run.stage("a").celery_task_id)
        send_again(cancelled, "b", cancelled.stage("b").celery_task_id)
    wait_until_taken()
    expected = (DELIVERIES - 1) * 8 + 2 * DELIVERIES
    wait_for(lambda: refusals(home, run) == expected, f"{expected} refusals")
    wait_for(lambda: refusals(home, cancelled) == 2 * DELIVERIES - 1, "the others")
    assert [line for line in run.lines("ledger") if line.startswith("a")] == ["a 1", "a 2"]
    assert cancelled.lines("ledger") == ["b 1"]
    assert cancelled.statuses() == {"b": "cancelled"}


def test_a_broker_that_redelivers_during_a_long_stage_starts_nothing(
    home: Home, new_run: NewRun
) -> None:
    """Case 8. What is unacknowledged for a second is delivered again, and stages take four.

    By our settings no message stays unacknowledged, so the worker is offered none twice, neither
    while a stage runs nor while others wait for its place.
    """
    run = new_run(*(stage(f"s{n}", NOTE + "sleep 4") for n in range(3)), stage("late", NOTE))
    run.completed_once("s0", "s1", "s2", "late")
    wait_until_taken()
    assert refusals(home, run) == (DELIVERIES - 1) * 4


CLAIM = """
import sys
from trainui.store.runs import attempts
from trainui.store.db.engine import open_store
store = open_store()
print("ready", flush=True)
sys.stdin.readline()
for line in open(sys.argv[1]):
    run, stage, task = line.split()
    with store.write() as connection:
        if attempts.claim(connection, run, stage, task) is not None:
            print(run, stage)
"""

READ = """
import sys, time
from trainui.store.db import engine
print("ready", flush=True)
sys.stdin.readline()
seen, most = 0, int(sys.argv[1])
while seen < most:
    with engine.reading() as connection:
        rows = connection.execute("SELECT count(*) FROM attempts WHERE status = 'running'")
        now = rows.fetchone()[0]
    assert now >= seen, "a claim was taken back"
    seen = now
    time.sleep(0.005)
print(seen)
"""


@pytest.fixture
def store(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Database]:
    monkeypatch.setenv("TRAINUI_HOME", str(tmp_path / "racing"))
    store = open_store()
    yield store
    store.close()


def grant_all(store: Database) -> list[str]:
    """Make runs of stages that are granted and wait for their claims; a line for each."""
    names = [f"s{number}" for number in range(STAGES_EACH)]
    definitions = tuple(StageDefinition(name, command="true") for name in names)
    with store.write() as connection:
        for number in range(RUNS):
            new = stored_pipeline.NewRun(
                id=f"run{number}",
                name="race",
                pipeline=Pipeline("race", definitions, digest="d"),
                directory=f"/runs/{number}",
                stage_directories={name: f"/runs/{number}/{name}" for name in names},
                submission={},
            )
            stored_pipeline.create(connection, new)
        # the grants, in two statements
        connection.execute("UPDATE stages SET attempt = 1, celery_task_id = id")
        made = connection.execute("SELECT run_id, name, id FROM stages").fetchall()
        same = {"number": 1, "status": Status.QUEUED, "host": host(), "directory": "/"}
        same |= {"executor": LOCAL, "slots_json": "[]", "granted_at": 0}
        same |= attempts.NEW_ATTEMPT
        granted = [{**same, "stage_id": id_, "celery_task_id": id_} for *_, id_ in made]
        insert(connection, "attempts", granted)
    return [f"{run_id} {name} {task_id}\n" for run_id, name, task_id in made]


def test_of_many_claims_of_one_stage_one_wins(store: Database, tmp_path: Path) -> None:
    """Case 16. Eight processes claim each of 100 stages at once, while two others read.

    Each stage is claimed once, nobody sees an error, and no reader sees a claim undone.
    """

    lines = grant_all(store)
    (tmp_path / "claims").write_text("".join(lines))
    claim = [sys.executable, "-c", CLAIM, str(tmp_path / "claims")]
    read = [sys.executable, "-c", READ, str(len(lines))]
    started = [
        subprocess.Popen(argv, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        for argv in [claim] * CLAIMERS + [read] * 2
    ]
    for process in started:
        assert process.stdout is not None
        assert process.stdout.readline() == "ready\n"
    for process in started:
        assert process.stdin is not None
        process.stdin.write("go\n")
        process.stdin.flush()
    said = [process.communicate(timeout=120)[0].splitlines() for process in started]
    assert [process.returncode for process in started] == [0] * len(started)
    won = list(itertools.chain(*said[:CLAIMERS]))
    assert len(won) == len(set(won)) == len(lines)
    assert said[CLAIMERS:] == [[str(len(lines))]] * 2
    with store.read() as connection:
        assert len(attempts.in_state(connection, Status.RUNNING)) == len(lines)
