"""Disks that can be filled, or made read-only, for the processes under test."""

from __future__ import annotations

import contextlib
import os
import shutil
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest


@contextmanager
def small_disk(at: Path, *, megabytes: int) -> Iterator[Path]:
    """A disk of its own under a directory, which is made."""
    with _mounted(at, "-t", "tmpfs", "-o", f"size={megabytes}m", "tmpfs"):
        at.chmod(0o700)
        yield at


@contextmanager
def read_only(at: Path) -> Iterator[None]:
    """A directory that nobody can write to, root neither."""
    with _mounted(at, "--bind", str(at)):
        subprocess.run(["mount", "-o", "remount,bind,ro", at], check=True)
        yield


@contextmanager
def disk_with_an_error(at: Path) -> Iterator[Path]:
    """A file system that an error made read-only: its mount and its modes do not show it."""
    image = at.with_name(f"{at.name}.img")
    with image.open("wb") as file:
        file.truncate(200 << 20)
    if shutil.which("mkfs.ext4") is None:
        pytest.skip("mkfs.ext4 is not installed")
    subprocess.run(["mkfs.ext4", "-q", "-F", image], check=True)
    with _mounted(at, "-o", "loop", str(image)):
        yield at


def strike(disk: Path) -> None:
    """Let such a file system have its error."""
    subprocess.run(["mount", "-o", "remount,abort", disk], check=True)


@contextmanager
def _mounted(at: Path, *arguments: str) -> Iterator[None]:
    at.mkdir(parents=True, exist_ok=True)
    command = ["mount", *arguments, str(at)]
    if os.geteuid() != 0 or subprocess.run(command, capture_output=True, check=False).returncode:
        pytest.skip("only root, where it may mount, can make such a disk")
    try:
        yield
    finally:
        subprocess.run(["umount", "--lazy", at], check=True)


def fill(disk: Path) -> Path:
    """Leave no byte free on a disk; return the file whose removal frees it."""
    filler = disk / "filler"
    with filler.open("wb", buffering=0) as file, contextlib.suppress(OSError):
        while True:
            file.write(bytes(1 << 20))
    with filler.open("ab", buffering=0) as file, contextlib.suppress(OSError):
        while file.write(bytes(512)):
            pass
    return filler
