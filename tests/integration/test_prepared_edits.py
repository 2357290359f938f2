"""Prepared edits, tried: a stage that failed completes once the edit of its cause is applied."""

from __future__ import annotations

import socket
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path

import pytest

from tests.integration.runs import Run, home_with_worker
from trainui import control
from trainui.model.states import Status
from trainui.pipeline.rules.resume_plan import StageOptions
from trainui.resume import edit_effects, edits, submitted
from trainui.resume.edit_effects import suggestion

MEMORY = """
import sys
batch, accumulate = map(int, sys.argv[1:3])
if batch > 16:
    raise type("OutOfMemoryError", (RuntimeError,), {"__module__": "torch"})(
        "CUDA out of memory. Tried to allocate 2.00 GiB. GPU 0 has 23.65 GiB in all")
assert batch * accumulate == 32
"""
NAN = """
import json, os, sys, time
from pathlib import Path
lr, state = float(sys.argv[1]), {"step": 0, "loss": 1.0}
if sys.argv[2:]:
    state = json.loads(Path(sys.argv[2]).read_text())
    Path("resumed").write_text(str(state["step"]))
metrics = open(os.environ["TRAINUI_METRICS_FILE"], "a")
for step in range(state["step"] + 1, 7):
    loss = float("nan") if lr > 0.05 and step > 3 else state["loss"]
    state = {"step": step, "loss": loss}
    print(json.dumps({"step": step, "loss": loss}), file=metrics, flush=True)
    while step == 4 and not list(Path(os.environ["TRAINUI_RUN_DIR"]).glob("noticed")):
        time.sleep(0.02)
    Path(os.environ["TRAINUI_STAGE_DIR"], f"ckpt-{step}.json").write_text(json.dumps(state))
if state["loss"] != state["loss"]:
    raise ValueError("loss is nan at step 6, stopping")
"""
PORT = """
import socket, sys
socket.create_server(("127.0.0.1", int(sys.argv[1])))
"""
WORKERS = """
import os, sys
if int(sys.argv[1]) > 4:
    print("Killed", file=sys.stderr, flush=True)
    os.kill(os.getpid(), 9)
"""


@pytest.fixture(scope="module", autouse=True)
def home(
    tmp_path_factory: pytest.TempPathFactory, served_database: Mapping[str, str]
) -> Iterator[None]:
    with home_with_worker(tmp_path_factory.mktemp("edits"), served_database, cpus="2"):
        yield


def edited(run: Run) -> StageOptions:
    """Apply the prepared edit as the key P and the plan do; return the plan's options."""
    record, stage = submitted.run_of(run.id), run.stage("train")
    text = edits.text_of(record)
    values = edits.values_of(record, text, stage.definition, alone=False)
    found = suggestion(stage, values)
    assert found.values, found.words
    changes = {values[at]: value for at, value in found.values.items()}
    edit = edits.with_values(record, text, changes, None)
    pipeline = edit_effects.choose_pipeline(record, edit=edit).pipeline
    options = StageOptions(before=found.before)
    plan = control.plan_resume(run.id, options, pipeline=pipeline)
    assert run.stage("train").status == Status.FAILED  # nothing has run yet
    control.resume(run.id, options, pipeline=pipeline, edit=edit, confirmed=plan)
    assert run.wait().status == Status.COMPLETED
    return options


def submit(root: Path, code: str, params: Mapping[str, object], **fields: object) -> Run:
    (root / "train.py").write_text(code)
    command = [sys.executable, "train.py", *(f"${{params.{name}}}" for name in params)]
    return Run(root, {"name": "train", "run": command, **fields}, top={"params": params})


def test_half_the_batch_fits_into_the_gpus_memory(tmp_path: Path) -> None:
    run = submit(tmp_path, MEMORY, {"batch_size": 32, "accumulate": 1})
    assert run.wait().status == Status.FAILED
    assert edited(run) == StageOptions()


def test_fewer_loader_workers_fit_into_memory(tmp_path: Path) -> None:
    run = submit(tmp_path, WORKERS, {"num_workers": 8})
    assert run.wait().status == Status.FAILED
    edited(run)


def test_another_port_is_free(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        run = submit(tmp_path, PORT, {"master_port": taken.getsockname()[1]})
        assert run.wait().status == Status.FAILED
        edited(run)


def test_nan_continues_from_a_checkpoint_before_it_began(tmp_path: Path) -> None:
    resume = {"checkpoint": "ckpt-*.json", "resume_args": ["${checkpoint}"]}
    run = submit(tmp_path, NAN, {"lr": 0.1}, **resume)
    run.until("train", lambda _: any(one.kind == "nan" for one in run.events()), "ill")
    Path(run.record().directory, "noticed").touch()
    assert run.wait().status == Status.FAILED
    control.resume(run.id)  # which fails at once: it continues with the NaN
    assert run.wait().status == Status.FAILED
    options = edited(run)
    assert options.before["train"].endswith("ckpt-3.json")
    assert (tmp_path / "resumed").read_text() == "3"
    assert (run.attempt("train").checkpoint or "").endswith("ckpt-3.json")
    control.rerun(run.id, ["train"])  # the others, written again meanwhile, count again
    assert run.wait().status == Status.COMPLETED
