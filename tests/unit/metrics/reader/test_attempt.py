"""All sources of an attempt are read, whatever one of them does."""

from __future__ import annotations

import json
import os
import re
import struct
from pathlib import Path

import pytest

from tests.unit.metrics.attempts import Attempt, is_complete, next_attempt, start_attempt
from tests.unit.metrics.reading import all_points, connect, lines, read_on, summaries
from tests.unit.metrics.test_event_files import framed, message, varint
from tests.unit.store import readings
from trainui import clock
from trainui.metrics.discovery import stage_sources
from trainui.metrics.discovery.fallback_sources import FallbackSources
from trainui.metrics.formats import DecoderChoice, SourceFile
from trainui.metrics.formats.text import grammar
from trainui.metrics.formats.text.pattern import PatternLines
from trainui.metrics.names import MAX_SERIES, SeriesNames
from trainui.metrics.reader.attempt import AttemptReader
from trainui.metrics.reader.source import ReadOptions, SourceReader
from trainui.model.definition import MetricSource
from trainui.model.states import NAN, Status
from trainui.store.db.engine import Database
from trainui.store.points import point_sources, read_points
from trainui.store.runs import attempts, stage_requests, stages
from trainui.store.runs.attempts import Outcome
from trainui.store.runs.stage_requests import Reopened

VERSION = framed(message((3, 2, b"brain.Event:2")))

STARTED = framed(message((2, 0, varint(6)), (7, 2, b"\x08\x01")))
"""An event that PyTorch's SummaryWriter writes for a `purge_step`."""


def scalar(step: int, value: float) -> bytes:
    found = message((1, 2, b"loss"), (2, 5, struct.pack("<f", value)))
    wall = (1, 1, struct.pack("<d", 1.5e9))
    return framed(message(wall, (2, 0, varint(step)), (5, 2, message((1, 2, found)))))


def read(store: Database, attempt: Attempt) -> AttemptReader:
    """Look for files and read all there is."""
    reader = AttemptReader(store, attempt.to_read)
    look(reader)
    return reader


def look(reader: AttemptReader) -> None:
    reader.scan()
    while reader.advance().more:
        pass


def problems(store: Database, attempt: Attempt) -> list[str]:
    return [found.problem for found in read_points.problems(connect(store), [attempt.stage_id])]


def values(store: Database, attempt: Attempt) -> dict[str, list[float]]:
    found: dict[str, list[float]] = {}
    for name, _step, value in all_points(store, attempt.stage_id):
        found.setdefault(name, []).append(value)
    return found


def test_its_own_file_is_always_read(store: Database, tmp_path: Path) -> None:
    attempt = start_attempt(store, tmp_path, MetricSource(path="other.csv"))
    attempt.own_file.write_text('{"note": "first"}\n{"loss": 1.5}\n')
    read(store, attempt)
    assert values(store, attempt) == {"loss": [1.5]}


def test_a_nan_stored_unmarked_by_another_reader_is_marked(store: Database, tmp_path: Path) -> None:
    attempt = start_attempt(store, tmp_path)
    attempt.own_file.write_text(lines([1]))
    reader = read(store, attempt)
    with store.read() as connection:
        (source,) = point_sources.sources(connection, attempt.stage_id)
    with attempt.own_file.open("a") as file:
        file.write('{"step": 2, "loss": NaN}\n')
    other = SourceReader(
        store, source, attempt.own_file, DecoderChoice("jsonl"), ReadOptions(attempt=1)
    )
    assert read_on(other) == 1
    with attempt.own_file.open("a") as file:
        file.write(lines([3]))
    look(reader)
    look(reader)
    assert [step for _, step, _ in all_points(store, attempt.stage_id)] == [1, 2, 3]
    with store.read() as connection:
        marked = connection.execute("SELECT text FROM events WHERE kind = ?", (NAN,))
        assert marked.fetchall() == [("train: loss is NaN at step 2",)]


def test_files_are_read_as_they_appear(store: Database, tmp_path: Path) -> None:
    attempt = start_attempt(store, tmp_path, MetricSource(path="v_*/m.csv", step="it"))
    reader = read(store, attempt)
    for version in range(3):
        path = attempt.stage_dir / f"v_{version}" / "m.csv"
        path.parent.mkdir()
        path.write_text(f"it,loss\n{version},{version}\n")
        look(reader)
    assert values(store, attempt) == {"loss": [0, 1, 2]}


def test_lines_of_its_streams(store: Database, tmp_path: Path) -> None:
    attempt = start_attempt(
        store,
        tmp_path,
        MetricSource(stream="stdout", pattern=r"loss (?P<loss>\S+)"),
        MetricSource(stream="stderr", pattern=r"(?P<percent>\d+)%"),
    )
    (attempt.directory / "stdout.log").write_text("loss 0.5\nloss 0.25")
    (attempt.directory / "stderr.log").write_text("10%\r20%\r")
    reader = read(store, attempt)
    assert values(store, attempt) == {"loss": [0.5], "percent": [10, 20]}
    reader.finish(clean=True)
    assert values(store, attempt)["loss"] == [0.5, 0.25]


def test_an_error_is_no_unread_metric(store: Database, tmp_path: Path) -> None:
    attempt = start_attempt(store, tmp_path)
    trace = 'Traceback (most recent call last):\n  File "train.py", line 3, in <module>\n'
    trace += "    assert loss < 0.5\nAssertionError: loss 0.75 at step 3\n"
    (attempt.directory / "stderr.log").write_text(f"error: val_loss 0.75 is too high\n{trace}")
    read(store, attempt).finish(clean=False)
    assert problems(store, attempt) == []


def test_without_metrics_the_likeliest_line_and_pattern_are_named(
    store: Database, tmp_path: Path
) -> None:
    attempt = start_attempt(store, tmp_path)
    printed = "starting\n" + "2026-11-26 22:00:00,123 INFO gen_err=0.5, f1_b 0.25\n" * 3
    (attempt.directory / "stdout.log").write_text(printed)
    (attempt.directory / "stderr.log").write_text("3 warnings\n")
    read(store, attempt).finish(clean=True)
    (problem,) = problems(store, attempt)
    assert "stdout.log: no metrics found in 4 lines; 3 have numbers but no step" in problem
    written = re.search(r"\{stdout: '(.*)'\}", problem)
    assert written is not None
    named = MetricSource(stream="stdout", pattern=written[1])
    again = start_attempt(store, tmp_path, named, name="again")
    (again.directory / "stdout.log").write_text(printed)
    read(store, again)
    assert values(store, again) == {"gen_err": [0.5] * 3, "f1_b": [0.25] * 3}


def test_numbers_behind_other_names_are_named_if_they_are_many(
    store: Database, tmp_path: Path
) -> None:
    attempt = start_attempt(store, tmp_path)
    printed = "".join(f"shard done throughput={one}.5 rows\n" for one in range(30))
    (attempt.directory / "stdout.log").write_text(printed)
    (attempt.directory / "stderr.log").write_text("wrote size=100 rows\n" * 30)
    read(store, attempt).finish(clean=True)
    (problem,) = problems(store, attempt)
    assert (
        "30 have numbers but no name that is a metric's, e.g. 'shard done throughput=0.5" in problem
    )
    assert "{stdout: 'shard done throughput=(?P<throughput>" in problem


def test_a_likely_lines_pattern_reads_right_aligned_numbers(
    store: Database, tmp_path: Path
) -> None:
    attempt = start_attempt(store, tmp_path)
    lines = [f"at E {at:4} the R {at / 2:6.1f} and loss {at / 4} of it\n" for at in range(8, 12)]
    (attempt.directory / "stdout.log").write_text("".join(lines))
    read(store, attempt).finish(clean=True)
    (problem,) = problems(store, attempt)
    pattern = re.search(r"stdout: '(.*)'", problem)
    assert pattern is not None
    found = PatternLines(re.compile(pattern[1])).decode("".join(lines).encode(), 0).series
    assert found["loss"].steps.tolist() == [8, 9, 10, 11]
    assert found["R"].values.tolist() == [4, 4.5, 5, 5.5]


def test_lines_that_are_not_read_are_said_beside_metrics(store: Database, tmp_path: Path) -> None:
    attempt = start_attempt(store, tmp_path)
    lines = [f"step {at} loss 0.{at}\nat E {at} the [acc]: 0.{at} of it\n" for at in range(1, 9)]
    (attempt.directory / "stdout.log").write_text("".join(lines))
    read(store, attempt).finish(clean=True)
    (problem,) = problems(store, attempt)
    assert (
        "8 lines look like metrics and are not read, e.g. 'at E 1 the [acc]: 0.1 of it'" in problem
    )
    pattern = re.search(r"{stdout: print}, {stdout: '(.*)'}", problem)
    assert pattern is not None
    again = start_attempt(
        store,
        tmp_path,
        MetricSource(stream="stdout", pattern="print"),
        MetricSource(stream="stdout", pattern=pattern[1]),
        name="again",
    )
    (again.directory / "stdout.log").write_text("".join(lines))
    read(store, again).finish(clean=True)
    assert len(values(store, again)["acc"]) == 8
    assert problems(store, again) == []


@pytest.mark.parametrize("metric", ["", "step {at} loss 0.{at}\n"])
def test_lines_that_are_not_read_are_said_meanwhile(
    store: Database, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, metric: str
) -> None:
    monkeypatch.setattr("trainui.metrics.discovery.fallback_sources.WAIT", 0.0)
    attempt = start_attempt(store, tmp_path)
    line = f"{metric}at E {{at}} the acc 0.{{at}} of it\n"
    stdout = attempt.directory / "stdout.log"
    stdout.write_text("".join(line.format(at=at) for at in range(1, 9)))
    reader = AttemptReader(store, attempt.to_read)
    look(reader)
    look(reader)
    (problem,) = problems(store, attempt)
    assert "8 lines look like metrics and are not read so far, e.g. 'at E 1 the" in problem
    assert "add `metrics:" in problem
    with stdout.open("a") as file:
        file.write("".join(line.format(at=at) for at in range(9, 30)))
        file.write("at E 30 the acc - of it\n")
    look(reader)
    look(reader)
    (problem,) = problems(store, attempt)
    assert "29 lines look" in problem
    with stdout.open("a") as file:
        file.write(f"{metric}at E {{at}} the acc 0.{{at}} of it\n".format(at=31))
    look(reader)
    assert problems(store, attempt) == [problem], "said again at twice as many"
    end(reader)
    (problem,) = problems(store, attempt)
    assert ("30 lines look" if metric else "no metrics found in 31 lines; 30 have") in problem


@pytest.mark.parametrize(
    ("line", "series"),
    [
        ("It took {at} ticks until the loss was {value}", {"ticks_until_loss"}),
        ("it's [{value}, 1.25, {at}, 0.0002]", {"it_s", "value", "value_2"}),
        ("run=a of it: val/acc@1={value} and val/acc@5=0.75", {"val_acc_1", "val_acc_5"}),
        ("(loss*) -> {value} $cost: {at}% at 22:00:01", {"loss"}),
        ("  It took {at} ticks: recall @ 5 was {value}+-0.25 of rank {at}", {"ticks_recall"}),
    ],
)
def test_a_proposed_pattern_reads_its_lines_with_their_steps(
    store: Database, tmp_path: Path, line: str, series: set[str]
) -> None:
    attempt = start_attempt(store, tmp_path)
    printed = "".join(f"{line.format(at=at, value=at / 8)}\n" for at in range(9, 40))
    (attempt.directory / "stdout.log").write_text(printed)
    read(store, attempt).finish(clean=True)
    written = re.search(r"\{stdout: '(.*)'\}", problems(store, attempt)[0])
    assert written is not None
    pattern = re.compile(written[1].replace("''", "'"))
    found = PatternLines(pattern).decode(printed.encode(), 0).series
    assert found.keys() == series
    steps = range(9, 40) if "{at" in line else range(31)
    assert {tuple(points.steps.tolist()) for points in found.values()} == {tuple(steps)}


def test_the_searched_places_are_named(store: Database, tmp_path: Path) -> None:
    attempt = start_attempt(store, tmp_path)
    (attempt.directory / "stdout.log").write_text("hello\n" * 3)
    (attempt.stage_dir / "data.log").write_text("hello\n")
    definition = attempt.to_read.definition
    words = stage_sources.searched_places(attempt.directory, attempt.stage_dir, definition)
    assert words.startswith("looked at stdout.log (3 lines), stderr.log (empty), data.log; print")
    (attempt.stage_dir / "data.log").write_text("loss 2\n", encoding="utf-16")
    words = stage_sources.searched_places(attempt.directory, attempt.stage_dir, definition)
    assert "data.log (is written in UTF-16; have it written in UTF-8); print" in words
    (attempt.stage_dir / "data.log").unlink()
    words = stage_sources.searched_places(attempt.directory, attempt.stage_dir, definition)
    assert f"the files written in {attempt.workdir}, none with a usual name" in words
    (attempt.workdir / "version_1").mkdir()
    (attempt.workdir / "version_1/metrics.csv").write_text("step,loss\n1,2\n")
    words = stage_sources.searched_places(attempt.directory, attempt.stage_dir, definition)
    assert f"version_1/metrics.csv in {attempt.workdir} has none or may be another run's" in words


def test_metrics_in_another_text_leave_nothing_to_explain(store: Database, tmp_path: Path) -> None:
    attempt = start_attempt(store, tmp_path)
    (attempt.directory / "stdout.log").write_text("loss=0.5\n" * 3)
    (attempt.directory / "stderr.log").write_text("step 1 loss 2\nstep 2 loss 1\n")
    read(store, attempt).finish(clean=True)
    assert values(store, attempt) == {"loss": [2, 1]}
    assert problems(store, attempt) == []


def test_lines_of_a_well_known_trainer(store: Database, tmp_path: Path) -> None:
    attempt = start_attempt(store, tmp_path, MetricSource(stream="stdout", pattern="xgboost"))
    (attempt.directory / "stdout.log").write_text("[0]\ttrain-auc:0.5\tvalid-auc:0.25\n")
    read(store, attempt)
    assert values(store, attempt) == {"train-auc": [0.5], "valid-auc": [0.25]}


def test_one_source_that_cannot_be_read_stops_no_other(store: Database, tmp_path: Path) -> None:
    attempt = start_attempt(
        store,
        tmp_path,
        MetricSource(path="folder"),
        MetricSource(path="noise.bin"),
        MetricSource(path="odd.jsonl", format="parquet"),
        MetricSource(stream="stdout", pattern="(?P<x>(a+)+)b"),
        MetricSource(stream="stdout", pattern="kears"),
        MetricSource(stream="stderr", pattern=r"never (?P<x>\d)"),
        MetricSource(path="missing.jsonl"),
        MetricSource(path="empty.csv"),
        MetricSource(path="pipe"),
        MetricSource(path="endless"),
        MetricSource(path="good.jsonl"),
    )
    (attempt.stage_dir / "folder").mkdir()
    os.mkfifo(attempt.stage_dir / "pipe")
    (attempt.stage_dir / "endless").symlink_to("/dev/zero")
    (attempt.stage_dir / "noise.bin").write_bytes(bytes(range(256)))
    (attempt.stage_dir / "odd.jsonl").write_text("x\n")
    (attempt.stage_dir / "empty.csv").write_text("step,loss\n")
    (attempt.directory / "stdout.log").write_text("a" * 60 + "\n")
    (attempt.directory / "stderr.log").write_text("nothing\n")
    (attempt.stage_dir / "good.jsonl").write_text(lines(range(3)))
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("trainui.metrics.formats.text.pattern.TIME_LIMIT", 0.1)
        reader = read(store, attempt)
        assert values(store, attempt) == {"loss": [0, 0.5, 1]}
        reader.finish(clean=True)
    assert is_complete(store, attempt)
    found = "\n".join(problems(store, attempt))
    for words in (
        "folder is a directory",
        "noise.bin is binary",
        "unknown format 'parquet'",
        "make it simpler",
        "unknown preset 'kears'",
        "matched no line of",
        "no file matches missing.jsonl",
        "empty.csv has no record",
        "pipe is not a regular file",
        "endless is not a regular file",
    ):
        assert words in found
    assert len(problems(store, attempt)) == 10


def test_a_named_source_without_metrics_is_reported_during_the_stage(
    store: Database, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    attempt = start_attempt(
        store,
        tmp_path,
        MetricSource(path="late.csv"),
        MetricSource(path="header.csv"),
        MetricSource(path="link.jsonl"),
        MetricSource(stream="stdout", pattern=r"never (?P<x>\d)"),
    )
    (attempt.stage_dir / "header.csv").write_text("step,loss\n")
    (attempt.stage_dir / "link.jsonl").symlink_to("elsewhere/metrics.jsonl")
    (attempt.directory / "stdout.log").write_text("nothing\n" * 999)
    reader = read(store, attempt)
    assert problems(store, attempt) == []
    monkeypatch.setattr("trainui.metrics.reader.attempt_files.PATIENCE", 0)
    look(reader)
    found = "\n".join(problems(store, attempt))
    for words in (
        "so far no file matches late.csv",
        "header.csv has no metric so far, in less than 1 kB",
        "link.jsonl is a link to elsewhere/metrics.jsonl, which does not exist",
        r"stdout.log has no line that 'never (?P<x>\\d)' matches so far, in more than 1 kB",
    ):
        assert words in found, found

    (attempt.stage_dir / "elsewhere").mkdir()
    (attempt.stage_dir / "elsewhere" / "metrics.jsonl").write_text('{"step": 1, "loss": 1}\n')
    for name in ("late.csv", "header.csv"):
        (attempt.stage_dir / name).write_text("step,acc\n1,0.5\n")
    (attempt.directory / "stdout.log").write_text("never 5\n")
    look(AttemptReader(store, attempt.to_read))  # another process may go on
    assert problems(store, attempt) == []


def test_a_last_line_without_its_end_counts_at_once(store: Database, tmp_path: Path) -> None:
    attempt = start_attempt(
        store,
        tmp_path,
        MetricSource(path="a.csv"),
        MetricSource(path="b.jsonl"),
        MetricSource(path="c.jsonl"),
    )
    (attempt.stage_dir / "a.csv").write_text("step,a\n1,0.5\n2,0.25")
    (attempt.stage_dir / "b.jsonl").write_text('{"step": 1, "b": 1}\n{"step": 2, "b": 2}')
    (attempt.stage_dir / "c.jsonl").write_text('{\n"step": 1,\n"c": 1\n}\n{"step": 2, "c": 2}')
    AttemptReader(store, attempt.to_read).finish(clean=True)
    assert values(store, attempt) == {"a": [0.5, 0.25], "b": [1, 2], "c": [1, 2]}


def test_an_attempts_lack_is_not_the_nexts(store: Database, tmp_path: Path) -> None:
    first = start_attempt(store, tmp_path, MetricSource(path="m.csv"))
    read(store, first).finish(clean=True)
    assert "no file matches m.csv" in problems(store, first)[0]
    second = again(store, first)
    (second.stage_dir / "m.csv").write_text("step,loss\n1,0.5\n")
    read(store, second)
    assert problems(store, second) == []


@pytest.mark.skipif(os.geteuid() == 0, reason="root may read anything")
def test_a_file_without_permission_is_read_once_it_has_it(store: Database, tmp_path: Path) -> None:
    attempt = start_attempt(store, tmp_path, MetricSource(path="m.jsonl"))
    path = attempt.stage_dir / "m.jsonl"
    path.write_text(lines([1]))
    path.chmod(0)
    reader = read(store, attempt)
    assert "Permission denied" in problems(store, attempt)[0]
    path.chmod(0o600)
    look(reader)
    assert (problems(store, attempt), values(store, attempt)) == ([], {"loss": [0.5]})


def test_a_problem_that_is_over_is_forgotten(store: Database, tmp_path: Path) -> None:
    attempt = start_attempt(store, tmp_path, MetricSource(path="m.jsonl"))
    path = attempt.stage_dir / "m.jsonl"
    path.mkdir()
    reader = read(store, attempt)
    assert "is a directory" in problems(store, attempt)[0]
    path.rmdir()
    path.write_text(lines([1]))
    look(reader)
    assert (problems(store, attempt), values(store, attempt)) == ([], {"loss": [0.5]})


def test_a_record_that_was_too_long_is_reported_permanently(
    store: Database, tmp_path: Path
) -> None:
    attempt = start_attempt(store, tmp_path, MetricSource(path="m.jsonl"))
    path = attempt.stage_dir / "m.jsonl"
    long = '{"note": "' + "x" * (9 << 20) + '"}\n'
    path.write_text(lines([0]) + long + lines([1]) + long + lines([2]))
    look(read(store, attempt))
    with path.open("a") as file:
        file.write(lines([3]))
    look(read(store, attempt))  # by another reader, as after a restart
    (told,) = problems(store, attempt)
    assert told.startswith(f"{path}: the record at byte {len(lines([0]))} is longer than 4 MiB")
    assert "skipped (and 1 more after it)" in told
    assert values(store, attempt) == {"loss": [0, 0.5, 1, 1.5]}


def test_equal_numbers_in_several_kinds_are_one_series(store: Database, tmp_path: Path) -> None:
    attempt = start_attempt(store, tmp_path)
    (attempt.stage_dir / "progress.json").write_text(lines(range(3)))
    (attempt.stage_dir / "progress.csv").write_text("step,loss,lr\n0,0,9\n1,0.5,9\n2,1,9\n")
    read(store, attempt)
    found = values(store, attempt)
    assert (found["loss"], found["lr"]) == ([0, 0.5, 1], [9, 9, 9])
    with (attempt.stage_dir / "progress.json").open("a") as file:
        file.write(lines([3]))
    with (attempt.stage_dir / "progress.csv").open("a") as file:
        file.write("3,1.5,9\n")
    read(store, attempt)  # as after a restart
    assert values(store, attempt)["loss"] == [0, 0.5, 1, 1.5]


def test_two_files_of_one_kind_repeating_a_metric_are_one(store: Database, tmp_path: Path) -> None:
    attempt = start_attempt(store, tmp_path)
    history = [{"loss": step, "epoch": 1, "step": step} for step in range(5)]
    state = attempt.stage_dir / "checkpoint-4" / "trainer_state.json"
    state.parent.mkdir()
    state.write_text(json.dumps({"log_history": history}))
    log = attempt.stage_dir / "trainer_log.jsonl"
    log.write_text("".join(f'{{"loss": {one}, "current_steps": {one}}}\n' for one in range(8)))
    (attempt.stage_dir / "other.jsonl").write_text(lines([9]))
    read(store, attempt)
    apart = {"loss": [4.5], "trainer_log/loss": list(range(8))}
    assert values(store, attempt) == {**apart, "epoch": [1] * 5}
    read(store, attempt)  # as after a restart
    assert values(store, attempt) == {**apart, "epoch": [1] * 5}
    log.with_name("other.jsonl").unlink()
    (tmp_path / "second" / "work").mkdir(parents=True)
    second = start_attempt(store, tmp_path / "second", name="second")
    (second.stage_dir / "trainer_log.jsonl").write_text(log.read_text())
    read(store, second)
    assert values(store, second) == {"loss": list(range(8))}


@pytest.mark.parametrize(
    "names", [("version_0/log.csv", "version_1/log.csv"), ("r0-log.csv", "r1-log.csv")]
)
def test_files_of_one_kind_side_by_side_are_not_mixed(
    store: Database, tmp_path: Path, names: tuple[str, str]
) -> None:
    attempt = start_attempt(store, tmp_path)
    for number, name in enumerate(names):
        path = attempt.stage_dir / name
        path.parent.mkdir(exist_ok=True)
        path.write_text(f"step,loss\n1,{number}\n")
    read(store, attempt)
    label = names[1].partition("/")[0].partition(".")[0]
    assert values(store, attempt) == {"loss": [0], f"{label}/loss": [1]}
    for name in names:
        with (attempt.stage_dir / name).open("a") as file:
            file.write("2,7\n")
    read(store, attempt)  # as after a restart
    assert values(store, attempt) == {"loss": [0, 7], f"{label}/loss": [1, 7]}


def test_a_later_attempt_continues_from_another_kind_of_file(
    store: Database, tmp_path: Path
) -> None:
    first = start_attempt(store, tmp_path)
    events = first.stage_dir / "events.out.tfevents.1"
    events.write_bytes(VERSION + b"".join(scalar(step, step) for step in range(3)))
    state = first.stage_dir / "trainer_state.json"
    state.write_text(json.dumps({"log_history": [{"eval_loss": 5, "step": 2}]}))
    read(store, first).finish(clean=True)
    second = again(store, first)
    state.write_text(json.dumps({"log_history": [{"eval_loss": 6, "step": 3}]}))
    events.with_name("metrics.csv").write_text("step,train/loss,eval/loss\n3,3,6\n")
    read(store, second).finish(clean=True)
    found = values(store, second)
    assert found.keys() == {"loss", "eval_loss"}
    assert found["loss"] == [0, 1, 2, 3]


def test_a_later_attempt_reads_the_firsts_kind_of_file(store: Database, tmp_path: Path) -> None:
    """Ultralytics counts epochs from 1 in its table, and from 0 elsewhere."""
    attempt = start_attempt(store, tmp_path)
    table = attempt.stage_dir / "results.csv"
    table.write_text("epoch,loss,map(B)\n1,0,0\n2,1,0\n")
    read(store, attempt).finish(clean=True)
    attempt = again(store, attempt)
    events = attempt.stage_dir / "events.out.tfevents.1"
    events.write_bytes(VERSION + b"".join(scalar(step, step) for step in range(2, 5)))
    table.unlink()
    reader = AttemptReader(store, attempt.to_read)
    look(reader)
    table.write_text("epoch,loss,map(B)\n3,2,0\n4,3,0\n5,4,0\n")
    look(reader)
    look(reader)
    reader.finish(clean=True)
    curve = readings.curve(connect(store), attempt.stage_id, "loss")
    assert (curve.steps - 1).tolist() == curve.values.tolist() == list(range(5))


@pytest.mark.parametrize("waits", [True, False])
def test_another_kind_is_read_if_the_earlier_does_not_come(
    store: Database, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, waits: bool
) -> None:
    attempt = start_attempt(store, tmp_path)
    table = attempt.stage_dir / "results.csv"
    table.write_text("step,loss\n0,0\n")
    read(store, attempt).finish(clean=True)
    table.unlink()
    attempt = again(store, attempt)
    events = attempt.stage_dir / "events.out.tfevents.1"
    events.write_bytes(VERSION + scalar(1, 1))
    limit = "trainui.metrics.discovery.fallback_sources.WAIT_FOR_FLUSH"
    monkeypatch.setattr(limit, 150.0 if waits else 0.0)
    reader = read(store, attempt)
    assert values(store, attempt) == {"loss": [0] if waits else [0, 1]}
    reader.finish(clean=True)
    assert values(store, attempt) == {"loss": [0, 1]}


def test_data_beside_the_metrics_is_no_metric(store: Database, tmp_path: Path) -> None:
    attempt = start_attempt(store, tmp_path)
    (attempt.stage_dir / "train.jsonl").write_text('{"text": "a", "label": 1}\n')
    (attempt.stage_dir / "loss.jsonl").write_text('{"text": "a"}\n{"loss": 1}\n')
    (attempt.stage_dir / "log.txt").write_text("epoch 1: nothing to see\n" * 3)
    read(store, attempt).finish(clean=True)
    assert values(store, attempt) == {"loss": [1]}
    assert problems(store, attempt) == []


def test_metrics_after_a_configuration_are_found(store: Database, tmp_path: Path) -> None:
    attempt = start_attempt(store, tmp_path)
    path = attempt.stage_dir / "train.jsonl"
    path.write_text('{"config": {"lr": 0.1, "name": "a"}}\n')
    reader = read(store, attempt)
    with path.open("a") as file:
        file.write('{"step": 7, "loss": 1, "note": "a"}\n')
    reader.scan()
    end(reader)
    assert values(store, attempt) == {"loss": [1]}


@pytest.mark.parametrize(
    "metrics",
    [
        (),
        (MetricSource(path="*_log.csv"), MetricSource(path="**/*.jsonl")),
        tuple(
            MetricSource(path=file)
            for file in ("train_log.csv", "val_log.csv", "test.jsonl", "eval/log.jsonl")
        ),
    ],
)
def test_files_of_parts_of_the_data_have_different_names(
    store: Database, tmp_path: Path, metrics: tuple[MetricSource, ...]
) -> None:
    attempt = start_attempt(store, tmp_path, *metrics)
    (attempt.stage_dir / "train_log.csv").write_text("epoch,loss\n0,1\n1,2\n")
    (attempt.stage_dir / "val_log.csv").write_text("epoch,loss,val_acc\n0,3,4\n")
    (attempt.stage_dir / "test.jsonl").write_text('{"epoch": 1, "loss": 5}\n')
    (attempt.stage_dir / "eval").mkdir()
    (attempt.stage_dir / "eval" / "log.jsonl").write_text('{"epoch": 1, "loss": 6}\n')
    end(read(store, attempt))
    assert values(store, attempt) == {
        "eval/loss": [6],
        "loss": [1, 2],
        "val/loss": [3],
        "val_acc": [4],
        "test/loss": [5],
    }


def test_a_file_that_is_named_alone_keeps_its_names(store: Database, tmp_path: Path) -> None:
    attempt = start_attempt(store, tmp_path, MetricSource(path="val_log.csv"))
    (attempt.stage_dir / "val_log.csv").write_text("epoch,loss\n0,3\n")
    end(read(store, attempt))
    assert values(store, attempt) == {"loss": [3]}


def test_the_journal_of_optuna_has_a_series_for_each_trial(store: Database, tmp_path: Path) -> None:
    attempt = start_attempt(store, tmp_path)
    begins = '{"op_code": 0, "worker_id": "a-1", "study_name": "s", "directions": [1]}\n'
    trial = '{"op_code": 4, "worker_id": "a-1", "study_id": 0}\n'
    value = '{"op_code": 7, "worker_id": "a", "trial_id": %d, "step": 3, "intermediate_value": NaN}'
    ended = '{"op_code": 6, "worker_id": "a-1", "trial_id": 1, "state": 1, "values": [0.5]}\n'
    file = attempt.stage_dir / "journal.log"
    file.write_text(begins + trial + trial + value % 0 + "\n" + value % 1)
    reader = read(store, attempt)
    with file.open("a") as more:
        more.write("\n" + ended + '{"op_code": 6, "torn')
    end(reader)
    found = values(store, attempt)
    assert {name: list(map(repr, several)) for name, several in found.items()} == {
        "trial 0": ["nan"],
        "trial 1": ["nan"],
        "value": ["0.5"],
    }


def test_a_file_that_somebody_else_wrote_before_is_left_out(
    store: Database, tmp_path: Path
) -> None:
    (tmp_path / "work").mkdir()
    old, untouched = tmp_path / "work" / "m.jsonl", tmp_path / "work" / "n.jsonl"
    for path in (old, untouched):
        path.write_text(lines(range(100)))
        os.utime(path, (1, 1))
    attempt = start_attempt(
        store, tmp_path, MetricSource(path="m.jsonl"), MetricSource(path="n.jsonl")
    )
    reader = read(store, attempt)
    with old.open("a") as file:
        file.write(lines([100, 101]))
    look(reader)
    reader.finish(clean=True)
    assert values(store, attempt) == {"loss": [50, 50.5]}
    assert problems(store, attempt) == [f"{untouched} was not written since the attempt began"]


def test_files_of_rotating_logs_are_read_once(store: Database, tmp_path: Path) -> None:
    attempt = start_attempt(store, tmp_path, MetricSource(path="log.jsonl*"))
    log = attempt.stage_dir / "log.jsonl"
    reader = read(store, attempt)
    for at in range(30):
        if at % 5 == 4:
            for number in (2, 1):
                older = log.with_name(f"log.jsonl.{number}")
                if older.exists():
                    older.rename(log.with_name(f"log.jsonl.{number + 1}"))
            log.rename(log.with_name("log.jsonl.1"))
        with log.open("a") as file:
            file.write(lines([at]))
        if at % 3 == 0:
            look(reader)
        if at == 17:
            reader.close()
            reader = read(store, attempt)
    look(reader)
    assert sorted(values(store, attempt)["loss"]) == [at / 2 for at in range(30)]
    assert summaries(store, attempt.stage_id)["loss"].superseded == 0


def test_a_history_that_moves_from_checkpoint_to_checkpoint(
    store: Database, tmp_path: Path
) -> None:
    attempt = start_attempt(store, tmp_path)
    reader = read(store, attempt)
    for step in (5, 10, 15):
        path = attempt.stage_dir / f"checkpoint-{step}" / "trainer_state.json"
        path.parent.mkdir()
        history = [{"step": at, "loss": at / 2} for at in range(step)]
        path.write_text(json.dumps({"epoch": 1.0, "log_history": history}, indent=1))
        look(reader)
    assert values(store, attempt)["loss"] == [at / 2 for at in range(15)]


def test_the_next_attempt_continues_in_the_same_file(store: Database, tmp_path: Path) -> None:
    first = start_attempt(store, tmp_path, MetricSource(path="m.jsonl"))
    path = first.stage_dir / "m.jsonl"
    path.write_text(lines(range(6)))
    read(store, first).finish(clean=False)
    second = again(store, first)
    with path.open("a") as file:
        file.write(lines(range(3, 8)))
    read(store, second).finish(clean=True)
    found = [(p.attempt, p.step) for p in read_points.points(connect(store), [second.stage_id])]
    assert found == [*((1, step) for step in range(6)), *((2, step) for step in range(3, 8))]
    summary = summaries(store, second.stage_id)["loss"]
    assert (summary.count, summary.superseded, summary.last_step) == (8, 3, 7)


def again(store: Database, attempt: Attempt) -> Attempt:
    """End an attempt and start the next."""
    with store.write() as connection:
        ended = attempts.get(connection, attempt.id)
        attempts.end(connection, ended.id, Outcome(Status.FAILED, clock.now()))
        run_id = stages.get(connection, attempt.stage_id).run_id
        stage_requests.reopen(connection, run_id, [Reopened(attempt.to_read.definition.name)])
    return next_attempt(store, run_id, attempt.to_read.definition.name)


@pytest.mark.parametrize("first", [0, 1])
def test_a_restarting_counter_is_continued_on_request(
    store: Database, tmp_path: Path, first: int
) -> None:
    attempt = start_attempt(store, tmp_path, MetricSource(path="m.jsonl", restarts="continue"))
    path = attempt.stage_dir / "m.jsonl"
    for number in range(3):
        if number:
            attempt = again(store, attempt)
        with path.open("a") as file:
            file.write(lines(range(first, first + 3)))
        reader = read(store, attempt)
        reader.close()
        with path.open("a") as file:
            file.write(lines([first + 3]))
        read(store, attempt).finish(clean=True)  # as after a restart of the reader
    found = readings.curve(connect(store), attempt.stage_id, "loss")
    assert found.steps.tolist() == list(range(first, first + 12))
    assert summaries(store, attempt.stage_id)["loss"].superseded == 0


HISTORY = "step,loss,epoch\n"
BY_EPOCH = "".join(f"{{'loss': {at / 2}, 'epoch': {at / 4}}}\n" for at in range(4))
BY_STEP = "".join(f"step {at} loss {at / 2}\n" for at in range(4))


@pytest.mark.parametrize(
    ("log", "names"), [(BY_EPOCH, {"loss", "stdout/loss", "epoch"}), (BY_STEP, {"loss", "epoch"})]
)
@pytest.mark.parametrize("is_file_first", [True, False])
def test_a_log_by_epochs_and_a_file_by_steps_differ(
    store: Database, tmp_path: Path, log: str, names: set[str], is_file_first: bool
) -> None:
    """A log with steps continues a file's curve, and the other way round."""
    attempt = start_attempt(store, tmp_path)
    path = attempt.stage_dir / "progress.csv"
    for is_file in (is_file_first, not is_file_first):
        attempt = attempt if is_file is is_file_first else again(store, attempt)
        if is_file:
            path.write_text(HISTORY + "".join(f"{at},{at / 2},{at / 4}\n" for at in range(4, 9)))
        else:
            (attempt.directory / "stdout.log").write_text(log)
        end(read(store, attempt))
        path.unlink(missing_ok=True)
    found = {p.name for p in read_points.points(connect(store), [attempt.stage_id])}
    assert found == names
    steps = [step for name, step, _ in all_points(store, attempt.stage_id) if name == "loss"]
    assert len(names) == 2 or steps == list(range(4, 9))


def test_a_file_hides_what_the_log_prints_at_each_attempt(store: Database, tmp_path: Path) -> None:
    attempt = start_attempt(store, tmp_path)
    for number in range(2):
        attempt = again(store, attempt) if number else attempt
        (attempt.directory / "stdout.log").write_text(BY_EPOCH)
        rows = [{"step": at, "loss": at / 2, "epoch": at / 4} for at in range(9)]
        attempt.own_file.write_text("".join(f"{json.dumps(row)}\n" for row in rows))
        end(read(store, attempt))
        assert values(store, attempt).keys() == {"loss", "epoch"}


def test_a_history_replaces_earlier_attempts_logs_by_epoch(store: Database, tmp_path: Path) -> None:
    attempt = start_attempt(store, tmp_path)
    for _ in range(2):
        (attempt.directory / "stdout.log").write_text(BY_EPOCH)
        end(read(store, attempt))
        attempt = again(store, attempt)
    history = [{"loss": at / 2, "epoch": at / 4, "step": at} for at in range(9)]
    state = attempt.stage_dir / "trainer_state.json"
    state.write_text(json.dumps({"log_history": history}))
    end(read(store, attempt))
    curve = readings.curve(connect(store), attempt.stage_id, "loss")
    assert (curve.steps / 2).tolist() == curve.values.tolist() == [at / 2 for at in range(9)]
    assert values(store, attempt).keys() == {"loss", "epoch"}


def test_a_progress_bar_waits_for_event_files_flushed_late(
    store: Database, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("trainui.metrics.discovery.fallback_sources.WAIT", 0.0)
    attempt = start_attempt(store, tmp_path)
    events = attempt.stage_dir / "events.out.tfevents.1"
    events.write_bytes(VERSION)
    bar = "\rEpoch {}: 100%|##| 3/3 [00:00<00:00, 9.1it/s, loss={}]"
    (attempt.directory / "stderr.log").write_text("".join(bar.format(at, at) for at in range(4)))
    reader = AttemptReader(store, attempt.to_read)
    look(reader)
    look(reader)
    assert values(store, attempt) == {}
    events.write_bytes(VERSION + b"".join(scalar(step, step) for step in range(30)))
    end(reader)
    assert values(store, attempt) == {"loss": list(range(30))}


@pytest.mark.parametrize(
    ("lines", "steps"),
    [
        ("[epoch {epoch}] batch {at} loss {loss}", range(12)),
        ("epoch {epoch} batch {at}/3 loss {loss}", range(12)),
        ("epoch {epoch} iter {all}/12 loss {loss}", range(12)),
    ],
)
def test_positions_within_epochs_continue_in_a_resumed_attempt(
    store: Database, tmp_path: Path, lines: str, steps: range
) -> None:
    """The first attempt ends in epoch 2, the next begins with epoch 2, or after it."""
    printed = [
        lines.format(epoch=at // 3, at=at % 3, all=at, loss=at / 2) + "\n" for at in range(12)
    ]
    for resumed in (6, 9):
        first = start_attempt(store, tmp_path, name=f"from-{resumed}")
        (first.directory / "stdout.log").write_text("".join(printed[: resumed + 2]))
        end(read(store, first))
        second = again(store, first)
        (second.directory / "stdout.log").write_text("".join(printed[resumed:]))
        end(read(store, second))
        curve = readings.curve(connect(store), second.stage_id, "loss")
        assert list(zip(curve.steps.tolist(), curve.values.tolist(), strict=True)) == [
            (step, step / 2) for step in steps
        ]


def test_a_file_with_a_new_metric_each_line_is_bounded(store: Database, tmp_path: Path) -> None:
    attempt = start_attempt(store, tmp_path)
    rows = ({f"metric_{at}": 1} for at in range(MAX_SERIES + 500))
    attempt.own_file.write_text("".join(json.dumps(row) + "\n" for row in rows))
    read(store, attempt).finish(clean=True)
    assert len(values(store, attempt)) == MAX_SERIES
    assert "more than 2000 metrics" in problems(store, attempt)[0]


def end(reader: AttemptReader) -> None:
    look(reader)
    reader.finish(clean=True)


def test_printed_metrics_are_read_where_nothing_else_has_any(
    store: Database, tmp_path: Path
) -> None:
    attempt = start_attempt(store, tmp_path)
    (attempt.directory / "stdout.log").write_text("lr = 0.1\nstep 1 loss 2\nstep 2 loss 1\n")
    (attempt.directory / "stderr.log").write_text("[0]\ttrain-auc:0.5\n[1]\ttrain-auc:0.75\n")
    reader = AttemptReader(store, attempt.to_read)
    look(reader)
    assert values(store, attempt) == {}, "a file may still come"
    end(reader)
    assert values(store, attempt) == {"loss": [2, 1], "train-auc": [0.5, 0.75]}
    assert problems(store, attempt) == []


def test_printed_metrics_are_read_live_after_a_wait(
    store: Database, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("trainui.metrics.discovery.fallback_sources.WAIT", 0.0)
    attempt = start_attempt(store, tmp_path)
    stdout = attempt.directory / "stdout.log"
    stdout.write_text("step 1 loss 2\n")
    reader = AttemptReader(store, attempt.to_read)
    look(reader)
    assert values(store, attempt) == {}, "one line may be anything"
    stdout.write_text("step 1 loss 2\nstep 2 loss 1\n")
    look(reader)
    look(reader)
    assert values(store, attempt) == {"loss": [2, 1]}
    reader.close()
    with stdout.open("a") as file:
        file.write("step 3 loss 0.5\n")
    end(read(store, attempt))  # as after a restart
    assert values(store, attempt) == {"loss": [2, 1, 0.5]}


def test_a_log_with_a_metric_is_due_early(tmp_path: Path) -> None:
    log, fallbacks = tmp_path / "stdout.log", FallbackSources()
    fallbacks.add(SourceFile("stdout.log#found", log, DecoderChoice(format="text")))
    log.write_text("step 1 loss 2\n")
    fallbacks.scan()
    assert not fallbacks.is_due
    log.write_text("step 1 loss 2\nstep 2 loss 1\n")
    fallbacks.scan()
    assert fallbacks.is_due


def test_a_metric_printed_and_written_is_offered_once(store: Database, tmp_path: Path) -> None:
    attempt = start_attempt(store, tmp_path)
    (attempt.directory / "stdout.log").write_text("step 1 loss 2.0\nstep 2 loss 1.0\n")
    (attempt.stage_dir / "log.txt").write_text("step 1 loss 2.0\nstep 2 loss 1.0\n")
    (attempt.stage_dir / "progress.csv").write_text("step,loss\n1,2.01\n2,1.01\n")
    end(read(store, attempt))
    assert values(store, attempt) == {"loss": [2.01, 1.01]}


def test_the_same_print_in_two_logs_is_offered_once(store: Database, tmp_path: Path) -> None:
    attempt = start_attempt(store, tmp_path)
    for path in (attempt.directory / "stdout.log", attempt.stage_dir / "log.txt"):
        path.write_text("step 1 loss 2\nstep 2 loss 1\n")
    end(read(store, attempt))
    assert values(store, attempt) == {"loss": [2, 1]}


def test_the_directories_of_dvclive_and_mlflow(store: Database, tmp_path: Path) -> None:
    attempt = start_attempt(store, tmp_path)
    experiment = attempt.stage_dir / "mlruns" / "0"
    run, nested, model = experiment / "abc", experiment / "def", experiment / "models" / "m-1"
    files = {
        attempt.stage_dir / "dvclive/plots/metrics/train/loss.tsv": "step\tloss\n0\t2\n1\t1\n",
        attempt.stage_dir / "dvclive/plots/metrics/lr.tsv": "timestamp\tstep\tlr\n1\t0\t3\n",
        attempt.stage_dir / "dvclive/metrics.json": '{"train": {"loss": 1}, "f1": 8, "step": 1}',
        run / "meta.yaml": "",
        run / "metrics/val mae": "1795527525123 5 0\n1795527525124 nan 1 data digest\n",
        run / "metrics/val/mse": "1795527525123 4 0\n",
        run / "params/lr": "0.1",
        nested / "meta.yaml": "",
        nested / "tags/mlflow.parentRunId": "abc",
        nested / "tags/mlflow.runName": "fold 1",
        nested / "metrics/val/mse": "1795527525123 3 0\n",
        model / "meta.yaml": "",
        model / "metrics/val/mse": "1795527525123 4 0 abc\n",
    }
    for path, text in files.items():
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    end(read(store, attempt))
    found = values(store, attempt)
    assert {name: repr(numbers) for name, numbers in found.items()} == {
        "lr": "[3.0]",
        "train/loss": "[2.0, 1.0]",
        "val mae": "[5.0, nan]",
        "val/mse": "[4.0]",
        "fold 1/val/mse": "[3.0]",
        "f1": "[8.0]",
    }


def test_mlflow_leaves_out_the_parentheses_of_a_name() -> None:
    names = SeriesNames()
    assert names.accepts("metrics/mAP50(B)", "csv", "results.csv")
    assert not names.accepts("metrics/mAP50B", "mlflow", "mlflow.db#1")


def test_keras_names_the_same_numbers_in_two_ways() -> None:
    names = SeriesNames()
    assert names.accepts("loss", "csv")
    assert not names.accepts("train/epoch_loss", "tfevents")
    assert names.accepts("train/batch_loss", "tfevents")
    assert names.accepts("validation/epoch_loss", "tfevents")
    assert not names.accepts("val_loss", "csv")


def test_a_datasets_part_precedes_a_bars_or_lines_name() -> None:
    names = SeriesNames()
    assert all(names.accepts(name, "json") for name in ("loss", "train_loss", "eval_loss"))
    assert not any(names.accepts(name, "tfevents") for name in ("train/loss", "eval/loss"))
    assert names.accepts("test/loss", "tfevents")
    assert not names.accepts("test_loss", "csv")
    assert names.accepts("train/loss", "json"), "one file tells its own metrics apart"


@pytest.mark.parametrize("kind", ["fold_", "seed", "rank-"])
def test_trainings_writing_side_by_side_are_separate_series(
    store: Database, tmp_path: Path, kind: str
) -> None:
    attempt = start_attempt(store, tmp_path)
    for fold in range(2):
        directory = attempt.stage_dir / f"out/{kind}{fold}"
        (directory / "test1").mkdir(parents=True)
        (directory / "metrics.csv").write_text(f"step,acc\n0,{fold}\n")
        events = directory / "test1/events.out.tfevents.1"
        events.write_bytes(VERSION + scalar(0, fold))
    read(store, attempt)
    assert values(store, attempt) == {
        f"{kind}0/acc": [0],
        f"{kind}0/test1/loss": [0],
        f"{kind}1/acc": [1],
        f"{kind}1/test1/loss": [1],
    }


def test_an_unknown_text_is_doubted_at_once(store: Database, tmp_path: Path) -> None:
    attempt = start_attempt(store, tmp_path, MetricSource(path="notes.txt"))
    path = attempt.stage_dir / "notes.txt"
    path.write_text("nothing to see here\n" * 100)
    reader = read(store, attempt)
    assert "notes.txt: unknown format, and none of its lines" in problems(store, attempt)[0]
    with path.open("a") as file:
        file.write("step 1 loss 2\nstep 2 loss 1\n")
    look(reader)
    assert (problems(store, attempt), values(store, attempt)) == ([], {"loss": [2, 1]})


def test_a_text_that_shows_no_metric_is_given_up(
    store: Database, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("trainui.metrics.discovery.fallback_sources.MAX_LINES", 1000)
    attempt = start_attempt(store, tmp_path)
    log = attempt.directory / "stdout.log"
    log.write_text("nothing to see here\n" * 5000 + "step 1 loss 2\nstep 2 loss 1\n")
    end(read(store, attempt))
    assert (problems(store, attempt), values(store, attempt)) == ([], {})


def test_lines_that_are_all_different_delay_no_end(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("trainui.metrics.discovery.fallback_sources.MAX_FORMS", 1000)
    log, texts = tmp_path / "stdout.log", FallbackSources()
    words = "".join(f"nothing {number:x}z to see\n" for number in range(10_000))
    log.write_text(f"{words}step 1 loss 2\nstep 2 loss 1\n")
    texts.add(SourceFile("stdout.log#found", log, DecoderChoice(format="text")))
    parsed = grammar.parse.cache_info().misses
    assert texts.pop_ready(0.0, all_of_them=True) == []
    assert grammar.parse.cache_info().misses - parsed < 5000


def test_a_bar_that_lasts_is_not_given_up(
    store: Database, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("trainui.metrics.discovery.fallback_sources.MAX_LINES", 1000)
    attempt = start_attempt(store, tmp_path)
    drawn = [f"train: {n}%|█| {n}/99 [00:{n:02d}<00:09, 1.0it/s, loss={n}]\r" for n in range(100)]
    slow = "".join(line * 50 for line in drawn)
    (attempt.directory / "stderr.log").write_text(slow + "\n")
    end(read(store, attempt))
    assert values(store, attempt) == {"loss": list(range(100))}


def test_output_faster_than_reading_is_awaited_only_where_named(
    store: Database, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("trainui.metrics.reader.attempt.TEXT_BACKLOG", 70_000)
    text = "".join(f"step {step} loss 0.5\n" for step in range(20_000))
    found = start_attempt(store, tmp_path, name="found")
    named = start_attempt(
        store, tmp_path, MetricSource(stream="stdout", pattern="print"), name="named"
    )
    for attempt in (found, named):
        (attempt.directory / "stdout.log").write_text(text)
        reader = AttemptReader(store, attempt.to_read)
        reader.scan()
        reader.finish(clean=True)
    assert len(values(store, named)["loss"]) == 20_000
    assert problems(store, named) == []
    read_lines = text.splitlines(keepends=True)[: len(values(store, found)["loss"])]
    assert len("".join(read_lines)) in range(70_000 - 30, 70_001)  # and no torn line
    assert "kB of" in problems(store, found)[0]


def test_a_restarted_writer_replaces_earlier_points_from_its_step(
    store: Database, tmp_path: Path
) -> None:
    attempt = start_attempt(store, tmp_path)
    first, second = (attempt.stage_dir / f"events.out.tfevents.{number}.host" for number in (1, 2))
    attempt.stage_dir.mkdir(exist_ok=True)
    first.write_bytes(VERSION + b"".join(scalar(step, 1.0) for step in range(10)))
    second.write_bytes(VERSION + STARTED + scalar(6, 2.0))
    reader = read(store, attempt)
    (found,) = summaries(store, attempt.stage_id).values()
    assert (found.count, found.superseded, found.last) == (7, 4, 2.0)
    with second.open("ab") as file:
        file.write(scalar(7, 2.0) + STARTED + scalar(3, 3.0) + scalar(4, 3.0))
    look(reader)
    (found,) = summaries(store, attempt.stage_id).values()
    assert (found.count, found.superseded, found.last) == (5, 9, 3.0)
    assert [value for _, _, value in all_points(store, attempt.stage_id)].count(1.0) == 10


def test_a_file_hides_all_spellings_that_a_log_has(
    store: Database, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """None of them stays in the way of the file's."""
    monkeypatch.setattr("trainui.metrics.discovery.fallback_sources.WAIT", 0.0)
    attempt = start_attempt(store, tmp_path)
    events = attempt.stage_dir / "events.out.tfevents.1"
    events.write_bytes(VERSION)
    lines = "".join(f"step {at} loss: {at}.5\nstep {at} train_loss: {at}.25\n" for at in (1, 2, 3))
    (attempt.directory / "stdout.log").write_text(lines)
    reader = AttemptReader(store, attempt.to_read)
    look(reader)
    look(reader)
    assert values(store, attempt).keys() == {"loss", "train_loss"}
    events.write_bytes(VERSION + b"".join(scalar(step, step / 2) for step in range(4)))
    end(reader)
    assert values(store, attempt) == {"loss": [0, 0.5, 1, 1.5]}


def test_an_event_file_hides_the_printed_metrics_it_has(
    store: Database, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Also those that were read before it was flushed; other parts of the data stay."""
    monkeypatch.setattr("trainui.metrics.discovery.fallback_sources.WAIT", 0.0)
    attempt = start_attempt(store, tmp_path)
    events = attempt.stage_dir / "events.out.tfevents.1"
    events.write_bytes(VERSION)
    line = "step {0} train loss {0} val loss {0} grad {0}\n"
    (attempt.directory / "stdout.log").write_text(line.format(1) + line.format(2))
    reader = AttemptReader(store, attempt.to_read)
    look(reader)
    look(reader)
    assert values(store, attempt).keys() == {"train loss", "val loss", "grad"}
    events.write_bytes(VERSION + b"".join(scalar(step, step / 2) for step in range(4)))
    look(reader)
    with (attempt.directory / "stdout.log").open("a") as file:
        file.write(line.format(3))
    end(reader)
    assert values(store, attempt) == {
        "loss": [0, 0.5, 1, 1.5],
        "val loss": [1, 2, 3],
        "grad": [1, 2, 3],
    }
