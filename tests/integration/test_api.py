"""The Python API runs a diamond of functions, and a resume runs again only what is not done."""

from __future__ import annotations

import sys
from collections import Counter
from collections.abc import Iterator, Mapping
from pathlib import Path
from uuid import UUID

import pytest

from tests.integration.runs import home_with_worker
from tests.unit.supervisor.waiting import wait_for
from trainui import PipelineExecutor, PipelineRepository, open_session, sync_metrics_from_file
from trainui.errors import UsageError, WaitTimeoutError
from trainui.store.tables import TrackedStage

TASKS = """
import json, os, pathlib, time

LEDGER = pathlib.Path(__file__).with_name("ledger.txt")


def _count(name):
    with LEDGER.open("a") as file:
        file.write(name + "\\n")


def work(name, seconds=0.0):
    _count(name)
    with open(os.environ["TRAINUI_METRICS_FILE"], "a") as file:
        for step in range(3):
            file.write(json.dumps({"step": step, "loss": 1.0 / (step + 1)}) + "\\n")
    time.sleep(seconds)
    return {"name": name, "numbers": [1, 2.5, None]}


def fragile(name, needs):
    _count(name)
    if not pathlib.Path(needs).exists():
        raise ValueError(f"{needs} is not there")
    return name


def wait_for_file(name, file):
    _count(name)
    while not pathlib.Path(file).exists():
        time.sleep(0.02)
"""


@pytest.fixture(scope="module")
def home(
    tmp_path_factory: pytest.TempPathFactory, served_database: Mapping[str, str]
) -> Iterator[None]:
    with home_with_worker(tmp_path_factory.mktemp("api"), served_database):
        yield


@pytest.fixture
def work_directory(tmp_path: Path, home: None, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A directory with the module of tasks in it, which is where the caller stands."""
    directory = tmp_path / "project"
    directory.mkdir()
    (directory / "diamond_tasks.py").write_text(TASKS)
    monkeypatch.chdir(directory)
    monkeypatch.setattr(sys, "path", [str(directory), *sys.path])
    return directory


def diamond(needs: Path) -> list[dict[str, object]]:
    work = "diamond_tasks.work"
    return [
        {"name": "A", "task": work, "params": {"name": "A"}, "depends_on": []},
        {
            "name": "B",
            "task": "diamond_tasks.fragile",
            "params": {"name": "B", "needs": str(needs)},
            "depends_on": ["A"],
        },
        {"name": "C", "task": work, "params": {"name": "C", "seconds": 0.3}, "depends_on": ["A"]},
        {"name": "D", "task": work, "params": {"name": "D"}, "depends_on": ["B", "C"]},
    ]


def stages_of(run_id: str) -> dict[str, TrackedStage]:
    with open_session() as session:
        found = PipelineRepository(session).get_stages(run_id)
    return {stage.stage_name: stage for stage in found}


def executed(directory: Path) -> Counter[str]:
    return Counter((directory / "ledger.txt").read_text().split())


def test_a_diamond_fails_and_is_resumed_from_the_database_alone(work_directory: Path) -> None:
    needs = work_directory / "the file that B needs"
    submitted = PipelineExecutor("test-pipeline").execute(diamond(needs))
    assert submitted["run"] == "test-pipeline"
    assert [stage["name"] for stage in submitted["stages"]] == ["A", "B", "C", "D"]

    ended = PipelineExecutor("test-pipeline").wait(timeout=60)
    assert ended["status"] == "failed"
    stages = stages_of("test-pipeline")
    assert {name: str(stage.status) for name, stage in stages.items()} == {
        "A": "completed",
        "B": "failed",
        "C": "completed",
        "D": "blocked",
    }
    assert stages["B"].error is not None
    assert stages["B"].error.startswith(f"ValueError: {needs} is not there")
    assert stages["D"].started_at is None
    assert executed(work_directory) == {"A": 1, "B": 1, "C": 1}

    needs.touch()
    PipelineExecutor("test-pipeline").resume()  # another object: nothing is remembered in it
    assert PipelineExecutor("test-pipeline").wait(timeout=60)["status"] == "completed"
    assert executed(work_directory) == {"A": 1, "B": 2, "C": 1, "D": 1}

    after = stages_of("test-pipeline")
    assert after["A"] == stages["A"]
    assert after["C"] == stages["C"]
    for stage in after.values():
        assert stage.celery_task_id
        assert stage.started_at is not None
        assert stage.completed_at is not None
        assert stage.started_at <= stage.completed_at
    assert len({stage.celery_task_id for stage in after.values()}) == 4
    assert after["D"].result == {"name": "D", "numbers": [1, 2.5, None]}
    assert after["D"].started_at >= max(after["B"].completed_at, after["C"].completed_at)  # type: ignore[type-var, operator]


def test_ready_stages_run_side_by_side_and_no_layer_waits(work_directory: Path) -> None:
    """`slow` waits for what only comes two layers further down in the other branch."""
    flag = work_directory / "flag"
    stages = [
        {
            "name": "slow",
            "task": "diamond_tasks.wait_for_file",
            "params": {"name": "slow", "file": str(flag)},
            "depends_on": [],
        },
        {"name": "a", "task": "diamond_tasks.work", "params": {"name": "a"}, "depends_on": []},
        {"name": "b", "task": "diamond_tasks.work", "params": {"name": "b"}, "depends_on": ["a"]},
        {
            "name": "c",
            "task": "subprocess.check_call",
            "params": {"args": ["touch", str(flag)]},
            "depends_on": ["b"],
        },
    ]
    executor = PipelineExecutor("branches")
    executor.execute(stages)
    assert executor.wait(timeout=60)["status"] == "completed"


def test_metrics_are_complete_when_the_run_is_over(work_directory: Path) -> None:
    executor = PipelineExecutor("metrics")
    executor.execute(
        [{"name": "A", "task": "diamond_tasks.work", "params": {"name": "A"}, "depends_on": []}]
    )
    executor.wait(timeout=60)
    stage = stages_of("metrics")["A"]
    from trainui.store.db import engine
    from trainui.store.points import read_points

    with engine.reading() as connection:
        summaries = read_points.summaries(connection, [stage.id])
    loss = next(series for series in summaries if series.name == "loss")
    assert (loss.count, loss.first_step, loss.last_step, loss.max) == (3, 0, 2, 1.0)


def test_waiting_ends_in_time_and_the_run_continues(work_directory: Path) -> None:
    flag = work_directory / "flag"
    executor = PipelineExecutor("patience")
    executor.execute(
        [
            {
                "name": "A",
                "task": "diamond_tasks.wait_for_file",
                "params": {"name": "A", "file": str(flag)},
                "depends_on": [],
            }
        ]
    )
    wait_for(lambda: stages_of("patience")["A"].status == "running", "A runs", seconds=30)
    with pytest.raises(WaitTimeoutError):
        executor.wait(timeout=0.2)
    with pytest.raises(TimeoutError):
        executor.wait(timeout=0)
    flag.touch()
    assert executor.wait(timeout=30)["status"] == "completed"


def test_an_id_is_used_once_and_bad_stages_store_nothing(work_directory: Path) -> None:
    stages = [{"name": "A", "task": "diamond_tasks.work", "params": {"name": "A"}}]
    PipelineExecutor("once").execute(stages)
    with pytest.raises(UsageError, match="once"):
        PipelineExecutor("once").execute(stages)
    circle = [
        {"name": "A", "task": "os.getcwd", "depends_on": ["B"]},
        {"name": "B", "task": "os.getcwd", "depends_on": ["A"]},
    ]
    with pytest.raises(UsageError, match="A -> B -> A"):
        PipelineExecutor("circle").execute(circle)
    assert stages_of("circle") == {}
    with pytest.raises(UsageError):
        PipelineExecutor("../elsewhere").execute(stages)
    for nothing in ("", None, 3):
        with pytest.raises(UsageError, match="id must be a UUID or a string"):
            PipelineExecutor(nothing)  # type: ignore[arg-type]
    assert PipelineExecutor(UUID(int=7)).execute(stages)["run"] == str(UUID(int=7))


def test_metrics_of_any_file_are_read_by_offset(work_directory: Path) -> None:
    file = work_directory / "own.jsonl"
    file.write_text('{"step": 1, "loss": 0.5}\n{"step": 2, "lo')
    with open_session() as session:
        first = sync_metrics_from_file("my own job", str(file), session)
        assert first == {"new_metrics_count": 1, "new_offset": 25, "file_size": 40}
        with file.open("a") as more:
            more.write('ss": 0.25}\n')
        second = sync_metrics_from_file(
            "my own job", str(file), session, last_offset=first["new_offset"]
        )
        assert second["new_metrics_count"] == 1
        assert second["new_offset"] == second["file_size"] == file.stat().st_size
        again = sync_metrics_from_file("my own job", str(file), session, last_offset=0)
        assert again["new_metrics_count"] == 0  # a range that is stored is stored no second time
