"""ClearML's offline sessions, with events as ClearML 2.0 writes them."""

from __future__ import annotations

import json
from pathlib import Path

from trainui.metrics.discovery import default_sources, trainings
from trainui.metrics.formats import decoded_parts

TASK = "offline-81706162b2784180b28479bb617ea0ef"


def event(title: str, series: str, step: int, value: float) -> dict[str, object]:
    return {
        **{"timestamp": 1796090452735, "type": "training_stats_scalar", "task": TASK},
        **{"iter": step, "metric": title, "variant": series, "value": value, "method": "get"},
    }


def session(root: Path) -> Path:
    directory = root / TASK
    directory.mkdir()
    lines = [
        [event("loss", "train", 0, 1.0), event("loss", "val", 0, 2.0)],
        [event("loss", "train", 5, 0.5), event("acc", "acc", 5, 0.9)],
        [event(":monitor:machine", "cpu_usage", 5, 99.0), event("Summary", "best", -(2**31), 1.0)],
    ]
    text = "".join(json.dumps(line) + "\n" for line in lines)
    (directory / "metrics.jsonl").write_text(text)
    log = {"timestamp": 1796090452478, "type": "log", "task": TASK, "msg": "step 1 loss 0.5"}
    (directory / "log.jsonl").write_text(json.dumps([log]) + "\n")
    value = {"name": "lr", "section": "General", "type": "float", "value": "0.1"}
    hyperparams = {"General": {"lr": value}, "Model": {"depth": {"value": "2"}}}
    task = {"id": TASK, "name": "demo", "hyperparams": hyperparams}
    (directory / "task.json").write_text(json.dumps(task))
    return directory


def test_scalars_are_series_by_title_and_iteration(tmp_path: Path) -> None:
    directory = session(tmp_path)
    (one,) = default_sources.candidates(tmp_path)
    assert (one.path, one.reading.format) == (directory / "metrics.jsonl", "clearml")
    (decoded,) = decoded_parts(one.path, 1 << 16)
    found = {
        name: list(zip(of.steps.tolist(), of.values.tolist(), strict=True))
        for name, of in decoded.series.items()
    }
    assert found == {
        "loss/train": [(0, 1.0), (5, 0.5)],
        "loss/val": [(0, 2.0)],
        "acc": [(5, 0.9)],
    }
    assert {one.times[0] for one in decoded.series.values()} == {1796090452735000}


def test_a_session_is_a_training_with_its_parameters(tmp_path: Path) -> None:
    session(tmp_path)
    (found,) = trainings.below(tmp_path)
    assert (found.kind, found.name) == ("clearml", "demo")
    assert found.jobs[0].params == {"lr": "0.1", "Model/depth": "2"}
