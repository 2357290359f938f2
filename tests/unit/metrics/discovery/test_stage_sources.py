"""Which files an attempt's metrics are in."""

from __future__ import annotations

from pathlib import Path

import pytest

from trainui.metrics.discovery.stage_sources import SearchDirectories, find
from trainui.model.definition import MetricSource, StageDefinition


@pytest.fixture
def place(tmp_path: Path) -> SearchDirectories:
    found = SearchDirectories(
        tmp_path / ".trainui/stage/attempt-1", tmp_path / "stage", tmp_path / "work"
    )
    for path in (found.attempt_dir, found.stage_dir, found.workdir):
        path.mkdir(parents=True)
    return found


def touch(root: Path, *names: str) -> None:
    for name in names:
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.touch()


def paths(place: SearchDirectories, *metrics: MetricSource) -> list[str]:
    """The files found, less the attempt's own, below the stage's directory or the workdir."""
    found = find(place, StageDefinition("s", metrics=metrics or None)).candidates
    assert found[0].path == place.attempt_dir / "metrics.jsonl"
    root = place.stage_dir.parent
    return [one.path.relative_to(root).as_posix() for one in found[1:]]


def test_the_stages_directory_comes_before_the_workdir(place: SearchDirectories) -> None:
    source = MetricSource(path="m.jsonl")
    assert paths(place, source) == []
    touch(place.workdir, "m.jsonl")
    assert paths(place, source) == ["work/m.jsonl"]
    touch(place.stage_dir, "m.jsonl")
    assert paths(place, source) == ["stage/m.jsonl"]


def test_globs_and_names_that_only_look_like_globs(place: SearchDirectories) -> None:
    touch(place.stage_dir, "v_1/m.csv", "v_0/m.csv", "v_2/other", "a[1].csv")
    assert paths(place, MetricSource(path="v_*/m.csv")) == ["stage/v_0/m.csv", "stage/v_1/m.csv"]
    assert paths(place, MetricSource(path="**/m.csv")) == ["stage/v_0/m.csv", "stage/v_1/m.csv"]
    assert paths(place, MetricSource(path="a[1].csv")) == ["stage/a[1].csv"]
    assert paths(place, MetricSource(path=str(place.stage_dir / "v_0/*"))) == ["stage/v_0/m.csv"]


def test_streams_are_the_attempts_own(place: SearchDirectories) -> None:
    source = MetricSource(stream="stderr", pattern=r"(?P<loss>\d+)", step="it")
    assert paths(place, source) == [".trainui/stage/attempt-1/stderr.log"]
    broken = find(
        place, StageDefinition("s", metrics=(MetricSource(stream="stdout", pattern="("),))
    )
    assert "cannot be used" in next(iter(broken.problems.values()))


def test_absent_sources_are_missing(place: SearchDirectories) -> None:
    found = find(place, StageDefinition("s", metrics=(MetricSource(path="x/*.csv"),)))
    assert "no file matches x/*.csv" in found.missing["x/*.csv"]


def test_the_usual_files_are_found_by_themselves(place: SearchDirectories) -> None:
    usual = [
        "any.jsonl",
        "csv/version_0/metrics.csv",
        "metrics.json",
        "out/trainer_state.json",
        "progress.csv",
        "results.csv",
        "runs/a/events.out.tfevents.1.host",
    ]
    decoys = ["hparams.yaml", "config.json", "all_results.json", "data.csv", ".hidden/metrics.csv"]
    touch(place.stage_dir, *usual, *decoys, "wandb/run/metrics.jsonl")
    touch(place.workdir, "metrics.jsonl")
    streams = [f".trainui/stage/attempt-1/{name}.log" for name in ("stdout", "stderr")]
    found = paths(place)
    assert found[-2:] == streams, "what is printed comes last"
    assert sorted(found[:-2]) == [f"stage/{name}" for name in usual]


def test_a_table_of_validation_stands_beside_that_of_training(place: SearchDirectories) -> None:
    for name in ("train.csv", "val.csv", "validation_log.csv"):
        (place.stage_dir / name).write_text("epoch,loss\n0,1\n1,2\n")
    found = find(place, StageDefinition("s")).candidates[1:-2]
    assert {one.path.name: one.reading.part for one in found} == {
        "train.csv": "",
        "val.csv": "val/",
        "validation_log.csv": "validation/",
    }


def test_the_format_of_a_text_is_detected_from_its_content(place: SearchDirectories) -> None:
    texts = {
        "training.log": "epoch,loss\n0,1\n1,2\n",
        "log.txt": '{"step": 1, "loss": 2}\n{"step": 2, "loss": 1}\n',
        "run.log": "Starting\nstep 1 loss 2\n",
        "binary.log": "\0\1\2",
        "empty.log": "",
    }
    for name, text in texts.items():
        (place.stage_dir / name).write_text(text)
    found = find(place, StageDefinition("s")).candidates[1:-2]
    assert [(one.path.name, one.is_fallback) for one in found] == [
        ("log.txt", False),
        ("training.log", False),
        ("run.log", True),
    ]


def test_a_history_in_each_checkpoint_is_one_source(place: SearchDirectories) -> None:
    names = [f"out/checkpoint-{step}/trainer_state.json" for step in (5, 10)]
    touch(place.stage_dir, *names)
    for metrics in ((), (MetricSource(path="out/checkpoint-*/trainer_state.json"),)):
        found = [one for one in paths(place, *metrics) if not one.endswith(".log")]
        assert found == ["stage/out/checkpoint-10/trainer_state.json"]


def test_directories_of_a_trainings_parts_come_before_names(
    place: SearchDirectories,
) -> None:
    touch(
        place.stage_dir,
        "tb/train/events.out.tfevents.1",
        "tb/validation/events.out.tfevents.2",
        "lightning_logs/version_0/events.out.tfevents.3",
        "run/events.out.tfevents.4",
        "run/loss_val/events.out.tfevents.5",
        "dvclive/plots/metrics/eval/accuracy.tsv",
        "dvclive/plots/metrics/loss.tsv",
    )
    found = find(place, StageDefinition("s")).candidates[1:-2]
    prefixes = {one.path.parent.name: one.reading.prefix for one in found}
    assert prefixes == {
        "train": "train/",
        "validation": "validation/",
        "version_0": "",
        "run": "",
        "loss_val": "loss_val/",
        "eval": "",
        "metrics": "",
    }


def test_a_stage_with_too_many_files_is_searched_in_part(
    place: SearchDirectories, monkeypatch: pytest.MonkeyPatch
) -> None:
    touch(place.stage_dir, "a/metrics.csv", "a/b/metrics.csv", "c/metrics.csv", "d/metrics.csv")
    searched = "trainui.metrics.discovery.default_sources"
    streams = 2
    assert len(paths(place)) == 4 + streams
    with monkeypatch.context() as patch:
        patch.setattr(f"{searched}.MAX_DEPTH", 1)
        assert "stage/a/b/metrics.csv" not in paths(place)
    with monkeypatch.context() as patch:
        patch.setattr(f"{searched}.MAX_ENTRIES", 6)
        assert len(paths(place)) == 2 + streams
    monkeypatch.setattr("trainui.metrics.discovery.stage_sources.MAX_FILES", 3)
    assert len(paths(place)) == 2
