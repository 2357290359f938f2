"""The end of a connection that is on the box: it answers another machine's screen over ssh.

JSON lines on stdin and stdout. A command runs in a process of its own; pages and logs are read as
for a screen here, and sent as differences of what was sent before. It does what its user may do
here, and ends with its stdin, or when the other end falls silent.
"""

from __future__ import annotations

import json
import os
import selectors
import subprocess
import sys
import threading
import time
import zlib
from collections.abc import Mapping
from contextlib import suppress
from typing import IO, TYPE_CHECKING, Any

from trainui import clock, installation
from trainui.control import boxes
from trainui.errors import TrainuiError

if TYPE_CHECKING:
    from trainui.tui.log_window import LogReaderThread, LogWindow, WindowQuery
    from trainui.tui.readers.poller import Poller
    from trainui.tui.snapshot import Snapshot

END_TIMEOUT = 5.0
"""Seconds that commands get to end after the other end has gone, before they are signalled."""

MOST_COMMANDS = 16
"""Commands at a time; a further one is refused."""

MOST_REQUEST = 1 << 20
"""Bytes of one request."""

RATE = 4500
"""Bytes a second, compressed, for what nobody asked for: a live page of at most 5 kB/s."""

UPGRADED = "another version of trainui was installed there"

SLIDING_PERIOD = 30.0
"""Seconds between two messages on the list of runs for nothing but figures that move by themselves:
those of GPUs, and the estimated ends of runs that log nothing."""


class Agent:
    """Reads requests from stdin and writes answers to stdout."""

    def __init__(self) -> None:
        # nothing else may write to what the other end reads
        self._output = os.dup(1)
        os.dup2(os.open(os.devnull, os.O_WRONLY), 1)
        self._writing = threading.Lock()
        self._commands: dict[threading.Thread, subprocess.Popen[bytes]] = {}
        self._calls: list[threading.Thread] = []
        self._pages: Pages | None = None

    def serve(self) -> None:
        """Greet, and answer until stdin ends or has been silent for too long."""
        self.send(boxes.greeting())
        rest, heard = b"", time.monotonic()
        with selectors.DefaultSelector() as selector:
            selector.register(0, selectors.EVENT_READ)
            while time.monotonic() - heard < boxes.SILENT_AFTER:
                if selector.select(boxes.ALIVE_PERIOD):
                    part = os.read(0, 1 << 16)
                    if not part or len(rest) > MOST_REQUEST:
                        break
                    heard = time.monotonic()
                    if self._pages is not None and not installation.is_unchanged():
                        # what pages have not loaded yet would not fit; the next agent is the new
                        # one, and is asked again
                        os.write(2, f"{UPGRADED}\n".encode())
                        break
                    *lines, rest = (rest + part).split(b"\n")
                    for line in lines:
                        self._take(line)
        self._end()

    def send(self, message: Mapping[str, Any]) -> int:
        """Write one message; return about how many bytes of it ssh sends."""
        text = json.dumps(message, ensure_ascii=False, separators=(",", ":"))
        data = (text + "\n").encode(errors="backslashreplace")
        size = len(zlib.compress(data, 1))
        with self._writing, suppress(OSError):  # the reader notices that the other end has gone
            while data:
                data = data[os.write(self._output, data) :]
        return size

    def _take(self, line: bytes) -> None:
        try:
            request = json.loads(line)
            number, what = request.get("id"), request.get("do")
        except (ValueError, AttributeError, RecursionError):
            self.send({"error": "no request"})
            return
        shown = request.get("clock")
        try:
            if what == "run":
                words = [str(word) for word in request["words"]]
                self._run(number, words, request.get("cwd"), shown)
            elif what in ("watch", "log"):
                _show_as(shown)
                if self._pages is None:
                    self._pages = Pages(self)
                (self._pages.watch if what == "watch" else self._pages.log)(number, request)
            elif what == "call":
                _show_as(shown)
                self._call(number, str(request["action"]), request["arguments"])
            elif "alive" in request:
                self.send({"alive": 1})
            else:
                raise ValueError(f"unknown request {what!r}; update trainui here")
        except (ValueError, KeyError, TypeError, OverflowError, OSError) as error:
            self.send({"id": number, "error": str(error)})

    def _call(self, number: Any, name: str, data: Any) -> None:
        """Do an action that a page there asks for, in a thread."""
        from trainui.tui import box_wire, run_actions

        action = run_actions.ACTIONS.get(name)
        if action is None:
            raise ValueError(f"unknown action {name!r}; update trainui here")
        self._calls = [thread for thread in self._calls if thread.is_alive()]
        if len(self._calls) >= MOST_COMMANDS:
            raise ValueError("too many actions at a time")
        arguments = box_wire.arguments_from_data(action, data)

        def work() -> None:
            try:
                value = action(*arguments)
                if action in run_actions.STARTING:
                    from trainui.execution.daemon import lifecycle

                    lifecycle.ensure_started()
                self.send(
                    {"id": number, "value": box_wire.to_data(value, box_wire.result_kind(action))}
                )
            except TrainuiError as error:
                self.send({"id": number, "error": str(error), "kind": type(error).__name__})
            except Exception as error:
                self.send({"id": number, "error": f"{type(error).__name__}: {error}"})

        thread = threading.Thread(target=work, daemon=True)
        self._calls.append(thread)
        thread.start()

    def _run(self, number: Any, words: list[str], directory: str | None, shown: Any) -> None:
        for ended in [thread for thread in self._commands if not thread.is_alive()]:
            del self._commands[ended]
        if len(self._commands) >= MOST_COMMANDS:
            raise ValueError("too many commands at a time")
        command = subprocess.Popen(
            [sys.executable, "-m", "trainui", *words],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            cwd=directory,
            env=None if shown is None else os.environ | {clock.SHOWN: ",".join(map(str, shown))},
            start_new_session=True,
        )
        thread = threading.Thread(target=self._follow, args=(number, command), daemon=True)
        self._commands[thread] = command
        thread.start()

    def _follow(self, number: Any, command: subprocess.Popen[bytes]) -> None:
        def forward(stream: IO[bytes] | None, key: str) -> None:
            for line in stream or ():
                self.send({"id": number, key: line.decode(errors="replace").rstrip("\n")})

        errors = threading.Thread(target=forward, args=(command.stderr, "err"), daemon=True)
        errors.start()
        forward(command.stdout, "out")
        errors.join()
        self.send({"id": number, "exit": command.wait()})

    def _end(self) -> None:
        if self._pages is not None:
            self._pages.stop()
        end = time.monotonic() + END_TIMEOUT
        for thread in self._calls:  # what was asked for is done, if nobody hears of it
            thread.join(max(end - time.monotonic(), 0.0))
        for command in self._commands.values():
            with suppress(subprocess.TimeoutExpired):
                command.wait(max(end - time.monotonic(), 0.0))
        for command in self._commands.values():
            if command.poll() is None:
                command.terminate()


def _show_as(shown: Any) -> None:
    """Print times in pages as they are on the other machine."""
    if shown is not None:
        ahead, offset = shown
        clock.show_as(int(ahead), int(offset))


class Pages:
    """Reads the open page and its log, and sends what changes."""

    def __init__(self, agent: Agent) -> None:
        from trainui.tui.terminal import Bandwidth

        self._agent = agent
        self._bandwidth = Bandwidth(RATE)
        self._poller: Poller | None = None
        self._reader: LogReaderThread | None = None
        self._number: Any = None
        """The id of the request for a log that is answered now."""
        self._page: dict[str, Any] = {}
        """The page as it was sent."""
        self._sent_at = 0.0
        self._window: dict[str, Any] = {}
        self._wanted: WindowQuery | None = None
        self._reading = threading.Lock()
        """Held while the request or its window change."""

    def watch(self, _number: Any, request: Mapping[str, Any]) -> None:
        """Read for a page, from now on."""
        from trainui.tui import box_wire
        from trainui.tui.readers.poller import Poller
        from trainui.tui.snapshot import Query

        query = box_wire.from_data(request["query"], Query)
        if self._poller is None:
            self._poller = Poller(self._deliver, query, bandwidth=self._bandwidth)
            self._poller.start()
        else:
            self._poller.set_query(query)

    def _deliver(self, snapshot: Snapshot) -> None:
        try:
            self._send_page(snapshot)
        except Exception as error:
            self._agent.send({"error": f"{type(error).__name__}: {error}"})
            raise

    def _send_page(self, snapshot: Snapshot) -> None:
        from trainui.control.box_runs import MOST_RUNS
        from trainui.tui import box_wire
        from trainui.tui.snapshot import ListQuery
        from trainui.tui.snapshot import Snapshot as Kind

        newest, older = snapshot.runs[:MOST_RUNS], max(len(snapshot.runs) - MOST_RUNS, 0)
        page = box_wire.to_data(snapshot._replace(runs=newest, older=older), Kind)
        is_list, now = isinstance(snapshot.query, ListQuery), time.monotonic()
        if is_list and now - self._sent_at < SLIDING_PERIOD and _differ_little(page, self._page):
            return
        self._sent_at = now
        change, self._page = box_wire.difference(self._page, page), page
        self._bandwidth.count(self._agent.send({"page": change}))

    def log(self, number: Any, request: Mapping[str, Any]) -> None:
        """Read a window of a log, and again as it grows; without a query, stop that."""
        from trainui.tui import box_wire
        from trainui.tui.log_window import LogReaderThread, WindowQuery

        data = request.get("query")
        query = None if data is None else box_wire.from_data(data, WindowQuery)
        with self._reading:
            self._number, self._window, self._wanted = number, {}, query
        if self._reader is None:
            self._reader = LogReaderThread(self._deliver_log)
        self._reader.set_query(query)

    def _deliver_log(self, window: LogWindow) -> None:
        from trainui.tui import box_wire
        from trainui.tui.log_window import LogWindow as Kind

        data = box_wire.to_data(window, Kind)
        with self._reading:
            if window.query != self._wanted:
                return  # of an earlier request
            change, self._window = box_wire.difference(self._window, data), data
            self._bandwidth.count(self._agent.send({"id": self._number, "window": change}))

    def stop(self) -> None:
        """Stop reading."""
        if self._poller is not None:
            self._poller.stop()
        if self._reader is not None:
            self._reader.stop()


def _differ_little(one: Mapping[str, Any], other: Mapping[str, Any]) -> bool:
    """Return True if two pages differ in figures of GPUs and in moments of estimated ends alone."""

    def rest(page: Mapping[str, Any]) -> dict[str, Any]:
        return {**page, "gpus": None, "endings": set(page.get("endings", ()))}

    return rest(one) == rest(other)
