"""The fork server of supervisors, which avoids starting an interpreter for each attempt.

It is `supervise.py` with all imports done. It ends with the process that started it, but its
supervisors continue. If it is killed, a new one is started.
"""

from __future__ import annotations

import os
import select
import socket
import subprocess
import sys
import threading
import time
from pathlib import Path

from trainui import upgrade_check
from trainui.errors import ReplacedError
from trainui.supervisor import supervise
from trainui.supervisor.protocol import IDENTITY
from trainui.system import open_file_limit

UNANSWERED = "the supervisor ended before it answered; see supervisor.log"


class NoAnswerError(Exception):
    """No supervisor answered in time; a late one may still start the attempt."""


class ForkServer:
    """A client of the fork server, which starts it on first use."""

    def __init__(self, *, python: str = sys.executable) -> None:
        self._python = python
        self._running: tuple[subprocess.Popen[bytes], socket.socket] | None = None
        self._lock = threading.Lock()

    @property
    def pid(self) -> int | None:
        """The pid of the fork server; None if it is not started."""
        return self._running[0].pid if self._running else None

    def prepare(self) -> None:
        """Start the fork server unless it is running."""
        with self._lock:
            self._living()

    def ask(self, directory: Path, patience: float) -> tuple[int, int, str]:
        """Start an attempt and return its supervisor's answer: code, errno and message.

        The answer may take `patience` seconds; without one, NoAnswerError is raised.
        """
        reader, writer = os.pipe()
        try:
            try:
                asked = self._send(os.fsencode(directory.absolute()), writer)
            finally:
                os.close(writer)
            answer = _read_all(reader, patience)
        except TimeoutError as error:
            asked.kill()  # it hangs: the next request starts a new one
            asked.wait()
            raise NoAnswerError(f"no answer within {patience:g} s") from error
        finally:
            os.close(reader)
        if len(answer) < 2:
            raise NoAnswerError(UNANSWERED)
        return answer[0], answer[1], answer[2:].decode("utf-8", "replace")

    def _send(self, directory: bytes, writer: int) -> subprocess.Popen[bytes]:
        """Send a directory and the pipe for the answer; return the process that received them."""
        with self._lock:
            for _ in range(2):  # it may have died since the last check
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
                    self._running = spawn(self._python, its), ours
                except (OSError, ReplacedError):
                    ours.close()
                    raise
        return self._running

    def _end(self) -> None:
        if self._running is None:
            return
        process, connection = self._running
        self._running = None
        connection.close()  # the fork server ends when its connection is closed
        try:
            process.wait(1.0)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()

    def close(self) -> None:
        """Stop the fork server; the supervisors that it started continue."""
        with self._lock:
            self._end()


def spawn(python: str, connection: socket.socket) -> subprocess.Popen[bytes]:
    """Start a fork server that receives requests through `connection`.

    The identity variables of an attempt are set to empty, so that it does not count as a process of
    the attempt that started us.

    Raises:
        OSError: the interpreter cannot be started.
        ReplacedError: another trainui was installed, whose fork server may be incompatible.
    """
    if not upgrade_check.is_unchanged():
        raise ReplacedError
    process = subprocess.Popen(
        [python, "-I", "-S", "-X", "utf8", supervise.__file__],
        env={**os.environ, **dict.fromkeys(IDENTITY, "")},
        stdin=connection.fileno(),
        stdout=subprocess.DEVNULL,
    )
    open_file_limit.restore_open_files(process.pid)
    return process


def _read_all(reader: int, patience: float) -> bytes:
    """Read an answer until end of file; raise TimeoutError after `patience` seconds."""
    give_up_at, answer = time.monotonic() + patience, b""
    while True:
        left = max(0.0, give_up_at - time.monotonic())
        if not select.select([reader], [], [], left)[0]:
            raise TimeoutError
        if not (piece := os.read(reader, 4096)):
            return answer
        answer += piece
