"""A disk that checkpoints fill is reported, also where it is neither the home's nor the runs'."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.unit.tui.filled import Filler
from trainui import system
from trainui.model.definition import CheckpointRule
from trainui.tui.readers import machine
from trainui.tui.readers.database import ScreenDatabase
from trainui.tui.snapshot import ListQuery


def test_a_full_checkpoint_disk_is_reported_during_the_stage(
    filler: Filler, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(machine, "CHECK_PERIOD", 0.0)
    real = system.free_bytes
    monkeypatch.setattr(
        system, "free_bytes", lambda path: real(path) if path == Path("/proc") else 10**12
    )
    run_id = filler.run({"train": ()}, checkpoint=CheckpointRule("/proc/self/ckpt-*"))
    database = ScreenDatabase()

    def warning() -> str | None:
        database.read(ListQuery())
        return database.read(ListQuery()).health.low_disk

    assert warning() is None
    attempt = filler.start(run_id, "train")
    assert warning() == "too little disk space: 0 B free on /proc, so nothing new starts"
    filler.end(attempt)
    assert warning() is None
    database.close()


@pytest.mark.parametrize("own_share", [1.0, 0.2])
def test_a_disk_that_others_fill_is_no_warning(
    filler: Filler, monkeypatch: pytest.MonkeyPatch, own_share: float
) -> None:
    now, free = 0.0, 500 * system.GIGABYTE
    own = 0
    monkeypatch.setattr("trainui.tui.readers.machine.time.monotonic", lambda: now)
    monkeypatch.setattr(system, "free_bytes", lambda _path: free)
    monkeypatch.setattr(system, "used_bytes", lambda _path, _most: own)
    filler.start(filler.run({"train": ()}), "train")
    database = ScreenDatabase()
    for _ in range(12):
        now, free, own = (
            now + 15,
            free - system.GIGABYTE,
            own + int(own_share * system.GIGABYTE),
        )
        shown = database.read(ListQuery()).health.low_disk
    database.close()
    assert bool(shown) is (own_share > 0.5), shown
