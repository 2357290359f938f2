"""The invariants after any faults: the store must agree with the ledger that stages wrote."""

from __future__ import annotations

import json
import signal
import time
from collections import Counter
from collections.abc import Callable, Collection
from contextlib import closing, suppress
from functools import wraps
from pathlib import Path
from typing import ParamSpec, TypeVar

import psutil

from tests.chaos import searches
from tests.chaos.evidence import Evidence, Tried
from tests.chaos.pipelines import AFTER, Pipeline
from tests.chaos.scene import Key, Scene
from tests.chaos.work import OWN
from trainui import paths
from trainui.model.records import StageRecord
from trainui.model.states import DONE, Status
from trainui.store.db import engine
from trainui.store.read import views

SECONDS = 15.0
"""Limit for recording an end that was observed; a process may have been stopped for 3 s."""

UNSEEN_SECONDS = 60.0
"""The same limit if the supervisor was killed, so that the next worker detects the end."""

STARTING = 15.0
"""Limit for a guard or a worker that was still starting at a stop to exit, as it is not wanted."""

EARLIER = 0.1
"""Seconds by which clocks of one machine may differ: file times lag behind."""


P = ParamSpec("P")
T = TypeVar("T")


class BrokenInvariantError(AssertionError):
    """The store does not agree with the ledger."""


def invariant(check: Callable[P, T]) -> Callable[P, T]:
    """Turn a check's failure into a `BrokenInvariantError`, distinct from other failures."""

    @wraps(check)
    def checked(*arguments: P.args, **named: P.kwargs) -> T:
        try:
            return check(*arguments, **named)
        except AssertionError as error:
            raise BrokenInvariantError(*error.args) from error

    return checked


@invariant
def check_over(run_id: str, pipeline: Pipeline) -> None:
    """Check a run that has ended in any state: no process is left, and no retry is due."""
    check_nothing_left(run_id)
    found = Evidence(run_id, pipeline)
    for stage in found.stages:
        tries = found.tries[stage.name]
        if stage.status not in (Status.FAILED, Status.INTERRUPTED) or not tries:
            continue
        last = tries[-1].record
        excused = last.cancel_requested_at is not None or any(one.got_nowhere for one in tries)
        owed = pipeline.retries[stage.name] - stage.retries_used
        assert excused or owed <= 0, f"{stage.name} is {stage.status} with {owed} retries left"


@invariant
def check_completed(scene: Scene, run_id: str, pipeline: Pipeline) -> None:
    """Check a run that has completed; AssertionError says which invariant is broken."""
    found = Evidence(run_id, pipeline)
    counted = searches.outcomes(run_id)
    done = [one for one in found.stages if counted.get(one.id, "complete") == "complete"]
    if any(state == "complete" for state in counted.values()) or not pipeline.trials:
        left = [stage.name for stage in done if stage.status != Status.COMPLETED]
        assert left == [], f"the run has completed, and {left} have not"
    _check_order(found, {stage.name for stage in found.stages if stage.id in counted})
    for stage in [one for one in found.stages if one.status in DONE]:
        tries = found.tries[stage.name]
        assert [one.number for one in tries] == list(range(1, len(tries) + 1)), tries
        completed = [one.number for one in tries if one.record.status in DONE]
        if stage.name == AFTER:  # again once a cancelled search continues
            completed = completed[-1:]
        assert completed == [stage.attempt], f"{stage.name} completed in attempts {completed}"
        if stage.status == Status.COMPLETED:
            _check_stage(stage, tries[-1], pipeline)
        for one in tries:
            _check_points(one, found.points[one.key])
            _check_start(one, scene)
            if one.start is not None:
                _check_times(one, scene)
                _check_end(one, scene)
                _check_checkpoint(one, tries)


def _check_order(found: Evidence, trials: Collection[str]) -> None:
    upstreams = {stage.name: set(stage.depends_on).difference(trials) for stage in found.stages}
    ended: set[str] = set()
    for entry in found.entries:
        if entry.what == "end" and entry.more["code"] == 0:
            ended.add(entry.stage)
        elif entry.what == "start":
            missing = upstreams[entry.stage] - ended
            assert not missing, f"{entry.stage} started before {missing}"


def _check_stage(stage: StageRecord, last: Tried, pipeline: Pipeline) -> None:
    """Check that a completed stage has the results of its last attempt."""
    assert last.end is not None, f"{last} is completed, and its process never ended by itself"
    plan, record = pipeline.plans[stage.name], last.record
    expected = last.end.more["result"] if stage.name in pipeline.tasks else None
    for one in (stage, record):
        shown = (one.exit_code, one.result, one.error)
        assert shown == (0, expected, None), f"{last}: exit code, result and error are {shown}"
    assert (stage.started_at, stage.completed_at) == (record.started_at, record.completed_at)
    assert stage.retries_used <= pipeline.retries[stage.name], f"{stage.name}: too many retries"
    if "forgets" in plan:
        file = Path(stage.directory, "output.json")
        assert file.exists(), f"{last}: completed without its output"
        output = json.loads(file.read_text())
        assert output["attempt"] == last.number, f"{last}: its output is attempt {output}"


def _check_points(one: Tried, stored: Counter[tuple[float, float]]) -> None:
    """Check that each point is stored once, with its step and value."""
    written = Counter((entry.more["step"], entry.more["value"]) for entry in one.points)
    assert stored <= written, f"{one}: never written: {stored - written}"
    lost = list((written - stored).elements())
    # the last one is in the ledger first: its process may have ended between
    may_lack = [(one.points[-1].more["step"], one.points[-1].more["value"])] if one.points else []
    assert lost == [] or (one.end is None and lost == may_lack), f"{one}: lost: {lost}"


def _check_start(one: Tried, scene: Scene) -> None:
    """Check that an attempt was started at most once, and alone."""
    assert len(one.starts) <= 1, f"{one}: started {len(one.starts)} times"
    if one.start is None:
        assert scene.faults, f"{one}: its process never started, and nothing was done to it"
        return
    beside = one.start.more["beside"]
    assert beside == [], f"{one}: processes {beside} of an earlier attempt lived as it started"


def _check_times(one: Tried, scene: Scene) -> None:
    """Check that recorded times agree with the ledger."""
    record = one.record
    assert one.start is not None
    assert record.started_at is not None, f"{one}: its start is not on record"
    assert record.completed_at is not None, f"{one}: its end is not on record"
    started, completed = record.started_at / 1e6, record.completed_at / 1e6
    late = one.start.time - started
    assert -EARLIER <= late <= SECONDS, f"{one}: its start is {late:.1f} s before its first act"
    last = one.entries[-1].time
    unseen = one.key in scene.orphaned or one.overlaps(scene.full)
    after = completed - last
    # what it last wrote is all that shows its end, and a slow machine kills it before it writes
    earliest = started - last if unseen else 0.0
    latest = UNSEEN_SECONDS if unseen else SECONDS
    assert earliest - EARLIER <= after <= latest, (
        f"{one}: its end is {after:.1f} s after its last act"
    )


def _check_end(one: Tried, scene: Scene) -> None:
    """Check that an attempt's recorded outcome is the true one, or explained by a fault."""
    record = one.record
    was_cancelled = record.cancel_requested_at is not None and any(
        began <= record.cancel_requested_at / 1e6 <= ended for began, ended in scene.cancels
    )
    if record.pruning is not None:  # it may have been about to end by itself
        ends = (Status.COMPLETED, Status.PRUNED) if one.end else (Status.PRUNED,)
        assert record.status in ends, f"{one}: its search stopped it, and it is {record.status}"
        return
    assert was_cancelled or record.cancel_requested_at is None, f"{one}: nobody cancelled it"
    if one.end is None:
        killed = one.key in scene.killed or was_cancelled
        assert killed, f"{one}: its process was ended, and nobody ended it"
    if was_cancelled or one.key in scene.orphaned or one.overlaps(scene.full):
        return  # cancelled, unseen, or with no room for its journal
    if one.end is None or (one.key in scene.killed and record.signal is not None):
        how = (record.status, record.signal)
        assert how == (Status.FAILED, signal.SIGKILL), f"{one}: killed, and on record as {how}"
        return
    code = one.end.more["code"]
    assert record.exit_code == code, f"{one}: exit code {record.exit_code}, it was {code}"
    if record.status == Status.COMPLETED:
        assert code == 0, f"{one}: completed with {code}"
    else:
        assert record.status == Status.FAILED, f"{one}: {record.status} with exit code {code}"
        words = (f"exit code {code}", f"SystemExit: {code}") if code else ("output.json",)
        said = record.error or ""
        assert any(why in said for why in words), f"{one}: it does not say why: {said!r}"


def _check_checkpoint(one: Tried, tries: list[Tried]) -> None:
    """Check that an attempt continued from the newest checkpoint of the earlier ones."""
    assert one.start is not None
    given = one.start.more["checkpoint"]
    assert given == one.record.checkpoint, f"{one}: from {given}, not {one.record.checkpoint}"
    earlier = tries[: one.number - 1]
    written = {entry.more["path"]: entry.more["step"] for t in earlier for entry in t.checkpoints}
    if given is None:
        sure = [entry for t in earlier for entry in t.entries if _follows_checkpoint(entry, t)]
        assert sure == [] or any(t.got_nowhere for t in earlier), f"{one}: did not continue"
        return
    assert given in written, f"{one}: continued from {given}, which no attempt wrote"
    assert one.start.more["first"] == written[given] + 1


def _follows_checkpoint(entry: object, one: Tried) -> bool:
    """Return True if an entry proves that an earlier checkpoint was renamed into place."""
    return bool(one.checkpoints) and entry is one.entries[-1] and entry is not one.checkpoints[-1]


@invariant
def check_nothing_left(run_id: str) -> None:
    """Check that no process of a run is left."""
    left = [pid for pid, environ in environments() if environ.get("TRAINUI_RUN_ID") == run_id]
    assert left == [], f"the run is over, and processes of it live: {left}"


@invariant
def check_gone(key: Key) -> None:
    """Check that no process is left of attempts whose end is recorded."""
    mine = dict(zip(OWN, map(str, key), strict=True))
    left = [pid for pid, environ in environments() if mine.items() <= environ.items()]
    assert left == [], f"{key[1]} attempt {key[2]}: its end is on record, and {left} live"


@invariant
def check_deleted(run_id: str) -> None:
    """Check that nothing of a deleted run is left."""
    check_nothing_left(run_id)
    assert not (paths.home().root / "runs" / run_id).exists()
    with engine.reading() as connection:
        assert views.run(connection, run_id) is None
        for table in ("stages", "events"):
            rows = connection.execute(f"SELECT 1 FROM {table} WHERE run_id = ?", (run_id,))
            assert rows.fetchall() == [], f"rows of {table} are left"
        owners = "SELECT owner FROM {} WHERE owner NOT IN (SELECT id FROM stages)"
        for table in ("sources", "series"):
            left = connection.execute(owners.format(table)).fetchall()
            assert left == [], f"rows of {table} are left"


def check_home_is_quiet() -> None:
    """Check after stopping everything that no process is left and the database is intact."""
    deadline = time.monotonic() + STARTING
    while (left := _of_home(str(paths.home().root))) and time.monotonic() < deadline:
        time.sleep(0.05)
    assert left == [], f"processes of this home are left: {left}"
    with closing(engine.connect_to_read(paths.home().database)) as connection:
        assert connection.execute("PRAGMA integrity_check").fetchone()[0] == "ok"


def _of_home(root: str) -> list[str]:
    """Return pid and command line of each process of a home other than this one."""
    mine = psutil.Process().pid
    lines = []
    for pid, environ in environments():
        if environ.get("TRAINUI_HOME") == root and pid != mine:
            with suppress(psutil.Error):
                lines.append(f"{pid} {psutil.Process(pid).cmdline()}")
    return lines


def environments() -> list[tuple[int, dict[str, str]]]:
    """Return pid and environment of each process that lives."""
    found = []
    for process in psutil.process_iter(["pid"]):
        try:
            if process.status() != psutil.STATUS_ZOMBIE:
                found.append((process.pid, process.environ()))
        except psutil.Error:
            continue
    return found
