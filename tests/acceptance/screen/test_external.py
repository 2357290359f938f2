"""External runs on the screen: offered as new runs of ours, and found where there are no runs."""

from __future__ import annotations

from pathlib import Path

from tests.acceptance.screen.test_acting import question
from tests.acceptance.screen.test_acting import worker as worker
from tests.unit.control.test_external_command import hydra_job
from tests.unit.tui.driving import opened
from trainui import control
from trainui.control import external
from trainui.store.db.engine import Store
from trainui.store.read import views


async def test_the_command_of_an_external_run_is_offered_as_a_new_run(
    home: Path, store: Store, worker: None, tmp_path: Path
) -> None:
    control.set_paused(True)  # the worker that is started is to start nothing
    job = hydra_job(tmp_path / "outputs/2026-11-26/10-00-00", tmp_path, "lr=0.1")
    (tmp_path / "train.py").touch()
    (added,) = external.add(external.find(job))
    async with opened() as driven:
        await driven.until_shown("train ext")
        await driven.press("e")
        await driven.until_shown("R runs its command again")
        for key, answer in (("R", "n"), ("r", "y")):
            await driven.press(key)
            await question(driven, "as a new run?", "python train.py lr=0.1", "directory")
            await driven.press(answer)
        await driven.until_shown("started train as the new run")
    with views.reading() as connection:
        assert {run.origin for run in views.runs(connection)} == {None, added.run_id}
