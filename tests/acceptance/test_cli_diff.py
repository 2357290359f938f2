"""`diff`: what differs between two runs, or between a run and the files as they are now."""

from __future__ import annotations

import subprocess
import sys

import pytest

from tests.acceptance.command_line import CommandLine

FILE = """
name: train
params: {lr: "0.1", api_key: "s3cret-1"}
stages:
  - {name: train, run: "python train.py --lr ${params.lr} --out ${stage_dir}"}
"""


@pytest.fixture
def cli(emptied: CommandLine) -> CommandLine:
    """A command line whose worker other tests use, too."""
    return emptied


def test_code_commands_parameters_and_environment_that_differ_are_listed(cli: CommandLine) -> None:
    script = cli.write("train.py", "print('first')\n")
    for arguments in (
        ("init", "-q"),
        ("add", "."),
        ("-c", "user.name=A", "-c", "user.email=a@example.invalid", "commit", "-qm", "first"),
    ):
        subprocess.run(["git", *arguments], cwd=cli.directory, check=True)
    cli.run(FILE, "--name", "a")
    nothing = cli.json("diff", "a", "a")
    assert nothing == {
        "code": {"commit": None, "files": [], "diff": "", "drift": []},
        "command": {},
        "params": {},
        "environment": [],
        "packages": {},
    }
    assert cli("diff", "a").err == "no difference\n"
    script.write_text("print('second')\n")
    now = cli.json("diff", "a")["code"]
    assert (now["commit"], now["files"], now["drift"]) == (None, ["train.py"], [])
    assert now["diff"].splitlines()[3:] == ["-print('first')", "+print('second')"]
    cli.environ["WANDB_API_KEY"] = "s3cret-3"
    cli.run(FILE, "-p", "lr=0.2", "-p", "api_key=s3cret-2", "--name", "b")
    found = cli.json("diff", "a", "b")
    uncommitted = {"commit": None, "files": ["train.py"], "diff": "", "drift": []}
    assert found["code"] == uncommitted
    assert found["params"] == {"lr": ["0.1", "0.2"]}
    commands = [f"python train.py --lr {lr} --out ${{run_dir}}/train" for lr in ("0.1", "0.2")]
    assert found["command"] == {"train": commands}
    assert found["environment"] == ["WANDB_API_KEY"]
    shown = cli("diff", "a", "b").out
    assert "parameter    lr: 0.1 → 0.2" in shown
    assert "s3cret" not in shown + str(found)


def test_packages_of_the_stages_environment_that_differ_are_listed(cli: CommandLine) -> None:
    environment = cli.directory / "venv"
    packages = environment / "lib/python3.11/site-packages"
    packages.mkdir(parents=True)
    (environment / "bin").mkdir()
    (environment / "bin/python").symlink_to(sys.executable)
    (environment / "pyvenv.cfg").touch()
    for name in ("torch-2.8.0", "torchvision-0.23.0", "Flash_Attn-2.7.4+cu12"):
        (packages / f"{name}.dist-info").mkdir()
    file = "name: a\nstages:\n  - {name: train, python: venv, run: 'true'}\n"
    cli.run(file, "--name", "a")
    (packages / "torch-2.8.0.dist-info").rename(packages / "torch-2.9.1.dist-info")
    (packages / "Flash_Attn-2.7.4+cu12.dist-info").rmdir()
    changed = {"torch": ["2.8.0", "2.9.1"], "flash-attn": ["2.7.4+cu12", None]}
    assert cli.json("diff", "a")["packages"] == changed
    cli.run(file, "--name", "b")
    assert cli.json("diff", "a", "b")["packages"] == changed
    assert "package      torch: 2.8.0 → 2.9.1" in cli("diff", "a", "b").out


def test_two_searches_differ_by_space_and_one_trial_is_shown(cli: CommandLine) -> None:
    search = "{space: {x: [1, 2]}, metric: a, goal: minimize, trials: 2, sampler: grid}"
    say = '''"echo '{\\"step\\":1,\\"a\\":'${search.x}'}' >> $TRAINUI_METRICS_FILE"'''
    text = "stages: [{name: t, search: " + search + f", run: {say}}}]"
    cli.run(text, "--name", "a")
    assert cli.json("wait", "a")["status"] == "completed"
    same = cli.json("diff", "a")
    assert (same["command"], same["params"]) == ({}, {})
    cli.run(text.replace("[1, 2]", "[3, 4]").replace("grid", "random"), "--name", "b")
    found = cli.json("diff", "a", "b")
    assert found["params"] == {
        "t.search.x": ["1, 2", "3, 4"],
        "t.search.sampler": ["GridSampler", "RandomSampler"],
    }
    assert list(found["command"]) == ["t[trial=0]", "t[trial=1]"]
    shown = cli("diff", "a", "b").out
    assert "command      t[trial=0] (and 1 more):\n" in shown
    assert "t[trial=1]" not in shown


def test_missing_records_of_an_external_run_are_no_difference(cli: CommandLine) -> None:
    (cli.directory / "exp").mkdir()
    cli.write("exp/metrics.csv", "step,loss\n1,0.5\n")
    cli.write("exp/args.yaml", "lr: 0.1\n")
    cli.write("train.py", "print('step=1 loss=0.5')\n")
    cli.json("add", "exp", "--name", "found", "--json")
    cli.run(FILE, "-p", "lr=0.2", "--name", "own")
    found = cli.json("diff", "found", "own")
    assert found["code"] == {"commit": None, "files": [], "diff": "", "drift": []}
    assert (found["environment"], found["packages"]) == ([], None)
    assert found["params"]["lr"] == ["0.1", "0.2"]
    assert cli.json("diff", "found")["environment"] == []


def test_lines_of_files_that_differ_between_snapshots_are_shown(cli: CommandLine) -> None:
    project = cli.directory / "project"
    project.mkdir()
    file = project / "pipeline.yaml"
    file.write_text("name: lines\nsnapshot: true\nstages: [{name: a, run: 'true'}]\n")
    (project / "gone.py").write_text("gone = 1\n")
    (project / "binary.py").write_bytes(b"\0")
    (project / "long.py").write_text("")
    cli.environ["A_TOKEN"] = "s3cret-token"
    for name, lines in (("x", 1), ("y", 2)):
        (project / "train.py").write_text("".join(f"n = {n}\n" for n in range(lines)))
        cli.json("run", str(file), "--name", name, "--wait")
        (project / "gone.py").unlink(missing_ok=True)
        (project / "binary.py").write_bytes(b"\0\1")
        long = ["long = 's3cret-token'", "x" * 3000, *(f"m = {n}" for n in range(3000))]
        (project / "long.py").write_text("\n".join(long))
    code = cli.json("diff", "x", "y")["code"]
    assert code["files"] == ["binary.py", "gone.py", "long.py", "train.py"]
    lines = code["diff"].splitlines()
    assert lines[:4] == ["--- a/gone.py", "+++ b/gone.py", "@@ -1 +0,0 @@", "-gone = 1"]
    assert lines[-4:] == ["+++ b/train.py", "@@ -1 +1,2 @@", " n = 0", "+n = 1"]
    assert "+long = '***'" in lines
    assert "... 2,805 more lines of the diff of long.py" in lines
    assert max(map(len, lines)) < 600
    shown = cli("diff", "x", "y").out.splitlines()
    assert "             +n = 1" in shown
    (project / "train.py").write_text("edited\n")
    assert cli.json("diff", "y")["code"]["diff"].splitlines()[-3:] == [
        "-n = 0",
        "-n = 1",
        "+edited",
    ]
