"""Each attempt's code is checked once, also that of one after a deleted attempt."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.unit.metrics.attempts import Attempt, start_attempt
from trainui.execution.worker import code_drift
from trainui.execution.worker.code_drift import CodeDriftWatch
from trainui.model.states import Status
from trainui.resume import code_version
from trainui.store.db.engine import Store
from trainui.store.runs import attempts, runs
from trainui.store.runs.attempts import Outcome


def start_with_deleted_script(store: Store, root: Path, name: str) -> Attempt:
    """Start an attempt whose run had a script at its submission that no longer exists."""
    script = root / "work" / "train.py"
    script.parent.mkdir(exist_ok=True)
    script.write_text("1")
    attempt = start_attempt(store, root, name=name)
    code_version.record(script.parent, [], attempt.stage_dir.parent)
    script.unlink()
    return attempt


def has_changed_code(store: Store, attempt: Attempt) -> bool:
    query = "SELECT code_change IS NOT NULL FROM attempts WHERE id = ?"
    with store.read() as connection:
        return bool(connection.execute(query, (attempt.id,)).fetchone()[0])


def delete(store: Store, attempt: Attempt, name: str) -> None:
    with store.write() as connection:
        attempts.end(connection, attempt.id, Outcome(Status.FAILED, 2, error="x", retry=False))
        runs.remove(connection, f"run-of-{name}")


@pytest.mark.parametrize("most", [0, 500])
def test_an_attempt_after_a_deleted_one_is_checked(
    only_on_sqlite: None,
    store: Store,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    most: int,
) -> None:
    monkeypatch.setattr(code_drift, "IDS_BACK", most)
    watch = CodeDriftWatch(store)
    watch.poll()
    deleted = {
        name: start_with_deleted_script(store, tmp_path, name) for name in ("first", "second")
    }
    watch.poll()
    assert all(has_changed_code(store, attempt) for attempt in deleted.values())
    for name, attempt in deleted.items():
        delete(store, attempt, name)
    kept = start_with_deleted_script(store, tmp_path, "kept")
    assert kept.id > deleted["second"].id
    with store.write() as connection:  # the others have the same start
        connection.execute("UPDATE attempts SET started_at = 2 WHERE id = ?", (kept.id,))
    watch.poll()
    assert has_changed_code(store, kept)
