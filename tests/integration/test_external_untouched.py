"""Trainings of others are only read: traced system calls of adding, reading and watching them."""

from __future__ import annotations

import gzip
import os
import re
import shutil
import sqlite3
import subprocess
import sys
from collections.abc import Iterator
from contextlib import ExitStack, closing
from pathlib import Path
from textwrap import dedent

import pytest

from tests.unit.metrics.corpus import corpus_root, needs_corpus
from trainui.paths import Home

CORPUS = corpus_root() or Path()

DIRECTORIES = (
    *(f"trackers/{kind}" for kind in ("wandb/basic", "wandb/killed", "mlflow_files", "hydra")),
    *(f"produced/{kind}" for kind in ("torch_summarywriter", "lightning", "sb3", "keras", "hf")),
    *(f"produced/{kind}" for kind in ("dvclive", "ultralytics", "fastai", "rotating")),
)
DATABASES = (
    *(f"mlflow/{name}" for name in ("mlflow.db", "killed/mlflow.db")),
    *(f"optuna/{name}" for name in ("optuna.db", "killed.db")),
    *(f"trackio/{name}" for name in ("digits.db", "liveone.db")),
)

SCRIPT = """
import os, sys, time
from pathlib import Path
from trainui import settings
from trainui.control import external
from trainui.execution import external as external_watch
from trainui.metrics import trackers
from trainui.metrics.reader.__main__ import MetricsReader
from trainui.store.db.engine import open_store
from trainui.store.runs.metrics_progress import attempts_to_read

root, rounds = Path(sys.argv[1]), int(sys.argv[2])
os.path.exists("/begin")
added = external.add(external.find(root))
print(*sorted({one.training.kind for one in added}))
store, host = open_store(), settings.host()
reader, watch = MetricsReader(store, host), external_watch.ExternalWatch(store, host)
external_watch.PERIOD = external_watch.RESTING_PERIOD = 0
external_watch.RESTING = 10**9
trackers._REST = 0  # else a database that was slow to copy is copied again during the rest

def unread():
    with store.read() as connection:
        return len([one for one in attempts_to_read(connection, host) if one.ended])

deadline = time.monotonic() + 120
while unread() and time.monotonic() < deadline:
    reader.turn(scan=True)
    watch.poll()
print(unread())
for _ in range(rounds):
    reader.turn(scan=True)
    watch.poll()
os.path.exists("/rest")
for _ in range(rounds):
    reader.turn(scan=True)
    watch.poll()
os.path.exists("/end")
reader.close()
"""

CHANGING = re.compile(
    r"O_(WRONLY|RDWR|CREAT|TRUNC|APPEND|TMPFILE)|F_(OFD_)?SETLK|"
    r"^\d+ +(mkdir|mknod|rename|link|unlink|rmdir|f?truncate|f?chmod|[fl]?chown|utime|f?setxattr|"
    r"creat|p?write|fallocate|flock|f(data)?sync)"
)
"""Lines of strace that make, change or lock something, or fail in trying to."""

READING = re.compile(r"^\d+ +(p?readv?(64)?|mmap)\(")


@pytest.fixture
def trainings(tmp_path: Path) -> Iterator[Path]:
    """A training of each kind, some of which have files open or are in the middle of a commit."""
    root = tmp_path / "trainings"
    for name in DIRECTORIES:
        shutil.copytree(CORPUS / name, root / name, symlinks=True)
    for name in DATABASES:
        path = root / "databases" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(gzip.decompress((CORPUS / "trackers" / f"{name}.gz").read_bytes()))
    journal = CORPUS / "trackers" / "optuna" / "journal.log"
    (root / "study.log").write_bytes(journal.read_bytes())
    with ExitStack() as stack:
        for name in ("mlflow/killed/mlflow.db", "optuna/killed.db"):
            path = root / "databases" / name
            own = stack.enter_context(closing(sqlite3.connect(path, isolation_level=None)))
            own.executescript("PRAGMA cache_size = 2; BEGIN IMMEDIATE; CREATE TABLE t (x)")
            own.executemany("INSERT INTO t VALUES (?)", [("x" * 500,)] * 1000)
            assert path.with_name(f"{path.name}-journal").exists()
        for file in (root / "trackers" / "wandb" / "killed").rglob("*.wandb"):
            stack.enter_context(file.open("ab"))
        yield root


def state_of(root: Path) -> dict[str, tuple[int, int, int, int, int]]:
    """All that the kernel knows of each file but when it was read last."""
    found = {str(path): path.lstat() for path in (root, *root.rglob("*"))}
    return {
        name: (one.st_ino, one.st_mode, one.st_size, one.st_mtime_ns, one.st_ctime_ns)
        for name, one in found.items()
    }


@needs_corpus
@pytest.mark.skipif(shutil.which("strace") is None, reason="there is no strace on PATH")
def test_external_files_are_untouched_and_idle_ones_unread(
    trainui_home: Home, trainings: Path, tmp_path: Path
) -> None:
    traced, before = tmp_path / "traced", state_of(trainings)
    calls = "trace=%file,%desc"
    done = subprocess.run(
        [
            *("strace", "-f", "-y", "--seccomp-bpf", "-e", calls, "-o", traced),
            *(sys.executable, "-c", dedent(SCRIPT), trainings, "12"),
        ],
        capture_output=True,
        text=True,
        env={**os.environ, "PYTHONPATH": str(Path(__file__).parents[2])},
        check=False,
    )
    if "ptrace" in done.stderr:
        pytest.skip("processes may not be traced here")
    assert done.returncode == 0, done.stderr
    kinds, unread = done.stdout.splitlines()
    assert {"wandb", "mlflow", "trackio", "optuna", "hydra", "tfevents", "csv"} < {*kinds.split()}
    assert unread == "0"
    lines = traced.read_text().splitlines()
    begin, rest, end = (
        next(at for at, line in enumerate(lines) if f'"/{mark}"' in line)
        for mark in ("begin", "rest", "end")
    )
    theirs = [line for line in lines[begin:] if f"{trainings}" in line]
    assert len(theirs) > 1000
    assert [one for one in theirs if CHANGING.search(one) and not _is_of_ours(one)] == []
    resting = [line for line in lines[rest:end] if f"<{trainings}" in line]
    assert [line for line in resting if READING.search(line)] == []
    assert state_of(trainings) == before


def _is_of_ours(line: str) -> bool:
    """Whether a call writes a file of ours, and only what it writes names one of theirs."""
    return (
        re.match(r"\d+ +p?write(64)?\(\d+<", line) is not None
        and "trainings" not in (line.partition("<")[2].partition(">")[0])
    )
