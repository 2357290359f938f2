"""Stages run by a real worker through a real broker: what becomes of them, and why."""

from __future__ import annotations

import itertools
import json
import os
import signal
import sys
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest

from tests.integration.runs import HOLD, NOTE, Run, home_with_worker, stage
from tests.unit.supervisor.waiting import read_pid, wait_for
from trainui import control, paths, settings
from trainui.execution.worker import celery_app
from trainui.metrics.discovery import file_writers
from trainui.model.states import Status
from trainui.paths import Home
from trainui.pipeline.rules.resume_plan import StageOptions
from trainui.store.db import engine
from trainui.store.points import read_points

NewRun = Callable[..., Run]


@pytest.fixture(scope="module")
def home(
    tmp_path_factory: pytest.TempPathFactory, served_database: Mapping[str, str]
) -> Iterator[Home]:
    directory = tmp_path_factory.mktemp("stages")
    told = directory / "told"
    with home_with_worker(
        directory, served_database, cpus="2", notify_command=f"cat >> {told}"
    ) as home:
        yield home


@pytest.fixture
def new_run(home: Home, tmp_path: Path) -> NewRun:
    """Submit a run of some stages, in a directory of its own."""
    numbers = itertools.count()

    def submit(*stages: dict[str, Any], **fields: Any) -> Run:
        return Run(tmp_path / f"run{next(numbers)}", *stages, **fields)

    return submit


@pytest.mark.long
def test_a_failed_diamond_is_resumed_and_runs_nothing_twice(new_run: NewRun) -> None:
    meet = NOTE + "touch here-{0}; until [ -e here-{1} ]; do sleep 0.01; done"
    run = new_run(
        stage("A", NOTE),
        stage("B", meet.format("b", "c") + "; [ -e mended ]", "A"),
        stage("C", meet.format("c", "b"), "A"),  # both wait for each other: they run at once
        stage("D", NOTE, "B", "C"),
    )
    assert run.wait().status == Status.FAILED
    assert run.statuses() == {"A": "completed", "B": "failed", "C": "completed", "D": "blocked"}
    assert run.stage("B").reason == "exit code 1"
    assert sorted(run.lines("ledger")) == ["A 1", "B 1", "C 1"]

    (run.directory / "mended").touch()
    assert control.resume(run.id) == ["B", "D"]
    assert run.wait().status == Status.COMPLETED
    assert sorted(run.lines("ledger")) == ["A 1", "B 1", "B 2", "C 1", "D 1"]
    stages = run.stages()
    assert stages["D"].started_at is not None
    for upstream in ("B", "C"):
        ended = stages[upstream].completed_at
        assert ended is not None
        assert ended <= stages["D"].started_at
    assert [attempt.status for attempt in run.attempts("B")] == [Status.FAILED, Status.COMPLETED]
    assert control.resume(run.id) == []


def test_a_stage_is_recorded_as_its_supervisor_saw_it(new_run: NewRun) -> None:
    run = new_run(stage("a", "echo out; echo err >&2; exit 3"))
    run.wait()
    found, attempt = run.stage("a"), run.attempt("a")
    assert found.celery_task_id == attempt.celery_task_id
    assert (found.exit_code, attempt.exit_code) == (3, 3)
    assert found.error == "exit code 3: err\n\nerr"
    assert (found.started_at, found.completed_at) == (attempt.started_at, attempt.completed_at)
    assert (Path(attempt.directory) / "stdout.log").read_text() == "out\n"
    assert attempt.metrics_complete
    assert "started" in [event.kind for event in run.events()]


def test_a_tasks_result_is_kept_and_so_is_its_error(new_run: NewRun, tmp_path: Path) -> None:
    (tmp_path / "run0").mkdir()
    module = tmp_path / "run0" / "mytasks.py"
    module.write_text(
        "def double(number):\n    return {'twice': 2 * number}\n"
        "def fail(word):\n    raise ValueError(word)\n"
    )
    run = new_run(
        {"name": "good", "task": "mytasks.double", "params": {"number": 21}},
        {"name": "bad", "task": "mytasks.fail", "params": {"word": "no luck"}},
        {"name": "missing", "task": "mytasks.nothing"},
        python=sys.executable,
    )
    run.wait()
    assert run.stage("good").result == {"twice": 42}
    assert run.stage("bad").status == Status.FAILED
    error = run.stage("bad").error
    assert error is not None
    assert error.startswith("ValueError: no luck\n\nTraceback")
    assert "cannot find the task 'mytasks.nothing'" in str(run.stage("missing").error)


def test_retries_wait_longer_each_time_and_are_counted(new_run: NewRun) -> None:
    script = NOTE + "[ $TRAINUI_ATTEMPT = 3 ]"
    run = new_run(stage("a", script, retries=2, retry_delay="0.3s"))
    assert run.wait().status == Status.COMPLETED
    assert run.lines("ledger") == ["a 1", "a 2", "a 3"]
    first, second, third = run.attempts("a")
    assert first.completed_at is not None
    assert second.started_at is not None
    assert second.completed_at is not None
    assert third.started_at is not None
    assert second.started_at - first.completed_at >= 300_000
    assert third.started_at - second.completed_at >= 600_000


def test_a_stage_that_takes_too_long_is_ended(new_run: NewRun) -> None:
    run = new_run(
        stage("slow", "sleep 100", timeout=0.5, grace=1),
        stage("silent", "sleep 100", silence_timeout=0.5, grace=1),
    )
    run.wait()
    assert run.stage("slow").error == "timed out after 0.5s"
    assert run.stage("silent").error == "was silent for 0.5s"


def test_a_budget_completes_a_stage_and_a_task(new_run: NewRun) -> None:
    run = new_run(
        stage("train", "echo x > $TRAINUI_STAGE_DIR/best; sleep 100", outputs=["best"], budget=0.5),
        {
            "name": "task",
            "task": "subprocess.call",
            "params": {"args": ["sleep", "100"]},
            "budget": 0.5,
        },
        stage("after", "true", "train"),
    )
    run.wait()
    assert [run.stage(name).status for name in ("train", "task", "after")] == ["completed"] * 3
    assert run.stage("train").reason == run.stage("task").reason == "stopped early: budget"


def test_exit_code_0_is_not_enough(new_run: NewRun) -> None:
    run = new_run(
        stage("no-output", "true", outputs=["model.npz"]),
        stage("no-success", "echo almost", success="^done"),
        stage("all", "echo done; echo x > $TRAINUI_STAGE_DIR/m.npz", outputs=["m.npz"]),
        stage("after", "true", "all"),
    )
    run.wait()
    missing = f"output model.npz is missing: searched in {run.stage('no-output').directory}"
    assert run.stage("no-output").error == f"{missing}, {run.directory}"
    assert "success pattern" in str(run.stage("no-success").error)
    assert run.stage("after").status == Status.COMPLETED


def test_a_stage_that_cannot_start_says_why(new_run: NewRun) -> None:
    run = new_run(
        stage("workdir", "true", workdir="./nowhere"),
        stage("program", ["no-such-program"]),
        stage("variable", "echo ${env.NOT_SET_ANYWHERE}"),
        stage("input", "true", inputs=["${run_dir}/nothing.csv"]),
    )
    run.wait()
    errors = {name: str(found.error) for name, found in run.stages().items()}
    assert "nowhere does not exist" in errors["workdir"]
    assert "no-such-program" in errors["program"]
    assert "NOT_SET_ANYWHERE" in errors["variable"]
    assert "nothing.csv" in errors["input"]
    assert {str(found.status) for found in run.stages().values()} == {"failed"}


def test_a_stage_waits_for_a_place_and_says_for_which(new_run: NewRun) -> None:
    run = new_run(stage("x", HOLD), stage("y", HOLD), stage("z", NOTE))
    words = "needs 1 CPU slot: 2 of 2 taken by x, y"
    run.until("z", lambda found: found.reason == words, words)
    assert run.record().status == Status.RUNNING
    (run.directory / "go").touch()
    run.wait_for("z", Status.COMPLETED)


def test_a_paused_queue_starts_nothing_until_it_is_resumed(new_run: NewRun) -> None:
    control.set_paused(True)
    try:
        run = new_run(stage("a", NOTE))
        run.until("a", lambda found: found.reason == "the queue is paused", "paused")
    finally:
        control.set_paused(False)
    assert run.wait().status == Status.COMPLETED


def test_celery_shows_what_runs(new_run: NewRun) -> None:
    run = new_run(stage("a", HOLD))
    attempt = run.process("a")
    app = celery_app.create_app(paths.home(), settings.load())
    with app.connection_for_write() as connection:
        (found,) = app.control.inspect(connection=connection, limit=1, timeout=10).active().values()
    (task,) = [task for task in found if task["id"] == attempt.celery_task_id]
    assert task["name"].endswith("execute_stage_with_tracking")
    assert task["args"] == [run.id, "a", None, {}]
    (run.directory / "go").touch()
    run.wait()


TRAIN = (
    'echo "started with [$TRAINUI_CHECKPOINT] $*" >> ledger; '
    'for i in 1 2 3; do echo "{\\"step\\": $i}" > $TRAINUI_STAGE_DIR/ckpt-$i.json; done; '
    '[ -n "$TRAINUI_CHECKPOINT" ] || { printf \'{"torn\' > $TRAINUI_STAGE_DIR/ckpt-4.json; '
    "echo $$ > pid; sleep 100; }"
)


def test_a_killed_training_continues_from_its_newest_whole_checkpoint(new_run: NewRun) -> None:
    run = new_run(
        stage(
            "train",
            ["sh", "-c", TRAIN, "sh"],
            checkpoint="ckpt-*.json",
            resume_args=["--resume", "${checkpoint}"],
        )
    )
    os.kill(read_pid(run.directory / "pid"), signal.SIGKILL)
    assert run.wait().status == Status.FAILED
    assert run.stage("train").reason == "killed by signal 9 (KILL)"
    control.resume(run.id)
    assert run.wait().status == Status.COMPLETED
    newest = f"{run.stage('train').directory}/ckpt-3.json"
    assert run.lines("ledger") == [
        "started with [] ",
        f"started with [{newest}] --resume {newest}",
    ]
    assert run.attempt("train").checkpoint == newest


def test_a_new_directory_without_checkpoints_needs_no_remark(new_run: NewRun) -> None:
    run = new_run(stage("train", "exit 1", checkpoint="ckpt-*"))
    remarks = []
    for options in (StageOptions(), StageOptions(fresh=["train"]), StageOptions()):
        run.wait()
        control.resume(run.id, options)
        assert run.wait().status == Status.FAILED
        found = [one.attempt for one in run.events() if one.kind == "checkpoint"]
        remarks.append(found)
    assert remarks == [[2], [2], [2, 4]]


def test_a_checkpoint_counts_only_for_the_stage_that_wrote_it(
    new_run: NewRun, tmp_path: Path
) -> None:
    """All runs write to one directory, as scripts with a fixed output directory do."""
    script = (
        'echo "[$TRAINUI_CHECKPOINT]" >> ledger; '
        f'[ -n "$TRAINUI_CHECKPOINT" ] || {{ '
        f"echo x > {tmp_path}/$NAME-$TRAINUI_ATTEMPT.txt; exit 1; }}"
    )

    def train(name: str, **env: str) -> Run:
        rule = {"checkpoint": f"{tmp_path}/*.txt"}
        run = new_run(stage("train", script, env={"NAME": name, **env}, **rule))
        run.wait()
        return run

    first, second = train("first"), train("second")
    assert second.lines("ledger") == ["[]"]
    (said,) = [event.text for event in second.events() if event.kind == "checkpoint"]
    assert said.startswith(
        f"train: starts without a checkpoint: {tmp_path}/first-1.txt is not used"
    )

    (planned,) = control.plan_resume(first.id)
    assert planned.checkpoint == f"{tmp_path}/first-1.txt"
    assert f"{tmp_path}/second-1.txt is not used" in planned.reason
    control.resume(first.id)
    assert first.wait().status == Status.COMPLETED
    assert first.lines("ledger")[1:] == [f"[{tmp_path}/first-1.txt]"]

    control.resume(second.id, StageOptions(fresh=["train"]))
    second.wait()
    assert second.lines("ledger")[1:] == ["[]"]
    aside = (tmp_path / "second-2.txt").rename(tmp_path / "aside")
    (planned,) = control.plan_resume(second.id)
    assert planned.checkpoint is None, "what it wrote before it began anew does not count"
    aside.rename(tmp_path / "second-2.txt")
    control.resume(second.id)
    second.wait()
    assert second.lines("ledger")[2:] == [f"[{tmp_path}/second-2.txt]"]

    asking = train("third", TRAINUI_CHECKPOINT=f"{tmp_path}/first-1.txt")
    assert asking.lines("ledger") == [f"[{tmp_path}/first-1.txt]"]
    assert asking.attempt("train").checkpoint == f"{tmp_path}/first-1.txt"


def test_of_two_runs_writing_one_directory_neither_continues(
    new_run: NewRun, tmp_path: Path
) -> None:
    script = (
        'echo "[$TRAINUI_CHECKPOINT]" >> ledger; [ $TRAINUI_ATTEMPT = 1 ] || exit 0; '
        f"until [ -e {tmp_path}/both ]; do sleep 0.02; done; "
        f"echo x > {tmp_path}/$TRAINUI_RUN_ID.txt; until [ -e go ]; do sleep 0.02; done; exit 1"
    )
    train = stage("train", script, checkpoint=f"{tmp_path}/*.txt")
    runs = new_run(train), new_run(train)
    for run in runs:
        run.process("train")
    (tmp_path / "both").touch()
    for run in runs:
        wait_for((tmp_path / f"{run.id}.txt").exists, "a checkpoint")
        run.go()
    for run in runs:
        run.wait()
    (planned,) = control.plan_resume(runs[0].id)
    assert planned.checkpoint is None
    assert "train of the run test wrote to the same checkpoints at that time" in planned.reason
    control.resume(runs[0].id)
    assert runs[0].wait().status == Status.COMPLETED
    assert runs[0].lines("ledger") == ["[]", "[]"]


def test_a_useless_checkpoint_is_not_tried_again(
    new_run: NewRun,
) -> None:
    script = (
        'echo "[$TRAINUI_CHECKPOINT]" >> ledger; [ -n "$TRAINUI_CHECKPOINT" ] || '
        "for i in 1 2; do echo $i > $TRAINUI_STAGE_DIR/ckpt-$i; done; exit 1"
    )
    run = new_run(stage("a", script, checkpoint="ckpt-*", retries=5))
    assert run.wait().status == Status.FAILED
    directory = run.stage("a").directory
    assert run.lines("ledger") == ["[]", f"[{directory}/ckpt-2]", f"[{directory}/ckpt-1]"]
    error = str(run.stage("a").error)
    assert "no checkpoint worked" in error
    assert f"`trainui resume {run.id} --fresh a` starts from the beginning" in error
    assert len(run.attempts("a")) == 4

    control.resume(run.id)  # what kept it from getting anywhere may be mended
    run.wait()
    assert run.lines("ledger")[3:] == [f"[{directory}/ckpt-2]"]
    assert len(run.attempts("a")) == 6

    control.resume(run.id, StageOptions(fresh=["a"]))
    run.wait()
    assert run.lines("ledger")[4] == "[]"
    assert Path(f"{directory}~1").is_dir()


def test_a_stage_run_again_begins_in_a_new_directory(new_run: NewRun) -> None:
    run = new_run(stage("a", "echo $TRAINUI_ATTEMPT > $TRAINUI_STAGE_DIR/made"), stage("b", NOTE))
    run.wait()
    control.rerun(run.id, ["a"])
    run.until("a", lambda found: found.attempt == 2 and found.status == "completed", "done again")
    directory = Path(run.stage("a").directory)
    assert (directory / "made").read_text() == "2\n"
    assert (directory.with_name("a~1") / "made").read_text() == "1\n"
    logs = [Path(attempt.directory, "stdout.log") for attempt in run.attempts("a")]
    assert all(log.is_file() for log in logs)


def test_metrics_are_complete_when_a_stage_is(new_run: NewRun) -> None:
    script = (
        'i=0; while [ $i -lt 500 ]; do echo "{\\"step\\": $i, \\"loss\\": 0.5}"; '
        "i=$((i+1)); done >> $TRAINUI_METRICS_FILE"
    )
    run = new_run(stage("a", script))
    run.wait()
    with engine.reading() as connection:
        (summary,) = read_points.summaries(connection, [run.stage("a").id])
    assert (summary.name, summary.count) == ("loss", 500)


def test_a_files_content_before_a_stage_is_recorded(new_run: NewRun) -> None:
    run = new_run(stage("a", "echo step,loss > old.csv; touch empty.csv"), stage("b", "true", "a"))
    run.wait()
    before = file_writers.sizes_at_start(Path(run.attempt("b").directory))
    (state,) = [found for path, found in before.items() if path.suffix == ".csv"]
    assert state.size == len("step,loss\n")


def test_secrets_in_a_failed_stages_log_are_masked(
    new_run: NewRun, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HUB_TOKEN", "hf_abcdef123456")
    run = new_run(stage("a", 'echo "denied: $HUB_TOKEN" >&2; exit 1'))
    run.wait()
    assert run.stage("a").error == "exit code 1: denied: ***\n\ndenied: ***"
    log = Path(run.attempt("a").directory, "stderr.log")
    assert log.read_text() == "denied: hf_abcdef123456\n"


def test_the_end_of_a_run_is_notified_once(home: Home, new_run: NewRun) -> None:
    told = home.root.parent / "told"

    def statuses(run: Run) -> list[str]:
        decoder, text, found = json.JSONDecoder(), told.read_text() if told.exists() else "", []
        while text:
            value, end = decoder.raw_decode(text)
            found.append(value)
            text = text[end:]
        return [value["status"] for value in found if value["run"] == run.id]

    run = new_run(stage("a", "[ -e mended ]"))
    run.wait()
    wait_for(lambda: statuses(run) == ["failed"], "a notification")
    (run.directory / "mended").touch()
    control.resume(run.id)
    run.wait()
    wait_for(lambda: statuses(run) == ["failed", "completed"], "another notification")


def test_a_stage_does_not_start_without_its_upstreams_outputs(new_run: NewRun) -> None:
    make = NOTE + "echo x > ${stage_dir}/o"
    run = new_run(
        stage("A", make, outputs=["o"]),
        stage("B", HOLD, "A"),
        stage("C", NOTE + "cat ${stages.A.dir}/o || true", "A", "B", retries=2),
    )
    run.process("B")
    (Path(run.stage("A").directory) / "o").unlink()
    run.go()
    assert run.wait().status == Status.FAILED
    reason = "upstream A has completed, but its output o no longer exists; resume the run: A runs"
    assert str(run.stage("C").error).startswith(reason)
    assert len(run.attempts("C")) == 1, "no retry can succeed"

    control.resume(run.id)
    assert run.wait().status == Status.COMPLETED
    assert run.lines("ledger") == ["A 1", "B 1", "A 2", "B 2", "C 2"]


def test_a_stage_starts_without_outputs_that_are_kept_by_hand(new_run: NewRun) -> None:
    run = new_run(
        stage("A", NOTE + "echo x > ${stage_dir}/o", outputs=["o"]),
        stage("B", NOTE + "[ -e mended ]", "A"),
    )
    run.wait()
    (Path(run.stage("A").directory) / "o").unlink()
    (run.directory / "mended").touch()
    control.resume(run.id, StageOptions(keep=["A"]))
    assert run.wait().status == Status.COMPLETED
    assert run.lines("ledger") == ["A 1", "B 1", "B 2"]


def test_a_file_instead_of_a_stages_directory_is_named(new_run: NewRun) -> None:
    script = "rm -r ${stage_dir}; touch ${stage_dir}; exit 3"
    run = new_run(stage("A", script, retries=1))
    assert run.wait().status == Status.FAILED
    directory = run.stage("A").directory
    reason = f"the stage's directory {directory} is a file or a dangling link; remove it"
    assert str(run.stage("A").error).startswith(reason)
