"""The first picture of a file: points at even distances, all of them the file's own."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from benchmarks.events import write_events
from tests.unit.metrics.attempts import start_attempt
from tests.unit.metrics.reading import connect
from trainui.metrics import preview
from trainui.metrics.files import lenient_files
from trainui.metrics.formats.tensorboard.event_file import EventFile
from trainui.store.db.engine import Store
from trainui.store.read import views

ROWS = 60_000


def test_lines_all_along_the_file(tmp_path: Path) -> None:
    path = tmp_path / "metrics.jsonl"
    path.write_text("".join(json.dumps({"step": n, "loss": n / 2}) + "\n" for n in range(ROWS)))
    loss = preview.sample(path, places=100)["loss"]
    assert (loss.steps * 0.5 == loss.values).all()
    assert loss.steps[0] == 0
    assert loss.steps[-1] == ROWS - 1
    assert 2000 < len(loss) < ROWS / 2
    assert (loss.steps[1:] > loss.steps[:-1]).all()
    rest = preview.sample(path, places=100, begin=path.stat().st_size // 2)["loss"]
    assert rest.steps[0] > ROWS / 3


@pytest.mark.parametrize("line_end", ["\n", "\r\n"])
def test_a_table_without_steps_has_them_estimated(tmp_path: Path, line_end: str) -> None:
    path = tmp_path / "log.csv"
    rows = "".join(f"{n / 2:012.1f},{n}{line_end}" for n in range(ROWS))
    path.write_bytes(f"loss,acc{line_end}{rows}".encode())
    found = preview.sample(path, places=100)
    assert abs(found["acc"].steps - found["acc"].values).max() < ROWS / 50
    assert (found["loss"].values * 2 == found["acc"].values).all()


def test_events_from_wherever_one_begins(tmp_path: Path) -> None:
    path = tmp_path / "events.out.tfevents.1.host"
    write_events(path, 3)
    whole = EventFile()
    data = path.read_bytes()
    assert whole.cut(data) == len(data)
    wanted = whole.decode(data, 0).series
    found = preview.sample(path, places=100)
    assert found.keys() == wanted.keys()
    for tag, points in found.items():
        known = dict(zip(wanted[tag].steps.tolist(), wanted[tag].values.tolist(), strict=True))
        assert [known[step] for step in points.steps.tolist()] == points.values.tolist()
        assert points.steps[-1] > wanted[tag].steps[-1] * 0.99


def test_of_what_is_no_records_there_is_no_picture(tmp_path: Path) -> None:
    path = tmp_path / "x"
    for content in (b"\0\1\2\xff" * 5000, b"hello\n" * 5000, b"", b'{"a": [1, 2]}'):
        path.write_bytes(content)
        assert preview.sample(path) == {}


def test_what_a_stage_has_written_and_nobody_has_read(
    store: Store, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(lenient_files, "LEAST_AHEAD", 1000)
    attempt = start_attempt(store, tmp_path)
    attempt.own_file.write_text("".join(f'{{"step": {n}, "loss": 1}}\n' for n in range(1000)))
    connection = connect(store)
    (stage,) = views.stages(connection, "run-of-train")
    (record,) = views.attempts_of_stage(connection, stage.id)
    found = preview.preview(connection, stage, record).points
    assert (found["loss"].steps[0], found["loss"].steps[-1]) == (0, 999)
