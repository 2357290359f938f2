"""Which files a snapshot has, of real repositories."""

from __future__ import annotations

import subprocess
from pathlib import Path

from trainui.resume import code_snapshot

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
