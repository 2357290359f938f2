"""Protocols for read access to files on this host or another one, and the local implementation."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO, Literal, Protocol

from trainui import plain_files


class FileStatus(Protocol):
    """A file's status (the part of `os.stat_result` that readers use)."""

    @property
    def st_dev(self) -> int:
        """Device number of the file system."""

    @property
    def st_ino(self) -> int:
        """Inode number."""

    @property
    def st_size(self) -> int:
        """Size in bytes."""


class File(Protocol):
    """A file that need not exist."""

    def open(self, mode: Literal["rb"], /) -> BinaryIO:
        """Open it for reading; raise FileNotFoundError if it does not exist."""

    def stat(self) -> FileStatus:
        """Return its status; raise OSError if that fails."""

    def read_bytes(self) -> bytes:
        """Return all of it."""


class Directory(Protocol):
    """A directory of files."""

    def __truediv__(self, name: str, /) -> File:
        """Return the file of a name."""


@dataclass(frozen=True, slots=True)
class LocalFile:
    """A plain file on this host."""

    path: Path

    def open(self, _mode: Literal["rb"], /) -> BinaryIO:
        """Open it for reading; raise NotPlainFileError if it is not a regular file."""
        return plain_files.open_plain(self.path)

    def stat(self) -> os.stat_result:
        """Return its status."""
        return plain_files.status(self.path)

    def read_bytes(self) -> bytes:
        """Return all of it."""
        return plain_files.read_bytes(self.path)


@dataclass(frozen=True, slots=True)
class LocalDirectory:
    """A directory on this host."""

    path: Path

    def __truediv__(self, name: str, /) -> LocalFile:
        """Return the file of a name."""
        return LocalFile(self.path / name)
