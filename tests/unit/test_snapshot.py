"""What a copy of the user's code holds, of real repositories."""

from __future__ import annotations

import subprocess
from pathlib import Path

from trainui.control import snapshot

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
    _, names = snapshot.look(root)
    assert sorted(names) == [
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
    found, names = snapshot.look(tmp_path / "other")
    assert found.root == str(tmp_path / "other")
    assert sorted(names) == [".gitignore", "train.py"]


def test_unchanged_files_are_linked_to_the_last_copy_but_those_that_a_training_writes_are_not(
    tmp_path: Path,
) -> None:
    names = ("train.py", "results.json", "weights.PT", "lib/model.py")
    (tmp_path / "work" / "lib").mkdir(parents=True)
    root = tmp_path / "work"
    for name in names:
        (root / name).write_text("x\n")
    (root / "data.csv").write_bytes(b"1")
    with (root / "data.csv").open("r+b") as large:
        large.truncate(snapshot.WRITTEN_UP_TO + 1)
    copies = [tmp_path / "runs" / run for run in "ab"]
    for directory in copies:
        directory.mkdir(parents=True)
        snapshot.copy(*snapshot.look(root), directory)
    first, second = (directory / snapshot.DIRECTORY for directory in copies)
    linked = {name for name in (*names, "data.csv") if (first / name).samefile(second / name)}
    assert linked == {"train.py", "lib/model.py", "data.csv"}
    assert (second / "weights.PT").read_text() == "x\n"
    assert not (root / "train.py").samefile(first / "train.py")
