"""Files larger than any memory: opened from the end at once, and read in bounded memory."""

from __future__ import annotations

import json
import os
import sqlite3
import subprocess
import sys
import time
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

from tests.integration import background
from tests.integration.runs import Run
from tests.unit.supervisor.waiting import PATIENCE, wait_for
from trainui.control.log_files import AttemptLogs
from trainui.model.states import Status
from trainui.paths import Home
from trainui.store.db import engine
from trainui.store.db.engine import open_store
from trainui.store.read import run_history, run_list, views
from trainui.store.runs import attempts, runs
from trainui.supervisor import protocol
from trainui.supervisor.process import processes_of
from trainui.tui.log_window import AROUND, LogSource, LogWindow, WindowQuery, WindowReader
from trainui.tui.readers.database import RunListCache

GIGABYTES = 10
LINE_BYTES = 50 * 10**6

READ = """
import json, resource, sys
from trainui import open_session, sync_metrics_from_file
before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
with open_session() as session:
    offset = 0
    while True:
        done = sync_metrics_from_file("job", sys.argv[1], session, last_offset=offset)
        if done["new_offset"] == offset:
            break
        offset = done["new_offset"]
        found = done
        print(json.dumps(done))
peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
print(json.dumps((peak - before) * 1024))
"""
"""Reads a metrics file to its end; prints what each step gave, and by how much memory grew."""


def test_a_log_of_ten_gigabytes_opens_at_its_end(tmp_path: Path) -> None:
    log = tmp_path / "stdout.log"
    with log.open("wb") as file:
        file.truncate(GIGABYTES * 10**9)
        file.seek(0, 2)
        file.write(b"".join(b"\nline %d" % number for number in range(5000)) + b"\n")
    begun = time.process_time()
    window = end_of(log)
    assert [line.text for line in window.lines][-2:] == ["line 4998", "line 4999"]
    assert not window.at_start
    lines = AttemptLogs(tmp_path, ["out"], last=3).lines(to_end=True)
    assert [line.raw for line in lines] == [b"line 4997\n", b"line 4998\n", b"line 4999\n"]
    assert time.process_time() - begun < 2.0  # to read it all takes many times as long


def test_a_line_of_fifty_megabytes_is_skipped_and_reading_continues(
    tmp_path: Path,
) -> None:
    metrics = tmp_path / "metrics.jsonl"
    with metrics.open("w") as file:
        file.write(json.dumps({"step": 0, "loss": 1.0}) + "\n")
        file.write('{"step": 1, "note": "' + "x" * LINE_BYTES + '"}\n')
        file.writelines(json.dumps({"step": step, "loss": 0.5}) + "\n" for step in (2, 3))
    environ = {"TRAINUI_HOME": str(tmp_path / "home"), "PATH": "/usr/bin:/bin"}
    command = [sys.executable, "-c", READ, str(metrics)]
    done = subprocess.run(command, env=environ, capture_output=True, text=True, check=True)
    *steps, grown = (json.loads(line) for line in done.stdout.splitlines())
    assert sum(step["new_metrics_count"] for step in steps) == 3
    assert steps[-1]["new_offset"] == steps[-1]["file_size"] == metrics.stat().st_size
    assert grown < 120 * 10**6  # most of it the store's modules, imported on the way


LONG = bool(os.environ.get("TRAINUI_TEST_LONG"))

RUNS = 100_000 if LONG else 20_000

PRINTED = 6000 * 10**6 if LONG else 60 * 10**6
"""Bytes, as fast as they go: a minute, or some seconds, at 100 MB/s."""

MOST_MEMORY = 400 << 20
"""Bytes that any of our processes may ever have had: the worker has Celery and the store in it."""


def fill(database: Path, run_id: str, count: int) -> None:
    """Make copies of a run and its stages: older ones, all over."""
    with closing(sqlite3.connect(database)) as connection, connection:
        connection.execute("PRAGMA foreign_keys = OFF")
        for table, values in {
            "runs": {
                "id": "printf('%08x-copy', n)",
                "created_at": "created_at - n",
                "status": "'completed'",
                "notified_at": "1",
            },
            "stages": {
                "id": "id || n",
                "run_id": "printf('%08x-copy', n)",
                "status": "'completed'",
            },
        }.items():
            names = [row[1] for row in connection.execute(f"PRAGMA table_info({table})")]
            taken = ", ".join(values.get(name, name) for name in names)
            of = "id" if table == "runs" else "run_id"
            connection.execute(
                "WITH RECURSIVE numbers(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM numbers "
                f"WHERE n < {count}) INSERT INTO {table} SELECT {taken} FROM {table}, numbers "
                f"WHERE {of} = ?",
                (run_id,),
            )
    connection.close()


def work(connection: object, ask: Callable[[], object]) -> int:
    """Count what SQLite does for an answer, in hundreds of its instructions."""
    assert isinstance(connection, sqlite3.Connection)
    count = 0

    def step() -> None:
        nonlocal count
        count += 1

    connection.set_progress_handler(step, 100)
    ask()
    connection.set_progress_handler(None, 0)
    return count


def test_frequent_queries_cost_the_same_among_many_runs(trainui_home: Home, tmp_path: Path) -> None:
    run = Run(tmp_path / "p", {"name": "a", "run": "true"}, {"name": "b", "run": "true"})
    fill(trainui_home.database, run.id, RUNS)
    listed, spent = RunListCache(), list[int]()
    with engine.reading() as connection:
        listed.reload(connection)
        stages = views.stages(connection, run.id)
        for ask in (
            lambda: run_list.run_lines(connection, limit=50),
            lambda: run_list.unfinished(connection),
            lambda: listed.update(connection),
            lambda: views.find_run(connection, run.id),
            lambda: views.find_run(connection, run.id[:8]),
            lambda: views.find_run(connection, "test"),
            lambda: views.stages(connection, run.id),
            lambda: run_history.completions(connection, run.record(), stages),
            lambda: views.runs_with(connection, Status.INTERRUPTED),
        ):
            spent.append(work(connection, ask))
    store = open_store()
    with store.read() as opened:
        for poll in (
            lambda: runs.to_notify(opened),
            lambda: attempts.queued(opened, kind="cpu", limit=21),
            lambda: attempts.in_state(opened, Status.RUNNING),
        ):
            spent.append(work(opened, poll))
    assert max(spent) < 100, " ".join(map(str, spent))


def test_the_list_shows_the_newest_and_counts_the_rest(trainui_home: Home, tmp_path: Path) -> None:
    run = Run(tmp_path / "p", {"name": "a", "run": "true"})
    fill(trainui_home.database, run.id, 200)
    listed = ls()
    assert len(listed.stdout.splitlines()) == 51
    assert listed.stdout.splitlines()[1].startswith(run.id[:8])
    assert "151 older not shown; `trainui ls --all` lists all" in listed.stderr
    assert len(ls("--all").stdout.splitlines()) == 202
    assert len(json.loads(ls("--json").stdout)["runs"]) == 201


def ls(*options: str) -> subprocess.CompletedProcess[str]:
    return trainui("ls", *options)


def trainui(*words: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "trainui", *words]
    return subprocess.run(command, capture_output=True, text=True, check=True)


def test_a_stage_printing_at_full_speed_fills_no_memory(trainui_home: Home, tmp_path: Path) -> None:
    background.start()
    line = "step 1 loss 0.5" + ", and some words" * 200
    printing = f"(yes '{line}' || true) | head -c {PRINTED}; echo; echo last"
    waiting = "while [ ! -e go ]; do sleep 0.05; done"
    run = Run(tmp_path / "p", {"name": "loud", "run": f"{printing}; {waiting}"})
    attempt = run.process("loud")
    log = Path(attempt.directory, "stdout.log")
    wait_for(lambda: end_of(log).size > 50 * 10**6, "much output")
    assert len(trainui("logs", run.id, "loud", "-n", "5").stdout.splitlines()) == 5
    wait_for(
        lambda: end_of(log).lines[-1].text == "last", "the last line", 600 if LONG else PATIENCE
    )
    assert len(end_of(log).lines) <= AROUND
    assert trainui("logs", run.id, "loud", "-n", "1").stdout.strip() == "last"
    assert attempt.supervisor_pid is not None
    pids = [attempt.supervisor_pid, *processes_of({"TRAINUI_HOME": str(trainui_home.root)})]
    assert background.worker_pid(trainui_home) in pids
    most = {pid: most_memory(pid) for pid in pids}
    assert 0 < most[attempt.supervisor_pid] < 50 << 20
    assert max(most.values()) < MOST_MEMORY
    (tmp_path / "p" / "go").touch()
    wait_for(lambda: protocol.read_exit(log.parent), "its end")
    # though some of what it printed may not be read yet
    wait_for(lambda: run.stage("loud").status == Status.COMPLETED, "its completion", 240)
    log.unlink()


def end_of(log: Path) -> LogWindow:
    """What the screen shows of a log at its end."""
    windows: list[LogWindow] = []
    reader = WindowReader(windows.append, lambda: None)
    reader.answer(WindowQuery(LogSource(str(log.parent), ("stdout",))))
    return windows[-1]


def most_memory(pid: int) -> int:
    """The most memory that a process ever had, in bytes; 0 where it is gone."""
    try:
        lines = Path(f"/proc/{pid}/status").read_text().splitlines()
    except OSError:
        return 0
    return next((int(one.split()[1]) << 10 for one in lines if one.startswith("VmHWM")), 0)
