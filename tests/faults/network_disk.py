"""A mount that whoever looks takes for SSHFS: FUSE, served by a thread, always empty.

Its server may stop answering, which blocks who looks at it, also for a SIGKILL.
"""

from __future__ import annotations

import ctypes
import errno
import os
import select
import stat
import struct
import subprocess
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

LOOKUP, FORGET, GETATTR, STATFS, INIT, ACCESS = 1, 2, 3, 17, 26, 34
"""Operations of the kernel's FUSE protocol (linux/fuse.h)."""


@contextmanager
def network_disk(
    at: Path, *, silent: bool = False, asked: threading.Event | None = None
) -> Iterator[Path]:
    """Mount it as SSHFS would, over what is there; if `silent`, it never answers.

    `asked` is set once it has taken a request that it does not answer.
    """
    at.mkdir(exist_ok=True)
    try:
        device = os.open("/dev/fuse", os.O_RDWR)
    except OSError as error:
        pytest.skip(f"FUSE cannot be used here: {error}")
    options = f"fd={device},rootmode=40000,user_id={os.getuid()},group_id={os.getgid()}"
    libc = ctypes.CDLL(None, use_errno=True)
    kind = (b"me@there:/", bytes(at), b"fuse.sshfs", 0, options.encode())
    if libc.mount(*kind) != 0:
        os.close(device)
        pytest.skip(f"FUSE cannot be mounted here: {os.strerror(ctypes.get_errno())}")
    over = threading.Event()
    server = threading.Thread(target=_serve, args=(device, silent, over, asked), daemon=True)
    server.start()
    try:
        yield at
    finally:
        subprocess.run(["umount", "--lazy", at], check=True)
        over.set()  # a pending read would keep the device open, and its users blocked
        server.join()
        os.close(device)


def _serve(device: int, silent: bool, over: threading.Event, asked: threading.Event | None) -> None:
    ready = select.poll()
    ready.register(device, select.POLLIN)
    while not over.is_set():
        if not ready.poll(50):
            continue
        try:
            request = os.read(device, 1 << 20)
        except OSError:
            return  # it is not mounted any more
        operation, unique = struct.unpack_from("<IQ", request, 4)
        if operation == FORGET or (silent and operation != INIT):
            if asked is not None and operation != FORGET:
                asked.set()
            continue
        error, answer = _answer(operation)
        os.write(device, struct.pack("<IiQ", 16 + len(answer), -error, unique) + answer)


def _answer(operation: int) -> tuple[int, bytes]:
    if operation == INIT:
        return 0, struct.pack("<IIIIHHIII", 7, 31, 0, 0, 0, 0, 4096, 1, 0) + bytes(28)
    if operation == GETATTR:
        root = (1, 0, 0, 0, 0, 0, 0, 0, 0, stat.S_IFDIR | 0o700, 2, os.getuid(), os.getgid())
        return 0, struct.pack("<QII", 1, 0, 0) + struct.pack("<6Q10I", *root, 0, 4096, 0)
    if operation == STATFS:
        return 0, struct.pack("<5QIIII", 1000, 1000, 1000, 1000, 1000, 4096, 255, 4096, 0) + bytes(
            24
        )
    if operation == ACCESS:
        return 0, b""
    return errno.ENOENT if operation == LOOKUP else errno.ENOSYS, b""
