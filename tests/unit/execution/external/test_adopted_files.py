"""Metric files that an adopted process opens later are found."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from trainui.control.trainings import external
from trainui.execution.external import adopted_processes
from trainui.settings import host
from trainui.store.db.engine import Store
from trainui.store.runs import external_runs

TRAINER = """
import sys
files = []
for name in sys.stdin:
    files.append(open(name.strip(), "a"))
    print("opened", file=sys.stderr, flush=True)
"""


@pytest.fixture
def trainer(tmp_path: Path) -> Iterator[subprocess.Popen[str]]:
    """A process whose output goes to a file, and that opens the files that it is given."""
    with (tmp_path / "train.out").open("w") as log:
        process = subprocess.Popen(
            [sys.executable, "-c", TRAINER],
            cwd=tmp_path,
            stdin=subprocess.PIPE,
            stdout=log,
            stderr=subprocess.PIPE,
            text=True,
        )
    yield process
    process.communicate()


def have_open(trainer: subprocess.Popen[str], name: str) -> None:
    assert trainer.stdin is not None
    assert trainer.stderr is not None
    trainer.stdin.write(f"{name}\n")
    trainer.stdin.flush()
    assert trainer.stderr.readline() == "opened\n"


def sources(store: Store) -> list[str]:
    with store.read() as connection:
        (stage,) = external_runs.running(connection, host())
        found = external_runs.sources(connection, stage.stage_id)
    return [Path(one.path or "").name for one in found]


def follow(store: Store) -> None:
    with store.read() as connection:
        (stage,) = external_runs.running(connection, host())
    adopted_processes.follow_files(store, stage)


def test_files_that_it_opens_later_are_read_in_place_of_its_log(
    store: Store, trainer: subprocess.Popen[str]
) -> None:
    external.adopt(trainer.pid)
    assert sources(store) == ["train.out"]
    have_open(trainer, "notes.txt")
    follow(store)
    assert sources(store) == ["train.out"]
    have_open(trainer, "metrics.jsonl")
    follow(store)
    assert sources(store) == ["metrics.jsonl"]
    have_open(trainer, "run-1.wandb")
    for _ in range(2):
        follow(store)
    assert sources(store) == ["metrics.jsonl", "run-1.wandb"]
