"""`diff`: what differs between two runs, or between a run and the files as they are now."""

from __future__ import annotations

import subprocess

from tests.acceptance.command_line import CommandLine

FILE = """
name: train
params: {lr: "0.1", api_key: "s3cret-1"}
stages:
  - {name: train, run: "python train.py --lr ${params.lr}"}
"""


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
        "code": {"commit": None, "files": []},
        "command": {},
        "params": {},
        "environment": [],
        "packages": None,
    }
    assert cli("diff", "a").err == "no difference\n"
    script.write_text("print('second')\n")
    assert cli.json("diff", "a")["code"] == {"commit": None, "files": ["train.py"]}
    cli.environ["WANDB_API_KEY"] = "s3cret-3"
    cli.run(FILE, "-p", "lr=0.2", "-p", "api_key=s3cret-2", "--name", "b")
    found = cli.json("diff", "a", "b")
    assert found["code"] == {"commit": None, "files": ["train.py"]}
    assert found["params"] == {"lr": ["0.1", "0.2"]}
    assert found["command"] == {"train": ["python train.py --lr 0.1", "python train.py --lr 0.2"]}
    assert found["environment"] == ["WANDB_API_KEY"]
    shown = cli("diff", "a", "b").out
    assert "parameter    lr: 0.1 → 0.2" in shown
    assert "s3cret" not in shown + str(found)
