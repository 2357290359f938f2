"""The directories whose disks checkpoints fill are those of what runs here."""

from __future__ import annotations

from pathlib import Path

from tests.unit.tui.conftest import empty_database as empty_database
from tests.unit.tui.conftest import filler as filler
from tests.unit.tui.conftest import home as home
from tests.unit.tui.conftest import store as store
from tests.unit.tui.filled import Filler
from trainui import settings
from trainui.domain.definition import CheckpointRule
from trainui.resume import checkpoint_places
from trainui.store.db import readonly


def test_the_places_of_running_stages_on_this_host_are_found(
    filler: Filler, tmp_path: Path
) -> None:
    scratch, workdir = tmp_path / "scratch", tmp_path / "work"
    for directory in (scratch / "models", workdir / "out"):
        directory.mkdir(parents=True)
    run_id = filler.run(
        {"absolute": (), "over": ()}, checkpoint=CheckpointRule(f"{scratch}/models/*/ckpt-*.pt")
    )
    filler.complete(run_id, "over")
    here = settings.host()
    with readonly.reading() as connection:
        assert checkpoint_places.read(connection, here) == [], "nothing runs"
        filler.start(run_id, "absolute")
        assert checkpoint_places.read(connection, here) == [scratch / "models"]
        assert checkpoint_places.read(connection, "elsewhere") == []
        other = filler.run(
            {"relative": ()}, checkpoint=CheckpointRule("out/ckpt-*"), workdir=str(workdir)
        )
        attempt = filler.start(other, "relative")
        found = checkpoint_places.read(connection, here)
        assert sorted(found) == [scratch / "models", workdir / "out"]
        own = Path(filler.stage(other, "relative").directory, "out")
        own.symlink_to(scratch)
        found = checkpoint_places.read(connection, here)
        assert sorted(found) == sorted([scratch / "models", own, workdir / "out"])
        filler.end(attempt)
        assert checkpoint_places.read(connection, here) == [scratch / "models"]
