"""The files of one external training: no curve is of two of them."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.unit.execution.conftest import store as store
from tests.unit.metrics.reading import all_points, lines
from trainui import settings
from trainui.control import external
from trainui.metrics.reader.attempt import AttemptReader
from trainui.store.db.engine import Database
from trainui.store.runs.metrics_progress import attempts_to_read

TABLE = "step,loss\n1,2.5\n2,1.5\n"
OTHER = "step,loss\n1,7.5\n"


def printed(*steps: int) -> str:
    return "".join(f"step {step} loss {step / 2}\n" for step in steps)


@pytest.mark.parametrize(
    ("files", "points"),
    [
        (
            {"metrics.csv": TABLE, "log.jsonl": lines([10, 20])},
            [("loss", 10, 5.0), ("loss", 20, 10.0)],
        ),
        (
            {"a_metrics.csv": TABLE, "b_metrics.csv": OTHER},
            [("loss", 1, 2.5), ("loss", 2, 1.5), ("b_metrics/loss", 1, 7.5)],
        ),
        (
            {"train_log.csv": TABLE, "val_log.csv": OTHER},
            [("loss", 1, 2.5), ("loss", 2, 1.5), ("val/loss", 1, 7.5)],
        ),
        ({"a.log": printed(1, 2), "b.log": printed(8, 9)}, [("loss", 1, 0.5), ("loss", 2, 1.0)]),
        (
            {"a.log": printed(5, 6), "a.log.1": printed(3, 4), "a.log.2": printed(1, 2)},
            [("loss", step, step / 2) for step in range(1, 7)],
        ),
    ],
)
def test_one_curve_is_of_one_file(
    store: Database, tmp_path: Path, files: dict[str, str], points: list[tuple[str, float, float]]
) -> None:
    directory = tmp_path / "found"
    directory.mkdir()
    for name, content in files.items():
        (directory / name).write_text(content)
    external.add(external.find(directory))
    with store.read() as connection:
        (attempt,) = attempts_to_read(connection, settings.host())
    AttemptReader(store, attempt).finish(clean=True)
    assert sorted(all_points(store, attempt.stage_id)) == sorted(points)
