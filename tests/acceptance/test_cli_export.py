"""Points leave for other programs, in their own words, and none is lost on the way."""

from __future__ import annotations

import csv
import io
import json
import os
import subprocess
from typing import Any

import pyarrow.parquet
import pytest

from tests.acceptance.command_line import COMMAND, CommandLine

TEXT = """
    name: exported
    stages:
      - name: train
        metrics: metrics.jsonl
        checkpoint: "ckpt*"
        retries: 1
        run: |
          cd $TRAINUI_STAGE_DIR
          for step in 1 2 3; do
            echo '{"step": '$step', "a,b": '$step.5', "loss": NaN}' >> metrics.jsonl
          done
          echo x > ckpt
          test $TRAINUI_ATTEMPT = 1 && exit 3
          echo '{"step": 2, "a,b": 9, "loss": 1}' >> metrics.jsonl
      - {name: quiet, run: "true"}
    """

Rows = list[dict[str, Any]]


@pytest.fixture(scope="module")
def done(served: CommandLine) -> CommandLine:
    served.run(TEXT)
    return served


def points(done: CommandLine) -> Rows:
    """What `metrics --points` has, which tests of its own prove."""
    lines = done("metrics", "exported", "--points").out.splitlines()
    return [json.loads(line) for line in lines]


def ordered(rows: Rows) -> list[str]:
    return sorted(json.dumps(row, sort_keys=True) for row in rows)


def test_json_lines_are_the_points_that_metrics_prints(done: CommandLine) -> None:
    written = done.printed("export", "exported", "--format", "jsonl", "--superseded").decode()
    rows = [json.loads(line) for line in written.splitlines()]
    assert {row.pop("superseded") for row in rows} == {True, False}
    assert ordered(rows) == ordered(points(done))
    assert len(rows) > 6


def test_superseded_points_are_left_out_unless_asked_for(done: CommandLine) -> None:
    series = done.json("metrics", "exported")["series"]
    counts = {one["name"]: one["count"] for one in series}
    assert any(one["superseded"] for one in series)
    written = done.printed("export", "exported", "--format", "jsonl").decode().splitlines()
    found = [json.loads(line)["name"] for line in written]
    assert {name: found.count(name) for name in counts} == counts


def test_csv_and_parquet_hold_the_same(done: CommandLine) -> None:
    lines = done.printed("export", "exported").decode()
    rows = list(csv.DictReader(io.StringIO(lines)))
    told = done.json("export", "exported", "--output", "points.parquet")
    assert told["points"] == len(rows)
    assert told["format"] == "parquet"
    table = pyarrow.parquet.read_table(told["file"]).to_pylist()
    assert list(table[0]) == list(rows[0])
    assert len(table) == len(rows)
    for left, right in zip(rows, table, strict=True):
        assert (left["stage"], left["name"]) == (right["stage"], right["name"])
        assert int(left["attempt"]) == right["attempt"]
        assert float(left["step"]) == right["step"]
        assert repr(float(left["value"])) == repr(right["value"])  # NaN too
        assert (left["time"] == "") == (right["time"] is None)
    assert {row["name"] for row in rows} == {"a,b", "loss"}


def test_a_file_is_written_whole_or_not_at_all(done: CommandLine) -> None:
    before = set(done.directory.iterdir())
    refused = done("export", "exported", "--output", "no/such/directory/points.csv", "--json")
    assert (refused.code, refused.error()) == (4, "environment")
    assert "home cannot be written" in done("export", "exported", "-o", str(done.home)).err
    assert done("export", "exported", "nothing", "--output", "points.csv").code == 3
    assert set(done.directory.iterdir()) == before


def test_a_pipe_is_written_to_and_not_replaced(done: CommandLine) -> None:
    pipe = done.directory / "points.pipe"
    os.mkfifo(pipe)
    with open(os.open(pipe, os.O_RDONLY | os.O_NONBLOCK), "rb") as reader:
        assert done("export", "exported", "--output", str(pipe)).code == 0
        assert pipe.is_fifo()
        assert reader.read() == done.printed("export", "exported")
    pipe.unlink()


def test_a_stage_without_points_is_a_header(done: CommandLine) -> None:
    assert done("export", "exported", "quiet").out == "stage,name,attempt,step,value,time\n"
    told = done.json("export", "exported", "quiet", "--output", "none.parquet")
    assert pyarrow.parquet.read_table(told["file"]).num_rows == 0


def test_without_pyarrow_it_says_what_to_install(done: CommandLine) -> None:
    program = "import sys; sys.modules['pyarrow'] = None; from trainui.cli.main import run; run()"
    refused = subprocess.run(
        [COMMAND[0], "-c", program, "export", "exported", "--output", "x.parquet"],
        env=done.environ,
        cwd=done.directory,
        capture_output=True,
        text=True,
        check=False,
    )
    assert refused.returncode == 4, refused.stderr
    assert "its extra `parquet`: pipx install" in refused.stderr
    assert not (done.directory / "x.parquet").exists()
