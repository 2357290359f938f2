"""Runs a program in a pseudo-terminal; measures its bytes, CPU time, memory and latency."""

from __future__ import annotations

import fcntl
import os
import pty
import select
import signal
import struct
import termios
import threading
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple

import psutil

TIMEOUT = 60.0


class Cost(NamedTuple):
    """What a program cost over some seconds."""

    bytes_per_second: float
    cpu_percent: float
    """Of one core, of the program and its children."""


class Program:
    """A program that runs in a terminal of 120x36."""

    def __init__(
        self, command: Sequence[str], environ: Mapping[str, str], size: tuple[int, int] = (120, 36)
    ) -> None:
        self.began = time.perf_counter()
        self.pid, self._terminal = pty.fork()
        if self.pid == 0:
            os.environ.update(TERM="xterm-256color", COLORTERM="truecolor", **environ)
            os.execvp(command[0], list(command))
        fcntl.ioctl(self._terminal, termios.TIOCSWINSZ, struct.pack("HHHH", size[1], size[0], 0, 0))
        self.output = b""
        self.arrivals: list[float] = []
        self._more = threading.Condition()
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._hung_up = False
        self._reader.start()

    def _read(self) -> None:
        while not self._hung_up:
            if not self._has_more():
                continue
            try:
                data = os.read(self._terminal, 65_536)
            except OSError:
                return
            with self._more:
                self.output += data
                self.arrivals.append(self._arrival(len(data)))
                self._more.notify_all()

    def _has_more(self) -> bool:
        """Wait a moment for something to read."""
        return bool(select.select([self._terminal], [], [], 0.05)[0])

    def _arrival(self, _size: int) -> float:
        """Return when these bytes, read just now, reach the viewer: later on a slow link."""
        return time.perf_counter()

    def until(self, text: bytes) -> float:
        """Wait for a text; return the seconds since the start."""
        with self._more:
            if not self._more.wait_for(lambda: text in self.output, TIMEOUT):
                shown = self.output[-2000:].decode(errors="replace")
                raise SystemExit(f"{shown}\n{text!r} was not shown within {TIMEOUT:.0f} s")
            return self.arrivals[-1] - self.began

    def quiet(self, seconds: float) -> None:
        """Wait until nothing was written for so long."""
        deadline = time.perf_counter() + TIMEOUT
        with self._more:
            while self._more.wait(seconds) and time.perf_counter() < deadline:
                pass

    def press(self, key: bytes) -> float:
        """Press a key; return the seconds until something is written."""
        with self._more:
            before = len(self.arrivals)
            pressed = time.perf_counter()
            os.write(self._terminal, key)
            self._more.wait_for(lambda: len(self.arrivals) > before, TIMEOUT)
            return self.arrivals[-1] - pressed

    def type(self, keys: bytes) -> None:
        """Type, and wait for nothing."""
        os.write(self._terminal, keys)

    def hang_up(self) -> None:
        """Close the terminal, as when a connection is lost."""
        self._hung_up = True
        self._reader.join()  # while it reads, the kernel keeps the terminal open
        os.close(self._terminal)

    def processes(self) -> list[psutil.Process]:
        """The program and its children."""
        own = psutil.Process(self.pid)
        return [own, *own.children(recursive=True)]

    def cost(self, seconds: float) -> Cost:
        """Watch it for so long."""
        written, busy = len(self.output), cpu_seconds(self.processes())
        began = time.perf_counter()
        select.select([], [], [], seconds)
        spent = time.perf_counter() - began
        busy = cpu_seconds(self.processes()) - busy
        return Cost((len(self.output) - written) / spent, 100 * busy / spent)

    def memory(self) -> int:
        """Bytes that are its own, and its share of what it shares (PSS)."""
        return sum(process.memory_full_info().pss for process in self.processes())

    def close(self) -> None:
        """End it."""
        for process in self.processes():
            process.send_signal(signal.SIGKILL)
        os.waitpid(self.pid, 0)
        self.hang_up()


@contextmanager
def program(command: Sequence[str], **environ: str) -> Iterator[Program]:
    """Run a program in a terminal, and end it."""
    running = Program(command, environ)
    try:
        yield running
    finally:
        running.close()


def cpu_seconds(processes: Sequence[psutil.Process]) -> float:
    """Seconds of processor time that the threads of processes have used so far.

    From the scheduler's own count in nanoseconds: psutil's ticks of 10 ms are more than an idle
    screen uses in some seconds.
    """
    counts = [
        file.read_text().split()[0]
        for process in processes
        for file in Path(f"/proc/{process.pid}/task").glob("*/schedstat")
    ]
    return sum(map(int, counts)) / 1e9
