"""A store that cannot be used for a while loses no point, and is no attempt's fault."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path

import pytest

from tests.unit.metrics.attempts import HOST, Attempt, is_complete, start_attempt
from tests.unit.metrics.reader.test_attempt import again
from tests.unit.metrics.reading import all_points, lines
from tests.unit.supervisor.waiting import wait_for
from trainui.errors import StoreError, StoreLockedError
from trainui.metrics.discovery import fallback_sources
from trainui.metrics.reader.__main__ import MetricsReader
from trainui.metrics.reader.attempt import AttemptReader
from trainui.model.definition import MetricSource
from trainui.store.db import sqlite_file
from trainui.store.db.engine import Database

pytestmark = pytest.mark.usefixtures("only_on_sqlite")

MANY = {f"metric {number}": 1.0 for number in range(1500)}
"""The metrics of one line: more than fit into the database's free pages."""

NO_LIMIT = 2**31 - 1


@pytest.fixture
def hasty(store: Database, monkeypatch: pytest.MonkeyPatch) -> Iterator[Database]:
    """A store on the same database that waits for a lock for a moment only."""
    monkeypatch.setattr(sqlite_file, "BUSY_TIMEOUT", 0.05)
    with closing(Database(store.url)) as hasty:
        yield hasty


def limit_pages(store: Database, most: int) -> None:
    """Limit the size of the database as a full disk does; a limit of 1: no new pages."""
    with store.write() as connection:
        connection.execute(f"PRAGMA max_page_count = {most}")


def names(store: Database, attempt: Attempt) -> set[str]:
    return {name for name, _step, _value in all_points(store, attempt.stage_id)}


def turns_until(reader: MetricsReader, done: Callable[[], bool]) -> None:
    def turn() -> bool:
        reader.turn(scan=True)
        return done()

    wait_for(turn)


def test_an_attempt_is_incomplete_before_its_last_line_is_stored(
    store: Database, tmp_path: Path
) -> None:
    attempt = start_attempt(store, tmp_path)
    attempt.own_file.write_text(lines([0, 1]))
    with closing(MetricsReader(store, HOST)) as reader:
        turns_until(reader, lambda: names(store, attempt) == {"loss"})
        with attempt.own_file.open("a") as file:
            file.write(json.dumps({"step": 2, **MANY}))  # no newline: read at the end only
        attempt.end()
        limit_pages(store, 1)
        with pytest.raises(StoreError, match="the disk is full"):
            turns_until(reader, lambda: is_complete(store, attempt))
        assert not is_complete(store, attempt)
        limit_pages(store, NO_LIMIT)
        turns_until(reader, lambda: is_complete(store, attempt))
    assert names(store, attempt) == {"loss", *MANY}


def test_a_source_meeting_a_locked_store_is_not_at_fault(
    store: Database, hasty: Database, tmp_path: Path
) -> None:
    attempt = start_attempt(store, tmp_path, MetricSource(path="metrics.json"))
    log = attempt.workdir / "metrics.json"
    log.write_text('{"step": 0, "loss": 0}')
    reader = AttemptReader(hasty, attempt.to_read)
    reader.scan()
    while reader.advance().more:
        pass
    with log.open("a") as file:  # so the first line was no whole document
        file.write('\n{"step": 1, "loss": 1}\n')
    with store.write(), pytest.raises(StoreLockedError):
        reader.read()
    while reader.advance().more:
        pass
    assert [step for _name, step, _value in all_points(store, attempt.stage_id)] == [0, 1]


@pytest.mark.parametrize("is_earlier", [True, False])
def test_a_locked_store_mixes_no_log_and_file_curves(
    store: Database,
    hasty: Database,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    is_earlier: bool,
) -> None:
    """Once that is possible, the log's points are deleted, or renamed in the next attempt."""
    monkeypatch.setattr(fallback_sources, "WAIT", 0.0)
    attempt = start_attempt(store, tmp_path)
    (attempt.directory / "stdout.log").write_text(
        "{'loss': 1, 'epoch': 0.5}\n{'loss': 1, 'epoch': 1.0}\n"
    )
    reader = AttemptReader(hasty, attempt.to_read)
    reader.scan()
    while reader.advance().more:
        pass
    if is_earlier:
        reader.finish(clean=True)
        attempt = again(store, attempt)
        reader = AttemptReader(hasty, attempt.to_read)
    attempt.own_file.write_text('{"step": 100, "loss": 9}\n')
    reader.scan()
    with store.write(), pytest.raises(StoreLockedError):
        reader.read()
    while reader.advance().more:
        pass
    reader.finish(clean=True)
    found = {(name, value) for name, _step, value in all_points(store, attempt.stage_id)}
    log = {("stdout/loss", 1)} if is_earlier else set()
    assert {one for one in found if "loss" in one[0]} == {*log, ("loss", 9)}
