"""Linux's fanotify: which process changed which file of some directories. For root only."""

from __future__ import annotations

import ctypes
import os
import struct
from collections.abc import Iterator
from dataclasses import dataclass

CREATED, MOVED_TO, DIRECTORY = 0x100, 0x80, 0x40000000
"""Bits of an event: something was made, or got this name; it is a directory."""

_CHANGED = 0x2 | 0x8 | MOVED_TO  # MODIFY, CLOSE_WRITE

_FLAGS = 0x1 | 0x2 | 0x20 | 0x400 | 0x800
"""CLOEXEC, NONBLOCK, UNLIMITED_MARKS, REPORT_DIR_FID, REPORT_NAME. The third is for root alone, as
is the process of an event: others get events that do not name it."""
_ADD = 0x1 | 0x8  # MARK_ADD, ONLYDIR
_OF_FILES_IN_IT = 0x08000000
_HERE = -100
_HEAD = struct.Struct("=IBBHQii")
_FILE_SYSTEM_AND_HANDLE = struct.Struct("=BBH8sIi")
_BUFFER = 1 << 16
_MOST_BYTES_OF_HANDLE = 128


@dataclass(frozen=True, slots=True)
class FileEvent:
    """A change of a file or directory."""

    pid: int
    bits: int
    directory: bytes
    """The handle of the directory."""
    name: str


class Fanotify:
    """The changes in some directories, by process."""

    def __init__(self) -> None:
        """Create the queue of events; raises OSError where the kernel does not permit it."""
        self._system = _system()
        self.descriptor = _checked(self._system.fanotify_init(_FLAGS, os.O_RDONLY))

    def add(self, directory: str) -> None:
        """Report what happens directly in a directory."""
        bits = ctypes.c_uint64(_CHANGED | CREATED | DIRECTORY | _OF_FILES_IN_IT)
        path = os.fsencode(directory)
        _checked(self._system.fanotify_mark(self.descriptor, _ADD, bits, _HERE, path))

    def read(self) -> list[FileEvent]:
        """Return the events until now, at most some 1,000; those without a name are left out."""
        try:
            return [*_events(os.read(self.descriptor, _BUFFER))]
        except BlockingIOError:
            return []

    def close(self) -> None:
        """Close the queue."""
        os.close(self.descriptor)

    def handle_of(self, directory: str) -> bytes:
        """Return the number of the file system and the handle, as events have them."""
        handle = (ctypes.c_char * (8 + _MOST_BYTES_OF_HANDLE))()
        struct.pack_into("=I", handle, 0, _MOST_BYTES_OF_HANDLE)
        path, mount = os.fsencode(directory), ctypes.c_int()
        _checked(self._system.name_to_handle_at(_HERE, path, handle, ctypes.byref(mount), 0))
        size, kind = struct.unpack_from("=Ii", handle)
        system = struct.pack("=Q", os.statvfs(directory).f_fsid)
        return _key(system, kind, handle.raw[8 : 8 + size])


def _events(data: bytes) -> Iterator[FileEvent]:
    while data:
        length, _version, _, head, bits, _file, pid = _HEAD.unpack_from(data)
        if length > head + _FILE_SYSTEM_AND_HANDLE.size:
            info = data[head:length]
            *_, system, size, kind = _FILE_SYSTEM_AND_HANDLE.unpack_from(info)
            rest = info[_FILE_SYSTEM_AND_HANDLE.size :]
            name = os.fsdecode(rest[size:].split(b"\0", 1)[0])
            yield FileEvent(pid, bits, _key(system, kind, rest[:size]), name)
        data = data[length:]


def _key(system: bytes, kind: int, handle: bytes) -> bytes:
    return system + struct.pack("=i", kind) + handle


def _system() -> ctypes.CDLL:
    system = ctypes.CDLL(None, use_errno=True)
    if not all(hasattr(system, name) for name in ("fanotify_init", "name_to_handle_at")):
        raise OSError("this system has no fanotify")
    return system


def _checked(result: int) -> int:
    if result < 0:
        number = ctypes.get_errno()
        raise OSError(number, os.strerror(number))
    return result
