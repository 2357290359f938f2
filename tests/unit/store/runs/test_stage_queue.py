"""The queue of stages that wait for a slot."""

from __future__ import annotations

from dataclasses import replace

import pytest

from tests.unit.store.conftest import AddRun
from trainui.model.definition import StageDefinition
from trainui.store.db.engine import Database
from trainui.store.read import views
from trainui.store.runs import attempts, trials

CPU = StageDefinition("train", command="true", cpus=2)


@pytest.mark.parametrize(
    ("definition", "kind"),
    [
        (CPU, "cpu"),
        (replace(CPU, host="a", queue="big"), "cpu"),
        (replace(CPU, gpus=1), "gpu"),
        (replace(CPU, gpus=1, params={"gpus": 0, "gpu_memory": None}), "gpu"),
        (replace(CPU, gpu_memory=10**9), "cpu"),
    ],
)
def test_a_stage_waits_for_slots_of_one_kind(
    store: Database, add_run: AddRun, definition: StageDefinition, kind: str
) -> None:
    run = add_run("run", {"train": []})
    with store.write() as connection:
        stage = views.stage(connection, run, "train")
        assert stage is not None
        trials.give_values(connection, stage, definition)
        for other in ("cpu", "gpu"):
            found = attempts.queued(connection, kind=other, limit=9)
            assert [one.definition for one in found] == [definition] * (other == kind)
