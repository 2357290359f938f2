"""What must hold after any faults: looked up in the ledger, the database and the process table."""

from __future__ import annotations

import json
from collections import Counter
from contextlib import closing
from pathlib import Path

import psutil

from tests.chaos.pipelines import Entry, read_ledger
from trainui import paths
from trainui.domain.states import Status
from trainui.store import views


def check_run(run_id: str, ledger: Path) -> None:
    """Check a run that has completed; AssertionError says which invariant is broken."""
    entries = read_ledger(ledger)
    with views.reading() as connection:
        stages = views.stages(connection, run_id)
        tries = views.attempts(connection, run_id)
        points = Counter(
            (owner, attempt) for owner, attempt in _points(connection, [s.id for s in stages])
        )
    assert all(stage.status == Status.COMPLETED for stage in stages)
    _check_once(entries)
    _check_order(entries, {stage.name: stage.depends_on for stage in stages})
    for stage in stages:
        attempts = tries[stage.id]
        completed = [one.number for one in attempts if one.status == Status.COMPLETED]
        assert completed == [stage.attempt], f"{stage.name} completed in attempts {completed}"
        assert all(one.completed_at is not None for one in attempts)
        for one in attempts:
            written = _lines(Path(one.directory) / "metrics.jsonl")
            stored = points[(stage.id, one.number)]
            assert stored == written, f"{stage.name} attempt {one.number}: {stored} of {written}"


def check_nothing_left(run_id: str) -> None:
    """Check that no process of a run is left."""
    left = [pid for pid, environ in _environments() if environ.get("TRAINUI_RUN_ID") == run_id]
    assert left == [], f"processes of the run are left: {left}"


def check_home_is_quiet() -> None:
    """Check that nothing of ours runs, after everything was stopped, and that the data is whole."""
    root = str(paths.home().root)
    left = [
        pid
        for pid, environ in _environments()
        if environ.get("TRAINUI_HOME") == root and pid != psutil.Process().pid
    ]
    assert left == [], f"processes of this home are left: {left}"
    with closing(views.connect(paths.home().database)) as connection:
        assert connection.execute("PRAGMA integrity_check").fetchone()[0] == "ok"


def _check_once(entries: list[Entry]) -> None:
    doubled = [entry for entry, count in Counter(entries).items() if count > 1]
    assert doubled == [], f"more than once: {doubled}"


def _check_order(entries: list[Entry], upstreams: dict[str, tuple[str, ...]]) -> None:
    ended: set[str] = set()
    for entry in entries:
        if entry.what == "end":
            ended.add(entry.stage)
        else:
            missing = set(upstreams[entry.stage]) - ended
            assert not missing, f"{entry.stage} started before {missing}"


def _points(connection: object, owners: list[str]) -> list[tuple[str, int]]:
    from trainui.store import curves

    found = []
    for owner in owners:
        for point in curves.points(connection, [owner]):  # type: ignore[arg-type]
            if point.name == "loss":
                found.append((owner, point.attempt))
    return found


def _lines(file: Path) -> int:
    if not file.exists():
        return 0
    whole = 0
    for line in file.read_bytes().splitlines():
        try:
            json.loads(line)
        except ValueError:
            continue
        whole += 1
    return whole


def _environments() -> list[tuple[int, dict[str, str]]]:
    found = []
    for process in psutil.process_iter(["pid"]):
        try:
            if process.status() != psutil.STATUS_ZOMBIE:
                found.append((process.pid, process.environ()))
        except psutil.Error:
            continue
    return found
