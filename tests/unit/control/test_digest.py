"""The digest of a made night of 45 runs: each number is checked against the store."""

from __future__ import annotations

import json
import uuid
from collections import Counter
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from tests.gpus.stand_in import Machine
from tests.unit.execution.conftest import store as store
from tests.unit.tui.filled import Filler
from trainui import clock, control, formatting, paths, settings, system
from trainui.cli.main import main
from trainui.control import digest, digest_records
from trainui.errors import UsageError
from trainui.execution import gpus
from trainui.model.definition import CheckpointRule, Pipeline, Prune, Search, StageDefinition
from trainui.model.records import AttemptRecord, Slot
from trainui.model.states import CAUSE, Status
from trainui.store.db import engine
from trainui.store.db.engine import Database
from trainui.store.read import views
from trainui.store.runs import attempts, external_runs, runs, stage_requests, stages
from trainui.store.runs.external_runs import ExternalState
from trainui.store.runs.stage_requests import AlertRecord
from trainui.store.runs.stored_pipeline import NewRun
from trainui.tui import run_actions

HOUR = 3600 * clock.SECOND
CAUSES = (
    *("CUDA out of memory", "no space left", "killed", "NaN", "KeyError: 'x'"),
    *("Address already in use", "No module named 'x'", "time limit"),
)


@pytest.fixture(autouse=True)
def two_gpus(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    Machine(tmp_path / "nvml", 2).load(monkeypatch)
    yield
    gpus.close()


class Night:
    """Runs with one stage each, whose attempts have the times that a test wants."""

    def __init__(self, store: Database, tmp_path: Path) -> None:
        self.store = store
        self.filler = Filler(store, tmp_path / "runs")
        self.now = clock.now()

    def run(self, name: str, *, created: float = 9.0, **fields: Any) -> str:
        run = self.filler.run({"train": ()}, name=name, gpus=1, outputs=(), **fields)
        with self.store.write() as connection:
            at = self.now - int(created * HOUR)
            connection.execute("UPDATE runs SET created_at = ? WHERE id = ?", (at, run))
        return run

    def start(
        self, run: str, began: float, *, gpu: int = 0, stage_name: str = "train"
    ) -> AttemptRecord:
        """Start a stage on a GPU, so many hours ago."""
        slot = Slot(settings.host(), "gpu", gpu)
        at = self.now - int(began * HOUR)
        with self.store.write() as connection:
            stage = views.stage(connection, run, stage_name)
            assert stage is not None
            granted = attempts.grant(connection, stage, [slot], host=settings.host())
            assert granted is not None
            claimed = attempts.claim(connection, run, stage_name, granted.celery_task_id or "")
            assert claimed is not None
            attempts.mark_started(connection, claimed, started_at=at, pid=1, supervisor=2)
            connection.execute("UPDATE attempts SET granted_at = ? WHERE id = ?", (at, claimed.id))
        Path(claimed.directory).mkdir(parents=True, exist_ok=True)
        return claimed

    def end(
        self, attempt: AttemptRecord, ended: float, status: Status, error: str | None = None
    ) -> None:
        self.filler.end(attempt, status, ago=ended * 3600, error=error, exit_code=1 if error else 0)
        with self.store.write() as connection:
            connection.execute(
                "UPDATE runs SET completed_at = ? WHERE completed_at IS NOT NULL "
                "AND id IN (SELECT run_id FROM stages WHERE id = ?)",
                (self.now - int(ended * HOUR), attempt.stage_id),
            )

    def whole(self, name: str, began: float, ended: float, **how: Any) -> str:
        """Store a run that ran once."""
        status, error, gpu = (
            how.get("status", Status.COMPLETED),
            how.get("error"),
            how.get("gpu", 0),
        )
        run = self.run(name, created=began)
        self.end(self.start(run, began, gpu=gpu), ended, status, error)
        return run

    def search(self, began: float) -> str:
        """Store a search of four trials: two completed, one was pruned, one failed."""
        names = [f"train[trial={number}]" for number in range(4)]
        search = Search("acc", "maximize", prune=Prune("MedianPruner", {}))
        run = self.filler.run(
            dict.fromkeys(names, ()), name="search", gpus=1, outputs=(), search=search
        )
        ends = (Status.COMPLETED, Status.COMPLETED, Status.PRUNED, Status.FAILED)
        for number, (name, status) in enumerate(zip(names, ends, strict=True)):
            attempt = self.start(run, began - number * 0.5, stage_name=name)
            values = [(1.0, 0.5), (2.0, 0.8 + number / 100)]
            self.filler.feed(run, name, {"acc": values if number < 2 else [(1.0, 0.1)]})
            error = "exit code 1" if status == Status.FAILED else None
            self.end(attempt, began - number * 0.5 - 0.4, status, error)
        return run

    def external(self, began: float, ended: float) -> str:
        """Store a training that another program ran."""
        name, directory = "resnet", self.filler.directory / "resnet"
        stage = StageDefinition("train", command="python train.py", workdir=str(directory))
        new = NewRun(
            id=str(uuid.uuid4()),
            name=name,
            pipeline=Pipeline(name, (stage,), text="stages: []", digest="1" * 64),
            directory=str(directory),
            stage_directories={"train": str(directory)},
            submission={"external": {"kind": "csv", "path": str(directory)}},
            host=settings.host(),
            kind="csv",
        )
        state = ExternalState(
            Status.ENDED, self.now - int(began * HOUR), self.now - int(ended * HOUR)
        )
        with self.store.write() as connection:
            external_runs.add(connection, new, {"train": state})
        self.filler.feed(new.id, "train", {"val/loss": [(1.0, 2.0), (2.0, 1.5)]})
        return new.id

    def digest(self, hours: float = 8.0) -> digest_records.Digest:
        with engine.reading() as connection:
            return digest.digest(connection, self.now - int(hours * HOUR), self.now)


@pytest.fixture
def night(store: Database, tmp_path: Path) -> Night:
    return Night(store, tmp_path)


def made_night(night: Night) -> dict[str, str]:
    """Store 45 runs of a night; return the ids of the special ones."""
    known = {"old": night.whole("old", 20.0, 19.0)}
    night.filler.feed(known["old"], "train", {"val/loss": [(1, 0.3), (2, 0.15)]})
    for number in range(26):
        run = night.whole("old", 7.5 - number / 4, 7.3 - number / 4, gpu=number % 2)
        points = [(1.0, 0.4), (2.0, 0.14 + number / 100)]
        night.filler.feed(run, "train", {"val/loss": points})
    for number, error in enumerate(CAUSES):
        known[error] = night.whole(
            error, 3.0, 2.5, status=Status.FAILED, error=error, gpu=number % 2
        )
    cause = {
        "id": "gpu-out-of-memory",
        "text": "the GPU's memory is full",
        "evidence": "torch.OutOfMemoryError: CUDA out of memory",
        "file": "train.py",
        "line": 88,
        "fix": "halve the batch",
        "edit": None,
    }
    with night.store.write() as connection:
        stage = views.stage(connection, known[CAUSES[0]], "train")
        assert stage is not None
        runs.record_stage_event(connection, stage, CAUSE, str(cause["text"]), attempt=1, data=cause)
    known["pruned"] = night.whole("pruned", 6.0, 5.0, status=Status.PRUNED)
    known["interrupted"] = night.whole("interrupted", 6.0, 5.0, status=Status.INTERRUPTED)
    known["cancelled"] = night.run("cancelled", created=2.0)
    control.cancel(known["cancelled"])
    with night.store.write() as connection:
        connection.execute(
            "UPDATE runs SET completed_at = ? WHERE id = ?",
            (night.now - HOUR, known["cancelled"]),
        )
    known["search"] = night.search(5.0)
    known["external"] = night.external(6.0, 4.5)
    known["retried"] = night.run("retried", created=5.0)
    night.end(night.start(known["retried"], 5.0), 4.0, Status.FAILED, "exit code 1")
    control.rerun(known["retried"], ["train"])
    night.end(night.start(known["retried"], 3.9), 3.0, Status.COMPLETED)
    known["stalled"] = night.run("stalled", created=4.0)
    silent = night.start(known["stalled"], 4.0)
    with night.store.write() as connection:
        since = night.now - HOUR // 2
        stages.set_stalled(connection, silent, True, "silent for 20m", since=since)
    known["nan"] = night.run("nan", created=4.0)
    ill = night.start(known["nan"], 4.0, gpu=1)
    nan = AlertRecord.of_nan("NaN in loss at step 7", "loss", 7)
    with night.store.write() as connection:
        stage_requests.record_alerts(connection, ill.stage_id, 1, [nan])
    for hours, name in ((1.0, "waiting"), (0.5, "waiting too")):
        known[name] = night.run(name, created=hours)
    return known


def rows(store: Database, query: str, *values: object) -> list[Any]:
    with store.read() as connection:
        return connection.execute(query, values).fetchall()


def test_ended_stages_are_those_of_the_store(night: Night) -> None:
    made_night(night)
    found = night.digest().to_json()
    stored = rows(
        night.store,
        "SELECT id, name, status FROM runs WHERE completed_at > ?",
        night.now - 8 * HOUR,
    )
    assert len(stored) == 40
    shown = [(one["run"], one["name"], one["status"]) for one in found["ended"]]
    assert sorted(shown) == sorted(tuple(row) for row in stored)
    counts = Counter(status for *_, status in shown)
    assert counts["completed"] == 28  # a pruned stage is work that is done
    assert (counts["ended"], counts["failed"]) == (1, len(CAUSES) + 1)
    for one in found["ended"]:
        states = rows(night.store, "SELECT status FROM stages WHERE run_id = ?", one["run"])
        assert one["stages"] == Counter(status for (status,) in states)


def test_trouble_is_current_and_each_has_a_command(night: Night) -> None:
    known = made_night(night)
    trouble = {one["run"]: one for one in night.digest().to_json()["trouble"]}
    expected = {known[error]: "failed" for error in CAUSES}
    expected |= {known["interrupted"]: "interrupted", known["stalled"]: "stalled"}
    expected |= {known["nan"]: "nan", known["search"]: "failed"}
    assert {run: one["kind"] for run, one in trouble.items()} == expected
    for error in CAUSES:
        assert error in trouble[known[error]]["evidence"]
        assert trouble[known[error]]["suggestion"]["command"] == (
            f"trainui resume {known[error][:8]}"
        )
        (end,) = rows(night.store, "SELECT completed_at FROM stages WHERE run_id = ?", known[error])
        assert trouble[known[error]]["since"] == clock.to_iso(end[0])
    explained = trouble[known[CAUSES[0]]]
    assert explained["cause"]["id"] == "gpu-out-of-memory"
    assert ": halve the batch; then" in explained["suggestion"]["text"]
    assert trouble[known[CAUSES[1]]]["cause"] is None
    assert trouble[known["stalled"]]["evidence"] == "silent for 20m"
    assert trouble[known["stalled"]]["since"] == clock.to_iso(night.now - HOUR // 2)
    kinds, times = ([one[key] for one in trouble.values()] for key in ("kind", "since"))
    assert kinds.index("stalled") == 0, "it still has a slot"
    assert times[1:] == sorted(times[1:], reverse=True), "else the newest first"
    assert trouble[known["nan"]]["evidence"] == "NaN in loss at step 7"
    commands = [one["command"] for one in night.digest().to_json()["next"]]
    assert len(commands) == len(set(commands)) == len(expected)
    second_look = run_actions.digest(night.now - HOUR // 60, night.now)
    assert {one.run for one in second_look.trouble} == set(expected), "what is wrong still is"


def test_the_best_value_is_compared_with_that_of_before(night: Night) -> None:
    known = made_night(night)
    night.run("old", created=0.1)  # the newest has no metrics yet
    best, searched, outside = sorted(
        night.digest().to_json()["best"],
        key=lambda one: ["old", "search", "resnet"].index(one["pipeline"]),
    )
    assert (best["pipeline"], best["metric"], best["goal"]) == ("old", "val/loss", "minimize")
    assert (best["before"], best["now"]) == (0.15, 0.14)
    assert best["step"] is not None
    (leader,) = rows(night.store, "SELECT name FROM runs WHERE id = ?", best["run"])
    assert leader == ("old",)
    assert (searched["pipeline"], searched["metric"]) == ("search", "acc")
    assert (searched["goal"], searched["before"], searched["now"]) == ("maximize", None, 0.81)
    assert (searched["run"], searched["stage"]) == (known["search"], "train[trial=1]")
    assert (outside["run"], outside["now"]) == (known["external"], 1.5)


def test_the_first_run_with_the_best_value_is_named(night: Night) -> None:
    first, _ = (night.whole("p", began, began - 1) for began in (4, 2))
    running = night.run("p", created=0.5)
    night.start(running, 0.5)
    with night.store.read() as connection:
        same = [
            one for (one,) in connection.execute("SELECT id FROM runs WHERE id != ?", (running,))
        ]
    for run in same:
        night.filler.feed(run, "train", {"val/loss": [(1.0, 0.5), (2.0, 0.2)]})
    night.filler.feed(running, "train", {"accuracy": [(1.0, 0.5)]})
    (best,) = night.digest().best
    assert (best.run, best.metric, best.now) == (first, "val/loss", 0.2)


def test_gpu_seconds_are_used_or_lost_as_the_attempts_ended(night: Night) -> None:
    made_night(night)
    since = night.now - 8 * HOUR
    used = lost = 0.0
    for status, start, end in rows(
        night.store,
        "SELECT status, started_at, completed_at FROM attempts WHERE executor = 'local'",
    ):
        seconds = max((end or night.now) - max(start, since), 0) / clock.SECOND
        if status in ("completed", "pruned", "running"):
            used += seconds
        else:
            lost += seconds
    found = night.digest().gpu_seconds
    assert found.used == pytest.approx(used, abs=0.1)
    assert found.lost == pytest.approx(lost, abs=0.1)
    assert used > 0 < lost


def test_a_checkpoints_content_is_not_lost(night: Night, tmp_path: Path) -> None:
    run = night.run("kept", created=4.0)
    failed = night.start(run, 4.0)
    stage = night.filler.stage(run, "train")
    definition = replace(stage.definition, checkpoint=CheckpointRule("*.txt"))
    saved = Path(stage.directory) / "step.txt"
    saved.parent.mkdir(parents=True, exist_ok=True)
    saved.write_text("weights")
    with night.store.write() as connection:
        text = json.dumps(definition.to_json())
        connection.execute("UPDATE stages SET definition_json = ? WHERE id = ?", (text, stage.id))
    night.end(failed, 0.0, Status.FAILED, "exit code 1")
    found = night.digest().gpu_seconds
    assert found.lost == pytest.approx(0, abs=60)  # it was written just now
    assert found.used == pytest.approx(4 * 3600, abs=60)


def test_an_attempt_that_was_continued_from_is_used(night: Night) -> None:
    run = night.run("continued", created=4.0)
    night.end(night.start(run, 4.0), 3.0, Status.FAILED, "exit code 1")
    control.rerun(run, ["train"])
    second = night.start(run, 2.0)
    with night.store.write() as connection:
        connection.execute("UPDATE attempts SET checkpoint = '/c' WHERE id = ?", (second.id,))
    night.end(second, 1.0, Status.COMPLETED)
    found = night.digest().gpu_seconds
    assert found.used == pytest.approx(2 * 3600, abs=30)
    assert found.lost == 0


def test_a_gpu_is_idle_while_a_fitting_stage_waits(night: Night) -> None:
    night.whole("busy", 4.0, 2.0)  # on one of two GPUs
    waiting = night.run("waiting", created=3.0)
    large = night.run("large", created=3.0)
    with night.store.write() as connection:
        connection.execute(
            "UPDATE stages SET gpus = 2, definition_json = json_set(definition_json, '$.gpus', 2) "
            "WHERE run_id = ?",
            (large,),
        )
    # from 3 to 2 hours ago one GPU is free, which only the small one could use; then both
    assert night.digest().gpu_seconds.idle == pytest.approx((1 + 2 * 2) * 3600, abs=5)
    night.end(night.start(waiting, 1.0), 0.5, Status.COMPLETED)
    # from 1 to half an hour ago one is free, of which the large stage has no use
    idle = night.digest().gpu_seconds.idle
    assert idle == pytest.approx((1 + 2 + 0 + 1) * 3600, abs=5)


def test_a_waiting_stage_has_its_reason(night: Night) -> None:
    known = made_night(night)
    with night.store.write() as connection:
        connection.execute(
            "UPDATE stages SET reason = 'waits for a GPU' WHERE run_id = ?", (known["waiting"],)
        )
    found = night.digest().to_json()["waiting"]
    assert [one["run"] for one in found] == [known["waiting"], known["waiting too"]]
    assert found[0] == {"run": known["waiting"], "stage": "train", "reason": "waits for a GPU"}


def test_a_low_disk_is_trouble_with_the_freeing_command(
    night: Night, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(system, "LITTLE_FOR_RUNS", 1 << 60)
    (found,) = night.digest().to_json()["trouble"]
    assert (found["kind"], found["run"]) == ("disk", None)
    assert found["suggestion"]["command"] == "trainui prune --dry-run"


def test_a_paused_queue_is_the_first_thing_to_do(night: Night) -> None:
    night.run("waiting")
    control.set_paused(True)
    assert night.digest().next[0].command == "trainui worker unpause"


def test_a_night_is_one_screen_and_markdown_is_whole(night: Night) -> None:
    made_night(night)
    found = night.digest()
    lines = list(digest_records.lines(found))
    assert len(lines) <= 36
    assert max(map(len, lines)) <= 120
    assert lines[0].endswith(
        "28 completed, 9 failed, 1 interrupted, 1 ended, 1 cancelled, 1 stalled, 1 with NaN"
    )
    written = digest_records.markdown(found)
    assert all(error.partition("'")[0] in written for error in CAUSES[1:])
    assert "the GPU's memory is full" in written
    assert written.count("trainui resume") == 10


def test_a_night_of_much_trouble_is_one_screen_too(night: Night) -> None:
    made_night(night)
    found = night.digest()
    worse = replace(
        found,
        trouble=[replace(one, evidence=str(at)) for at, one in enumerate([*found.trouble] * 2)],
        running=[*found.running] * 5,
        best=[*found.best] * 20,
        waiting=[one._replace(reason=str(at)) for at, one in enumerate([*found.waiting] * 5)],
    )
    lines = list(digest_records.lines(worse))
    assert len(lines) <= digest_records.ONE_SCREEN
    assert sum(" more" in line for line in lines) == len(digest_records.sections(worse)) - 1
    assert [one.title for one in digest_records.sections(worse)] == [
        *("Trouble", "Running", "Best", "GPU hours", "Waiting", "Next"),
    ]


def test_an_error_of_own_code_is_looked_at_in_its_line(night: Night) -> None:
    frames = 'File "/home/me/code/losses.py", line 31, in whiten', "    return inv(cov)"
    library = (
        'File "/v/lib/python3.11/site-packages/numpy/linalg.py", line 875, in inv',
        "    r = f()",
    )
    lines = ["exit code 1", "Traceback (most recent call last):"]
    lines += [f"  {one}" for one in (*frames, *library)]
    run = night.run("whiten")
    error = "\n".join([*lines, "numpy.linalg.LinAlgError: Matrix is not positive definite"])
    night.end(night.start(run, 3.0), 2.0, Status.FAILED, error)
    (one,) = night.digest().to_json()["trouble"]
    assert one["suggestion"]["text"] == "whiten: look at losses.py:31; then resume"


def test_a_stage_stopped_as_it_hung_names_its_stacks(night: Night) -> None:
    attempt = night.start(night.run("hangs"), 3.0)
    with night.store.write() as connection:
        stages.set_stalled(connection, attempt, True, "silent for 20m", since=night.now)
    Path(attempt.directory, "stacks-1.txt").touch()
    night.end(attempt, 2.0, Status.FAILED, "stopped by an alert: silent for 20m")
    (one,) = night.digest().to_json()["trouble"]
    expected = "hangs: see where train hung, attempt-1/stacks-1.txt by its logs; then resume"
    assert one["suggestion"]["text"] == expected


def test_what_runs_has_its_end(night: Night) -> None:
    earlier = night.whole("net", 8.0, 7.0)
    night.start(night.run("net", created=1.0, pipeline="net"), 0.5)
    assert earlier
    since = night.now - 9 * HOUR
    (one,) = run_actions.digest(since, night.now).running
    assert (one.name, one.done, one.total, one.stages) == ("net", 0, 1, ("train",))
    assert one.until is not None
    assert abs(one.until - (night.now + HOUR // 2)) < HOUR // 10
    assert "until " in "\n".join(digest_records.lines(run_actions.digest(since, night.now)))


def test_a_prepared_edit_is_next_with_its_key(night: Night) -> None:
    known = set()
    for number in range(2):
        run = night.whole("digits", 3.0, 2.5, status=Status.FAILED, error="exit code 1")
        edit = {"params": {"batch_size": 16}, "note": f"batch_size {32 << number} -> 16"}
        cause = {"text": "full", "evidence": "OOM", "fix": "halve it", "edit": edit}
        with night.store.write() as connection:
            stage = views.stage(connection, run, "train")
            assert stage is not None
            runs.record_stage_event(connection, stage, CAUSE, "full", attempt=1, data=cause)
        known.add(run)
    whole = night.digest()
    found = whole.next
    assert {one.command for one in found} == {
        f"trainui resume {formatting.short_id(run)} --prepared train" for run in known
    }
    assert {whole.run_of(one) for one in found} == known
    assert {one.text.partition(": ")[2] for one in found} == {
        "batch_size 32 -> 16",
        "batch_size 64 -> 16",
    }
    assert all(one.text.startswith("P on digits/train ") for one in found)


def test_the_place_of_a_failure_stands_in_its_sentence(night: Night) -> None:
    run = night.whole("digits", 3.0, 2.5, status=Status.FAILED, error="exit code 1")
    cause = {"text": "No flash_attn.", "evidence": "", "fix": "", "edit": None}
    place = {"file": "/home/u/sft.py", "line": 2}
    with night.store.write() as connection:
        stage = views.stage(connection, run, "train")
        assert stage is not None
        runs.record_stage_event(connection, stage, CAUSE, "", attempt=1, data=cause | place)
    assert [one.words for one in night.digest().trouble] == ["No flash_attn (sft.py:2)."]


def test_a_prepared_edits_step_counts_what_else_is_resumed(night: Night) -> None:
    run = night.filler.run({"train": (), "other": (), "third": (), "whole": ()}, name="digits")
    for name in ("train", "other", "third"):
        night.end(night.start(run, 3.0, stage_name=name), 2.5, Status.FAILED, "exit code 1")
    cause: dict[str, Any] = {"text": "full", "evidence": "OOM", "fix": "halve it"}
    cause["edit"] = {"params": {"batch_size": 16}, "note": "batch_size 32 -> 16"}
    with night.store.write() as connection:
        stage = views.stage(connection, run, "train")
        assert stage is not None
        runs.record_stage_event(connection, stage, CAUSE, "full", attempt=1, data=cause)
    text = "P on digits/train edits and resumes it and 2 other failed stages: batch_size 32 -> 16"
    assert text in {one.text for one in night.digest().next}


def test_a_runs_step_says_for_which_of_its_causes_it_is(night: Night) -> None:
    fixes = ["ask for less memory", "lower the rate", "ask for less memory", "correct the path"]
    run = night.filler.run({f"train-{at}": () for at in range(len(fixes))}, name="sweep")
    for at, fix in enumerate(fixes):
        name = f"train-{at}"
        night.end(night.start(run, 3.0, stage_name=name), 2.0, Status.FAILED, "exit code 1")
        cause = {"text": "why", "evidence": "", "fix": fix, "edit": None}
        with night.store.write() as connection:
            stage = views.stage(connection, run, name)
            assert stage is not None
            runs.record_stage_event(connection, stage, CAUSE, "why", attempt=1, data=cause)
    (step,) = night.digest().next
    assert step.command == f"trainui resume {formatting.short_id(run)}"
    assert step.text == (
        "sweep: ask for less memory; then resume (for train-2 and 1 more; 2 ended otherwise)"
    )


def test_runs_of_one_name_are_told_apart(night: Night) -> None:
    for name, error in (("digits", "a"), ("digits", "b"), ("other", "c")):
        night.whole(name, 3.0, 2.5, status=Status.FAILED, error=error)
    found = night.digest()
    [rows] = [one.lines for one in digest_records.sections(found) if one.title == "Trouble"]
    ids = {one.name: (one.run or "")[:8] for one in found.trouble}
    assert sum("digits/" in row for row in rows) == 0
    assert any(f"digits {ids['digits']}/train" in row for row in rows)
    assert any("other/train" in row for row in rows)


def test_no_remedy_and_no_command_is_cut(night: Night) -> None:
    words = " ".join(f"word{at}" for at in range(40))
    long = f"trainui resume digits --prepared '{'x' * 90}'"
    steps = [digest_records.Step(words, "trainui resume digits"), digest_records.Step(words, long)]
    lines = list(digest_records.lines(replace(night.digest(), next=steps)))
    shown = lines[lines.index("Next") + 1 :]
    assert max(len(line) for line in shown if "x" * 90 not in line) <= digest_records.WIDTH
    said = " ".join(shown).split()
    assert [one for one in said if one.startswith("word")] == words.split() * 2
    assert shown[0].endswith("  trainui resume digits")
    assert shown[-1].strip() == long


def test_trouble_from_before_the_time_is_counted_apart(night: Night) -> None:
    night.whole("old", 5.0, 4.0, status=Status.FAILED, error="exit code 1")
    night.whole("new", 0.5, 0.2, status=Status.FAILED, error="exit code 1")
    assert night.digest(1.0).headline.endswith(": 1 failed, 1 unresolved from before")
    assert night.digest(8.0).headline.endswith(": 2 failed")


def test_an_empty_time_says_so(night: Night, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["digest", "--since", "1h", "--json"]) == 0
    found = json.loads(capsys.readouterr().out)
    assert [found[name] for name in ("ended", "best", "waiting")] == [[], [], []]
    assert main(["digest", "--since", "1h"]) == 0
    assert capsys.readouterr().out.startswith("since ")


def test_a_home_without_runs_has_an_empty_digest(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("TRAINUI_HOME", str(tmp_path / "nothing"))
    assert main(["digest", "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["ended"] == []
    assert not (tmp_path / "nothing").exists()


NOW = 1_780_000_000 * clock.SECOND


@pytest.mark.parametrize(
    ("text", "since"),
    [
        ("8h", NOW - 8 * HOUR),
        ("1d", NOW - 24 * HOUR),
        ("2026-05-28T12:00:00Z", 1_779_969_600 * clock.SECOND),
        ("2026-05-28T14:00:00+02:00", 1_779_969_600 * clock.SECOND),
    ],
)
def test_since_is_a_duration_or_a_time(text: str, since: int) -> None:
    assert digest.since_of(text, NOW) == since


def test_a_time_of_day_is_the_last_one_before_now() -> None:
    found = clock.to_datetime(digest.since_of("23:30", NOW)).astimezone()
    assert (found.hour, found.minute) == (23, 30)
    assert 0 < NOW - digest.since_of("23:30", NOW) <= 24 * HOUR


@pytest.mark.parametrize("text", ["", "soon", "25:00", "2999-01-01T00:00:00Z", "-3h"])
def test_another_since_is_refused(text: str) -> None:
    with pytest.raises(UsageError):
        digest.since_of(text, NOW)


@pytest.mark.usefixtures("store")
def test_last_is_when_a_screen_was_open() -> None:
    now = clock.now()
    with pytest.raises(UsageError):
        digest.since_of("last", now)
    assert digest.since_of(None, now) == now - 24 * HOUR
    seen = paths.home().screen_seen
    seen.parent.mkdir(parents=True, exist_ok=True)
    seen.touch()
    assert abs(digest.since_of("last", clock.now() + HOUR) - seen.stat().st_mtime_ns // 1000) <= 1
    assert digest.since_of(None, clock.now() + HOUR) == digest.since_of("last", clock.now() + HOUR)
