"""Files as their readers use them, on this host or on another: the little of a path it takes."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO, Literal, Protocol

from trainui import plain_files


class Status(Protocol):
    """What is known of a file without reading it."""

    @property
    def st_dev(self) -> int:
        """The file system."""

    @property
    def st_ino(self) -> int:
        """The file's number in it."""

    @property
    def st_size(self) -> int:
        """Bytes."""


class File(Protocol):
    """A file that need not exist."""

    def open(self, mode: Literal["rb"], /) -> BinaryIO:
        """Open it for reading; FileNotFoundError where it is not there."""

    def stat(self) -> Status:
        """Look at it; OSError where that cannot be."""

    def read_bytes(self) -> bytes:
        """Return all of it."""


class Directory(Protocol):
    """A directory of such files."""

    def __truediv__(self, name: str, /) -> File:
        """Return the file of a name."""


@dataclass(frozen=True, slots=True)
class LocalFile:
    """A plain file on this host."""

    path: Path

    def open(self, _mode: Literal["rb"], /) -> BinaryIO:
        """Open it for reading; NotPlainFileError where it is something else."""
        return plain_files.open_plain(self.path)

    def stat(self) -> os.stat_result:
        """Look at it."""
        return self.path.stat()

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
