"""Directories are private whatever the umask, and named after stages so that each has its own."""

from __future__ import annotations

import os
import stat
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.security.another_user import NOBODY, needs_root
from trainui import paths
from trainui.errors import UnfitEnvironmentError


@pytest.mark.parametrize("name", ["prepare", "A", "train_2", "a=1,b=2", "x-y"])
def test_a_safe_name_is_its_directory(name: str) -> None:
    assert paths.directory_name(name) == name


@pytest.mark.parametrize(
    "name", ["train[lr=0.3,seed=1]", "two words", "größe", "x" * 101, "..", "."]
)
def test_another_is_one_safe_component_with_a_hash(name: str) -> None:
    directory = paths.directory_name(name)
    assert directory not in (name, ".", "..")
    assert "/" not in directory
    assert directory.isascii()
    assert len(directory) <= 120


@given(st.text(min_size=1), st.text(min_size=1))
def test_two_names_never_share_a_directory(one: str, other: str) -> None:
    same = paths.directory_name(one) == paths.directory_name(other)
    assert same == (one == other)


@pytest.mark.parametrize("umask", [0o000, 0o022, 0o077])
def test_what_is_made_is_private(tmp_path: Path, umask: int) -> None:
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


def test_a_long_socket_path_becomes_a_short_one_of_our_own(tmp_path: Path) -> None:
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
