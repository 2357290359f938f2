"""A backup, made while runs run, gives every run back, less what is large."""

from __future__ import annotations

import os
import shutil
import sqlite3
import stat
import tarfile
from contextlib import closing
from pathlib import Path

import pytest

from tests.acceptance.command_line import CommandLine, states_of

TEXT = """
    name: kept
    stages:
      - name: train
        run: |
          echo hello
          for step in 1 2 3; do echo '{"step": '$step', "loss": 1}' >> $TRAINUI_METRICS_FILE; done
          echo x > $TRAINUI_STAGE_DIR/model
      - name: loud
        run: head -c 3000000 /dev/zero
    """
BUSY = """
    name: busy
    stages:
      - name: count
        run: |
          step=0
          while ! test -e busy.go; do
            step=$((step + 1)); echo '{"step": '$step', "loss": 1}' >> $TRAINUI_METRICS_FILE
            sleep 0.01
          done
    """


@pytest.mark.usefixtures("only_on_sqlite")
def test_a_backup_is_restored_after_a_loss(cli: CommandLine) -> None:
    run_id = cli.run(TEXT)["run"]
    cli.write("busy.yaml", BUSY)
    cli.json("run", "busy.yaml", "--detach")
    told = cli.json("backup", "saved.tar.gz")
    cli.write("busy.go", "")
    assert cli("wait", "busy").code == 0

    file = Path(told["file"])
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    with tarfile.open(file) as archive:
        names = archive.getnames()
    assert len([name for name in names if name.startswith("runs/")]) == told["files"]
    assert f"runs/{run_id}/pipeline.yaml" in names
    assert not [name for name in names if name.endswith("/model")]
    assert told["left_out"] == 1  # the loud stage's log
    assert [path.name for path in file.parent.iterdir() if path.name.startswith(".")] == []

    expected, series = cli.json("show", run_id), cli.json("metrics", run_id)
    assert cli("worker", "stop").code == 0
    shutil.rmtree(cli.home)
    cli.home.mkdir(mode=0o700)
    with tarfile.open(file) as archive:
        archive.extractall(cli.home, filter="data")
    assert cli.json("show", run_id) == expected
    assert cli.json("metrics", run_id) == series
    assert cli("logs", run_id, "train").out == "hello\n"
    # what ran during the backup is as it was then; nobody saw its end
    assert states_of(cli.json("show", "busy"))["count"] in ("queued", "running")
    assert cli("rerun", run_id, "train").code == 0
    assert cli("wait", run_id).code == 0


@pytest.mark.usefixtures("only_on_sqlite")
def test_nothing_is_overwritten_and_nothing_is_made_of_nothing(cli: CommandLine) -> None:
    refused = cli("backup", "x.tar.gz", "--json")
    assert (refused.code, refused.error()) == (3, "not_found")
    cli.run(TEXT)
    file = cli.write("x.tar.gz", "precious")
    refused = cli("backup", "x.tar.gz", "--json")
    assert (refused.code, refused.error()) == (2, "usage")
    assert file.read_text() == "precious"
    refused = cli("backup", "/proc/x.tar.gz", "--json")
    assert (refused.code, refused.error()) == (4, "environment")
    refused = cli("backup", "x.tar.gz/y.tar.gz")
    assert refused.code == 4
    assert refused.err == "x.tar.gz/y.tar.gz cannot be written: Not a directory\n"


SEARCH = """
    name: search
    stages:
      - name: train
        search: {space: {x: [1, 2]}, metric: loss, goal: minimize, trials: 1, sampler: random}
        run: echo '{"step":1,"loss":'${search.x}'}' >> $TRAINUI_METRICS_FILE
    """


@pytest.mark.usefixtures("only_on_sqlite")
def test_a_backup_has_a_consistent_copy_of_each_study(emptied: CommandLine) -> None:
    run_id = emptied.run(SEARCH)["run"]
    with tarfile.open(emptied.json("backup", "saved.tar.gz")["file"]) as archive:
        archive.extractall(emptied.directory / "copy", filter="data")
    study = emptied.directory / "copy" / "runs" / run_id / "train.study.db"
    with closing(sqlite3.connect(study)) as connection:
        assert connection.execute("SELECT state FROM trials").fetchall() == [("COMPLETE",)]


@pytest.mark.usefixtures("only_on_sqlite")
def test_a_backup_names_unreadable_files_and_has_the_rest(emptied: CommandLine) -> None:
    shown = emptied.run(
        "stages: [{name: a, run: echo x}, {name: b, run: echo y}, {name: c, run: echo}]"
    )
    closed, hidden, odd = (Path(one["attempts"][0]["stdout"]) for one in shown["stages"])
    closed.chmod(0)
    hidden.parent.chmod(0)
    odd.unlink()
    os.mkfifo(odd)
    done = emptied.unprivileged("backup", "b.tar.gz")
    hidden.parent.chmod(0o700)
    assert done.code == 0, done
    for path, why in (
        (closed, "Permission denied"),
        (hidden.parent, "Permission denied"),
        (odd, "it is not a regular file"),
    ):
        assert f"{path} was left out: {why}\n" in done.err
    with tarfile.open(emptied.directory / "b.tar.gz") as archive:
        names = {Path(name).name for name in archive.getnames() if "/b/" not in name}
    assert {"trainui.db", "pipeline.yaml", "stderr.log", "exit.json"} <= names
    assert "stdout.log" not in names


def test_a_run_with_read_only_directories_is_deleted(emptied: CommandLine) -> None:
    """As module caches are, and files that a stage protects."""
    script = "mkdir -p cache/a/b; touch cache/a/b/c; chmod -R a-w cache; mkdir no; chmod 0 no"
    shown = emptied.run(f"stages: [{{name: a, run: 'cd ${{stage_dir}}; {script}'}}]")
    done = emptied.unprivileged("rm", shown["run"], "--yes")
    assert (done.code, done.err) == (0, ""), done
    assert not Path(shown["stages"][0]["dir"]).parent.exists()
