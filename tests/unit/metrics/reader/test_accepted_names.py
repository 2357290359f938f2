"""One curve never mixes two histories: files with the same metric are kept apart."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

import pytest

from tests.unit.metrics.attempts import Attempt, start_attempt
from tests.unit.metrics.reader.test_attempt import VERSION, again, end, read, scalar, values
from tests.unit.metrics.test_wandb import frames, item, row
from trainui.metrics import trackers
from trainui.metrics.names import SeriesNames
from trainui.model.definition import MetricSource
from trainui.plugin import TrackedRun
from trainui.store.db.engine import Database
from trainui.store.points import write_points


def table(*steps: int, begin: float = 0) -> str:
    return "step,loss\n" + "".join(f"{step},{begin + step}\n" for step in steps)


def events(*steps: int, begin: float = 0) -> bytes:
    return VERSION + b"".join(scalar(step, begin + step) for step in steps)


def write(directory: Path, files: Mapping[str, str | bytes]) -> None:
    for name, content in files.items():
        path = directory / name
        path.parent.mkdir(parents=True, exist_ok=True)
        with path.open("ab") as file:
            file.write(content if isinstance(content, bytes) else content.encode())


def named(*paths: str) -> list[MetricSource]:
    return [MetricSource(path=path) for path in paths]


@pytest.mark.parametrize("is_external", [False, True])
@pytest.mark.parametrize(
    ("metrics", "names", "labels"),
    [
        (named("a.csv", "b.csv"), ("a.csv", "b.csv"), ("", "b/")),
        (named("*.csv"), ("a.csv", "b.csv"), ("", "b/")),
        (named("*/m.csv"), ("x/m.csv", "y/m.csv", "z/m.csv"), ("", "y/", "z/")),
        (
            named("*/*/m.csv"),
            ("x/1/m.csv", "y/1/m.csv", "y/2/m.csv", "y/2.5/m.csv"),
            ("", "y/", "y/2/", "y/2.5/"),
        ),
        (named("rank*.csv"), ("rank0.csv", "rank1.csv"), ("", "rank1/")),
        (
            named("**/*.tfevents.*"),
            ("out.tfevents.1", "lr0.1/out.tfevents.1", "lr0.2/out.tfevents.1"),
            ("", "lr0.1/", "lr0.2/"),
        ),
    ],
)
def test_the_same_metric_in_several_named_files(
    store: Database,
    tmp_path: Path,
    metrics: list[MetricSource],
    names: tuple[str, ...],
    labels: tuple[str, ...],
    is_external: bool,
) -> None:
    attempt = start_attempt(store, tmp_path, *metrics, name="main")
    attempt = replace(attempt, to_read=replace(attempt.to_read, is_external=is_external))
    made = events if "tfevents" in names[0] else table
    for number, name in enumerate(names):
        write(attempt.stage_dir, {name: made(1, 2, begin=10 * number)})
    read(store, attempt).close()
    write(attempt.stage_dir, {name: made(3, begin=7) for name in names})
    end(read(store, attempt))  # as after a restart
    found = {name: found[:3] for name, found in values(store, attempt).items()}
    assert found == {
        f"{label}loss": [10 * number + 1, 10 * number + 2, 10]
        for number, label in enumerate(labels)
    }


def test_one_metric_in_a_table_printed_lines_and_a_file(store: Database, tmp_path: Path) -> None:
    printed = [
        MetricSource(stream=stream, pattern=r"step (?P<step>\d+) loss (?P<loss>\S+)")
        for stream in ("stdout", "stderr")
    ]
    attempt = start_attempt(store, tmp_path, *printed, *named("m.csv"))
    for _ in range(2):
        write(attempt.stage_dir, {"m.csv": table(1)})
        lines = {"stdout.log": "step 1 loss 2\n", "stderr.log": "step 1 loss 3\n"}
        write(attempt.directory, {**lines, "metrics.jsonl": '{"step": 1, "loss": 4}\n'})
        end(read(store, attempt))
        last, attempt = attempt, again(store, attempt)
    names = {"loss": 4, "stdout/loss": 2, "stderr/loss": 3, "m/loss": 1}
    assert values(store, last) == {name: [value] * 2 for name, value in names.items()}


@pytest.mark.parametrize("step", [2, 0])
@pytest.mark.parametrize("metrics", [[], named("wandb/*/*.wandb")])
def test_a_resumed_wandb_runs_log_continues_if_steps_do(
    store: Database, tmp_path: Path, metrics: list[MetricSource], step: int
) -> None:
    attempt = start_attempt(store, tmp_path, *metrics)
    for directory, begin in (("run-20260101_000001-a1", 0), ("run-20260101_000009-a1", step)):
        rows = (row(at, item("loss", at)) for at in range(begin, begin + 2))
        write(attempt.stage_dir / "wandb" / directory, {"run-a1.wandb": frames(*rows)})
    (attempt.stage_dir / "wandb/latest-run").symlink_to("run-20260101_000009-a1")
    end(read(store, attempt))
    again = {"run-20260101_000009-a1/loss": [0, 1]}
    assert values(store, attempt) == ({"loss": [0, 1, 2, 3]} if step else {"loss": [0, 1], **again})


def test_several_patterns_for_one_log_give_one_series(store: Database, tmp_path: Path) -> None:
    patterns = (r"warm (?P<step>\d+) (?P<loss>\d+)", r"main (?P<step>\d+) (?P<loss>\d+)")
    metrics = (MetricSource(stream="stdout", pattern=one) for one in patterns)
    attempt = start_attempt(store, tmp_path, *metrics)
    write(attempt.directory, {"stdout.log": "warm 1 5\nmain 2 4\n"})
    end(read(store, attempt))
    assert values(store, attempt) == {"loss": [5, 4]}


def test_numbered_files_are_one_series_if_steps_continue(store: Database, tmp_path: Path) -> None:
    attempt = start_attempt(store, tmp_path, *named("part*.csv"))
    for number, steps in enumerate([(0, 1), (2, 3), (3, 4)]):
        write(attempt.stage_dir, {f"part{number}.csv": table(*steps)})
        read(store, attempt).close()
    write(attempt.stage_dir, {"part0.csv": "9,9\n"})
    end(read(store, attempt))
    assert values(store, attempt) == {"loss": [0, 1, 2, 3, 9], "part2/loss": [3, 4]}


def test_a_later_attempt_keeps_the_names_whichever_file_is_first(
    store: Database, tmp_path: Path
) -> None:
    attempt = start_attempt(store, tmp_path, *named("b.csv", "c.csv"))
    write(attempt.stage_dir, {"b.csv": table(1), "c.csv": table(2)})
    end(read(store, attempt))
    attempt = again(store, attempt)
    write(attempt.stage_dir, {"c.csv": "3,3\n"})
    reader = read(store, attempt)
    write(attempt.stage_dir, {"b.csv": "4,4\n"})
    end(reader)
    assert values(store, attempt) == {"loss": [1, 4], "c/loss": [2, 3]}


def test_a_later_attempt_keeps_a_name_that_resembles_a_label(
    store: Database, tmp_path: Path
) -> None:
    attempt = start_attempt(store, tmp_path, name="train")
    for step in (1, 2):
        line = f'{{"step": {step}, "loss": {step}, "train/loss": {10 * step}}}\n'
        write(attempt.directory, {"metrics.jsonl": line})
        end(read(store, attempt))
        last, attempt = attempt, again(store, attempt)
    assert values(store, last) == {"loss": [1, 2], "train/loss": [10, 20]}


def test_a_later_attempt_keeps_an_older_versions_label(store: Database, tmp_path: Path) -> None:
    attempt = start_attempt(store, tmp_path)
    write(attempt.stage_dir, {"log.csv": table(1), "log.tsv": table(2)})
    end(read(store, attempt))
    with store.write() as connection:
        write_points.rename(connection, attempt.stage_id, "log.tsv/loss", "log/loss")
    attempt = again(store, attempt)
    write(attempt.stage_dir, {"log.csv": "3,3\n", "log.tsv": "4,4\n"})
    end(read(store, attempt))
    assert values(store, attempt) == {"loss": [1, 3], "log/loss": [2, 4]}


def test_another_globbed_file_continues_the_curve_later(store: Database, tmp_path: Path) -> None:
    attempt = start_attempt(store, tmp_path, *named("*/m.csv"))
    write(attempt.stage_dir, {"x/m.csv": table(1, 2)})
    end(read(store, attempt))
    attempt = again(store, attempt)
    write(attempt.stage_dir, {"a/m.csv": table(3)})
    end(read(store, attempt))
    assert values(store, attempt) == {"loss": [1, 2, 3]}


def test_a_file_globbed_by_two_paths_is_read_once(store: Database, tmp_path: Path) -> None:
    attempt = start_attempt(store, tmp_path, *named("*/m.csv"))
    (attempt.stage_dir / "latest").symlink_to("run-1")
    write(attempt.stage_dir, {"run-1/m.csv": table(1, 2)})
    end(read(store, attempt))
    assert values(store, attempt) == {"loss": [1, 2]}


@pytest.mark.parametrize(("is_nested", "labels"), [(False, ("", "same/")), (True, ("same/",) * 2)])
def test_mlflow_file_runs_have_their_names_in_order(
    store: Database, tmp_path: Path, is_nested: bool, labels: tuple[str, str]
) -> None:
    attempt: Attempt = start_attempt(store, tmp_path)
    for number, run in enumerate(("cccccccc3", "bbbbbbbb2", "aaaaaaaa1")):
        files = {"metrics/loss": f"170000000000{number} {number} 1\n", "meta.yaml": ""}
        tags = {"tags/mlflow.runName": "same"}
        parent = {"tags/mlflow.parentRunId": "0"} if is_nested else {}
        write(attempt.stage_dir / "mlruns/0" / run, files | tags | parent)
    end(read(store, attempt))
    names = [f"{labels[0]}loss", f"{labels[1]}loss", f"same-aaaaaaaa/{labels[0]}loss"]
    if is_nested:
        names[1] = "same-bbbbbbbb/same/loss"
    assert values(store, attempt) == {name: [number] for number, name in enumerate(names)}


def test_runs_of_a_database_with_one_name_are_numbered() -> None:
    runs = [TrackedRun(id=str(number), name="base", started=number) for number in range(4)]
    prefixes = [one.reading.prefix for one in trackers.sources([(Path("mlflow.db"), runs)], 0)]
    assert prefixes == ["", "base/", "base-2/", "base-3/"]


@pytest.mark.parametrize(
    ("of_events", "of_table"),
    [("Loss/train", "train_loss"), ("Loss/train", "loss"), ("Accuracy/val", "val_accuracy")],
)
def test_the_part_may_be_the_last_of_a_name(of_events: str, of_table: str) -> None:
    names = SeriesNames()
    assert names.accepts(of_events, "tfevents", "/a/out.tfevents.1")
    assert not names.accepts(of_table, "csv", "/a/results.csv")
    assert names.accepts("lr", "csv", "/a/results.csv")
