"""What is not understood, not there or not fit is said, with the right exit code."""

from __future__ import annotations

import json
import os
import subprocess
import sys

import pytest

from tests.acceptance.command_line import COMMAND, CommandLine
from tests.unit.supervisor.waiting import wait_for


def test_the_version_is_printed(cli: CommandLine) -> None:
    from trainui.version import __version__

    assert cli("--version").out == f"trainui {__version__}\n"


def test_the_screen_needs_a_terminal(cli: CommandLine) -> None:
    done = cli()
    assert done.code == 2
    assert "terminal" in done.err
    assert done.out == ""


def test_a_list_of_no_runs_is_empty(cli: CommandLine) -> None:
    assert cli.json("ls") == {"runs": []}
    assert cli("ls").out == ""
    assert not cli.home.exists()  # looking makes nothing


BAD = """\
name: bad
stages:
  - name: a
    run: echo ${params.nothing}
    colour: red
  - name: b
    run: "true"
    depends_on: [a, nobody]
"""


def test_every_problem_is_one_stderr_line_and_nothing_starts(
    cli: CommandLine,
) -> None:
    cli.write("bad.yaml", BAD)
    for command in ("validate", "run"):
        done = cli(command, "bad.yaml")
        assert done.code == 2
        lines = done.err.splitlines()
        assert len(lines) == 3
        assert [line.split(" ")[0] for line in lines] == [
            "bad.yaml:4:15:",
            "bad.yaml:5:5:",
            "bad.yaml:8:21:",
        ]
    assert not cli.home.exists()
    shown = cli.json("validate", "bad.yaml", code=2)
    assert shown["valid"] is False
    assert [(one["line"], one["column"]) for one in shown["problems"]] == [(4, 15), (5, 5), (8, 21)]
    assert all(
        list(one) == ["file", "line", "column", "code", "message"] for one in shown["problems"]
    )
    done = cli("run", "bad.yaml", "--json")
    assert done.error() == "pipeline_file"


GOOD = """\
name: good
params: {word: hello}
stages:
  - name: a
    run: [echo, "${params.word}"]
  - name: b
    matrix: {k: [1, 2]}
    run: "true"
    depends_on: [a]
"""


def test_a_good_file_is_valid_also_from_stdin(cli: CommandLine) -> None:
    cli.write("good.yaml", GOOD)
    assert cli("validate", "good.yaml").code == 0
    assert cli.json("validate", "good.yaml") == {"valid": True, "problems": []}
    assert cli("validate", "-", stdin=GOOD).code == 0
    assert not cli.home.exists()


def test_an_input_that_no_run_would_take_is_warned_of(cli: CommandLine) -> None:
    cli.write(
        "inputs.yaml",
        """\
        stages:
          - {name: made, run: "true"}
          - name: a
            matrix: {k: [1, 2]}
            run: "true"
            depends_on: [made]
            inputs: [inputs.yaml, "${stages.made.dir}/x", "${env.DATA}/x", nothing.csv]
          - {name: b, run: "true", inputs: [/etc/passwd]}
        """,
    )
    done = cli("validate", "inputs.yaml", DATA=str(cli.directory))
    lines = done.err.splitlines()
    assert done.code == 0
    assert len(lines) == 3
    for line, file in zip(
        lines, (cli.directory / "x", cli.directory / "nothing.csv"), strict=False
    ):
        assert f"warning: stage a[k=1], input '{file}' does not exist" in line
    assert "stage b, input '/etc/passwd' is outside" in lines[2]


def test_a_dry_run_shows_what_would_run_and_stores_nothing(cli: CommandLine) -> None:
    cli.write("good.yaml", GOOD)
    shown = cli.json("run", "good.yaml", "--dry-run", "-p", "word=bye")
    assert [stage["name"] for stage in shown["stages"]] == ["a", "b[k=1]", "b[k=2]"]
    assert shown["stages"][0]["command"] == ["echo", "bye"]
    assert "echo bye" in cli("run", "good.yaml", "--dry-run", "-p", "word=bye").out
    assert not cli.home.exists()


def test_a_graph_is_drawn_of_a_file(cli: CommandLine) -> None:
    cli.write("good.yaml", GOOD)
    drawn = cli("graph", "good.yaml").out
    assert [line.split(" ")[-1] for line in drawn.splitlines()] == ["a", "b[k=1]", "b[k=2]"]
    mermaid = cli("graph", "good.yaml", "--mermaid").out
    assert mermaid.startswith("flowchart TD\n")
    assert "s0 --> s2" in mermaid
    shown = cli.json("graph", "good.yaml")["stages"]
    assert shown[1] == {"name": "b[k=1]", "depends_on": ["a"]}
    cli.write(
        "asking.yaml", "params: {k: }\nstages: [{name: a, run: x, matrix: {k: ['${params.k}']}}]\n"
    )
    assert cli("graph", "asking.yaml").code == 2
    assert "a[k=7]" in cli("graph", "asking.yaml", "-p", "k=7").out


@pytest.mark.usefixtures("only_on_sqlite")
def test_a_machine_without_gpus_exits_4_with_the_alternative(cli: CommandLine) -> None:
    cli.write("gpu.yaml", "stages: [{name: a, run: 'true', gpus: 1}]\n")
    environ = {"CUDA_VISIBLE_DEVICES": ""}
    done = cli("run", "gpu.yaml", "--dry-run", "--json", **environ)
    assert (done.code, done.error()) == (4, "environment")
    assert "--no-gpus" in done.err
    assert cli("run", "gpu.yaml", "--dry-run", "--no-gpus", **environ).code == 0


def test_a_home_that_cannot_be_is_4(cli: CommandLine) -> None:
    cli.write("good.yaml", GOOD)
    blocked = cli.write("a file", "")
    done = cli("run", "good.yaml", "--detach", "--json", TRAINUI_HOME=str(blocked / "home"))
    assert (done.code, done.error()) == (4, "environment")
    assert "TRAINUI_HOME" in done.err


def test_a_broken_setting_is_2_and_says_where(cli: CommandLine) -> None:
    done = cli("run", "--detach", "--", "true", TRAINUI_CPUS="many")
    assert done.code == 2
    assert "TRAINUI_CPUS" in done.err


def test_the_doctor_has_a_line_for_everything(cli: CommandLine) -> None:
    found = cli.json("doctor")["findings"]
    assert {"python", "home", "broker", "worker", "disk", "clock", "gpus", "terminal"} <= {
        one["name"] for one in found
    }
    assert all(list(one) == ["name", "level", "message", "advice"] for one in found)
    assert len(cli("doctor").out.splitlines()) == len(found)
    assert not cli.home.exists()


def test_the_doctor_says_what_to_do(cli: CommandLine) -> None:
    cli.home.mkdir(mode=0o755)
    cli.home.chmod(0o755)
    done = cli("doctor", "--json")
    assert done.code == 4
    home = next(one for one in json.loads(done.out)["findings"] if one["name"] == "home")
    assert home["advice"] == f"chmod 700 {cli.home}"


@pytest.mark.parametrize(
    ("command", "code", "said"),
    [
        ("--help | true", 141, ""),
        ("ls --json > /dev/full", 4, "No space left"),
        ("ls --json | true", 141, ""),
    ],
)
def test_nobody_to_print_for_is_no_traceback(
    cli: CommandLine, command: str, code: int, said: str
) -> None:
    script = f"{sys.executable} -m trainui {command}; exit ${{PIPESTATUS[0]}}"
    done = subprocess.run(
        ["bash", "-c", script], env=cli.environ, capture_output=True, text=True, timeout=30
    )
    if "|" in command and done.returncode == 0:  # the reader left after all was written
        code = 0
    assert done.returncode == code
    assert said in done.stderr
    assert done.stderr == "" or (said and len(done.stderr.splitlines()) == 1)


@pytest.mark.parametrize(
    ("command", "code"),
    [
        ("ls >&-", 0),
        ("show nope 2>&-", 3),
        ("show nope >&- 2>&- <&-", 3),
        ("run --dry-run - <&-", 2),
        ("validate - <&- >&-", 2),
    ],
)
def test_closed_streams_are_no_traceback(cli: CommandLine, command: str, code: int) -> None:
    done = subprocess.run(
        ["bash", "-c", f"{sys.executable} -m trainui {command}"],
        env=cli.environ,
        cwd=cli.directory,
        capture_output=True,
        text=True,
        timeout=30,
    )
    assert done.returncode == code
    assert "bug" not in done.stderr


def test_text_that_is_not_utf_8_is_one_error(cli: CommandLine) -> None:
    """A word, the directory of the pipeline file, and the home: Linux allows any bytes there."""
    odd = os.fsdecode(b"odd-\xff")
    cli.directory = cli.directory / odd
    cli.directory.mkdir()
    cli.write("p.yaml", "stages: [{name: a, run: 'true'}]")
    calls = (("run", "p.yaml"), ("run", "--", "true"), ("show", odd), ("note", odd, "text"))
    for call in calls:
        done = cli(*call, PAGER="")  # a variable that the command server does not pass
        assert done.code == 2, done
        assert done.err.startswith("'")
        assert "odd-\\udcff" in done.err
        assert done.err.endswith("is not UTF-8 text; correct the argument, or rename that path\n")
        assert done.err.count("\n") == 1
    runs = cli.home / "runs"
    assert [one for one in runs.glob("*") if one.name[0] != "."] == []
    for home in (cli.home / odd, cli.home / f"{'long' * 25}-{odd}"):  # the socket is elsewhere
        cli.environ["TRAINUI_HOME"] = str(home)
        done = cli("run", "--", "true", PAGER="")
        assert (done.code, done.err.count("\n")) == (2, 1), done
        assert not home.exists()


def test_modules_on_pythonpath_do_not_replace_ours(cli: CommandLine) -> None:
    """Environment modules of clusters put another Python's packages there, others a project."""
    packages = cli.directory / "packages"
    packages.mkdir()
    foreign = ("typer", "click", "redis", "celery", "kombu", "sqlalchemy", "numpy")
    for name in (*foreign, "queue", "random", "logging", "inspect", "select", "math"):
        (packages / f"{name}.py").write_text("raise SystemError('of the user')")
    cli.environ["TRAINUI_NOTIFY_COMMAND"] = f"echo $PYTHONPATH >> {cli.directory}/given"
    for given in ("packages", str(packages)):
        cli.environ["PYTHONPATH"] = given
        done = cli("run", "--wait", "--", "sh", "-c", 'test "$PYTHONPATH" = "$0"', given)
        assert done.code == 0, done
    notified = cli.directory / "given"
    wait_for(lambda: notified.exists() and notified.read_text().endswith("\n"))
    assert set(notified.read_text().split()) == {str(packages)}
    assert cli("worker", "stop").code == 0


def python(cli: CommandLine, program: str) -> subprocess.CompletedProcess[str]:
    """Run a Python program with the environment of a command line."""
    return subprocess.run(
        [sys.executable, "-c", program],
        cwd=cli.directory,
        env=cli.environ,
        capture_output=True,
        text=True,
        timeout=60,
    )


NO_THREADS = """
import sys, threading
def refuse(*_, **__):
    raise RuntimeError("can't start new thread")  # as CPython does; root has no limit
threading._start_new_thread = threading._start_joinable_thread = refuse
from trainui.cli import main
sys.argv[1:] = ["run", "--detach", "--", "true"]
main.run()
"""


def test_a_limit_of_threads_is_one_error(cli: CommandLine) -> None:
    done = python(cli, NO_THREADS)
    assert done.returncode == 4
    assert done.stderr == (
        "the limit of processes and threads is reached (`ulimit -u`, or that of the container): "
        "end some of them, or raise it\n"
    )


UPGRADED = """
import sys
from trainui import installation
from trainui.cli import main
installation._AT_OUR_START = ()
sys.modules["trainui.cli.runs_list"] = None
sys.argv[1:] = ["ls"]
main.run()
"""


def test_a_module_of_another_version_is_one_error(cli: CommandLine) -> None:
    done = python(cli, UPGRADED)
    assert done.returncode == 4
    (line,) = done.stderr.splitlines()
    assert line.startswith("another version of trainui was installed while this command ran")


def test_a_current_directory_that_was_deleted_is_named(cli: CommandLine) -> None:
    gone = cli.directory / "gone"
    gone.mkdir()
    script = f'rmdir {gone}; exec "$@"'
    for asked in (("validate", "p.yaml"), ("run", "--detach", "--", "true"), ("add", ".")):
        done = subprocess.run(
            ["sh", "-c", script, "sh", *COMMAND, *asked],
            cwd=gone,
            env=cli.environ,
            capture_output=True,
            text=True,
            timeout=60,
        )
        assert done.returncode == 4
        assert done.stderr == "the current directory was deleted; change to one that exists\n"
        gone.mkdir()


def test_several_files_are_validated_at_once(cli: CommandLine) -> None:
    cli.write("good.yaml", GOOD)
    cli.write("bad.yaml", "stages: []\n")
    shown = cli.json("validate", "good.yaml", "bad.yaml", "none.yaml", code=2)
    assert not shown["valid"]
    assert {one["file"] for one in shown["problems"]} == {"bad.yaml", "none.yaml"}
    done = cli("validate", "bad.yaml", "good.yaml", "-", stdin=GOOD)
    assert (done.code, done.out) == (2, "good.yaml: OK\n-: OK\n")
    assert cli("validate", "-", "-", stdin=GOOD).code == 2
