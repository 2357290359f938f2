"""The trees of snapshots and the directories that runs get of them, of real files and kills."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import threading
from pathlib import Path

import pytest

from trainui.errors import UnfitEnvironmentError
from trainui.resume import code_snapshot

NAMES = ("train.py", "results.json", "weights.PT", "lib/model.py")


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """A directory with code, results and a link, in no repository."""
    directory = tmp_path / "work"
    (directory / "lib").mkdir(parents=True)
    for name in NAMES:
        (directory / name).write_text("x\n")
    (directory / "link").symlink_to("train.py")
    return directory


@pytest.fixture
def runs(tmp_path: Path) -> Path:
    directory = tmp_path / "runs"
    directory.mkdir()
    return directory


def submit(root: Path, runs: Path, run: str) -> Path:
    (runs / run).mkdir()
    code_snapshot.prepare(code_snapshot.find(root), runs / run)
    return runs / run


def made(run: Path) -> Path:
    code_snapshot.make(run)
    return run / code_snapshot.DIRECTORY


def delete(run: Path) -> None:
    code_snapshot.release_trees(run)
    shutil.rmtree(run)


def trees_of(runs: Path) -> list[Path]:
    return [one for one in (runs / code_snapshot.TREES).iterdir() if one.is_dir()]


def test_runs_of_one_state_share_files_except_written_ones(root: Path, runs: Path) -> None:
    with (root / "data.csv").open("xb") as large:
        large.truncate(code_snapshot.WRITTEN_UP_TO + 1)
    first, second = (made(submit(root, runs, run)) for run in "ab")
    shared = {name for name in (*NAMES, "data.csv") if (first / name).samefile(second / name)}
    assert shared == {"train.py", "lib/model.py", "data.csv"}
    assert len(trees_of(runs)) == 1
    assert (second / "weights.PT").read_text() == "x\n"
    assert (second / "link").readlink() == Path("train.py")
    assert not (root / "train.py").samefile(first / "train.py")
    (first / "results.json").write_text("result\n")
    assert (made(submit(root, runs, "c")) / "results.json").read_text() == "x\n"


def test_an_edit_after_submission_is_not_in_the_copy(root: Path, runs: Path) -> None:
    before = submit(root, runs, "before")
    (root / "train.py").write_text("edited\n")
    (root / "lib" / "model.py").rename(root / "lib" / "moved.py")
    after = submit(root, runs, "after")
    assert (made(before) / "train.py").read_text() == "x\n"
    assert (made(after) / "train.py").read_text() == "edited\n"
    assert sorted(code_snapshot.names(before) or ()) == sorted([*NAMES, "link"])
    assert not (made(after) / "lib" / "model.py").exists()
    (root / "train.py").write_text("again\n")
    again = submit(root, runs, "again")
    assert (made(again) / "lib/moved.py").samefile(made(after) / "lib/moved.py")


def test_a_tree_is_removed_with_its_last_run(root: Path, runs: Path) -> None:
    first, second = submit(root, runs, "a"), submit(root, runs, "b")
    delete(first)
    assert (made(second) / "train.py").read_text() == "x\n"
    (root / "train.py").write_text("edited\n")
    third = submit(root, runs, "c")
    delete(second)
    assert len(trees_of(runs)) == 1
    delete(third)
    assert list(runs.iterdir()) == []


def test_a_file_changed_through_a_hard_link_spoils_no_copy(root: Path, runs: Path) -> None:
    waits = submit(root, runs, "waits")
    with (made(submit(root, runs, "writes")) / "train.py").open("a") as file:
        file.write("written by a training\n")
    later = submit(root, runs, "later")  # mends the tree, also for the run that waits
    assert len(trees_of(runs)) == 1
    (root / "train.py").write_text("edited\n")
    for run in (waits, later):
        assert (made(run) / "train.py").read_text() == "x\n"


def test_a_file_changed_after_submission_is_original_or_error(root: Path, runs: Path) -> None:
    first, second = submit(root, runs, "a"), submit(root, runs, "b")
    with (made(submit(root, runs, "writes")) / "train.py").open("a") as file:
        file.write("written by a training\n")
    assert (made(first) / "train.py").read_text() == "x\n"
    (root / "train.py").write_text("edited\n")
    with pytest.raises(UnfitEnvironmentError, match=r"train\.py.*submit the run again"):
        code_snapshot.make(second)
    assert not any(path.name.startswith(".code") for path in second.iterdir())


def test_a_tree_removed_by_hand_is_an_error_until_resubmitted(root: Path, runs: Path) -> None:
    run = submit(root, runs, "a")
    shutil.rmtree(runs / code_snapshot.TREES)
    with pytest.raises(UnfitEnvironmentError, match="were removed; submit the run again"):
        code_snapshot.make(run)
    submit(root, runs, "b")
    (trees_of(runs)[0] / code_snapshot.MANIFEST).unlink()
    assert (made(submit(root, runs, "c")) / "train.py").read_text() == "x\n"
    assert len(trees_of(runs)) == 1


def test_a_run_of_the_former_layout_stays_unchanged(root: Path, runs: Path) -> None:
    old = runs / "old"
    (old / code_snapshot.DIRECTORY).mkdir(parents=True)
    code_snapshot.make(old)
    assert list(old.iterdir()) == [old / code_snapshot.DIRECTORY]
    assert code_snapshot.names(old) is None
    delete(old)


def test_stages_that_start_at_once_get_one_copy(root: Path, runs: Path) -> None:
    run, problems = submit(root, runs, "a"), []

    def make() -> None:
        try:
            code_snapshot.make(run)
        except OSError as error:
            problems.append(error)

    threads = [threading.Thread(target=make) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert problems == []
    assert {path.name for path in run.iterdir()} == {code_snapshot.DIRECTORY, code_snapshot.NOTE}


def test_hosts_that_make_the_copy_at_once_get_one_copy(root: Path, runs: Path) -> None:
    every = [submit(root, runs, str(number)) for number in range(30)]
    program = """
import sys
from pathlib import Path
from trainui.resume import code_snapshot
print(flush=True)
sys.stdin.read(1)
for number in range(30):
    code_snapshot.make(Path(sys.argv[1], str(number)))
"""
    command, pipe = [sys.executable, "-c", program, str(runs)], subprocess.PIPE
    hosts = [subprocess.Popen(command, stdin=pipe, stdout=pipe, text=True) for _ in range(3)]
    for host in hosts:
        assert host.stdout is not None
        host.stdout.readline()
    for host in hosts:
        assert host.stdin is not None
        host.stdin.write("x")
        host.stdin.flush()
    for host in hosts:
        host.communicate()
    assert [host.returncode for host in hosts] == [0, 0, 0]
    for run in every:
        assert {path.name for path in run.iterdir()} == {
            code_snapshot.DIRECTORY,
            code_snapshot.NOTE,
        }
        assert len(list((run / code_snapshot.DIRECTORY).rglob("*"))) == len(NAMES) + 2


KILLED = """
import os, signal, shutil, sys
from pathlib import Path
from trainui.resume import code_snapshot

root, runs = map(Path, sys.argv[1:])
steps = {"os.mkdir", "os.link", "os.rename", "os.remove", "os.rmdir", "os.symlink", "os.utime"}

def submit(name):
    (runs / name).mkdir()
    code_snapshot.prepare(code_snapshot.find(root), runs / name)

def delete(name):
    code_snapshot.release_trees(runs / name)
    shutil.rmtree(runs / name)

def whole(name):
    copy = runs / name / code_snapshot.DIRECTORY
    return sorted((str(one.relative_to(copy)), one.read_text())
                  for one in copy.rglob("*") if one.is_file())

def killed_after(left):
    child = os.fork()
    if child:
        status = os.waitpid(child, 0)[1]
        assert status in (0, signal.SIGKILL), status
        return status == signal.SIGKILL
    def count(event, _):
        nonlocal left
        left -= event in steps
        if left < 0 and event in steps:
            os.kill(os.getpid(), signal.SIGKILL)
    sys.addaudithook(count)
    submit("b")
    code_snapshot.make(runs / "b")
    delete("b")
    os._exit(0)

kills, submitted = 0, 0
(root / "train.py").write_text("first")
while True:
    submit("a")
    (root / "train.py").write_text(f"edited {kills}")
    is_killed = killed_after(kills)
    if (runs / "b" / code_snapshot.NOTE).exists() and any(runs.glob(".snapshots/*/users/b")):
        code_snapshot.make(runs / "b")  # by the next worker
        submit("c")
        code_snapshot.make(runs / "c")
        assert whole("b") == whole("c") and len(whole("b")) == 5, (kills, whole("b"))
        assert not any((runs / "b").glob(".code.snapshot.*"))
        delete("c")
        submitted += 1
    if (runs / "b").exists():  # as the clean-up of a killed submission or deletion does
        delete("b")
    code_snapshot.make(runs / "a")
    assert len(whole("a")) == 5
    delete("a")
    assert not any(runs.iterdir()), (kills, list(runs.rglob("*")))
    if not is_killed:
        break
    kills += 1
print(kills, submitted)
"""


def test_a_kill_at_any_step_leaves_no_half_tree(root: Path, runs: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-c", KILLED, root, runs], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    kills, submitted = map(int, done.stdout.split())
    assert kills > submitted > 10


def test_a_removed_file_does_not_keep_the_lock(root: Path, runs: Path) -> None:
    """Submissions and deletions at once: each finds its own tree whole, and nothing is left."""
    program = """
import shutil, sys
from pathlib import Path
from trainui.resume import code_snapshot
root, runs, name = Path(sys.argv[1]), Path(sys.argv[2]), sys.argv[3]
for number in range(15):
    run = runs / f"{name}{number}"
    run.mkdir()
    code_snapshot.prepare(code_snapshot.find(root), run)
    code_snapshot.make(run)
    code_snapshot.release_trees(run)
    shutil.rmtree(run)
"""
    started = [
        subprocess.Popen([sys.executable, "-c", program, root, runs, name]) for name in "abc"
    ]
    assert [process.wait() for process in started] == [0, 0, 0]
    assert os.listdir(runs) == []  # noqa: PTH208


IDENTITY = ("-c", "user.name=x", "-c", "user.email=x@y", "-c", "protocol.file.allow=always")


def git(directory: Path, *arguments: str) -> None:
    subprocess.run(["git", *IDENTITY, *arguments], cwd=directory, check=True, capture_output=True)


def repository(directory: Path, *names: str) -> Path:
    directory.mkdir(parents=True)
    git(directory, "init", "-q")
    for name in names:
        (directory / name).write_text("x\n")
    (directory / ".gitignore").write_text("*.log\n")
    git(directory, "add", ".")
    git(directory, "commit", "-qm", "first")
    (directory / "new.py").write_text("x\n")
    (directory / "old.log").write_text("x\n")
    return directory


def test_submodules_and_clones_within_are_copied_too(tmp_path: Path) -> None:
    library = repository(tmp_path / "library", "lib.py")
    root = repository(tmp_path / "work", "train.py")
    git(root, "submodule", "--quiet", "add", str(library), "sub")
    (root / "sub" / "edited.py").write_text("x\n")
    repository(root / "clones" / "model", "model.py")
    assert sorted(code_snapshot.find(root).files) == [
        ".gitignore",
        ".gitmodules",
        "clones/model/.gitignore",
        "clones/model/model.py",
        "clones/model/new.py",
        "new.py",
        "sub/.gitignore",
        "sub/edited.py",
        "sub/lib.py",
        "train.py",
    ]


def test_of_a_worktree_its_own_files_are_copied(tmp_path: Path) -> None:
    root = repository(tmp_path / "work", "train.py")
    git(root, "worktree", "add", "-q", str(tmp_path / "other"))
    (tmp_path / "other" / "train.py").write_text("edited\n")
    found = code_snapshot.find(tmp_path / "other")
    assert found.snapshot.root == str(tmp_path / "other")
    assert sorted(found.files) == [".gitignore", "train.py"]
