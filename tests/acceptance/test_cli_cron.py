"""From cron, with next to no environment and no terminal, a pipeline runs as anywhere else."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.acceptance.command_line import CommandLine, stage_of

TEXT = """
    name: nightly
    stages:
      - {name: shell, run: "echo $HOME; python3 --version"}
      - name: python
        run: ${python} -c "import os; print(sorted(name for name in os.environ if name == 'LANG'))"
    """


def test_a_pipeline_runs_with_the_environment_of_cron(cli: CommandLine) -> None:
    file = cli.write("nightly.yaml", TEXT)
    # what Debian's cron gives, and where trainui lies: written into the crontab in full
    environ = {"HOME": cli.environ["HOME"], "LOGNAME": "ada", "SHELL": "/bin/sh"}
    environ |= {"PATH": "/usr/bin:/bin", "TRAINUI_HOME": str(cli.home)}
    done = subprocess.run(
        ["/bin/sh", "-c", f"{Path(sys.executable).parent}/trainui run {file} --json"],
        env=environ,
        cwd="/",
        stdin=subprocess.DEVNULL,
        capture_output=True,
        timeout=90,
        start_new_session=True,
    )
    assert done.returncode == 0, done.stderr
    assert b"\x1b" not in done.stdout + done.stderr
    shown = json.loads(done.stdout)
    assert shown["status"] == "completed"
    printed = Path(stage_of(shown, "shell")["attempts"][0]["stdout"]).read_text().splitlines()
    assert printed[0] == environ["HOME"]
    assert printed[1].startswith("Python 3")


@pytest.mark.long
def test_with_no_environment_at_all_it_runs_too(cli: CommandLine) -> None:
    file = cli.write("bare.yaml", "name: bare\nstages: [{name: a, run: echo hello}]\n")
    done = subprocess.run(
        [sys.executable, "-m", "trainui", "run", str(file), "--json"],
        env={"TRAINUI_HOME": str(cli.home)},
        cwd="/",
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=90,
    )
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout)["status"] == "completed"
    assert os.path.commonpath([json.loads(done.stdout)["stages"][0]["dir"], cli.home]) == str(
        cli.home
    )
