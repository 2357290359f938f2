"""Directories are private whatever the umask, and named after stages so that each has its own."""

from __future__ import annotations

import os
import re
import stat
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.faults import disks
from tests.security.another_user import NOBODY, needs_root
from trainui import paths, system
from trainui.errors import UnfitEnvironmentError


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("prepare", "prepare"),
        ("train_2", "train_2"),
        ("train[lr=0.3,seed=1]", "train-lr-0.3-seed-1"),
        ("t[lr=1e-3,shift=-1]", "t-lr-1e-3-shift--1"),
        ("t[data=a/b c]", "t-data-a-b-c"),
        ("two words", "two-words"),
        ("-x", "x"),
    ],
)
def test_a_stages_directory_is_called_as_it_is(name: str, expected: str) -> None:
    assert paths.stage_directory_names([name]) == {name: expected}


@pytest.mark.parametrize("name", ["x" * 101, "训练", "?", "-"])
def test_a_name_that_will_not_do_has_a_hash(name: str) -> None:
    (directory,) = paths.stage_directory_names([name]).values()
    assert re.fullmatch(r"(x{100}-)?[0-9a-f]{8}", directory)


def test_of_equal_directory_names_all_but_the_exact_have_hashes() -> None:
    names = ["t[k=a b]", "t[k=a-b]", "t-k-a-b", "u"]
    found = paths.stage_directory_names(names)
    assert (found["t-k-a-b"], found["u"]) == ("t-k-a-b", "u")
    assert all(re.fullmatch(r"t-k-a-b-[0-9a-f]{8}", found[name]) for name in names[:2])
    assert found == paths.stage_directory_names(names[::-1])


def test_a_name_taken_by_another_stage_is_not_used() -> None:
    (directory,) = paths.stage_directory_names(["u"], taken={"u"}).values()
    assert re.fullmatch(r"u-[0-9a-f]{8}", directory)


@given(st.sets(st.text(alphabet="ab-.=,[] é", min_size=1), max_size=8))
def test_no_two_stages_share_a_directory(names: set[str]) -> None:
    found = paths.stage_directory_names(names)
    assert len(set(found.values())) == len(names)
    assert all(re.fullmatch(r"[A-Za-z0-9._-]+", one) and one.strip(".") for one in found.values())


@pytest.mark.parametrize("umask", [0o000, 0o022, 0o077])
def test_created_files_are_private(tmp_path: Path, umask: int) -> None:
    before = os.umask(umask)
    try:
        directory = paths.make_private(tmp_path / "a" / "b")
        paths.write_private(directory / "file", "text")
    finally:
        os.umask(before)
    assert directory.stat().st_mode & 0o777 == 0o700
    assert (directory / "file").stat().st_mode & 0o777 == 0o600
    assert [path.name for path in directory.iterdir()] == ["file"]
    assert directory.parent.stat().st_mode & 0o022 == 0, "nobody else can put another in its place"


def test_a_long_socket_path_becomes_a_short_own_one(tmp_path: Path) -> None:
    long = tmp_path / ("d" * 120) / "doorbell.sock"
    short = paths.short_socket_path(long)
    assert len(os.fsencode(short)) <= paths.SOCKET_PATH_LIMIT
    assert short == paths.short_socket_path(long)
    assert short != paths.short_socket_path(tmp_path / ("e" * 120) / "doorbell.sock")
    assert paths.short_socket_path(tmp_path / "x.sock") == tmp_path / "x.sock"


@pytest.fixture
def shared(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A temporary directory of all users, in which the fallback of a long path lies."""
    shared = tmp_path / "tmp"
    shared.mkdir()
    shared.chmod(0o1777)
    monkeypatch.setattr(paths, "SHARED", shared)
    return paths.short_socket_path(tmp_path / ("d" * 120) / "broker.sock")


def test_the_fallback_of_a_long_path_is_private(shared: Path) -> None:
    shared.parent.mkdir(mode=0o755)
    for _ in range(2):
        assert paths.prepare_socket_directory(shared) == shared
        assert stat.S_IMODE(shared.parent.lstat().st_mode) == 0o700


def test_a_link_in_the_place_of_the_fallback_is_refused(shared: Path, tmp_path: Path) -> None:
    (tmp_path / "mine").mkdir(mode=0o755)
    for target in (tmp_path / "mine", tmp_path / "nowhere"):
        shared.parent.symlink_to(target)
        with pytest.raises(UnfitEnvironmentError, match=r"is a link .*remove it"):
            paths.prepare_socket_directory(shared)
        shared.parent.unlink()
    assert stat.S_IMODE((tmp_path / "mine").stat().st_mode) == 0o755
    assert not (tmp_path / "nowhere").exists()


def test_a_file_in_the_place_of_the_fallback_is_refused(shared: Path) -> None:
    shared.parent.touch()
    with pytest.raises(UnfitEnvironmentError, match="not a directory"):
        paths.prepare_socket_directory(shared)


@needs_root
@pytest.mark.parametrize("mode", [0o700, 0o777])
def test_a_directory_of_another_user_is_refused(shared: Path, mode: int) -> None:
    shared.parent.mkdir()
    shared.parent.chmod(mode)
    os.chown(shared.parent, NOBODY, NOBODY)
    with pytest.raises(UnfitEnvironmentError, match=rf"another user .uid {NOBODY}"):
        paths.prepare_socket_directory(shared)
    assert stat.S_IMODE(shared.parent.stat().st_mode) == mode


def test_a_home_may_be_a_link(tmp_path: Path) -> None:
    (tmp_path / "disk").mkdir(mode=0o755)
    (tmp_path / "home").symlink_to(tmp_path / "disk")
    assert paths.make_private(tmp_path / "home") == tmp_path / "home"
    assert stat.S_IMODE((tmp_path / "disk").stat().st_mode) == 0o700


def test_a_mounted_file_system_is_neither_emptied_nor_measured(
    tmp_path: Path,
) -> None:
    tree = tmp_path / "tree"
    (tree / "before").mkdir(parents=True)
    (tree / "own").write_bytes(b"x" * 10_000)
    alone = system.used_bytes(tree)
    with disks.small_disk(tree / "of a stage", megabytes=1):
        (tree / "of a stage" / "data").write_bytes(b"x" * 100_000)
        assert system.used_bytes(tree) < 2 * alone
        with pytest.raises(OSError, match=r"mounted at .*of a stage; unmount it first"):
            paths.remove_tree(tree)
        assert (tree / "own").exists()
        assert (tree / "of a stage" / "data").exists()
    paths.remove_tree(tree)
    assert not tree.exists()


def test_mountpoints_below_a_directory_are_found_by_their_whole_names(tmp_path: Path) -> None:
    table = tmp_path / "mountinfo"
    lines = [f"1 1 0:1 / {one} rw - tmpfs none rw" for one in ("/", "/a", "/a/b\\040c", "/ab")]
    table.write_text("\n".join(lines))
    assert system.mountpoints_in(Path("/a"), table) == ["/a", "/a/b c"]
    assert system.mountpoints_in(Path("/a/b"), table) == []
