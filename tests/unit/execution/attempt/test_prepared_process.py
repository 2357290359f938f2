"""What a stage's process is given, and what it is not."""

from __future__ import annotations

import json
import os
import socket
from pathlib import Path

import pytest

from tests.unit.execution.submitted import begin, submit
from trainui import control, paths
from trainui.errors import UnfitEnvironmentError, UsageError
from trainui.execution.attempt.prepared_process import identity_of, prepare
from trainui.execution.planner import host
from trainui.model.records import Slot
from trainui.store.db.engine import Database
from trainui.store.db.statements import change

SHELL = {
    "PATH": "/usr/bin:/bin",
    "HOME": "/home/me",
    "WANDB_API_KEY": "abcdef123",
    "SSH_AUTH_SOCK": "/tmp/agent",
    "TMUX_PANE": "%1",
    "DISPLAY": ":0",
    "XDG_RUNTIME_DIR": "/run/user/1",
    "DBUS_SESSION_BUS_ADDRESS": "x",
    "PWD": "/elsewhere",
    "SHLVL": "3",
    "TRAINUI_CHECKPOINT": "/of/another/stage",
    "TRAINUI_STAGE": "another",
    "CUDA_VISIBLE_DEVICES": "0,1,2,3",
    "BASH_ENV": "/home/me/.bashrc",
}


def test_a_process_gets_the_submitting_shells_variables_and_ours(
    store: Database, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    run = submit(
        tmp_path,
        "stages: [{name: a, run: echo, env: {LEVEL: '${env.HOME}/x', HOME: /h, EMPTY: ''}}]",
        environ=SHELL,
    )
    monkeypatch.setenv("OF_THE_WORKER", "1")
    context = begin(store, run, "a", Slot(host(), "cpu", 0))
    found = prepare(context, None)
    port = int(found.environ["MASTER_PORT"])
    with socket.socket() as listener:
        listener.bind(("", port))
    run_dir, stage_dir = context.run.directory, context.stage.directory
    assert found.environ == {
        "PATH": "/usr/bin:/bin",
        "HOME": "/h",
        "LEVEL": "/home/me/x",
        "EMPTY": "",
        "WANDB_API_KEY": "abcdef123",
        "TRAINUI_HOME": str(paths.home().root),
        "TRAINUI_RUN_ID": run,
        "TRAINUI_STAGE": "a",
        "TRAINUI_ATTEMPT": "1",
        "TRAINUI_RUN_DIR": run_dir,
        "TRAINUI_STAGE_DIR": stage_dir,
        "TRAINUI_METRICS_FILE": f"{run_dir}/.trainui/a/attempt-1/metrics.jsonl",
        "CUDA_VISIBLE_DEVICES": "",
        "CUDA_DEVICE_ORDER": "PCI_BUS_ID",
        "PYTHONUNBUFFERED": "1",
        "MLFLOW_RUN_CONTEXT": json.dumps({"trainui.attempt": f"{run_dir}/.trainui/a/attempt-1"}),
        "WANDB__TRANSACTION_LOG_FLUSH_INTERVAL": "1",
        "MASTER_PORT": str(port),
        "PET_MASTER_PORT": str(port),
    }
    assert identity_of(context).items() <= found.environ.items()


def test_the_environment_is_in_no_database(store: Database, tmp_path: Path) -> None:
    run = submit(tmp_path, "stages: [{name: a, run: 'echo ${env.WANDB_API_KEY}'}]", environ=SHELL)
    context = begin(store, run, "a")
    found = prepare(context, None)
    assert "abcdef123" in str(found.definition.command)
    store.close()
    for file in Path(os.environ["TRAINUI_HOME"]).glob("trainui.db*"):
        assert b"abcdef123" not in file.read_bytes()


def test_gpus_are_named_by_index_and_checkpoints_by_path(store: Database, tmp_path: Path) -> None:
    run = submit(tmp_path, "stages: [{name: a, run: echo, env: {MASTER_PORT: '7'}}]", environ=SHELL)
    context = begin(store, run, "a", Slot(host(), "gpu", 0), Slot(host(), "gpu", 3))
    found = prepare(context, "/ckpt-1").environ
    assert found["CUDA_VISIBLE_DEVICES"] == "0,3"
    assert found["TRAINUI_CHECKPOINT"] == "/ckpt-1"
    assert found["MASTER_PORT"] == "7"


def test_variables_for_shell_startup_reach_only_commands_without_a_shell(
    store: Database, tmp_path: Path
) -> None:
    text = "stages: [{name: a, run: echo}, {name: b, run: [echo]}]"
    run = submit(tmp_path, text, environ=SHELL)
    assert "BASH_ENV" not in prepare(begin(store, run, "a"), None).environ
    assert prepare(begin(store, run, "b"), None).environ["BASH_ENV"] == "/home/me/.bashrc"


def test_python_is_the_stages_else_the_submitters_else_the_shells(
    store: Database, tmp_path: Path
) -> None:
    for name in ("own", "shell"):
        python = tmp_path / name / "bin" / "python"
        python.parent.mkdir(parents=True)
        python.write_text("#!/bin/sh\n")
        python.chmod(0o755)
    text = "stages: [{name: a, run: ['${python}'], python: '${env.WHERE}/own'}, {name: b, run: x}]"
    shell = {"PATH": f"{tmp_path}/shell/bin:/bin", "WHERE": str(tmp_path)}

    run = submit(tmp_path, text, environ=shell)
    own = prepare(begin(store, run, "a"), None)
    assert own.definition.command == (f"{tmp_path}/own/bin/python",)
    assert own.environ["PATH"] == f"{tmp_path}/own/bin:{tmp_path}/shell/bin:/bin"
    assert own.environ["VIRTUAL_ENV"] == f"{tmp_path}/own"
    of_shell = prepare(begin(store, run, "b"), None)
    assert of_shell.python.path == f"{tmp_path}/shell/bin/python"
    assert of_shell.environ["PATH"] == shell["PATH"]

    run = submit(tmp_path, text, environ=shell, python="/of/the/submitter")
    assert prepare(begin(store, run, "b"), None).python.path == "/of/the/submitter"


def test_a_missing_part_is_named(store: Database, tmp_path: Path) -> None:
    text = "stages: [{name: a, run: 'echo ${env.LACKING}'}, {name: b, run: x, python: ./venv}]"
    run = submit(tmp_path, text, environ=SHELL)
    with pytest.raises(UsageError, match="LACKING"):
        prepare(begin(store, run, "a"), None)
    context = begin(store, run, "b")
    with pytest.raises(UnfitEnvironmentError, match="venv"):
        prepare(context, None)
    (Path(context.run.directory) / "env.json").unlink()
    with pytest.raises(UnfitEnvironmentError, match=r"resume RUN --env"):
        prepare(context, None)


def test_a_resume_with_another_shells_environment_takes_that(
    store: Database, tmp_path: Path
) -> None:
    run = submit(tmp_path, "stages: [{name: a, run: x}]", environ=SHELL)
    context = begin(store, run, "a")
    kept = json.loads((Path(context.run.directory) / "env.json").read_text())
    assert "SSH_AUTH_SOCK" not in kept["environ"]
    control.resume(run, environ={"PATH": "/bin", "NEW": "1"})
    found = prepare(context, None).environ
    assert found["NEW"] == "1"
    assert "WANDB_API_KEY" not in found


def test_a_dependant_gets_directories_of_a_pruned_sweeps_completed_members(
    store: Database, tmp_path: Path
) -> None:
    run = submit(
        tmp_path,
        "stages:\n"
        "  - name: a\n    matrix: {n: [1, 2, 3]}\n    run: echo\n"
        "    search: {metric: loss, goal: minimize, prune: median}\n"
        "  - {name: b, run: ['${python}', '${stages.a.dirs}'], depends_on: [a]}\n",
    )
    states = {"a[n=1]": "completed", "a[n=2]": "pruned", "a[n=3]": "completed", "b": "queued"}
    with store.write() as connection:
        for name, status in states.items():
            change(connection, "stages", {"run_id": run, "name": name}, status=status)
    command = prepare(begin(store, run, "b"), None).definition.command
    assert command is not None
    assert [Path(part).name for part in command[1:]] == ["a-n-1", "a-n-3"]
