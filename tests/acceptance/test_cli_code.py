"""The code of a run: recorded, reported if it changes, or copied."""

from __future__ import annotations

import json
import shutil
import subprocess
from pathlib import Path

import pytest

from tests.acceptance.command_line import CommandLine, stage_of
from tests.unit.supervisor.waiting import wait_for
from trainui.execution.worker import services

WAITS = """\
name: {name}
snapshot: {snapshot}
stages:
  - {{name: first, run: "until test -e {go}; do sleep 0.05; done"}}
  - {{name: second, run: "cat code.py; pwd", depends_on: [first]}}
"""


@pytest.fixture
def project(served: CommandLine, tmp_path: Path) -> Path:
    """A git repository with code, data that git ignores, and a file that it does not know."""
    directory = tmp_path / "project"
    directory.mkdir()
    (directory / "code.py").write_text("first\n")
    (directory / ".gitignore").write_text("data\n")
    (directory / "data").write_text("large\n")
    for arguments in (
        ("init",),
        ("add", "."),
        ("-c", "user.name=A", "-c", "user.email=a@example.invalid", "commit", "-m", "Begin"),
    ):
        subprocess.run(["git", *arguments], cwd=directory, check=True, capture_output=True)
    (directory / "new.py").write_text("unknown to git\n")
    return directory


def begin(served: CommandLine, project: Path, name: str, snapshot: str) -> str:
    file = project / "pipeline.yaml"
    file.write_text(WAITS.format(name=name, snapshot=snapshot, go=project.parent / f"{name}.go"))
    return str(served.json("run", str(file), "--detach")["run"])


def go_on(served: CommandLine, project: Path, name: str) -> None:
    (project.parent / f"{name}.go").touch()
    assert served("wait", name).code == 0


def test_a_stage_that_starts_after_the_code_changed_says_so(
    served: CommandLine, project: Path
) -> None:
    begin(served, project, "changed", "false")
    wait_for(lambda: stage_of(served.json("show", "changed"), "first")["started_at"], "a start")
    (project / "code.py").write_text("second\n")
    assert "second: the code was changed since" in served("show", "changed").out, "before it starts"
    go_on(served, project, "changed")
    assert "second" in served("logs", "changed", "second").out
    words = "second: the code was changed since the run was submitted: code.py"
    patience = 20 + services.DRIFT_SHARE * 3.0  # the slower git is, the more seldom it is asked
    wait_for(lambda: words in served("show", "changed").out, words, patience)
    assert served.json("diff", "changed", "changed")["code"]["drift"] == [f"changed, {words}"]
    shown = served("show", "changed").out
    assert "first: the code" not in shown
    assert "with changes" not in shown
    assert "code.py; stages that start now" in served("resume", "changed", "--dry-run").err
    kept = json.loads((Path(served("path", "changed").out.strip()) / "code.json").read_text())
    assert len(kept["commit"]) == 40
    assert (kept["dirty"], kept["untracked"]) == (False, ["new.py", "pipeline.yaml"])


def test_a_queued_command_reports_that_its_script_changed(
    served: CommandLine,
) -> None:
    script = served.write("train.py", "print('first')\n")
    served("worker", "pause")
    served("run", "--name", "edited", "--detach", "--", "python", "train.py")
    script.write_text("print('second')\n")
    served("worker", "unpause")
    assert served("wait", "edited").code == 0
    words = "train: the code was changed since the run was submitted: train.py"
    wait_for(lambda: words in served("show", "edited").out, words, 20 + services.DRIFT_SHARE * 3.0)
    assert "train started although the code was changed" in served("events", "edited").out


def test_a_waiting_run_names_the_code_that_it_will_run(served: CommandLine) -> None:
    words = "of other runs; it will run the code as it is when it starts, with `--snapshot`"
    assert words not in served("run", "--name", "alone", "--detach", "--", "true").err
    assert served("wait", "alone").code == 0
    served("worker", "pause")
    first = served("run", "--name", "first", "--detach", "--", "true")
    assert words not in first.err, "the slots suffice for the stages in the queue"
    served.write("wide.yaml", "stages: [{name: wide, cpus: 4, run: 'true'}]\n")
    wide = served("run", "wide.yaml", "--detach")
    assert f"queued behind 1 stage {words} as it is now" in wide.err
    waits = served("run", "--name", "second", "--detach", "--", "true")
    copied = served("run", "--name", "third", "--snapshot", "--detach", "--", "true")
    served("worker", "unpause")
    assert f"queued behind 2 stages {words} as it is now" in waits.err
    assert words not in copied.err
    assert served("wait", "third").code == 0


def test_a_snapshot_is_run_from_whatever_is_edited_meanwhile(
    served: CommandLine, project: Path
) -> None:
    begin(served, project, "copied", "true")
    (project / "code.py").write_text("second\n")
    go_on(served, project, "copied")
    directory = Path(served("path", "copied").out.strip())
    copy = directory / "code.snapshot"
    assert served("logs", "copied", "second").out == f"first\n{copy}\n"
    files = {path.name for path in copy.iterdir() if not path.is_symlink()}
    assert files == {"code.py", ".gitignore", "new.py", "pipeline.yaml"}
    assert (copy / "data").readlink() == project / "data"
    shown = served("show", "copied").out
    assert f"in 4 files of {project}" in shown
    assert "code was changed" not in shown
    plan = served("resume", "copied", "--dry-run")
    assert "stages run from the snapshot, without these changes" in plan.err
    (project / "pipeline.yaml").write_text((project / "pipeline.yaml").read_text() + "    # x\n")
    assert served("resume", "copied").code == 0  # its paths are in the copy before and after
    assert served("rm", "copied", "--yes").code == 0
    assert not directory.exists()


def test_git_ignored_files_stay_and_large_ones_are_refused(
    served: CommandLine, project: Path
) -> None:
    file = project / "pipeline.yaml"
    stages = 'snapshot: true\nstages:\n  - {name: a, run: "cat data", inputs: ["%s"]}\n'
    for given in ("data", project / "data"):
        file.write_text(stages % given)
        run = served.json("run", str(file), "--wait")["run"]
        assert served("logs", run, "a").out == "large\n"
    with (project / "huge.bin").open("wb") as huge:
        huge.truncate(2 * 10**9)
    refused = served("run", str(file))
    assert refused.code == 2
    assert "huge.bin 2 GB" in refused.err


def test_a_command_runs_from_a_snapshot_that_shares_unchanged_files(
    served: CommandLine, project: Path
) -> None:
    served.directory, before = project, served.directory
    try:
        command = ("--wait", "--", "sh", "-c", "cat code.py; cat data; pwd")
        first = served("run", "--json", "--snapshot", *command).json()["run"]
        (project / "code.py").write_text("second\n")
        again = served("run", "--json", *command, TRAINUI_SNAPSHOT="always").json()["run"]
    finally:
        served.directory = before
    copies = [Path(served("path", run).out.strip()) / "code.snapshot" for run in (first, again)]
    assert served("logs", first, "sh").out == f"first\nlarge\n{copies[0]}\n"
    assert served("logs", again, "sh").out == f"second\nlarge\n{copies[1]}\n"
    inodes = [{path.name: path.lstat().st_ino for path in copy.iterdir()} for copy in copies]
    assert inodes[0]["new.py"] == inodes[1]["new.py"] != (project / "new.py").stat().st_ino
    assert inodes[0]["code.py"] != inodes[1]["code.py"]
    assert served("rm", first, "--yes").code == 0
    assert (copies[1] / "new.py").read_text() == "unknown to git\n"
    assert (project / "data").read_text() == "large\n"
    assert served("rerun", again, "sh").code == 0
    assert served("wait", again).code == 0


def test_queued_runs_of_one_state_share_files_until_the_last(
    served: CommandLine, project: Path
) -> None:
    file = project / "pipeline.yaml"
    text = "snapshot: true\nstages:\n  - {name: a, run: 'cat lib/code.py data', inputs: [lib]}\n"
    (project / "lib").mkdir()
    (project / "code.py").rename(project / "lib" / "code.py")
    file.write_text(text)
    served("worker", "pause")
    first, second = (str(served.json("run", str(file), "--detach")["run"]) for _ in "ab")
    places = [Path(served("path", run).out.strip()) for run in (first, second)]
    assert not any((place / "code.snapshot").exists() for place in places), "no stage has started"
    assert served("diff", first, second).err == "no difference\n"
    (project / "lib" / "code.py").write_text("second\n")
    assert "code         lib/code.py" in served("diff", first).out
    served("worker", "unpause")
    for run in (first, second):
        assert served("wait", run).code == 0
        assert served("logs", run, "a").out == "first\nlarge\n"
    copies = [place / "code.snapshot" / "lib" / "code.py" for place in places]
    assert copies[0].samefile(copies[1])
    used = {json.loads((place / "snapshot.json").read_text())["tree"] for place in places}
    tree = places[0].parent / ".snapshots" / used.pop()
    assert not used
    assert served("rm", first, "--yes").code == 0
    assert tree.exists()
    assert copies[1].read_text() == "first\n"
    assert served("rerun", second, "a").code == 0
    assert served("wait", second).code == 0
    assert served("rm", second, "--yes").code == 0
    assert not tree.exists()


def test_a_queued_run_whose_snapshot_was_removed_says_so(
    served: CommandLine, project: Path
) -> None:
    file = project / "pipeline.yaml"
    file.write_text("snapshot: true\nstages:\n  - {name: a, run: 'cat code.py'}\n")
    served("worker", "pause")
    run = str(served.json("run", str(file), "--detach")["run"])
    runs = Path(served("path", run).out.strip()).parent
    shutil.rmtree(runs / ".snapshots")
    served("worker", "unpause")
    assert served("wait", run).code == 1
    assert "were removed; submit the run again" in served("show", run).out
    assert served.json("run", str(file), "--wait")["status"] == "completed"
    assert served("resume", run).code == 0


def test_without_git_the_whole_directory_is_copied(served: CommandLine, tmp_path: Path) -> None:
    (tmp_path / "lib").mkdir()
    (tmp_path / "lib" / "word.py").write_text("word = 'seven'\n")
    (tmp_path / "pipeline.yaml").write_text(
        "name: bare\nsnapshot: true\nstages:\n"
        "  - {name: a, workdir: lib, run: [python, -c, 'import word; print(word.__file__)']}\n"
    )
    done = served("run", str(tmp_path / "pipeline.yaml"), PYTHONPATH=str(tmp_path / "lib"))
    assert done.code == 0
    assert f"in 2 files of {tmp_path}" in done.err
    assert "/code.snapshot/lib/word.py" in served("logs", "bare", "a").out
