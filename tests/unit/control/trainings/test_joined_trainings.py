"""What one process wrote with W&B and TensorBoard is one training."""

from __future__ import annotations

import json
import os
import struct
from pathlib import Path

import pytest

from tests.unit.execution.conftest import store as store
from tests.unit.metrics.reading import all_points
from tests.unit.metrics.test_event_files import framed, message, varint
from tests.unit.metrics.test_wandb import field, frames, item, row
from trainui import settings
from trainui.control.trainings import external
from trainui.metrics.reader.attempt import AttemptReader
from trainui.store.db.engine import Store
from trainui.store.runs.metrics_progress import attempts_to_read

BEGAN, ENDED = 1_800_000_000, 1_800_000_060
LOSSES = [1 / (step + 3.75) for step in range(8)]
PID = 4711


def wandb(directory: Path, name: str = "a1", *, pid: int = PID, host: str = "box") -> None:
    run = directory / "wandb" / f"run-20270115_080000-{name}"
    (run / "logs").mkdir(parents=True)
    line = f"2027-01-15 08:00:00,123 INFO    MainThread:{pid} [wandb_setup.py:_flush():81] hello\n"
    (run / "logs" / "debug.log").write_text(line)
    about = field(1, name.encode()) + field(17, field(1, BEGAN))
    environment = field(26, field(6, b"train.py") + field(12, host.encode()))
    rows = [row(step, item("train/loss", loss)) for step, loss in enumerate(LOSSES)]
    log = run / f"run-{name}.wandb"
    heads = field(1, 1) + field(17, about), field(1, 2) + environment
    log.write_bytes(frames(*heads, *rows, field(1, 11) + field(18, field(1, 0))))
    os.utime(log, (ENDED, ENDED))


def events(directory: Path, *, at: int = BEGAN, pid: int = PID, tag: str = "train/loss") -> None:
    directory.mkdir(parents=True)
    written = b""
    for step, loss in enumerate(LOSSES):
        value = message((1, 2, tag.encode()), (2, 5, struct.pack("<f", loss)))
        time = struct.pack("<d", at + step)
        written += framed(
            message((1, 1, time), (2, 0, varint(step)), (5, 2, message((1, 2, value))))
        )
    file = directory / f"events.out.tfevents.{at}.box.{pid}.0"
    file.write_bytes(written)
    os.utime(file, (at + 60, at + 60))


def test_two_logs_of_a_process_are_one_run(store: Store, tmp_path: Path) -> None:
    wandb(tmp_path)
    events(tmp_path / "runs" / "exp", tag="score")
    events(tmp_path / "runs" / "exp" / "eval", tag="score")
    (expected,) = external.preview(external.find(tmp_path))
    (added,) = external.add(external.find(tmp_path), "both")
    assert (added.name, added.training.kind, added.remark) == ("both", "wandb", "")
    assert added.training == expected.training
    with store.read() as connection:
        (attempt,) = attempts_to_read(connection, settings.host())
    events(tmp_path / "runs" / "exp" / "later", tag="score")
    events(tmp_path / "runs" / "exp" / "other", tag="score", pid=8)
    AttemptReader(store, attempt).finish(clean=True)
    names = ("train/loss", "score", "eval/score", "later/score")
    assert {name for name, _step, _value in all_points(store, attempt.stage_id)} == set(names)
    assert len(all_points(store, attempt.stage_id)) == len(names) * len(LOSSES)


@pytest.mark.parametrize("is_joined", [True, False])
def test_the_history_of_a_checkpoint_hides_no_later_points(
    store: Store, tmp_path: Path, is_joined: bool
) -> None:
    if is_joined:
        wandb(tmp_path)
    events(tmp_path / "out" / "runs" / "exp")
    history = [{"step": step, "loss": loss} for step, loss in enumerate(LOSSES[:3])]
    (tmp_path / "out" / "checkpoint-2").mkdir()
    state = tmp_path / "out" / "checkpoint-2" / "trainer_state.json"
    state.write_text(json.dumps({"global_step": 2, "log_history": history}))
    (added,) = external.add(external.find(tmp_path))
    assert added.training.also == (str(tmp_path / "out") if is_joined else "")
    with store.read() as connection:
        (attempt,) = attempts_to_read(connection, settings.host())
    AttemptReader(store, attempt).finish(clean=True)
    steps = [step for name, step, _value in all_points(store, attempt.stage_id)]
    assert steps == list(range(len(LOSSES)))


def test_adding_one_of_both_again_adds_nothing(store: Store, tmp_path: Path) -> None:
    wandb(tmp_path)
    events(tmp_path / "runs" / "exp")
    (added,) = external.add(external.find(tmp_path))
    for path in (tmp_path, tmp_path / "runs", tmp_path / "wandb"):
        again = external.add(external.find(path))
        assert {(one.run_id, one.is_new) for one in again} == {(added.run_id, False)}


def test_what_was_added_before_stays_a_run(store: Store, tmp_path: Path) -> None:
    wandb(tmp_path)
    events(tmp_path / "runs" / "exp")
    (before,) = external.add(external.find(tmp_path / "runs"))
    events_run, wandb_run = external.add(external.find(tmp_path))
    assert (events_run.run_id, events_run.is_new) == (before.run_id, False)
    assert wandb_run.is_new


@pytest.mark.parametrize(
    "different", ["pid", "host", "time", "values", "two directories", "two runs", "two processes"]
)
def test_what_may_be_of_two_processes_stays_apart(tmp_path: Path, different: str) -> None:
    wandb(tmp_path, pid=8 if different == "pid" else PID, host=f"box{'2' * (different == 'host')}")
    events(tmp_path / "runs" / "exp", at=BEGAN + 7200 * (different == "time"))
    if different == "two directories":
        events(tmp_path / "runs" / "exp2")
    elif different == "two runs":
        wandb(tmp_path, "b2")
    elif different == "two processes":
        events(tmp_path / "runs" / "exp" / "eval", pid=8)
    elif different == "values":
        file = next((tmp_path / "runs" / "exp").iterdir())
        file.write_bytes(file.read_bytes()[:10])
        os.utime(file, (ENDED, ENDED))
    found = external.find(tmp_path)
    assert len(external.preview(found)) == len(found) >= 2
