"""What another user of the machine can do to files and sockets, tried as one."""

from __future__ import annotations

import json
import os
import subprocess
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from textwrap import dedent

import pytest

NOBODY = 65_534

needs_root = pytest.mark.skipif(os.geteuid() != 0, reason="only root can be another user")

_TRIES = """
    import json, os, socket, sys

    def stream(path):
        with socket.socket(socket.AF_UNIX) as client:
            client.connect(path)

    def datagram(path):
        with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as client:
            client.sendto(b"look\\n", path)

    TRIES = {
        "list": os.listdir,
        "read": lambda path: os.close(os.open(path, os.O_RDONLY | os.O_NONBLOCK)),
        "write": lambda path: os.close(os.open(path, os.O_WRONLY | os.O_NONBLOCK)),
        "make": lambda path: os.mkdir(path + "/made"),
        "remove": lambda path: os.rename(path, path + ".moved"),
        "connect": stream,
        "send": datagram,
    }
    done = []
    for path in json.load(sys.stdin):
        for name, what in TRIES.items():
            try:
                what(path)
            except OSError:
                continue
            done.append([name, path])
    print(json.dumps(done))
"""


def can(paths: Iterable[Path]) -> list[tuple[str, str]]:
    """What another user manages to do with these: pairs of what was done, and to which path."""
    done = subprocess.run(
        ["python3", "-I", "-c", dedent(_TRIES)],
        input=json.dumps([str(path) for path in paths]),
        user=NOBODY,
        group=NOBODY,
        extra_groups=[],
        cwd="/",
        env={"PATH": "/usr/local/bin:/usr/bin:/bin"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return [(what, path) for what, path in json.loads(done.stdout)]


@contextmanager
def unshared_directory() -> Iterator[Path]:
    """Make a directory that stays open to others; `tmp_path` does not.

    Every session of pytest that starts closes the directory that all sessions share.
    """
    with TemporaryDirectory(prefix="trainui-test-") as name:
        yield Path(name)


def open_the_way_to(path: Path) -> None:
    """Let everybody pass through the directories above a path."""
    for directory in path.parents:
        if directory.stat().st_mode & 0o001 == 0:
            directory.chmod(0o711)


@contextmanager
def as_another_user() -> Iterator[None]:
    """Let this process be another user's, for as long as it lasts."""
    os.setresgid(NOBODY, NOBODY, 0)
    os.setresuid(NOBODY, NOBODY, 0)
    try:
        yield
    finally:
        os.setresuid(0, 0, 0)
        os.setresgid(0, 0, 0)
