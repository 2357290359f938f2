"""The worker starts with the machine where systemd serves the user; uninstalled leaves nothing."""

from __future__ import annotations

import os
import re
import shlex
import shutil
import subprocess
from pathlib import Path

import pytest

from tests.acceptance.command_line import CommandLine, states_of

needs_systemd = pytest.mark.skipif(
    shutil.which("systemd-analyze") is None, reason="needs systemd-analyze (Debian: systemd)"
)


def lines_of(unit: str, name: str) -> list[str]:
    return re.findall(rf"^{name}=(.*)$", unit, re.MULTILINE)


@needs_systemd
def test_systemd_finds_nothing_wrong_with_the_unit(cli: CommandLine, tmp_path: Path) -> None:
    odd = cli("worker", "install", "--print", TRAINUI_RUNS_DIR='/data/50% "big" $x')
    unit = tmp_path / "trainui-worker.service"
    unit.write_text(odd.out)
    checked = subprocess.run(
        ["systemd-analyze", "--user", "verify", str(unit)],
        env={**os.environ, "XDG_RUNTIME_DIR": str(tmp_path)},
        capture_output=True,
        text=True,
    )
    assert (checked.returncode, checked.stderr) == (0, "")
    assert 'Environment="TRAINUI_RUNS_DIR=/data/50%% \\"big\\" $x"' in odd.out.splitlines()


def test_the_unit_starts_and_stops_the_worker(cli: CommandLine) -> None:
    unit = cli("worker", "install", "--print").out
    lines = [line.replace("%%", "%") for line in lines_of(unit, "Environment")]
    variables = dict(shlex.split(line)[0].split("=", 1) for line in lines)
    # as systemd: with these variables and the user's own alone
    environ = {"HOME": cli.environ["HOME"], **variables}
    for name, is_running in (("ExecStart", True), ("ExecStop", False)):
        (command,) = lines_of(unit, name)
        subprocess.run(shlex.split(command), env=environ, cwd="/", check=True, timeout=90)
        assert cli.json("worker", "status")["running"] is is_running


@pytest.mark.skipif(
    Path(f"/run/user/{os.getuid()}/systemd/private").exists(), reason="systemd serves this user"
)
def test_without_systemd_it_says_what_to_do_and_writes_nothing(cli: CommandLine) -> None:
    refused = cli("worker", "install", "--json")
    assert (refused.code, refused.error()) == (4, "environment")
    assert "@reboot" in refused.err
    assert not (Path(cli.environ["XDG_CONFIG_HOME"]) / "systemd").exists()
    assert cli.json("worker", "uninstall") == {"path": None}


@pytest.mark.usefixtures("only_on_sqlite")
def test_uninstall_leaves_what_is_not_ours_and_nothing_else(cli: CommandLine) -> None:
    config = Path(cli.environ["XDG_CONFIG_HOME"], "trainui", "config.toml")
    config.parent.mkdir(parents=True)
    elsewhere = cli.directory / "runs"
    config.write_text(f'cpus = 2\nruns_dir = "{elsewhere}"\n')
    cli.run("name: a\nstages: [{name: a, run: 'true'}]\n")
    cli.write("long.yaml", "name: long\nstages: [{name: a, run: sleep 1000}]\n")
    cli.json("run", "long.yaml", "--detach")
    (elsewhere / "mine").write_text("precious")
    (cli.home / "notes").write_text("precious")

    assert cli("uninstall").code == 2
    dry = cli.json("uninstall", "--dry-run")
    assert states_of(cli.json("show", "a")) == {"a": "completed"}
    assert cli.json("uninstall", "--yes")["paths"] == dry["paths"]
    assert [path.name for path in cli.home.iterdir()] == ["notes"]
    assert [path.name for path in elsewhere.iterdir()] == ["mine"]
    assert not config.parent.exists()
    assert (cli.directory / "pipeline.yaml").exists()


@pytest.mark.usefixtures("only_on_sqlite")
def test_uninstall_leaves_what_others_put_among_the_runs(cli: CommandLine) -> None:
    """TensorBoard, too, writes to `runs`, and a home may be the directory of a project."""
    known = cli.run("name: a\nstages: [{name: a, run: 'true'}]\n")["run"]
    runs = cli.home / "runs"
    shutil.copytree(runs / known, runs / "unknown")
    assert f"{runs}" in cli.json("uninstall", "--dry-run")["paths"]
    (runs / "Nov27_host").mkdir()
    (runs / "Nov27_host" / "events.out.tfevents.1").write_text("precious")
    assert cli("uninstall", "--yes").code == 0
    assert [path.name for path in runs.iterdir()] == ["Nov27_host"]
    assert [path.name for path in cli.home.iterdir()] == ["runs"]


def test_uninstall_leaves_nothing(cli: CommandLine) -> None:
    cli.run("name: a\nstages: [{name: a, run: 'true'}]\n")
    before = {path for path in Path(cli.environ["HOME"]).rglob("*") if "home" not in path.parts}
    assert cli("uninstall", "--yes").code == 0
    assert not cli.home.exists()
    after = set(Path(cli.environ["HOME"]).rglob("*"))
    assert after <= before
