"""A process that forks supervisors, so that none of them waits for an interpreter to start.

It is `supervise.py` with no directory: it has all imported, and nothing else to do. It ends with
whoever started it, its supervisors do not, and one that was killed is replaced.
"""

from __future__ import annotations

import os
import select
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Collection
from pathlib import Path

from trainui import installed, limits
from trainui.errors import ReplacedError
from trainui.supervisor import supervise

UNANSWERED = "the supervisor ended before it answered; see supervisor.log"


class NoAnswerError(Exception):
    """No supervisor answered; one that is only late may start the attempt all the same."""


class Nursery:
    """One such process, started at the first need."""

    def __init__(self, *, python: str = sys.executable, without: Collection[str] = ()) -> None:
        """Start nothing yet.

        Args:
            python: its interpreter.
            without: an attempt's variables, which it gets empty: it is none of its processes.
        """
        self._python = python
        self._without = frozenset(without)
        self._running: tuple[subprocess.Popen[bytes], socket.socket] | None = None
        self._lock = threading.Lock()

    @property
    def pid(self) -> int | None:
        """Its process; None where there is none yet."""
        return self._running[0].pid if self._running else None

    def prepare(self) -> None:
        """Start it, unless it runs.

        Raises:
            OSError: the interpreter cannot be started.
            ReplacedError: another trainui is there.
        """
        with self._lock:
            self._living()

    def ask(self, directory: Path, patience: float) -> tuple[int, int, str]:
        """Have an attempt started; return its supervisor's answer: code, errno and message.

        Args:
            directory: the attempt's.
            patience: seconds to wait for the answer.

        Raises:
            NoAnswerError: there was none.
            OSError: the interpreter cannot be started.
            ReplacedError: another trainui is there.
        """
        reader, writer = os.pipe()
        try:
            try:
                asked = self._send(os.fsencode(directory.absolute()), writer)
            finally:
                os.close(writer)
            answer = _read_all(reader, patience)
        except TimeoutError as error:
            asked.kill()  # it hangs: whoever comes next is to find another
            asked.wait()
            raise NoAnswerError(f"no answer within {patience:g} s") from error
        finally:
            os.close(reader)
        if len(answer) < 2:
            raise NoAnswerError(UNANSWERED)
        return answer[0], answer[1], answer[2:].decode("utf-8", "replace")

    def _send(self, directory: bytes, writer: int) -> subprocess.Popen[bytes]:
        """Hand in a directory and where to answer; return the process that has them."""
        with self._lock:
            for _ in range(2):  # it may have died since it was looked at
                process, connection = self._living()
                try:
                    socket.send_fds(connection, [directory], [writer])
                except ConnectionError:
                    self._end()
                else:
                    return process
        raise NoAnswerError("no supervisor can be started: its interpreter ends at once")

    def _living(self) -> tuple[subprocess.Popen[bytes], socket.socket]:
        if self._running is None or self._running[0].poll() is not None:
            self._end()
            ours, its = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
            with its:
                try:
                    self._running = spawn(self._python, its, without=self._without), ours
                except (OSError, ReplacedError):
                    ours.close()
                    raise
        return self._running

    def _end(self) -> None:
        if self._running is None:
            return
        process, connection = self._running
        self._running = None
        connection.close()  # which ends it
        try:
            process.wait(1.0)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()

    def close(self) -> None:
        """End it; the supervisors that it started go on."""
        with self._lock:
            self._end()


def spawn(
    python: str, connection: socket.socket, *, without: Collection[str]
) -> subprocess.Popen[bytes]:
    """Start a nursery that is asked through `connection`.

    Raises:
        OSError: the interpreter cannot be started.
        ReplacedError: another trainui is there, whose nursery may not understand us.
    """
    if not installed.is_ours():
        raise ReplacedError
    process = subprocess.Popen(
        [python, "-I", "-S", "-X", "utf8", supervise.__file__],
        env={**os.environ, **dict.fromkeys(without, "")},
        stdin=connection.fileno(),
        stdout=subprocess.DEVNULL,
    )
    limits.restore_open_files(process.pid)
    return process


def _read_all(reader: int, patience: float) -> bytes:
    """Read an answer to its end."""
    give_up_at, answer = time.monotonic() + patience, b""
    while True:
        left = max(0.0, give_up_at - time.monotonic())
        if not select.select([reader], [], [], left)[0]:
            raise TimeoutError
        if not (piece := os.read(reader, 4096)):
            return answer
        answer += piece
