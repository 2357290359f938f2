"""Checks that a compressed file (joblib, gzip, xz, LZ4 and others) has its end of stream."""

from __future__ import annotations

import bz2
import lzma
import os
import zlib
from collections.abc import Callable
from pathlib import Path
from typing import BinaryIO, Protocol

from trainui import plain_files

_LZ4 = b"\x04\x22\x4d\x18"
_CHUNK = 65_536


class _CompressedStream(Protocol):
    """A decompressor; bytes after the end of its stream are in `unused_data`."""

    @property
    def eof(self) -> bool: ...
    @property
    def unused_data(self) -> bytes: ...
    def decompress(self, data: bytes, /) -> bytes: ...


_BY_HEAD: dict[bytes, Callable[[], _CompressedStream]] = {
    b"\x1f\x8b": lambda: zlib.decompressobj(31),
    b"BZh": bz2.BZ2Decompressor,
    b"\xfd7zXZ\0": lzma.LZMADecompressor,
}

_BY_SUFFIX = (".z", ".lzma", ".joblib", ".pkl", ".pickle")
"""Files with these suffixes may be zlib or LZMA streams, which have no unique magic number."""


def mark_of(head: bytes, suffix: str) -> bytes | None:
    """Return the magic number of a compressed file; None if it is not compressed.

    Args:
        head: the file's first bytes.
        suffix: the suffix of its name.
    """
    marks = [*_BY_HEAD, _LZ4]
    if suffix in _BY_SUFFIX:
        marks += [b"\x78\x01", b"\x78\x5e", b"\x78\x9c", b"\x78\xda", b"\x5d\0\0"]
    return next((mark for mark in marks if head.startswith(mark)), None)


def has_its_end(path: Path, mark: bytes) -> bool:
    """Return True if a file's stream, or the last of several concatenated ones, is complete.

    Args:
        path: the file.
        mark: its magic number.
    """
    with plain_files.open_plain(path) as file:
        if mark == _LZ4:
            return _has_lz4_end(file)
        data, stream = file.read(_CHUNK), _decompressor(mark)
        while data:
            try:
                stream.decompress(data)
            except (zlib.error, OSError, EOFError, lzma.LZMAError, ValueError):
                return False
            data = file.read(_CHUNK)
            if stream.eof:
                data = stream.unused_data + data
                if not data.startswith(mark[: len(data)]) or not data:
                    return True
                stream = _decompressor(mark)
    return False


def _decompressor(mark: bytes) -> _CompressedStream:
    if mark in _BY_HEAD:
        return _BY_HEAD[mark]()
    return zlib.decompressobj() if mark.startswith(b"\x78") else lzma.LZMADecompressor()


def _has_lz4_end(file: BinaryIO) -> bool:
    """Return True if an LZ4 frame is complete: each block starts with its length.

    https://github.com/lz4/lz4/blob/dev/doc/lz4_Frame_format.md
    """
    head = file.read(6)
    if len(head) < 6:
        return False
    flags = head[4]
    file.seek((8 if flags & 0x08 else 0) + (4 if flags & 0x01 else 0) + 1, os.SEEK_CUR)
    while len(size := file.read(4)) == 4:
        if not any(size):
            checksum = 4 if flags & 0x04 else 0
            return len(file.read(checksum)) == checksum
        length = int.from_bytes(size, "little") & 0x7FFF_FFFF
        file.seek(length + (4 if flags & 0x10 else 0), os.SEEK_CUR)
    return False
