"""Runs from the command line: started, waited for, shown, cancelled, deleted."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
from pathlib import Path
from typing import Any

from tests.acceptance.command_line import COMMAND, CommandLine, stage_of, states_of
from tests.unit.supervisor.waiting import is_alive, read_pid, wait_for

RUN_KEYS = [
    "run",
    "name",
    "status",
    "created_at",
    "started_at",
    "completed_at",
    "external",
    "started_by",
    "seconds_worked",
    "lost_at",
    "box",
]
STAGE_KEYS = [
    "id",
    "name",
    "task",
    "command",
    "params",
    "matrix",
    "workdir",
    "depends_on",
    "status",
    "reason",
    "stalled",
    "lost_at",
    "alerts",
    "celery_task_id",
    "started_at",
    "completed_at",
    "seconds_worked",
    "result",
    "error",
    "exit_code",
    "gpus",
    "dir",
    "outputs",
    "attempts",
]
ATTEMPT_KEYS = [
    "number",
    "status",
    "host",
    "celery_task_id",
    "metrics_complete",
    "started_at",
    "completed_at",
    "exit_code",
    "signal",
    "error",
    "cause",
    "pid",
    "supervisor_pid",
    "checkpoint",
    "stdout",
    "stderr",
]
TIME = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}Z")

WHOLE = """\
name: whole
params: {word: hello, api_key: not-to-be-shown}
stages:
  - name: prepare
    run: echo ${params.word} ${params.api_key}; echo aside >&2; echo data > ${stage_dir}/data.txt
    outputs: [data.txt]
  - name: train
    matrix: {k: [1, 2]}
    run:
      - python
      - -c
      - |
        import json, os
        with open(os.environ["TRAINUI_METRICS_FILE"], "a") as file:
            for step in range(3):
                print(json.dumps({"step": step, "loss": [3.0, float("nan"), 1.0][step]}), file=file)
    depends_on: [prepare]
  - name: count
    task: json.loads
    params: {s: "[1, 2]"}
    depends_on: [train]
"""


def check_shape(shown: Any) -> None:
    """What `show` has, all of it and nothing else."""
    assert list(shown) == [*RUN_KEYS, "from", "original", "notes", "stages"]
    for stage in shown["stages"]:
        assert list(stage) == STAGE_KEYS
        assert Path(stage["dir"]).is_absolute()
        assert isinstance(stage["stalled"], bool)
        for attempt in stage["attempts"]:
            assert list(attempt) == ATTEMPT_KEYS
            assert Path(attempt["stdout"]).is_absolute()
            assert Path(attempt["stderr"]).is_absolute()
        for timed in (shown, stage, *stage["attempts"]):
            for name in ("started_at", "completed_at"):
                assert timed[name] is None or TIME.fullmatch(timed[name])


def test_a_run_completes_and_its_views_agree(served: CommandLine) -> None:
    served.write("whole.yaml", WHOLE)
    done = served("run", "whole.yaml", "--json")  # no terminal: it waits
    assert done.code == 0, done
    shown = done.json()
    check_shape(shown)
    assert set(states_of(shown).values()) == {"completed"}
    prepare, count = stage_of(shown, "prepare"), stage_of(shown, "count")
    assert (prepare["task"], prepare["result"], prepare["exit_code"]) == (None, None, 0)
    assert (count["task"], count["command"]) == ("json.loads", None)
    assert count["result"] == [1, 2]
    assert count["depends_on"] == ["train[k=1]", "train[k=2]"]
    assert stage_of(shown, "train[k=2]")["matrix"] == {"k": "2"}
    assert Path(prepare["outputs"][0]).read_text() == "data\n"
    assert Path(prepare["attempts"][0]["stdout"]).read_text() == "hello not-to-be-shown\n"
    assert prepare["started_at"] <= prepare["completed_at"]
    assert served.json("show", "whole") == shown


def test_secrets_are_in_no_answer(served: CommandLine) -> None:
    served.write("whole.yaml", WHOLE)
    assert "not-to-be-shown" not in served("run", "whole.yaml", "--dry-run", "--json").out
    served.run(WHOLE, "--name", "secrets")
    for arguments in (["show", "secrets"], ["show", "secrets", "--json"], ["ls", "--json"]):
        assert "not-to-be-shown" not in served(*arguments).out


def test_each_change_of_state_is_a_line_on_stderr(served: CommandLine) -> None:
    served.write("whole.yaml", WHOLE)
    done = served("run", "whole.yaml", "--wait", "--name", "lines")
    assert (done.code, done.out) == (0, "")
    for state in ("running", "completed"):
        lines = [line for line in done.err.splitlines() if f" {state} " in line]
        named = {line.split()[3] for line in lines if line[0].isdigit()}
        assert named == {"prepare", "train[k=1]", "train[k=2]", "count"}
    assert "completed" in done.err.splitlines()[-1]


def test_show_names_searched_places_if_something_was_printed(
    served: CommandLine,
) -> None:
    served("run", "--name", "silent", "--wait", "--", "true")
    served("run", "--name", "words", "--wait", "--", "echo", "trained")
    assert "no metrics" not in served("show", "silent").err
    assert "no metrics: echo: looked at stdout.log (1 line)" in served("show", "words").err


def test_a_detached_run_is_waited_for_by_its_id(served: CommandLine) -> None:
    served.write("whole.yaml", WHOLE)
    started = served.json("run", "whole.yaml", "--detach", "--name", "detached")
    assert list(started) == ["run", "name", "stages"]
    assert started["stages"] == ["prepare", "train[k=1]", "train[k=2]", "count"]
    waited = served.json("wait", started["run"][:8])
    assert (waited["run"], waited["status"]) == (started["run"], "completed")
    run_id = served("run", "whole.yaml", "--detach").out.strip()
    assert served("wait", run_id).code == 0


def test_the_list_has_the_newest_first(served: CommandLine) -> None:
    for name in ("older", "newer"):
        assert served("run", "--name", name, "--detach", "--", "true").code == 0
    runs = served.json("ls")["runs"]
    assert [run["name"] for run in runs[:2]] == ["newer", "older"]
    assert list(runs[0]) == RUN_KEYS
    assert served("ls").out.splitlines()[1].split()[1] == "newer"
    assert [line.split()[1] for line in served("ls", "-n", "1").out.splitlines()[1:]] == ["newer"]
    assert len(served.json("ls", "-n", "1")["runs"]) == 1
    assert served("ls", "-n", "1", "--all").code == 2


def test_a_command_gets_its_arguments_as_they_are(served: CommandLine) -> None:
    code = "import sys; print(sys.argv[1:])"
    done = served(
        "run", "--name", "words", "--json", "--", "python", "-c", code, "a  b", "$x", "--"
    )
    assert done.code == 0, done
    stage = done.json()["stages"][0]
    assert Path(stage["attempts"][0]["stdout"]).read_text() == "['a  b', '$x', '--']\n"
    assert stage["workdir"] == str(served.directory)


def test_a_file_from_stdin(served: CommandLine) -> None:
    done = served("run", "-", "--name", "piped", "--json", stdin=WHOLE)
    assert (done.code, done.json()["name"]) == (0, "piped")


FAILS = """\
name: fails
stages:
  - {name: a, run: exit 3}
  - {name: b, run: "true", depends_on: [a]}
  - {name: c, run: "true"}
"""


def test_a_failed_run_is_1_and_says_why(served: CommandLine) -> None:
    served.write("fails.yaml", FAILS)
    done = served("run", "fails.yaml", "--json")
    assert done.code == 1
    shown = done.json()
    check_shape(shown)
    assert states_of(shown) == {"a": "failed", "b": "blocked", "c": "completed"}
    assert stage_of(shown, "a")["exit_code"] == 3
    assert stage_of(shown, "b")["reason"] == "a failed"
    assert re.search(r"failed +a .*exit code 3", done.err)
    assert "trainui logs" in done.err
    assert served("wait", "fails").code == 1
    assert served("show", "fails").code == 0


def test_a_killed_process_is_a_failure_with_its_signal(served: CommandLine) -> None:
    served.run("name: killed\nstages: [{name: a, run: kill -9 $$}]\n", name="killed.yaml", code=1)
    attempt = served.json("show", "killed")["stages"][0]["attempts"][0]
    assert (attempt["status"], attempt["exit_code"], attempt["signal"]) == ("failed", None, 9)


SLEEPS = """\
name: {name}
stages:
  - name: a
    run: echo $$ > ${{stage_dir}}/pid; exec sleep 300
  - name: b
    run: "true"
    depends_on: [a]
"""


def start_sleeper(served: CommandLine, name: str) -> int:
    """Start a run whose stage `a` does not end by itself; return that process's pid."""
    served.write(f"{name}.yaml", SLEEPS.format(name=name))
    assert served("run", f"{name}.yaml", "--detach").code == 0
    return read_pid(Path(served("path", name, "a").out.strip(), "pid"))


def test_cancelling_a_run_ends_its_processes(served: CommandLine) -> None:
    pid = start_sleeper(served, "cancelled")
    asked = served.json("cancel", "cancelled")
    check_shape(asked)
    done = served("wait", "cancelled", "--json")
    assert done.code == 130
    assert states_of(done.json()) == {"a": "cancelled", "b": "cancelled"}
    assert not is_alive(pid)
    again = served("cancel", "cancelled")
    assert (again.code, again.out) == (0, "nothing to cancel: cancelled is ⊘ cancelled\n")


def test_cancelling_a_stage_leaves_the_others_alone(served: CommandLine) -> None:
    pid = start_sleeper(served, "one stage")
    assert served("cancel", "one stage", "b").code == 0
    assert states_of(served.json("show", "one stage")) == {"a": "running", "b": "cancelled"}
    assert is_alive(pid)
    assert served("cancel", "one stage", "nobody").code == 3
    assert served("cancel", "one stage").code == 0
    assert served("wait", "one stage").code == 130


def test_waiting_is_limited_and_the_run_continues(served: CommandLine) -> None:
    pid = start_sleeper(served, "long")
    done = served("wait", "long", "--timeout", "0.5", "--json")
    assert (done.code, done.error()) == (5, "timeout")
    assert is_alive(pid)
    waiting = served.start("wait", "long", "--json")
    assert waiting.stderr is not None
    assert "running" in waiting.stderr.readline()  # it waits by now
    waiting.send_signal(signal.SIGINT)
    out, _err = waiting.communicate(timeout=60)
    assert waiting.returncode == 130
    assert json.loads(out)["error"]["code"] == "stopped"
    assert is_alive(pid)
    served("cancel", "long")


def test_a_run_stopped_before_it_is_stored_says_so(served: CommandLine) -> None:
    before = {run["run"] for run in served.json("ls")["runs"]}
    submitting = subprocess.Popen(
        [*COMMAND, "run", "-", "--json"],
        cwd=served.directory,
        env=served.environ,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    )
    assert submitting.stdin is not None
    submitting.stdin.write(b"# more than a pipe holds, so that it reads by now\n" * 2_000)
    submitting.send_signal(signal.SIGINT)
    out, err = submitting.communicate(timeout=60)
    assert (submitting.returncode, err) == (130, b"stopped; nothing was submitted\n")
    assert json.loads(out)["error"]["code"] == "stopped"
    assert {run["run"] for run in served.json("ls")["runs"]} == before


def test_leaving_a_followed_run_prints_nothing(served: CommandLine) -> None:
    served.write("talks.yaml", "name: talks\nstages: [{name: a, run: echo here; exec sleep 300}]\n")
    assert served("run", "talks.yaml", "--detach").code == 0
    for command in (["logs", "talks", "a", "-f"], ["events", "talks", "-f"]):
        following = served.start(*command)
        assert following.stdout is not None
        assert following.stdout.readline()  # it follows by now
        following.send_signal(signal.SIGINT)
        _out, err = following.communicate(timeout=60)
        assert following.returncode == 130
        assert "stopped" not in err
    assert served("cancel", "talks").code == 0


def test_a_run_is_found_by_id_name_and_prefix(served: CommandLine) -> None:
    ids = ["prefix-one", "prefix-two"]
    script = """
        import sys
        from trainui import PipelineExecutor
        for run in sys.argv[1:]:
            PipelineExecutor(run).execute([{"name": "a", "task": "os.getcwd"}])
    """
    served.write("api.py", script)
    assert served("run", "--", "python", "api.py", *ids).code == 0
    assert [served("wait", run).code for run in ids] == [0, 0]
    assert served.json("show", "prefix-two")["run"] == "prefix-two"
    assert served.json("show", "prefix-t")["run"] == "prefix-two"
    done = served("show", "prefix", "--json")
    assert (done.code, done.error()) == (2, "ambiguous")
    assert "prefix-one" in done.err
    assert "prefix-two" in done.err
    assert served("show", "pre").code == 3  # too short to be one


def test_where_things_lie(served: CommandLine) -> None:
    shown = served.run(WHOLE, "--name", "places")
    directory = served("path", "places").out.strip()
    assert Path(directory, "pipeline.yaml").read_text() == WHOLE
    assert Path(directory).stat().st_mode & 0o777 == 0o700
    assert Path(directory, "env.json").stat().st_mode & 0o777 == 0o600
    assert {"commit", "dirty", "diff"} <= set(json.loads(Path(directory, "code.json").read_text()))
    assert served.json("path", "places", "prepare") == {
        "paths": [stage_of(shown, "prepare")["dir"]]
    }
    assert len(served("path", "places", "train").out.splitlines()) == 2  # a matrix: all members


def test_a_deleted_run_leaves_nothing(served: CommandLine) -> None:
    served.run(WHOLE, "--name", "doomed")
    directory = Path(served("path", "doomed").out.strip())
    refused = served("rm", "doomed", "--json")
    assert (refused.code, refused.error()) == (2, "usage")
    assert "--yes" in refused.err
    assert directory.exists()
    assert served("rm", "doomed", "--yes").code == 0
    assert not directory.exists()
    assert served("show", "doomed").code == 3


def test_a_run_that_is_alive_is_not_deleted(served: CommandLine) -> None:
    pid = start_sleeper(served, "alive")
    done = served("rm", "alive", "--yes", "--json")
    assert (done.code, done.error()) == (2, "usage")
    assert is_alive(pid)
    served("cancel", "alive")
    assert served("wait", "alive").code == 130
    assert served("rm", "alive", "--yes").code == 0


def test_a_paused_queue_starts_nothing_new(served: CommandLine) -> None:
    assert served.json("worker", "pause") == {"paused": True}
    try:
        begun = served("run", "--name", "held", "--detach", "--", "true")
        for said in (begun.err, served("worker", "status").out, served("ls").err):
            assert "trainui worker unpause" in said
        wait_for(
            lambda: "pause" in (served.json("show", "held")["stages"][0]["reason"] or ""),
            "the reason",
        )
        assert served.status("held") == "queued"
    finally:
        served("worker", "unpause")
    assert served("wait", "held").code == 0


def test_the_worker_reports_its_status(served: CommandLine) -> None:
    found = served.json("worker", "status")
    keys = {"running", "pid", "guard_pid", "host", "slots", "log", "broker", "hosts", "disks"}
    keys |= {"problems", "home", "copy_of", "queue"}
    assert set(found) == keys
    assert (found["home"], found["copy_of"]) == (str(served.home), None)
    assert list(found["broker"]) == ["url", "kind", "pid", "reachable"]
    assert found["running"] is True
    assert is_alive(found["pid"])
    assert is_alive(found["guard_pid"])
    assert found["broker"]["reachable"] is True
    assert len(found["slots"]) >= 4
    assert served.json("worker", "start")["pid"] == found["pid"]  # it runs already
    assert served("worker", "status").code == 0


def test_a_stage_gets_the_submitting_shells_environment(served: CommandLine) -> None:
    done = served(
        "run",
        "--name",
        "environment",
        "--wait",
        "--json",
        "--",
        "bash",
        "-c",
        "env; umask; python -c 'import sys; print(sys.prefix)'",
        MY_VARIABLE="of the shell",
        SSH_CONNECTION="gone tomorrow",
        TMUX="gone",
    )
    assert done.code == 0
    printed = Path(done.json()["stages"][0]["attempts"][0]["stdout"]).read_text()
    assert "MY_VARIABLE=of the shell\n" in printed
    assert "CUDA_VISIBLE_DEVICES=\n" in printed
    assert "SSH_CONNECTION" not in printed
    assert "TMUX" not in printed


def test_a_stage_gets_the_submitting_shells_limits(served: CommandLine) -> None:
    assert served("worker", "start").code == 0  # by another shell
    limited = 'ulimit -Sn 99; exec nice -n 3 "$@"'
    command = [*COMMAND, "run", "--wait", "--", "sh", "-c", "ulimit -Sn; nice"]
    done = subprocess.run(
        ["sh", "-c", limited, "sh", *command],
        cwd=served.directory,
        env=served.environ,
        capture_output=True,
        check=True,
        text=True,
    )
    run = served.json("ls")["runs"][0]["run"]
    assert run in done.stderr
    nice = min(19, os.getpriority(os.PRIO_PROCESS, 0) + 3)
    assert served("logs", run).out == f"99\n{nice}\n"


def test_a_shell_in_the_place_of_a_stage(served: CommandLine) -> None:
    served.run(WHOLE, "--name", "shelled")
    script = "pwd; echo $TRAINUI_STAGE $TRAINUI_ATTEMPT; exit 7"
    done = served("shell", "shelled", "prepare", stdin=script, SHELL="/bin/sh")
    assert done.code == 7
    assert done.out == f"{served.directory}\nprepare 1\n"
    assert served("shell", "shelled", "train").code == 2  # which of them?
