"""Files as their readers use them, on this host or on another: the little of a path it takes."""

from __future__ import annotations

from typing import BinaryIO, Literal, Protocol


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
