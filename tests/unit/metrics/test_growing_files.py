"""Files as real writers make them, read while they grow: each point once, whatever was cut."""

from __future__ import annotations

import csv
import io
import json
from collections import Counter
from collections.abc import Sequence
from math import nan
from pathlib import Path

import pytest

from tests.unit.metrics.reading import all_points, open_reader, read_on, read_to_end
from trainui.metrics.formats import DecoderChoice
from trainui.metrics.formats.csv_table import MAX_QUOTED_BYTES
from trainui.store.db.engine import Database

Point = tuple[str, float, float]


def table(*rows: Sequence[object], quoting: int = csv.QUOTE_MINIMAL, end: str = "\r\n") -> str:
    """What Python's own csv module writes."""
    text = io.StringIO()
    csv.writer(text, quoting=quoting, lineterminator=end).writerows(rows)  # type: ignore[arg-type]
    return text.getvalue()


SAID = 'well, "yes"\n\n# 3, 0.125\n4,0.5\r\nno'
"""What a model may say that is asked for a text."""


FILES: dict[str, tuple[str, str, list[Point]]] = {
    "a long table": (
        "metrics.csv",
        table(["step", "metric", "value"], [1, "loss", 0.5], [1, "acc", 1], [2, "loss", 0.25]),
        [("loss", 1, 0.5), ("acc", 1, 1), ("loss", 2, 0.25)],
    ),
    "the table that MLflow keeps its metrics in": (
        "metrics.csv",
        "key,value,timestamp,run_uuid,step,is_nan\nloss,0.5,1795527525123,a1,1,0\n"
        "val/acc,0.75,1795527525124,a1,1,0\nloss,nan,1795527525125,a1,2,1\n",
        [("loss", 1, 0.5), ("val/acc", 1, 0.75), ("loss", 2, nan)],
    ),
    "a long table with parts and times": (
        "log.csv",
        "time,split,epoch,step,metric,value\n1795527525.1,train,0,5,loss,0.5\n"
        "1795527526.2,val,0,5,loss,0.75\n1795527527.3,train,0,10,lr,1e-3\n",
        [("train/loss", 5, 0.5), ("val/loss", 5, 0.75), ("train/lr", 10, 0.001)],
    ),
    "parts of the data in one column": (
        "metrics.csv",
        "epoch,phase,loss,acc\n1,train,0.5,0.25\n1,val,0.75,\n2,train,0.4,0.5\n",
        [
            ("train/loss", 1, 0.5),
            ("train/acc", 1, 0.25),
            ("val/loss", 1, 0.75),
            ("train/loss", 2, 0.4),
            ("train/acc", 2, 0.5),
        ],
    ),
    "columns whose names say of which part they are": (
        "metrics.csv",
        "epoch,phase,train_loss,val_loss\n1,train,0.5,\n1,val,,0.75\n",
        [("train_loss", 1, 0.5), ("val_loss", 1, 0.75)],
    ),
    "a name that is a number, and a name beside several values": (
        "metrics.csv",
        "epoch,name,train,val\n1,a,0.5,0.75\n",
        [("train", 1, 0.5), ("val", 1, 0.75)],
    ),
    "cells of several lines": (
        "samples.csv",
        table(["step", "said", "loss"], [1, SAID, 0.5], [2, "no", 0.25], [3, "\n", 0.125]),
        [("loss", 1, 0.5), ("loss", 2, 0.25), ("loss", 3, 0.125)],
    ),
    "cells of several lines, all in quotes": (
        "samples.csv",
        table(
            ["step", "loss", "said"],
            [1, 0.5, SAID],
            [2, 0.25, SAID],
            quoting=csv.QUOTE_ALL,
            end="\n",
        ),
        [("loss", 1, 0.5), ("loss", 2, 0.25)],
    ),
    "quotes that nothing ends": (
        "metrics.csv",
        'step,loss\n1,"0.5\n2,0.25\n3,"0.125\n4,0.5\n',
        [("loss", 1, 0.5), ("loss", 2, 0.25), ("loss", 3, 0.125), ("loss", 4, 0.5)],
    ),
    "JSON lines that name their metric": (
        "metrics.jsonl",
        '{"step": 1, "name": "loss", "value": 0.5}\n{"step": 1, "name": "acc", "value": 1}\n'
        '{"step": 2, "name": "loss", "value": NaN}\n',
        [("loss", 1, 0.5), ("acc", 1, 1), ("loss", 2, nan)],
    ),
    "objects over several lines": (
        "metrics.jsonl",
        "".join(json.dumps({"step": step, "a": {"loss": step / 2}}, indent=2) for step in range(9)),
        [("a/loss", step, step / 2) for step in range(9)],
    ),
    "objects over several lines, each with its end": (
        "metrics.jsonl",
        "".join(
            f"{json.dumps({'step': step, 'x': [1], 'loss': nan}, indent=4)}\n" for step in range(9)
        ),
        [("loss", step, nan) for step in range(9)],
    ),
    "objects over several lines behind a byte order mark": (
        "metrics.jsonl",
        "\ufeff" + "".join(json.dumps({"step": step, "loss": 1}, indent=1) for step in range(5)),
        [("loss", step, 1) for step in range(5)],
    ),
    "objects with nothing between them": (
        "metrics.jsonl",
        "".join(json.dumps({"step": step, "said": '}{"', "loss": step / 2}) for step in range(9)),
        [("loss", step, step / 2) for step in range(9)],
    ),
    "two objects a line": (
        "metrics.jsonl",
        "".join(f'{{"step": {step}, "a": 1}}{{"step": {step}, "b": NaN}}\n' for step in range(9)),
        [(name, step, value) for step in range(9) for name, value in (("a", 1), ("b", nan))],
    ),
    "lines after objects over several lines": (
        "metrics.jsonl",
        '{\n "step": 1,\n "loss": 0.5\n}\n{"step": 2, "loss": 0.25}\n{"step": 3, "loss": 0.125}\n',
        [("loss", 1, 0.5), ("loss", 2, 0.25), ("loss", 3, 0.125)],
    ),
    "JSON lines of two parts of the data": (
        "log.jsonl",
        '{"epoch": 1, "split": "train", "loss": 0.5}\n'
        '{"epoch": 1, "split": "val", "loss": 0.75, "acc": 1}\n',
        [("train/loss", 1, 0.5), ("val/loss", 1, 0.75), ("val/acc", 1, 1)],
    ),
}


def counted(points: Sequence[Point]) -> Counter[tuple[str, float, str]]:
    """The same, a NaN being as good as another."""
    return Counter((name, step, repr(float(value))) for name, step, value in points)


@pytest.mark.parametrize("size", [1, 7, 10_000])
@pytest.mark.parametrize("kind", FILES)
def test_a_file_read_as_it_grows(store: Database, tmp_path: Path, kind: str, size: int) -> None:
    name, text, expected = FILES[kind]
    data, path = text.encode(), tmp_path / name
    reader = open_reader(store, path, DecoderChoice())
    for at in range(0, len(data), size):
        with path.open("ab") as file:
            file.write(data[at : at + size])
        if read_on(reader):
            assert counted(all_points(store)) <= counted(expected), data[: at + size]
    read_to_end(store, reader)
    assert counted(all_points(store)) == counted(expected)


def test_rows_are_read_while_a_cell_is_written(store: Database, tmp_path: Path) -> None:
    path = tmp_path / "samples.csv"
    data = table(["step", "said", "loss"], [1, "yes", 0.5], [2, SAID, 0.25]).encode()
    path.write_bytes(data[: data.index(b"4,0.5")])
    reader = open_reader(store, path, DecoderChoice())
    read_on(reader)
    assert all_points(store) == [("loss", 1, 0.5)]
    path.write_bytes(data)
    read_on(reader)
    assert all_points(store) == [("loss", 1, 0.5), ("loss", 2, 0.25)]


def test_an_unclosed_quote_delays_few_lines(store: Database, tmp_path: Path) -> None:
    path = tmp_path / "metrics.csv"
    rows = b"".join(b"%d,0.5\n" % step for step in range(2, 20_000))
    assert len(rows) > MAX_QUOTED_BYTES
    path.write_bytes(b'step,loss\n1,"0.5\n' + rows)
    read_on(open_reader(store, path, DecoderChoice()))
    assert len(all_points(store)) == 19_999


@pytest.mark.parametrize("shape", ["pairs", "Sacred"])
def test_a_document_of_steps_and_values_that_grows(
    store: Database, tmp_path: Path, shape: str
) -> None:
    path = tmp_path / "metrics.json"
    reader = open_reader(store, path, DecoderChoice())
    for count in range(1, 6):
        lists = {"loss": list(range(count)), "acc": list(range(0, count, 2))}
        document = {
            name: {"steps": steps, "values": [step / 2 for step in steps]}
            if shape == "Sacred"
            else [[step, step / 2] for step in steps]
            for name, steps in lists.items()
        }
        path.write_text(json.dumps(document, indent=2))
        read_on(reader)
    read_to_end(store, reader)
    expected = [("loss", step, step / 2) for step in range(5)]
    assert counted(all_points(store)) == counted(
        [*expected, ("acc", 0, 0), ("acc", 2, 1), ("acc", 4, 2)]
    )
