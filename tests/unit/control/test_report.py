"""A report has what a reader needs who did not see the run."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.unit.execution.conftest import store as store
from tests.unit.execution.submitted import submit
from tests.unit.tui.filled import Filler
from trainui import control, open_session, sync_metrics_from_file
from trainui.control import report
from trainui.model.states import Status
from trainui.store.db import engine, statements
from trainui.store.db.engine import Database
from trainui.store.read import views

TEXT = """
name: dig|its
params: {lr: 0.1, API_TOKEN: abcde}
stages:
  - {name: train_a, run: 'true'}
  - {name: "b<img>", run: 'true', depends_on: [train_a]}
"""


@pytest.fixture
def connection(store: Database) -> Iterator[statements.Connection]:
    with engine.reading() as connection:
        yield connection


def written(connection: statements.Connection, run_id: str) -> str:
    run = views.run(connection, run_id)
    assert run is not None
    return report.markdown(connection, run)


def test_stages_and_states_are_a_table_that_no_name_breaks(
    connection: statements.Connection, tmp_path: Path
) -> None:
    run_id = submit(tmp_path, TEXT)
    control.cancel(run_id)
    shown = written(connection, run_id)
    assert shown.startswith("# dig\\|its: ⊘ cancelled\n")
    assert "| train_a | ⊘ cancelled |" in shown
    assert "| b\\<img\\> | ⊘ cancelled |" in shown
    assert run_id in shown


def test_a_stage_took_as_long_as_all_of_its_attempts(
    connection: statements.Connection, store: Database, tmp_path: Path
) -> None:
    filler = Filler(store, tmp_path / "runs")
    run_id = filler.run({"train": ()})
    for took in (40, 20):
        attempt = filler.start(run_id, "train", ago=took)
        filler.end(attempt, Status.FAILED, exit_code=1)
        control.rerun(run_id, ["train"])
    filler.end(filler.start(run_id, "train", ago=10))
    assert "| train | ✓ completed | 3 | 1m 10s |" in written(connection, run_id)


def test_parameters_are_those_that_differ_from_the_run_before(
    connection: statements.Connection, tmp_path: Path
) -> None:
    first = submit(tmp_path, TEXT)
    second = submit(tmp_path, TEXT.replace("0.1", "0.2").replace("abcde", "ijklmnop"))
    assert "| lr | 0.1 |" in written(connection, first)
    after = written(connection, second)
    assert "| lr | 0.1 | 0.2 |" in after
    assert "TOKEN" not in after
    assert not re.search("abcde|ijklmnop", written(connection, first) + after)


def test_curves_are_drawn_between_their_extremes_and_clocks_are_not(
    connection: statements.Connection, tmp_path: Path
) -> None:
    run_id = submit(tmp_path, TEXT)
    stage = views.stages(connection, run_id)[0]
    file = tmp_path / "metrics.jsonl"
    points = [
        {"step": step, "epoch": step / 10, "timestamp": 1.79e9 + step, "loss": 8 - step}
        for step in range(1, 6)
    ]
    file.write_text("".join(json.dumps(point) + "\n" for point in points))
    with open_session() as session:
        sync_metrics_from_file(stage.id, str(file), session)
    shown = written(connection, run_id)
    assert "| train_a | loss | 3 | 3 | 7 | 5 | 5 |" in shown
    assert "timestamp" not in shown
    (plot,) = re.findall(r"```\n(.*?)\n```", shown, re.DOTALL)
    lines = plot.split("\n")
    assert lines[0] == "train_a  loss"
    assert lines[1].startswith("7 ")
    assert lines[-2].startswith("3 ")
    assert lines[-1].split() == ["1", "5"]
    # it falls: what is drawn in the first line is left of what is drawn in the last
    drawn = [re.search(r"[^\s]", line[2:]) for line in (lines[1], lines[-2])]
    assert drawn[0]
    assert drawn[1]
    assert drawn[0].start() < drawn[1].start()


def test_a_sweep_is_a_table_with_the_best_first(
    connection: statements.Connection, tmp_path: Path
) -> None:
    members = "{name: train, matrix: {lr: [1, 2, 3, 4], api_key: [abcde]}, run: 'true'}"
    run_id = submit(tmp_path, f"name: a\nstages: [{members}]")
    losses = ["0.5", "0.3", "NaN"]
    with open_session() as session:
        for stage, loss in zip(views.stages(connection, run_id), losses, strict=False):
            file = tmp_path / f"{stage.id}.jsonl"
            lines = [
                f'{{"step": {n}, "val/loss": {value}}}' for n, value in enumerate(("0.1", loss))
            ]
            file.write_text("\n".join([*lines[stage.name != "train[lr=3,api_key=abcde]" :], ""]))
            sync_metrics_from_file(stage.id, str(file), session)
    table = written(connection, run_id).partition("Sweep train:\n\n")[2].partition("\n\n")[0]
    assert "abcde" not in table
    rows = [row.strip("| ").split(" | ") for row in table.splitlines()]
    assert [row[0] for row in rows] == ["lr", "---", "2", "1", "3", "4"]
    assert rows[0][2:] == ["val/loss best", "state"]
    assert rows[2][2] == "0.3"
    assert rows[4][3].endswith("NaN"), "its least value is the smallest, but it does not lead"
