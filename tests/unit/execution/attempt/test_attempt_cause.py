"""The cause of an attempt says what is known of this machine and home."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.unit.execution.conftest import store as store
from tests.unit.tui.filled import Filler
from trainui.execution.attempt import attempt_cause
from trainui.execution.attempt.prepared_process import context_of
from trainui.pipeline.masking import Masker
from trainui.store.db.engine import Database
from trainui.store.read import views
from trainui.supervisor.protocol import Exit, ExitReason

FULL = 'Traceback (most recent call last):\n  File "/home/u/train.py", line 3, in save\n    f(x)\n'


def test_a_full_disk_names_first_what_a_prune_frees(
    store: Database, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    filler = Filler(store, tmp_path / "runs")
    old = filler.run({"train": ()}, name="old")
    filler.complete(old, "train", ago=3600.0)
    run = filler.run({"train": ()}, name="full")
    attempt = filler.start(run, "train")
    filler.log(attempt, f"{FULL}OSError: [Errno 28] No space left on device\n", "stderr")
    found = Exit(1, None, ExitReason.EXITED, None, False, 0, 0, None, False, ())

    def fix() -> str:
        why = attempt_cause.find(store, context_of(store, attempt.id), found, Masker(), "")
        assert why is not None
        assert why["id"] == "disk_full"
        return str(why["fix"])

    assert "prune" not in fix()  # nothing is old enough
    monkeypatch.setattr(views, "KEPT_RUNS", 0)
    monkeypatch.setattr(views, "KEPT_DAYS", 0)
    with store.read() as connection:
        directory = Path(views.find_run(connection, old).directory)
    directory.mkdir(parents=True, exist_ok=True)
    (directory / "model.bin").write_bytes(b"x" * 3_000_000)
    assert fix().startswith("`trainui prune` would free 3")


@pytest.mark.parametrize(
    ("missing", "is_relative"),
    [
        ("FileNotFoundError: [Errno 2] No such file or directory: 'data/train.csv'", True),
        ("FileNotFoundError: ./train.csv not found", True),
        ("FileNotFoundError: [Errno 2] No such file or directory: '/data/train.csv'", False),
    ],
)
def test_a_file_missing_by_a_relative_path_names_the_directory(
    store: Database, tmp_path: Path, missing: str, is_relative: bool
) -> None:
    filler = Filler(store, tmp_path / "runs")
    attempt = filler.start(filler.run({"train": ()}), "train")
    filler.log(attempt, f"{FULL}{missing}\n", "stderr")
    context = context_of(store, attempt.id)
    found = Exit(1, None, ExitReason.EXITED, None, False, 0, 0, None, False, ())
    why = attempt_cause.find(store, context, found, Masker(), "")
    assert why is not None
    assert why["id"] == "file_not_found"
    assert (context.stage.definition.workdir in why["text"]) == is_relative
