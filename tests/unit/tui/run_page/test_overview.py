"""What there is to know of a stage."""

from __future__ import annotations

import math
import os
import re
import shlex
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from tests.unit.store.readings import Feeder
from tests.unit.tui.filled import DIAMOND, SWEEP, Filler, failed_demo, running_demo
from trainui import clock, control, paths, settings
from trainui.execution.attempt.prepared_process import shell_command
from trainui.metrics.alerts import AttemptAlerts
from trainui.model.definition import CheckpointRule, Pipeline, Range, Search
from trainui.model.records import RunRecord, StageRecord
from trainui.model.states import ALERT, CHECKPOINT, METRIC_ALERTS, NAN, Status
from trainui.store import shell_environment
from trainui.store.db import engine, statements
from trainui.store.points import point_sources
from trainui.store.read import event_feed, views
from trainui.store.runs import metrics_progress, runs, stages, trials
from trainui.store.runs.stored_pipeline import replace_pipeline
from trainui.store.runs.trials import SearchKey
from trainui.text import marked_state
from trainui.tui.curve_data import CurvesWanted
from trainui.tui.graph_view import Timeline
from trainui.tui.readers import curve_reader
from trainui.tui.readers.page_reader import RunPageReader
from trainui.tui.readers.progress import log_progress, most_steps
from trainui.tui.readers.stage_values import SweepMemberReader
from trainui.tui.run_page.overview import (
    MOST_LINES,
    DetailsSubject,
    can_resume,
    cause_rows,
    command_text,
    crumbs,
    details_rows,
    error_lines,
    error_rows,
    field_rows,
    heading,
    overview_rows,
    short_path,
    why,
)
from trainui.tui.run_page.sweep_table import SweepRows
from trainui.tui.snapshot import LogProgress, MatrixDetail, RunPage, RunQuery, StageDetail
from trainui.tui.styled_text import Segment, joined, plain, width_of


@pytest.fixture
def connection(filler: Filler, home: Path) -> Iterator[statements.Connection]:
    with engine.reading(home / "trainui.db") as connection:
        yield connection


def subject(page: RunPage, stage: StageRecord, number: int | None = None) -> DetailsSubject:
    assert page.detail is not None
    attempts = page.attempts.get(stage.id, [])[:number]
    return DetailsSubject(page, stage, attempts, page.detail, Timeline((), 0))


def shown(connection: statements.Connection, run_id: str, name: str, width: int = 60) -> str:
    run, stages = views.find_run(connection, run_id), views.stages(connection, run_id)
    stage = next(one for one in stages if one.name == name)
    attempts = {stage.id: views.attempts_of_stage(connection, stage.id)}
    page = RunPage(run, tuple(stages), attempts, StageDetail(stage.name, None))
    rows = overview_rows(subject(page, stage), clock.now(), width)
    assert all(width_of(row) <= width for row in rows)
    return joined(rows)


def test_a_running_stage(filler: Filler, connection: statements.Connection) -> None:
    run_id = filler.run(DIAMOND)
    attempt = filler.start(run_id, "prepare", ago=75)
    text = shown(connection, run_id, "prepare")
    assert "● running for 1m 15s  attempt 1" in text
    assert "python prepare.py --out /data/runs/here" in text
    assert "process 4242" in text
    assert (attempt.celery_task_id or "?") in text


def test_the_summary_of_a_tracker(filler: Filler, connection: statements.Connection) -> None:
    run_id = filler.run(DIAMOND)
    attempt = filler.start(run_id, "prepare", ago=75)
    reader = RunPageReader()
    query = RunQuery(run_id, "prepare")
    page = reader.read(connection, query)
    assert page is not None
    with filler.store.write() as writing:
        found = {"best": 0.987654321, "note": "x"}
        metrics_progress.record_summary(writing, attempt.stage_id, found)
    filler.end(attempt, Status.COMPLETED)
    page = reader.read(connection, query)
    assert page is not None
    assert page.detail is not None
    stage = next(one for one in page.stages if one.name == "prepare")
    rows = overview_rows(subject(page, stage), clock.now(), 60)
    assert "summary    best=0.9877  note=x" in joined(rows)


def test_a_stage_cancelled_before_its_start_has_no_time(
    filler: Filler, connection: statements.Connection
) -> None:
    run_id = filler.run(DIAMOND)
    control.cancel(run_id)
    assert filler.stage(run_id, "prepare").completed_at is not None
    assert "time  " not in shown(connection, run_id, "prepare")


def test_a_checkpoint_that_is_not_used_is_named(
    filler: Filler, connection: statements.Connection
) -> None:
    run_id, name = filler.run(DIAMOND), "train[hidden=32]"
    filler.complete(run_id, "prepare")
    filler.start(run_id, name)
    with filler.store.write() as writing:
        text = f"{name}: starts without a checkpoint: /out/ckpt-4 is not used"
        runs.record_event(writing, run_id, CHECKPOINT, text, stage=name, attempt=1)
    wanted = RunQuery(run_id, stage=name)
    page = RunPageReader().read(connection, wanted)
    assert page is not None
    assert page.detail is not None
    assert page.detail.checkpoint == "starts without a checkpoint: /out/ckpt-4 is not used"
    stage = next(one for one in page.stages if one.name == name)
    rows = overview_rows(subject(page, stage), clock.now(), 70)
    assert "files      starts without a checkpoint: /out/ckpt-4 is not used" in joined(rows)


def test_an_external_run_shows_its_command_and_no_unknown_fields(
    filler: Filler, connection: statements.Connection
) -> None:
    run_id = filler.run({"train": ()}, command=None)
    filler.start(run_id, "train", ago=75)
    page = RunPageReader().read(connection, RunQuery(run_id, "train"))
    assert page is not None
    (stage,) = page.stages

    def text(run: RunRecord) -> str:
        return joined(overview_rows(subject(page._replace(run=run), stage), clock.now(), 60))

    assert "output     nothing printed yet" in text(page.run)
    assert "checkpoint none yet" in text(page.run)
    adopted = {"kind": "process", "path": "/proc/1", "pid": 1, "command": "python x.py --lr 1"}
    shown = text(page.run._replace(external=adopted, kind="process"))
    assert "none" not in shown
    assert "command    python x.py --lr 1" in shown


def test_a_pending_stage_names_what_it_waits_for(
    filler: Filler, connection: statements.Connection
) -> None:
    run_id = filler.run(DIAMOND)
    assert "waits for train[hidden=32], train[hidden=128]" in shown(
        connection, run_id, "evaluate", 90
    )


def test_a_failed_stage_says_why_and_shows_its_error(
    filler: Filler, connection: statements.Connection
) -> None:
    run_id = filler.run({"a": ()})
    filler.fail(run_id, "a", "exit code 1: ValueError\n  File a.py\nValueError: \x1b[31mtoo high")
    text = shown(connection, run_id, "a")
    assert "✗ failed after 31s  exit code 1" in text
    narrow = shown(connection, run_id, "a", width=36).splitlines()
    assert narrow[:2] == ["✗ failed after 31s  exit code 1", "  attempt 1"]
    assert "exit code 1: ValueError" in text
    assert "ValueError: too high" in text


def test_the_output_before_a_signal_is_no_error(filler: Filler) -> None:
    run_id = filler.run({"train": ()})
    lines = [f"epoch {number}/40 loss 0.5" for number in range(1, 9)]
    error = "\n".join(["killed by signal 9 (KILL)", *lines])
    stage = filler.stage(run_id, "train")._replace(error=error)
    texts = [plain(row) for row in error_rows(stage, 60, is_killed=True)]
    assert texts == ["last output", *lines[-3:], ""]
    assert error_rows(stage, 60, is_killed=True, evidence="memory over the limit, killed") == []
    assert [plain(row) for row in error_rows(stage, 60)][:3] == ["error", *lines[:2]]


def test_carets_below_a_wrapped_line_are_left_out(filler: Filler) -> None:
    trace = [
        "Traceback (most recent call last):",
        "    return cholesky(cov)",
        "           ^^^^^^^^^^^^^",
    ]
    stage = filler.stage(filler.run({"train": ()}), "train")
    stage = stage._replace(error="\n".join(["exit code 1: no", *trace]))
    carets = {
        width: any("^" in plain(row) for row in error_rows(stage, width)) for width in (40, 22)
    }
    assert carets == {40: True, 22: False}


def test_an_error_is_its_traceback_without_progress_bars() -> None:
    bars = "epoch 1/5:  35%|###5      | 21/60 [00:01<00:02, loss=0.026]\n 12.5it/s\n"
    trace = 'Traceback (most recent call last):\n  File "train.py", line 20\nValueError: no'
    assert error_lines(f"exit code 1: no\n\n{bars}{trace}") == trace.splitlines()
    assert error_lines(f"exit code 1: no\n\n{bars}gone\n{bars}") == ["gone"]
    assert error_lines("exit code 1") == []


@pytest.mark.parametrize(
    ("more", "is_shown"), [("KeyError: 'x'", False), ("KeyError: 'x'\nat line 3", True)]
)
def test_an_error_of_one_line_is_not_shown_twice(
    filler: Filler, connection: statements.Connection, more: str, is_shown: bool
) -> None:
    run_id = filler.run({"train": ()})
    filler.fail(run_id, "train", f"exit code 1: KeyError: 'x'\n{more}")
    text = overview(connection, run_id, "train")
    assert ("\nerror" in text) == is_shown
    assert text.count("KeyError") == 1 + is_shown


def overview(
    connection: statements.Connection,
    run_id: str,
    name: str,
    *,
    folded: bool = False,
    number: int | None = None,
) -> str:
    """Return a stage's overview, or that of one attempt, as the page reads and shows it."""
    page = RunPageReader().read(connection, RunQuery(run_id, stage=name, attempt=number))
    assert page is not None
    stage = next(one for one in page.stages if one.name == name)
    return joined(overview_rows(subject(page, stage, number), clock.now(), 100, folded=folded))


def test_the_time_to_go_is_one_number_on_the_page(
    filler: Filler, connection: statements.Connection
) -> None:
    run_id = filler.run({"train": ()})
    attempt = filler.start(run_id, "train", ago=600)
    filler.log(attempt, "".join(f"epoch {at}/40 loss 0.5\n" for at in range(1, 11)))
    page = RunPageReader().read(connection, RunQuery(run_id, stage="train"))
    assert page is not None
    now = clock.now()
    rows = joined(overview_rows(subject(page, page.stages[0], None), now, 100))
    shown = re.findall(r"(~[^~]*?) to go", f"{joined([heading(page, now, 120)])}\n{rows}")
    assert len(shown) == 2, "in the header and beside the state"
    assert len(set(shown)) == 1


def test_the_overview_begins_with_what_a_researcher_asks_first(
    filler: Filler, connection: statements.Connection
) -> None:
    run_id, name = filler.run(DIAMOND), "train[hidden=32]"
    filler.complete(run_id, "prepare")
    attempt = filler.start(run_id, name, ago=60)
    feeder = Feeder(filler.store, filler.stage(run_id, name).id)
    feeder.feed({"val/loss": list(enumerate((3.0, 1.0, math.nan, 2.0)))})
    text = overview(connection, run_id, name)
    assert "output     nothing printed yet" in text
    assert "checkpoint none yet" in text
    with filler.store.write() as writing:
        data = {"metric": "val/loss", "step": 2}
        runs.record_event(writing, run_id, NAN, "val/loss is NaN", stage=name, attempt=1, data=data)
    filler.log(attempt, "epoch 1/4: fine\repoch 2/4: fine\n")
    (paths.stage_directory(Path(attempt.directory)) / "ckpt-3.npz").write_bytes(b"x")
    labels = [line.split(" ")[0] for line in overview(connection, run_id, name).splitlines()]
    first = ["●", "values", "output", "checkpoint", "metric", "progress", "params", "command"]
    assert [label for label in labels if label][: len(first)] == first
    text = overview(connection, run_id, name, folded=True)
    assert "task id" not in text
    assert text.endswith("\n\n▸ details  d shows times, ids and paths")
    assert "values     NaN or infinite: val/loss since step 2 (1 of 4 points)" in text
    assert re.search(r"^output     \d+s ago \(\d\d:\d\d:\d\d\)$", text, re.M)
    assert re.search(r"^checkpoint ckpt-3.npz, \d+s ago \(\d\d:\d\d:\d\d\)$", text, re.M)
    assert "metric     val/loss  best 1, last 2 (lower is better)" in text
    assert re.search(r"^progress   epoch 2/4$", text, re.M)
    assert re.search(r"^● running for .*, ~[23]m .*to go", text, re.M), "once, and as in the header"
    with filler.store.write() as writing:
        stages.set_stalled(writing, attempt, True, "no output")
    assert re.search(r"^progress   epoch 2/4$", overview(connection, run_id, name), re.M)
    filler.end(attempt)
    text = overview(connection, run_id, name)
    assert "metric     val/loss  best 1 at step 1, last 2 (lower is better)" in text
    assert re.search(r"^output     \d+s ago \(\d\d:\d\d:\d\d\)$", text, re.M)
    assert re.search(r"^checkpoint ckpt-3.npz, \d+s ago \(\d\d:\d\d:\d\d\)$", text, re.M)


def test_a_log_of_epochs_says_epoch(filler: Filler, connection: statements.Connection) -> None:
    """In the overview, in a sweep's table, and in the words of an alert."""
    names = [f"train[lr={lr}]" for lr in (1, 2)]
    run_id = filler.run(dict.fromkeys(names, ()))
    for name, losses in zip(names, ((3.0, 1.0, 2.0), (2.0, 3.0, math.nan)), strict=True):
        attempt = filler.start(run_id, name)
        stage = filler.stage(run_id, name)
        values = [(float(at), loss) for at, loss in enumerate(losses, 1)]
        points = {"val/loss": values, "lr": [(400.0, 0.1)]}
        epochs = {point_sources.EPOCHS: ["val/loss"]}
        Feeder(filler.store, stage.id).feed(points, state=epochs)
        with filler.store.read() as reading:
            (found,) = metrics_progress.attempts_to_read(reading, settings.host())
        AttemptAlerts(filler.store, found).catch_up()
        filler.end(attempt)
    assert "best 1 at epoch 2, last 2" in overview(connection, run_id, names[0])
    broken = overview(connection, run_id, names[1])
    assert "val/loss since epoch 3 (1 of 3 points)" in broken
    stage = filler.stage(run_id, names[1])
    ((event, _),) = event_feed.stage_alerts(connection, stage, METRIC_ALERTS, most=2)
    assert event.text.endswith("val/loss is NaN at epoch 3")
    members = views.stages(connection, run_id)
    group = SweepMemberReader().read(connection, members)
    assert group is not None
    rows = SweepRows(members, group, width=90, alerts={names[1]: "NaN"})
    table = [" ".join(plain(row).split()) for row in rows]
    assert "best val/loss 1 lr=1 at epoch 2" in table
    assert any("NaN since epoch 3" in row for row in table)


@pytest.mark.parametrize(
    ("limit", "stalled", "style", "words"),
    [
        (None, False, "", ")"),
        (300.0, False, "warn", "stalls after 5m 00s"),
        (300.0, True, "bad", "stalled: the limit is 5m 00s"),
    ],
)
def test_the_age_of_the_last_output_turns_amber_then_red(
    filler: Filler,
    connection: statements.Connection,
    limit: float | None,
    stalled: bool,
    style: str,
    words: str,
) -> None:
    run_id = filler.run({"train": ()})
    attempt = filler.start(run_id, "train", ago=90)
    filler.log(attempt, "epoch 1\n")
    with filler.store.write() as writing:
        stages.set_stalls_after(writing, attempt, limit)
        if stalled:
            stages.set_stalled(writing, attempt, True, "no output")
    page = RunPageReader().read(connection, RunQuery(run_id, stage="train"))
    assert page is not None
    rows = overview_rows(subject(page, page.stages[0]), clock.now(), 100)
    row = next(row for row in rows if plain(row).startswith("output "))
    assert plain(row).endswith(words)
    assert row[-1].style == style
    kind = "stalled" if stalled else "silent" if limit else ""
    counted = [one for one in heading(page, clock.now()) if "◌" in one.text]
    assert [(one.text.split()[1:], one.style) for one in counted] == (
        [(["1", kind], style)] if kind else []
    )
    assert kind in marked_state(page.stages[0], None)
    assert ("1 running" in plain(heading(page, clock.now()))) == (not kind)


@pytest.mark.parametrize(("stalled", "style"), [(False, "warn"), (True, "bad")])
def test_a_warning_on_a_running_stage_is_not_in_the_colour_of_running(
    filler: Filler, connection: statements.Connection, stalled: bool, style: str
) -> None:
    run_id = filler.run({"train": ()})
    attempt = filler.start(run_id, "train")
    with filler.store.write() as writing:
        stages.warn(writing, attempt.stage_id, "its process is stopped by a signal")
        stages.set_stalled(writing, attempt, stalled, "no output")
    page = RunPageReader().read(connection, RunQuery(run_id, stage="train"))
    assert page is not None
    rows = overview_rows(subject(page, page.stages[0]), clock.now(), 100)
    row = next(row for row in rows if plain(row).startswith("why "))
    assert row[-1].style == style


def test_the_overview_says_which_alerts_the_last_attempt_has(
    filler: Filler, connection: statements.Connection
) -> None:
    run_id, name = filler.run(DIAMOND), "train[hidden=32]"
    filler.complete(run_id, "prepare")

    def alert(words: str, attempt: int, condition: str) -> None:
        with filler.store.write() as writing:
            own = {"metric": "loss", "condition": condition}
            text = f"{name}: {words}"
            runs.record_event(writing, run_id, ALERT, text, stage=name, attempt=attempt, data=own)

    filler.start(run_id, name)
    alert("loss is NaN at step 3", 1, "nan")
    alert("loss is 9 at step 8, above 1", 2, "above")
    assert "alert" not in overview(connection, run_id, name)
    for step in range(5):
        alert(f"loss is 9 at step {step}, above 1", 1, "above")
    found = [" ".join(row.split()) for row in overview(connection, run_id, name).splitlines()]
    at = found.index("alert loss is 9 at step 2, above 1")
    assert found[at + 1 : at + 4] == [
        "loss is 9 at step 3, above 1",
        "loss is 9 at step 4, above 1",
        "2 earlier alerts",
    ]


def test_an_ended_stage_without_output_and_checkpoint_has_none(
    filler: Filler, connection: statements.Connection
) -> None:
    run_id = filler.run({"train": ()})
    for _ in range(2):
        filler.fail(run_id, "train", "no")
        control.rerun(run_id, ["train"])
    filler.fail(run_id, "train", "no")
    lines = overview(connection, run_id, "train").splitlines()
    assert [line for line in lines if line.startswith(("output ", "checkpoint"))] == [
        "output     nothing printed",
        "checkpoint none",
    ]
    earlier = overview(connection, run_id, "train", number=1)
    assert "output     nothing printed" in earlier
    assert "checkpoint" not in earlier, "there may have been some that are gone"


def test_an_earlier_attempt_has_its_own_output_metric_and_alerts(
    filler: Filler, connection: statements.Connection
) -> None:
    run_id = filler.run({"train": ()}, checkpoint=CheckpointRule("ckpt-*.npz"))
    feeder = Feeder(filler.store, filler.stage(run_id, "train").id)
    for number, values in ((1, (3.0, 1.0, math.nan, 2.0)), (2, (9.0, 8.0)), (3, (7.0,))):
        attempt = filler.start(run_id, "train")
        feeder.feed({"val/loss": list(enumerate(values))}, attempt=number)
        filler.log(attempt, f"attempt {number}\n")
        checkpoint = paths.stage_directory(Path(attempt.directory)) / f"ckpt-{number}.npz"
        checkpoint.write_bytes(b"x")
        with filler.store.write() as writing:
            text, own = f"train: alert of {number}", {"metric": "val/loss", "condition": "above"}
            runs.record_event(writing, run_id, ALERT, text, stage="train", attempt=number, data=own)
        filler.end(attempt, Status.FAILED, error="exit code 1: no luck", exit_code=1)
        control.rerun(run_id, ["train"])
    text = overview(connection, run_id, "train", number=1)
    for words in (
        "✗ failed after",
        "why        exit code 1: no luck",
        "values     NaN or infinite: val/loss (1 of 4 points)",
        "alert      alert of 1",
        "checkpoint ckpt-1.npz, ",
        "metric     val/loss  best 1, last 2 (lower is better)",
    ):
        assert words in text
    assert re.search(r"^output     \d+s ago \(\d\d:\d\d:\d\d\)$", text, re.M)
    assert "alert of 2" not in text
    text = overview(connection, run_id, "train", number=2)
    assert re.search(r"^by then    \d\.\ds in 2 attempts$", text, re.M)


def test_a_long_path_loses_its_first_directories(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", "/home/ada")
    path = "/home/ada/runs/54f23d60/train-lr-0.1"
    assert short_path(path, 40) == "~/runs/54f23d60/train-lr-0.1"
    assert short_path(path, 25) == "…/54f23d60/train-lr-0.1"
    assert short_path(path, 10) == "…/tr…r-0.1"
    assert short_path("/data/a", 40) == "/data/a"


def test_the_progress_of_a_log_is_its_last_count(tmp_path: Path) -> None:
    out, err = tmp_path / "out", tmp_path / "err"
    out.write_text("Step 10 of 1000\n")
    os.utime(out, (1, 1))
    assert log_progress([out, err]) == LogProgress("step", 10, 1000)
    err.write_text("Epoch [3/5]:  35%|###5   | 21/60\r")
    assert log_progress([out, err]) == LogProgress("epoch", 3, 5, inner=(21, 60))
    err.write_text("epoch 7/5 and epoch 1/0\n")
    assert log_progress([err]) is None
    err.write_text(
        " 34%|###4      | 20/60 [01:09<02:19]\r 35%|###5      | 21/60 [01:10<02:10, 3.3s/it]"
    )
    bar = log_progress([err])
    assert bar == LogProgress("bar", 21, 60, 70)
    assert bar.covers(100)
    assert not bar.covers(1000)
    assert log_progress([err, out]) == LogProgress("step", 10, 1000)


@pytest.mark.parametrize(
    "line", ["  Total optimization steps = 1,000\n", "TrainingArguments(max_steps=1000, lr=1)\n"]
)
def test_the_number_of_steps_comes_from_the_logs_beginning(
    filler: Filler, connection: statements.Connection, line: str
) -> None:
    run_id = filler.run({"train": ()})
    attempt = filler.start(run_id, "train", ago=60)
    filler.log(
        attempt, f"***** Running training *****\n{line}{'x' * 80}\n" + "{'loss': 2.0}\n" * 900
    )
    assert "progress" not in overview(connection, run_id, "train")
    default = filler.directory / "default"
    default.write_text("TrainingArguments(max_steps=-1, lr=1)\n")
    assert most_steps([default]) == 0
    Feeder(filler.store, attempt.stage_id).feed({"loss": [(step, 2.0) for step in range(1, 251)]})
    text = overview(connection, run_id, "train")
    assert re.search(r"^progress   step 250/1,000$", text, re.M)


def test_the_command_is_copied_as_it_was_executed(
    filler: Filler, connection: statements.Connection
) -> None:
    command = ("${python}", "a b.py", "${env.MY_KEY}", "${env.WHERE}", "${attempt}")
    run_id = filler.run({"prepare": ()}, command=command)
    run = views.find_run(connection, run_id)
    stage = filler.stage(run_id, "prepare")
    where = f"cd {stage.definition.workdir}\n"

    def copied() -> str | None:
        attempts = views.attempts_of_stage(connection, stage.id)
        return shell_command(connection, run, stage, attempts)

    as_written = f"{where}{shlex.join(command)}\n"
    assert copied() == as_written
    filler.start(run_id, "prepare")
    assert copied() == as_written  # its environment is gone
    environ = {"MY_KEY": "s3cret-1", "WHERE": "/data", "PATH": "/nowhere"}
    Path(run.directory).mkdir(exist_ok=True)
    shell_environment.write(Path(run.directory), shell_environment.ShellEnvironment(environ, 0o022))
    assert copied() == f"{where}python3 'a b.py' '***' /data 1\n"


def test_a_command_edited_after_it_ran_is_shown_as_it_ran(
    filler: Filler, connection: statements.Connection
) -> None:
    run_id = filler.run({"train": ()}, command="train --bad 3")
    filler.complete(run_id, "train")
    run, stage = views.find_run(connection, run_id), filler.stage(run_id, "train")
    edited = replace(stage.definition, command="train --bad 9")
    pipeline = Pipeline("digits", (edited,), text="stages: []", digest="1" * 64)
    with filler.store.write() as writing:
        replace_pipeline(writing, run_id, pipeline, {"train": stage.directory})
    text = overview(connection, run_id, "train")
    assert "command    train --bad 3" in text
    assert re.search("^edit .*--bad 3 -> 9", text, re.M)
    attempts = views.attempts_of_stage(connection, stage.id)
    stage = filler.stage(run_id, "train")
    assert "train --bad 3" in (shell_command(connection, run, stage, attempts) or "")


def test_the_command_is_shown_as_it_ran_and_whole_unfolded(
    filler: Filler, connection: statements.Connection
) -> None:
    """The attempt's checkpoint is in it; secrets are masked, and variables keep their names."""
    command = ("${python}", "train.py", "--key", "s3cret-1", "${env.WHERE}", "--out", "OUT/x")
    run_id = filler.run(
        {"train": ()},
        command=command,
        resume_args=("--resume", "${checkpoint}"),
        env={"MY_KEY": "s3cret-1"},
    )
    run = views.find_run(connection, run_id)
    stage = filler.stage(run_id, "train")
    words = tuple(word.replace("OUT", stage.directory) for word in command)
    stage = stage._replace(definition=replace(stage.definition, command=words))
    first = filler.start(run_id, "train")
    ran = f"python train.py --key '***' '${{env.WHERE}}' --out {stage.directory}/x"
    assert command_text(run, stage) == command_text(run, stage, first) == ran
    short = "python train.py --key '***' '${env.WHERE}' --out …/train/x"
    assert command_text(run, stage, first, whole=False) == short
    continued = first._replace(number=2, checkpoint="/out/ckpt-3.pt")
    assert command_text(run, stage, continued) == f"{ran} --resume /out/ckpt-3.pt"


def test_a_command_of_several_lines_is_shown_as_written(
    filler: Filler, connection: statements.Connection
) -> None:
    script = "cd /data\nfor seed in 1 2; do\n  python train.py --seed $seed\n"
    run_id = filler.run({"a": ()}, command=script, task=None)
    text = shown(connection, run_id, "a")
    assert "command    cd /data\n           for seed in 1 2; do\n             python" in text
    run_id = filler.run({"a": ()}, command=f"{script}done\necho ready\n", task=None)
    assert "           echo ready\n" in shown(connection, run_id, "a")
    text = overview(connection, run_id, "a", folded=True)
    assert "           done…  (d shows it all, C copies it)\n" in text
    assert "ready" not in text


def test_a_command_is_whole_where_the_pane_has_room(
    filler: Filler, connection: statements.Connection
) -> None:
    run_id = filler.run({"a": ()}, command="one\ntwo\nthree\nfour\nfive\nsix\n", task=None)
    page = RunPageReader().read(connection, RunQuery(run_id, stage="a"))
    assert page is not None
    of, now = subject(page, page.stages[0]), clock.now()
    whole = overview_rows(of, now, 60, folded=True, height=20)
    assert "           six\n" in joined(whole)
    assert overview_rows(of, now, 60, folded=True, height=len(whole)) == whole
    cut = overview_rows(of, now, 60, folded=True, height=len(whole) - 1)
    assert len(cut) == len(whole) - 1
    assert "five…  (d shows it all, C copies it)" in joined(cut)


def test_a_reason_that_is_the_state_is_not_shown(filler: Filler) -> None:
    stage = filler.stage(filler.run({"a": ()}), "a")
    ended = stage._replace(status=Status.CANCELLED, reason="cancelled")
    assert why(ended, {}) == ""
    assert why(ended._replace(reason="SIGTERM from outside"), {}) == "SIGTERM from outside"


def test_a_blocked_stage_says_by_what(filler: Filler, connection: statements.Connection) -> None:
    run_id = failed_demo(filler)
    assert "train[hidden=128] failed" in shown(connection, run_id, "evaluate")


def test_earlier_attempts_are_listed(filler: Filler, connection: statements.Connection) -> None:
    run_id = filler.run({"a": ()}, retries=3)
    filler.fail(run_id, "a", "exit code 7: no luck\ntraining\nno luck", exit_code=7)
    filler.fail(run_id, "a", "exit code 3\n12%|#1  | 12/100\nit broke\n", exit_code=3)
    filler.start(run_id, "a")
    text = shown(connection, run_id, "a")
    assert "attempt 3" in text
    assert "2 of 3 used" in text
    assert "2 ✗ failed after 31s exit code 3; last line: it broke" in " ".join(text.split())
    assert "1 ✗ failed after 31s  exit code 7: no luck\n" in text
    assert re.search(r"^in all     1m 02s in 3 attempts$", text, re.M)


def test_secrets_are_masked(filler: Filler, connection: statements.Connection) -> None:
    run_id = filler.run(
        {"a": ()}, env={"API_TOKEN": "hunter22"}, command="curl -H hunter22", task=None
    )
    text = shown(connection, run_id, "a")
    assert "hunter22" not in text
    assert "curl -H ***" in text


def test_a_task_shows_its_parameters_and_its_result(
    filler: Filler, connection: statements.Connection
) -> None:
    run_id = filler.run(
        {"a": ()}, command=None, task="evaluate.run", params={"models": ["x", "y"], "api_key": "k"}
    )
    text = shown(connection, run_id, "a")
    assert "evaluate.run" in text
    assert 'models=["x", "y"]  api_key=***' in text


def test_the_heading_counts_states_in_words(
    filler: Filler, connection: statements.Connection
) -> None:
    run_id = filler.run(SWEEP, name="sweep")
    filler.complete(run_id, "prepare")
    filler.start(run_id, "train[lr=3,seed=1]")
    run, of_run = views.find_run(connection, run_id), tuple(views.stages(connection, run_id))
    text = plain(heading(RunPage(run, of_run), clock.now()))
    assert "● running" in text
    assert "1/8" in text
    assert "◔ 5 queued" in text
    begun = plain(heading(RunPage(run, of_run[:2], more=6), clock.now()))
    assert "● running" in begun
    assert "8 stages" in begun
    assert "queued" not in begun  # not all are known
    assert "› sweep" in plain(crumbs(run)).replace("  ", " ")
    assert "agent" not in plain(crumbs(run))
    assert "by an agent (mcp)" in plain(crumbs(run._replace(started_by="mcp")))
    long = run._replace(name="n" * 60)
    at_80 = plain(crumbs(long, parent=f"{'p' * 60} 1234abcd", width=80))[:80]
    assert "  from ppp" in at_80
    assert at_80.rstrip().endswith("… 1234abcd")
    assert not can_resume(of_run)
    filler.fail(run_id, "train[lr=3,seed=2]", "exit code 1")
    alerts = {"train[lr=3,seed=1]": "NaN"}
    of_run = tuple(views.stages(connection, run_id))
    text = plain(heading(RunPage(run, of_run, alerts=alerts), clock.now(), 80))
    assert text.endswith("1/8  ✗ 1 failed  ! 1 NaN  ● 1 running  ◔ 4 queued  ▣ 1 blocked")
    running = Status.RUNNING
    lost = tuple(one._replace(lost_at=1) if one.status == running else one for one in of_run)
    text = plain(heading(RunPage(run, lost), clock.now(), 80))
    assert "● 1 running?  ◔ 4 queued" in text


def test_only_what_ended_without_completing_can_be_resumed(
    filler: Filler, connection: statements.Connection
) -> None:
    stages = views.stages(connection, failed_demo(filler))
    assert can_resume(stages)
    failed = [stage for stage in stages if stage.status == Status.FAILED]
    assert failed
    trials = [one._replace(definition=replace(one.definition, trial=3)) for one in failed]
    assert not can_resume(trials)


def test_a_stage_on_another_host_says_so(filler: Filler, connection: statements.Connection) -> None:
    run_id = running_demo(filler)
    assert "host far" not in shown(connection, run_id, "train[hidden=128]")
    with filler.store.write() as writing:
        writing.execute("UPDATE attempts SET host = 'far'")
    assert "host far, cpu" in shown(connection, run_id, "train[hidden=128]")


class Asked(dict[str, StageRecord]):
    """Stages that count how often they are looked up."""

    count = 0

    def get(self, name: str, *_default: object) -> StageRecord | None:  # type: ignore[override]
        self.count += 1
        return super().get(name)


def test_a_stage_after_thousands_reads_only_those_shown(
    filler: Filler, connection: statements.Connection
) -> None:
    members = [f"train[lr={number}]" for number in range(2000)]
    run_id = filler.run({**dict.fromkeys(members, ()), "select": tuple(members)})
    by_name = Asked({stage.name: stage for stage in views.stages(connection, run_id)})
    stage, detail = by_name["select"], StageDetail("select", None)
    found = field_rows("why", why(stage, by_name), "", 60)
    found += details_rows(stage, None, by_name, detail, None, 60)
    after = [plain(row) for row in found if "train[lr=" in plain(row)]
    assert len(after) <= 2 * MOST_LINES
    assert after[-1].endswith("…")
    assert by_name.count < 1000


def test_a_sweeps_table_marks_alerts_and_ranks_nan_last(
    filler: Filler, connection: statements.Connection
) -> None:
    values = {f"train[lr={lr}]": value for lr, value in ((1, 0.1), (2, 0.2), (3, 0.3), (4, 0.4))}
    run_id = filler.run(dict.fromkeys(values, ()))
    filler.fail(run_id, "train[lr=4]", "exit code 1")
    stages = views.stages(connection, run_id)
    group = MatrixDetail(
        *("val/loss", True, values, frozenset({"train[lr=1]"})), nan_since={"train[lr=1]": 1204}
    )
    alerts = {"train[lr=1]": "NaN", "train[lr=3]": "alert", "train[lr=4]": "alert"}
    rows = SweepRows(stages, group, width=70, alerts=alerts)
    found = [" ".join(plain(row).split()) for row in rows]
    assert "best val/loss 0.2000 lr=2" in found
    assert found[0] == "◔ 3 queued ✗ 1 failed of 4 ! 1 NaN since step 1,204 ! 2 alert"
    assert [line.removeprefix("✗ ").removeprefix("◔ ") for line in found[-4:]] == [
        "2 0.2000 queued",
        "3 0.3000 queued alert",
        "4 31s 0.4000 failed alert",
        "1 !0.1000 queued NaN since 1,204",
    ]
    narrow = plain(SweepRows(stages, group, width=45, alerts=alerts)[-1])
    assert narrow.endswith("queued NaN"), "the step goes before the word"


def test_a_narrow_sweeps_table_has_no_part_of_a_state(
    filler: Filler, connection: statements.Connection
) -> None:
    values = {f"train[lr={lr},seed=0]": 0.1 * lr for lr in (1, 2)}
    run_id = filler.run(dict.fromkeys(values, ()))
    filler.fail(run_id, "train[lr=2,seed=0]", "exit code 1")
    stages = views.stages(connection, run_id)
    group = MatrixDetail("val/loss", True, values)
    for width in range(20, 60):
        row = plain(SweepRows(stages, group, width=width)[-1])
        assert len(row) <= width
        assert row.endswith(("0.2000", "failed")) or width < 26


def test_a_sweeps_heading_is_whole_with_room(
    filler: Filler, connection: statements.Connection
) -> None:
    values = {"train[lr=1]": 0.1, "train[lr=2]": 0.2}
    run_id = filler.run(dict.fromkeys(values, ()))
    group = MatrixDetail("val/loss", True, values)

    def text() -> str:
        stages = views.stages(connection, run_id)
        return joined(SweepRows(stages, group, width=25))

    filler.complete(run_id, "train[lr=1]")
    assert "val/loss best" not in text(), "one is queued"
    filler.complete(run_id, "train[lr=2]")
    assert "val/loss best" in text()


def test_only_the_members_that_are_seen_are_made_into_lines(
    filler: Filler, connection: statements.Connection
) -> None:
    members = [f"train[lr={number}]" for number in range(2000)]
    stages = views.stages(connection, filler.run(dict.fromkeys(members, ())))
    made = 0

    def now() -> int:
        nonlocal made
        made += 1
        return clock.now()

    rows = SweepRows(stages, None, width=60, foot=[(Segment("the end"),)], now=now)
    assert len(rows) > 2000
    assert made == 0
    assert "lr=" not in plain(rows[-1])
    assert [plain(row) for row in rows[-2:]] == [plain(rows[-2]), "the end"]
    assert made == 2


def test_a_searchs_results_are_shown_when_known(
    filler: Filler, connection: statements.Connection
) -> None:
    names = ("train[trial=0]", "train[trial=1]")
    graph = {**dict.fromkeys(names, ()), "test": names}
    run_id = filler.run(graph, command="cp ${stages.train.best.dir} ${stages.train.best.trial}")
    for number, name in enumerate(names):
        stage = filler.stage(run_id, name)
        search = Search("loss", "minimize", {"x": Range(0, 1)})
        own = {"group": "train", "trial": number, "trial_params": {"x": 0.5}, "command": "true"}
        with filler.store.write() as writing:
            definition = replace(stage.definition, search=search, **own)  # type: ignore[arg-type]
            trials.add(writing, SearchKey(run_id, "train"), stage, definition)
    reader = RunPageReader()

    def shown() -> str:
        page = reader.read(connection, RunQuery(run_id, "test"))
        assert page is not None
        stage = filler.stage(run_id, "test")
        return joined(overview_rows(subject(page, stage), clock.now(), 200))

    for number, name in enumerate(names):
        attempt = filler.start(run_id, name)
        Feeder(filler.store, attempt.stage_id).feed({"loss": [(1, 0.5 - number / 10)]})
        assert "results    known when train ends" in shown()
        assert "cp ${stages.train.best.dir} ${stages.train.best.trial}" in shown()
        filler.end(attempt)
    filled = "train-trial-1 1\n"
    assert filled in shown()
    assert "results  " not in shown()
    filler.complete(run_id, "test", took=0.0)
    assert filled in shown()
    control.rerun(run_id, [names[0]])
    assert "known when train ends" in shown()
    filler.complete(run_id, names[0], took=0.0)
    assert "results    a member of train has ended since" in shown()
    assert filled not in shown()


def test_a_line_that_is_the_reason_is_not_shown_twice() -> None:
    cause = {
        **dict.fromkeys(("file", "line", "edit")),
        "text": "The GPU was full.",
        "evidence": "CUDA out of memory",
        "fix": "Lower the batch size.",
    }
    shown = [plain(row) for row in cause_rows(cause, 80)]
    assert any("shown by" in row for row in shown)
    brief = [plain(row) for row in cause_rows(cause, 80, "exit code 1: CUDA out of memory")]
    assert brief == [row for row in shown if "shown by" not in row]


def test_overview_and_curve_are_of_one_moment(
    filler: Filler, connection: statements.Connection, monkeypatch: pytest.MonkeyPatch
) -> None:
    run_id, reader = filler.run({"train": ()}), RunPageReader()
    filler.start(run_id, "train", ago=75)

    def both() -> tuple[str, float | None]:
        page = reader.read(connection, RunQuery(run_id, "train", curves=CurvesWanted(columns=80)))
        assert page is not None
        assert page.detail is not None
        assert page.detail.activity is not None
        assert page.detail.curves is not None
        (figures,) = page.detail.curves.figures
        ((line,),) = (chart.lines for chart in page.detail.curves.charts)
        assert line.last == (figures.last, figures.last_step)
        return page.detail.activity.metric, figures.last

    filler.feed(run_id, "train", {"val/loss": [(0, 9.0), (1, 0.5)]})
    words, last = both()
    assert (last, "last 0.5000" in words) == (0.5, True)
    filler.feed(run_id, "train", {"val/loss": [(2, 0.25)]})
    assert both() == (words, last), "the charts are not due, and nor is what stands beside them"
    monkeypatch.setattr(curve_reader, "PERIOD", 0.0)
    words, last = both()
    assert (last, "last 0.2500" in words) == (0.25, True)
