"""Protocols for read access to files on this host or another one, and the local implementation."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO, Literal, Protocol

from trainui.system import plain_files


class File(Protocol):
    """A file that need not exist."""

    def open(self, mode: Literal["rb"], /) -> BinaryIO:
        """Open it for reading; raise FileNotFoundError if it does not exist."""

    def stat(self) -> os.stat_result:
        """Return its status (device, inode and size at least); raise OSError if that fails."""


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


@dataclass(frozen=True, slots=True)
class LocalDirectory:
    """A directory on this host."""

    path: Path

    def __truediv__(self, name: str, /) -> LocalFile:
        """Return the file of a name."""
        return LocalFile(self.path / name)
