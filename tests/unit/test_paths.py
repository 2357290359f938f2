"""Directories are private whatever the umask, and named after stages so that each has its own."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from trainui import paths


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


def test_a_long_socket_path_becomes_a_short_one_of_our_own(tmp_path: Path) -> None:
    long = tmp_path / ("d" * 120) / "doorbell.sock"
    short = paths.short_socket_path(long)
    assert len(os.fsencode(short)) <= paths.SOCKET_PATH_LIMIT
    assert short == paths.short_socket_path(long)
    assert short != paths.short_socket_path(tmp_path / ("e" * 120) / "doorbell.sock")
    assert paths.short_socket_path(tmp_path / "x.sock") == tmp_path / "x.sock"
