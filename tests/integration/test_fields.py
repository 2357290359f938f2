"""Each field of the pipeline file, through real runs: what the stage's process truly gets."""

from __future__ import annotations

import itertools
import os
import signal
import socket
import sys
import venv
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest

from tests.integration.runs import Run, home_with_worker
from tests.unit.supervisor.waiting import is_alive, read_pid
from trainui import control
from trainui.errors import UnfitEnvironmentError
from trainui.model.states import Status
from trainui.store.db import engine
from trainui.store.points import read_points

NewRun = Callable[..., Run]


@pytest.fixture(scope="module", autouse=True)
def home(
    tmp_path_factory: pytest.TempPathFactory, served_database: Mapping[str, str]
) -> Iterator[None]:
    with home_with_worker(tmp_path_factory.mktemp("fields"), served_database, cpus="4"):
        yield


@pytest.fixture
def new_run(tmp_path: Path) -> NewRun:
    """Submit a run of some stages, in a directory of its own."""
    numbers = itertools.count()

    def submit(*stages: dict[str, Any], **fields: Any) -> Run:
        return Run(tmp_path / f"run{next(numbers)}", *stages, **fields)

    return submit


def completed(run: Run) -> Run:
    """The run, once it has completed."""
    assert run.wait().status == Status.COMPLETED, run.stages()
    return run


# how a command is run


def test_shell_text_stops_at_the_first_failure_even_in_pipes(new_run: NewRun) -> None:
    run = new_run(
        {"name": "first", "run": "false; touch went-on"},
        {"name": "pipe", "run": "false | cat"},
    )
    run.wait()
    assert run.statuses() == {"first": "failed", "pipe": "failed"}
    assert not (run.directory / "went-on").exists()


def test_the_shells_own_dollars_are_left_alone(new_run: NewRun) -> None:
    script = 'for i in $(seq 2); do echo $i $((i + 1)) "$${UNSET:-x}" $HOME_LIKE > out; done'
    run = completed(new_run({"name": "a", "run": script, "env": {"HOME_LIKE": "~"}}))
    assert run.lines("out") == ["2 3 x ~"]


def test_a_list_is_run_as_it_is(new_run: NewRun) -> None:
    odd = ["two words", "$HOME", "*", "", "it's"]
    code = "import sys; open('out', 'w').write('\\n'.join(sys.argv[1:]))"
    completed(run := new_run({"name": "a", "run": [sys.executable, "-c", code, *odd]}))
    assert run.lines("out") == odd


def test_values_go_quoted_into_shell_text(new_run: NewRun) -> None:
    text = "it's $HOME; touch broken `x`"
    run = new_run(
        {"name": "a", "run": "printf '%s' ${params.text} > out"}, top={"params": {"text": text}}
    )
    completed(run)
    assert run.lines("out") == [text]
    assert not (run.directory / "broken").exists()


def test_stdin_is_empty_and_what_python_prints_comes_at_once(new_run: NewRun) -> None:
    run = completed(new_run({"name": "a", "run": "cat > in; echo $PYTHONUNBUFFERED > out"}))
    assert run.lines("in") == []
    assert run.lines("out") == ["1"]


def test_workdir_and_relative_paths_are_the_files(new_run: NewRun, tmp_path: Path) -> None:
    (tmp_path / "run0" / "code").mkdir(parents=True)
    run = completed(new_run({"name": "a", "run": "pwd > here", "workdir": "code"}))
    assert run.lines("code/here") == [str(run.directory / "code")]


def test_an_interpreter_without_trainui_runs_commands_and_tasks(
    new_run: NewRun, tmp_path: Path
) -> None:
    venv.create(tmp_path / "theirs", symlinks=True)
    (tmp_path / "run0").mkdir()
    (tmp_path / "run0" / "theirs_tasks.py").write_text(
        "import importlib.util, sys\n"
        "def look(): return [sys.prefix, importlib.util.find_spec('trainui') is None]\n"
    )
    theirs = str(tmp_path / "theirs")
    look = "import sys; print(sys.prefix)"
    run = new_run(
        {"name": "string", "run": f'python -c "{look}" > string', "python": theirs},
        {
            "name": "list",
            "run": ["sh", "-c", 'exec "$0" -c "$1" > list', "${python}", look],
            "python": f"{theirs}/bin/python",
        },
        {"name": "task", "task": "theirs_tasks.look", "python": "../theirs"},
    )
    completed(run)
    assert run.lines("string") == run.lines("list") == [theirs]
    assert run.stage("task").result == [theirs, True]


# what is filled in


def test_everything_in_braces_is_filled_in(
    new_run: NewRun, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("FROM_SHELL", "shell")
    line = (
        "${params.p} ${matrix.m} ${attempt} ${env.FROM_SHELL} ${stage_dir} ${run_dir}"
        " ${stages.before.dir}"
    )
    run = new_run(
        {"name": "before", "run": "true"},
        {
            "name": "a",
            "matrix": {"m": ["010"]},
            "env": {"LINE": line},
            "run": 'echo "$LINE" > out',
            "depends_on": ["before"],
        },
        top={"params": {"p": "1e-3"}},
    )
    completed(run)
    stage_dir, before = run.stage("a[m=010]").directory, run.stage("before").directory
    whole = f"1e-3 010 1 shell {stage_dir} {run.record().directory} {before}"
    assert run.lines("out") == [whole]


def test_members_have_names_and_directories_of_their_own(new_run: NewRun) -> None:
    run = new_run(
        {
            "name": "train",
            "matrix": {"lr": ["0.3", "1e-3"], "name": ["a/b"]},
            "run": "echo ${matrix.lr} > ${stage_dir}/made",
        },
        {
            "name": "pick",
            "matrix": {"lr": ["1e-3"]},
            "run": ["cp", "${stages.train.dir}/made", "picked"],
            "depends_on": ["train"],
        },
        {
            "name": "all",
            "run": [
                "sh",
                "-c",
                'for d; do cat "$d/made"; done > all',
                "sh",
                "${stages.train.dirs}",
            ],
            "depends_on": ["train"],
        },
    )
    completed(run)
    names = ["train[lr=0.3,name=a/b]", "train[lr=1e-3,name=a/b]"]
    assert list(run.stages())[:2] == names
    directories = [Path(run.stage(name).directory) for name in names]
    assert len(set(directories)) == 2
    assert {directory.parent for directory in directories} == {Path(run.record().directory)}
    assert run.lines("picked") == ["1e-3"]
    assert run.lines("all") == ["0.3", "1e-3"]


def test_defaults_hold_where_a_stage_says_nothing(new_run: NewRun) -> None:
    note = "echo $BOTH $OWN > $TRAINUI_STAGE"
    run = new_run(
        {"name": "a", "run": note},
        {"name": "b", "run": note, "env": {"BOTH": "b", "OWN": "o"}, "retries": 0},
        top={"defaults": {"env": {"BOTH": "d"}, "retries": 3, "cpus": 2}},
    )
    completed(run)
    assert run.lines("a") == ["d"]
    assert run.lines("b") == ["b o"]
    definitions = {name: stage.definition for name, stage in run.stages().items()}
    assert {name: (one.retries, one.cpus) for name, one in definitions.items()} == {
        "a": (3, 2),
        "b": (0, 2),
    }


def test_a_tasks_parameters_keep_their_types(new_run: NewRun, tmp_path: Path) -> None:
    (tmp_path / "run0").mkdir()
    (tmp_path / "run0" / "echoing.py").write_text("def echo(**given): return given\n")
    given = {"text": "x", "number": 3, "list": [1.5, None, True], "nested": {"k": "v"}}
    run = new_run(
        {"name": "m", "matrix": {"k": ["1", "2"]}, "run": "true"},
        {
            "name": "a",
            "task": "echoing.echo",
            "params": {**given, "dirs": "${stages.m.dirs}"},
            "depends_on": ["m"],
        },
    )
    completed(run)
    dirs = [run.stage(f"m[k={number}]").directory for number in (1, 2)]
    assert run.stage("a").result == {**given, "dirs": dirs}


# what a stage's process gets


def test_each_attempt_has_a_port_of_its_own(new_run: NewRun) -> None:
    meet = (
        "echo $MASTER_PORT $PET_MASTER_PORT > $TRAINUI_STAGE; touch here-$TRAINUI_STAGE; "
        "until [ -e here-a ] && [ -e here-b ]; do sleep 0.01; done"
    )
    run = new_run(
        {"name": "a", "run": meet},
        {"name": "b", "run": meet},
        {
            "name": "own",
            "run": "echo $MASTER_PORT $PET_MASTER_PORT > own",
            "env": {"MASTER_PORT": 7},
        },
    )
    completed(run)
    ports = [line.split() for name in ("a", "b") for line in run.lines(name)]
    assert ports[0] != ports[1]
    for port, for_torchrun in ports:
        assert port == for_torchrun
        with socket.socket() as listener:
            listener.bind(("127.0.0.1", int(port)))
    assert run.lines("own") == ["7 7"]


def test_a_shell_that_submits_gives_its_environment_less_its_session(
    new_run: NewRun, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("KEPT", "kept")
    for name in ("SSH_CONNECTION", "TMUX_PANE", "DISPLAY", "XDG_RUNTIME_DIR"):
        monkeypatch.setenv(name, "of the session")
    names = "KEPT SSH_CONNECTION TMUX_PANE DISPLAY XDG_RUNTIME_DIR TRAINUI_CHECKPOINT"
    script = f'for name in {names}; do eval "echo $name=\\$$name"; done > out; env > all'
    run = completed(new_run({"name": "a", "run": script}))
    assert run.lines("out") == [f"{n}={'kept' if n == 'KEPT' else ''}" for n in names.split()]
    everything = dict(line.partition("=")[::2] for line in run.lines("all"))
    assert everything["CUDA_VISIBLE_DEVICES"] == ""
    assert everything["CUDA_DEVICE_ORDER"] == "PCI_BUS_ID"
    assert everything["TRAINUI_RUN_ID"] == run.id
    assert everything["TRAINUI_STAGE_DIR"] == run.stage("a").directory


# completed means completed


def test_a_member_allowed_to_fail_does_not_block(new_run: NewRun) -> None:
    run = new_run(
        {
            "name": "train",
            "matrix": {"lr": ["1", "2"]},
            "run": ["test", "${matrix.lr}", "=", "1"],
            "allow_failure": True,
        },
        {"name": "evaluate", "run": "touch evaluated", "depends_on": ["train"]},
    )
    run.wait()
    assert run.statuses() == {
        "train[lr=1]": "completed",
        "train[lr=2]": "failed",
        "evaluate": "completed",
    }


@pytest.mark.parametrize("name", ["TERM", "INT"])
def test_a_trainer_exiting_0_on_a_signal_has_not_completed(new_run: NewRun, name: str) -> None:
    # as Lightning does at TERM, and Stable-Baselines3's zoo at INT: with nothing saved
    script = f"trap 'echo stopping; exit 0' {name}; echo $$ > pid; while :; do sleep 0.05; done"
    run = new_run(
        {"name": "late", "run": script, "stop_signal": name, "timeout": "0.5s", "retries": 0},
        {"name": "after", "run": "true", "depends_on": ["late"]},
    )
    run.wait()
    stage = run.stage("late")
    assert (stage.status, stage.exit_code) == (Status.FAILED, 0)
    assert stage.error is not None
    assert stage.error.startswith("timed out after 0.5s")
    assert run.stage("after").status == Status.BLOCKED


def test_a_trainer_stopped_by_others_with_exit_0_lacks_outputs(
    new_run: NewRun,
) -> None:
    script = "trap 'exit 0' INT; echo $$ > pid; while :; do sleep 0.05; done"
    run = new_run({"name": "a", "run": script, "outputs": ["model.zip"]})
    os.kill(read_pid(run.directory / "pid"), signal.SIGINT)
    run.wait()
    assert str(run.stage("a").error).startswith("output model.zip is missing: searched in")


def test_an_earlier_attempts_model_is_no_output_of_the_next(new_run: NewRun) -> None:
    script = "[ $TRAINUI_ATTEMPT = 2 ] || { echo weights > $TRAINUI_STAGE_DIR/m.pt; exit 1; }"
    run = new_run({"name": "a", "run": script, "outputs": ["*.pt"], "retries": 1, "retry_delay": 0})
    run.wait()
    first, second = run.attempts("a")
    assert (first.exit_code, second.exit_code) == (1, 0)
    assert run.stage("a").status == Status.FAILED
    assert run.stage("a").error == "output *.pt is older than this attempt"


@pytest.mark.parametrize(
    ("make", "problem"),
    [
        (": > $TRAINUI_STAGE_DIR/m", "empty"),
        ("mkdir $TRAINUI_STAGE_DIR/m", "empty"),
        ("mkdir $TRAINUI_STAGE_DIR/m; echo x > $TRAINUI_STAGE_DIR/m/part", None),
        ("echo x > $TRAINUI_STAGE_DIR/m", None),
    ],
)
def test_an_output_that_is_empty_is_none(new_run: NewRun, make: str, problem: str | None) -> None:
    run = new_run({"name": "a", "run": make, "outputs": ["m"]})
    run.wait()
    error = run.stage("a").error
    assert error is None if problem is None else problem in str(error)


def test_success_is_looked_for_on_both_streams(new_run: NewRun) -> None:
    run = new_run(
        {"name": "out", "run": "echo training done", "success": "^training done$"},
        {"name": "err", "run": "echo training done >&2", "success": "done"},
    )
    completed(run)


# checkpoints


def test_the_command_for_resuming_replaces_the_first(new_run: NewRun) -> None:
    run = new_run(
        {
            "name": "a",
            "run": "echo first >> ledger; echo 1 > $TRAINUI_STAGE_DIR/ckpt-1; exit 1",
            "resume_run": "echo resumed ${checkpoint} $TRAINUI_CHECKPOINT >> ledger",
            "checkpoint": "ckpt-*",
            "retries": 1,
            "retry_delay": 0,
        }
    )
    completed(run)
    checkpoint = f"{run.stage('a').directory}/ckpt-1"
    assert run.lines("ledger") == ["first", f"resumed {checkpoint} {checkpoint}"]


def test_torn_checkpoints_are_passed_over(new_run: NewRun) -> None:
    """As real trainers left them: 0 bytes, no state in the directory, a piece of a zip."""
    script = f"""
cd $TRAINUI_STAGE_DIR
if [ -n "$TRAINUI_CHECKPOINT" ]; then exit 0; fi
mkdir out-50 out-60 && echo '{{"global_step": 50}}' > out-50/trainer_state.json
echo weights > out-60/model.safetensors
{sys.executable} - <<'END'
import os, zipfile
with zipfile.ZipFile("whole.pt", "w") as archive:
    archive.writestr("data.pkl", os.urandom(100_000))
with open("whole.pt", "rb") as whole, open("torn.pt", "wb") as torn:
    torn.write(whole.read(16_000))
open("empty.pt", "wb").close()
for number, name in enumerate(["out-50", "out-60", "whole.pt", "torn.pt", "empty.pt"]):
    os.utime(name, (1_700_000_000 + number, 1_700_000_000 + number))
END
exit 1
"""
    policy = {"retries": 1, "retry_delay": 0, "resume_args": []}
    run = new_run(
        {"name": "zip", "run": ["sh", "-c", script], "checkpoint": "*.pt", **policy},
        {
            "name": "hf",
            "run": ["sh", "-c", script],
            "checkpoint": {"path": "out-*", "complete": "trainer_state.json"},
            **policy,
        },
    )
    completed(run)
    assert str(run.attempt("zip").checkpoint).endswith("/zip/whole.pt")
    assert str(run.attempt("hf").checkpoint).endswith("/hf/out-50")


def test_no_second_writer(new_run: NewRun) -> None:
    """A launcher that dies leaves a trainer that still writes: the next attempt waits for it."""
    trainer = (
        "trap '' TERM; echo $$ > trainer.pid; "
        "while :; do echo $TRAINUI_ATTEMPT >> writes; sleep 0.02; done"
    )
    second = (
        "kill -0 $(cat trainer.pid) 2>/dev/null && touch two; "
        "cp writes before; sleep 0.2; cp writes after; exit 0"
    )
    launch = 'setsid sh -c "$TRAINER" & until [ -e trainer.pid ]; do sleep 0.01; done'
    script = f"[ $TRAINUI_ATTEMPT = 1 ] || {{ {second}; }}; {launch}; echo $$ > launcher.pid; wait"
    policy = {"retries": 1, "retry_delay": 0, "grace": 0.5, "env": {"TRAINER": trainer}}
    run = new_run({"name": "a", "run": script, **policy})
    launcher = read_pid(run.directory / "launcher.pid")
    trainer_pid = read_pid(run.directory / "trainer.pid")
    os.kill(launcher, signal.SIGKILL)
    completed(run)
    assert not is_alive(trainer_pid)
    assert not (run.directory / "two").exists()
    assert run.lines("before") == run.lines("after")


# how a stage is ended, and which it waits for


def test_stop_signal_and_grace(new_run: NewRun) -> None:
    script = (
        "trap 'echo usr1 >> signals' USR1; trap 'echo term >> signals' TERM; echo $$ > pid; "
        "while :; do sleep 0.02 || :; done"
    )
    run = new_run({"name": "a", "run": script, "stop_signal": "SIGUSR1", "grace": "0.3s"})
    read_pid(run.directory / "pid")
    control.cancel(run.id)
    assert run.wait().status == Status.CANCELLED
    assert run.lines("signals") == ["usr1"]
    assert run.attempt("a").signal == signal.SIGKILL


def test_cpus_are_places(new_run: NewRun) -> None:
    hold = "until [ -e go ]; do sleep 0.02; done"
    run = new_run(
        {"name": "three", "run": hold, "cpus": 3},
        {"name": "two", "run": hold, "cpus": 2},
    )
    run.until("two", lambda found: "needs 2 CPU slots" in str(found.reason), "waiting for slots")
    (run.directory / "go").touch()
    run.until("two", lambda found: found.status == Status.COMPLETED, "completed")
    with pytest.raises(UnfitEnvironmentError, match="stage five needs 5 CPU slots and this"):
        new_run({"name": "five", "run": "true", "cpus": 5})


# what is read of it


def test_metrics_of_every_kind_a_file_can_name(new_run: NewRun) -> None:
    script = (
        'cd $TRAINUI_STAGE_DIR; echo \'{"step": 1, "a": 1}\' > m.jsonl; '
        "printf 'iter,b\\n1,2\\n2,3\\n' > t.csv; mkdir version_0; echo '{\"it\": 5, \"c\": 1}' > "
        "version_0/x.jsonl; echo 'epoch 7 loss=0.5'; echo 'e 8 acc=0.25' >&2"
    )
    sources = [
        "m.jsonl",
        {"path": "t.csv", "format": "csv", "step": "iter"},
        {"path": "version_*/x.jsonl", "step": "it"},
        {"stdout": r"epoch (?P<epoch>\d+) loss=(?P<loss>\S+)", "step": "epoch"},
        {"stderr": r"e (?P<step>\d+) acc=(?P<acc>\S+)"},
    ]
    run = completed(new_run({"name": "a", "run": script, "metrics": sources}))
    with engine.reading() as connection:
        found = {
            one.name: (one.count, one.last_step)
            for one in read_points.summaries(connection, [run.stage("a").id])
        }
    assert found == {"a": (1, 1), "b": (2, 2), "c": (1, 5), "loss": (1, 7), "acc": (1, 8)}


def test_inputs_are_looked_at_when_the_stage_starts(new_run: NewRun) -> None:
    run = new_run(
        {"name": "make", "run": "echo 1 > ${run_dir}/made"},
        {"name": "use", "run": "true", "inputs": ["${run_dir}/made"], "depends_on": ["make"]},
        {"name": "miss", "run": "true", "inputs": ["${run_dir}/none"], "depends_on": ["make"]},
    )
    run.wait()
    assert run.stage("use").status == Status.COMPLETED
    assert run.stage("miss").status == Status.FAILED
    assert f"{run.record().directory}/none" in str(run.stage("miss").error)


def test_an_input_that_became_a_link_is_checked_again(new_run: NewRun, tmp_path: Path) -> None:
    data = tmp_path / "run0" / "data"
    data.mkdir(parents=True)
    for name in ("inside", "outside", "other"):
        (data / name).write_text("x")
    swap = f"ln -sf other {data}/inside && ln -sf /etc/passwd {data}/outside"
    run = new_run(
        {"name": "swap", "run": swap},
        {"name": "may", "run": "true", "inputs": [f"{data}/inside"], "depends_on": ["swap"]},
        {"name": "not", "run": "true", "inputs": [f"{data}/outside"], "depends_on": ["swap"]},
    )
    run.wait()
    assert run.stage("may").status == Status.COMPLETED
    assert run.stage("not").status == Status.FAILED
    assert "it leads to /etc/passwd" in str(run.stage("not").error)
