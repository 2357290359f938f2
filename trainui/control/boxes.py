"""Boxes: machines with a trainui of their own, reached by the user's `ssh` and nothing else.

`ssh HOST trainui agent` speaks JSON lines: it greets, then answers requests. Whatever it sends is
data: it is bounded here, checked, and made harmless where it is printed.

A box's clock may be wrong: what it says of times is moved by the difference seen at the greeting.
"""

from __future__ import annotations

import json
import os
import re
import selectors
import shlex
import subprocess
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import asdict
from pathlib import Path
from typing import Any

from trainui import clock, paths, system
from trainui.errors import UnfitEnvironmentError, UsageError
from trainui.formatting import listed
from trainui.record import dataclass
from trainui.text import harmless
from trainui.version import __version__

PROTOCOL = 1
"""The version of the requests and answers; `run` is part of every version."""

CONNECT_TIMEOUT = 10
"""Seconds for ssh to connect."""

GREET_TIMEOUT = 20.0
"""Seconds from the start of ssh to the agent's greeting; a cold disk takes some of them."""

ALIVE_PERIOD, SILENT_AFTER = 25.0, 80.0
"""Seconds between two questions whether the agent lives, which it answers, and of silence until
either end takes the other for gone."""

MOST_GREETING = 64 * 1024
"""Bytes of other output before the greeting: a shell's start-up files may print something."""

MOST_LINE = 16 * 1024 * 1024
"""Bytes of one answer; a longer one ends the connection."""

MOST_ERRORS = 4096
"""Bytes of ssh's messages that are kept."""

LAST_MOMENT = 253_402_300_800_000_000
"""Microseconds since 1970: the end of the year 9999."""

SEND_TIMEOUT = 2.0
"""Seconds in which a box has to read what it is sent."""

CLOCK_TOLERANCE = 5 * clock.SECOND
"""A smaller difference between two clocks is left alone: the way takes time too."""

_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_-]{0,31}")

_PLACES = ("trainui", "~/.local/bin/trainui")
_LOGIN = "$SHELL -lc"
"""How trainui is found on a box: plainly, by a login shell, then where pipx puts it."""


class BoxError(UnfitEnvironmentError):
    """A box cannot be used now; the message names it and what to do."""

    code = "box"


@dataclass(frozen=True, slots=True)
class Box:
    """A machine as `boxes add` noted it."""

    name: str
    host: str
    """`[USER@]HOST`, or a name of the user's ssh configuration."""
    home: str | None = None
    """Its TRAINUI_HOME; None: the default one there."""
    command: str = _PLACES[0]
    """The shell command that is trainui there; a login shell's has the words in quotes."""

    def line(self, words: str) -> str:
        """Return the shell command line there that calls trainui with these words."""
        command = f"{self.command} {words}"
        if self.command.startswith(_LOGIN):
            inner = self.command.removeprefix(_LOGIN).strip()
            command = f"{_LOGIN} {shlex.quote(f'exec {inner} {words}')}"
        from trainui.control import requests  # not for a list of boxes

        variables = [] if self.home is None else [f"TRAINUI_HOME={_quoted(self.home)}"]
        if requests.actor() is not None:  # the fences there are for agents of here too
            variables.append(f"{requests.AGENT_VARIABLE}=1")
        return f"env {' '.join(variables)} {command}" if variables else command


def _quoted(path: str) -> str:
    """Return a path for the shell there, in which `~/` at the beginning means the home there."""
    return f"~/{shlex.quote(path[2:])}" if path.startswith("~/") else shlex.quote(path)


def all_boxes() -> dict[str, Box]:
    """Return the boxes by name, in the order in which they were added."""
    try:
        data = json.loads(system.read_text(paths.home().boxes))
        return {name: Box(name, **fields) for name, fields in data["boxes"].items()}
    except FileNotFoundError:
        return {}
    except (OSError, ValueError, TypeError, KeyError, AttributeError) as error:
        raise UnfitEnvironmentError(
            f"{paths.home().boxes} cannot be read: {error}; correct it, or delete it and add the "
            "boxes again"
        ) from error


def _save(boxes: Mapping[str, Box]) -> None:
    fields = {
        box.name: {k: v for k, v in asdict(box).items() if k != "name"} for box in boxes.values()
    }
    paths.make_private(paths.home().root)
    paths.write_private(paths.home().boxes, json.dumps({"boxes": fields}, indent=1) + "\n")


def named(name: str) -> Box:
    """Return a box by its name.

    Raises:
        UsageError: there is none of this name.
    """
    boxes = all_boxes()
    if name not in boxes:
        known = f"there are {listed(list(boxes), 8)}" if boxes else "there are none yet"
        raise UsageError(
            f"no box is called {name!r} ({known}); `trainui boxes add {name} [USER@]HOST` adds one"
        )
    return boxes[name]


def add(name: str, host: str, *, home: str | None, command: str | None) -> Box:
    """Find trainui on a machine, and note it as a box; the name must be free.

    Raises:
        UsageError: the name is taken or unfit, or the host would be an option of ssh.
        BoxError: the machine cannot be reached, or trainui was not found there.
    """
    if not _NAME.fullmatch(name):
        raise UsageError(
            f"{name!r} cannot name a box; use up to 32 letters, digits, `-` and `_`, e.g. gpu2"
        )
    boxes = all_boxes()
    if name in boxes:
        raise UsageError(
            f"the name {name} is taken by {boxes[name].host}; choose another, or free it with "
            f"`trainui boxes rm {name}`"
        )
    if not host or host.startswith("-") or re.search(r"[\s\x00-\x1f\x7f]", host):
        raise UsageError(f"{host!r} is no [USER@]HOST that ssh takes; write it as after `ssh`")
    wanted = [command] if command else [_PLACES[0], f"{_LOGIN} {_PLACES[0]}", _PLACES[1]]
    missing: BoxError | None = None
    for one in wanted:
        box = Box(name, host, home, one)
        try:
            with connected(box):
                _save({**all_boxes(), name: box})
                return box
        except _NoTrainuiError as error:
            missing = missing or error
    assert missing is not None
    raise missing


def remove(name: str) -> Box:
    """Forget a box; nothing there is touched."""
    box = named(name)
    _save({other: kept for other, kept in all_boxes().items() if other != name})
    with suppress(OSError):
        known_file(name).unlink()
    return box


class _NoTrainuiError(BoxError):
    """The machine was reached, but trainui did not answer there."""


class BoxConnection:
    """One ssh process with an agent at its other end."""

    def __init__(
        self,
        box: Box,
        timeout: int = CONNECT_TIMEOUT,
        begun: Callable[[BoxConnection], object] | None = None,
    ) -> None:
        """Start ssh, which has so many seconds to connect, and wait for the greeting.

        `begun` is called before that wait, which `end` ends too.

        Raises:
            BoxError: the box cannot be reached, or has no trainui that answers.
        """
        self.box = box
        self.greeting: Mapping[str, Any] = {}
        self.heard_at: int | None = None
        """When the last message came, in microseconds since 1970; None: none has."""
        self._difference = 0
        self._sending = threading.Lock()
        self._rest = b""
        self._process = subprocess.Popen(
            [
                *("ssh", "-T", "-o", "BatchMode=yes", "-o", f"ConnectTimeout={timeout}"),
                *("-o", "Compression=yes", "-o", "LogLevel=ERROR"),
                *("--", box.host, box.line("agent")),
            ],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            start_new_session=True,  # ctrl+c is for us: ssh ends when it is closed
        )
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        assert self._process.stderr is not None
        self._input = self._process.stdin.fileno()
        self._output = self._process.stdout.fileno()
        self._errors = self._process.stderr.fileno()
        os.set_blocking(self._errors, False)
        os.set_blocking(self._input, False)
        self.words = b""
        """What ssh has printed on its stderr."""
        try:
            if begun is not None:
                begun(self)
            self._greet()
        except BaseException:
            self.close()
            raise

    @property
    def is_current(self) -> bool:
        """True if the agent speaks this version of the protocol."""
        return self.greeting.get("protocol") == PROTOCOL

    @property
    def clock_difference(self) -> int:
        """Microseconds by which the box's clock is ahead of this one; 0 where it is right."""
        return self._difference

    @property
    def shown_clock(self) -> list[int]:
        """How the box is to print times (`clock.show_as`)."""
        return [self._difference, clock.utc_offset()]

    def _greet(self) -> None:
        end, seen = time.monotonic() + GREET_TIMEOUT, 0
        while True:
            line = self._line(max(end - time.monotonic(), 0.0))
            if line is None:
                raise BoxError(
                    f"{self.box.name}: {self.box.host} has not answered for {GREET_TIMEOUT:g} s; "
                    f"see what `ssh {self.box.host}` does"
                )
            seen += len(line)
            with suppress(ValueError, RecursionError):
                data = json.loads(line)
                if isinstance(data, dict) and isinstance(data.get("protocol"), int):
                    self.greeting = data
                    break
            if seen > MOST_GREETING:
                raise _NoTrainuiError(f"{self.box.name}: what answers there is no trainui")
        now = self.greeting.get("now", clock.now())
        if not isinstance(now, int) or not 0 <= now < LAST_MOMENT:
            raise BoxError(f"{self.box.name} says no time; update trainui there")
        ahead = now - clock.now()
        self._difference = ahead if abs(ahead) > CLOCK_TOLERANCE else 0

    def send(self, **request: Any) -> None:
        """Send a request.

        Raises:
            BoxError: the connection is lost.
        """
        data = (json.dumps(request) + "\n").encode()
        try:
            with self._sending, selectors.DefaultSelector() as selector:
                selector.register(self._input, selectors.EVENT_WRITE)
                while data:
                    if not selector.select(SEND_TIMEOUT):
                        self.end()
                        raise BoxError(f"{self.box.name} does not read what it is sent")
                    data = data[os.write(self._input, data) :]
        except OSError as error:
            raise BoxError(f"{self.box.name}: the connection is lost") from error

    def receive(self, timeout: float) -> dict[str, Any] | None:
        """Return the next message; None: there was none within these seconds.

        Raises:
            BoxError: the connection is lost, or what came is no message.
        """
        line = self._line(timeout)
        if line is None:
            return None
        try:
            data = json.loads(line)
        except (ValueError, RecursionError) as error:
            raise BoxError(
                f"{self.box.name} answered what is no JSON; update trainui there"
            ) from error
        if not isinstance(data, dict):
            raise BoxError(f"{self.box.name} answered what is no message; update trainui there")
        self.heard_at = clock.now()
        return data

    def _line(self, timeout: float) -> bytes | None:
        end = time.monotonic() + timeout
        while b"\n" not in self._rest:
            if len(self._rest) > MOST_LINE:
                raise BoxError(f"{self.box.name} sent an answer of over {MOST_LINE >> 20} MiB")
            with selectors.DefaultSelector() as selector:
                selector.register(self._output, selectors.EVENT_READ)
                if not selector.select(max(end - time.monotonic(), 0.0)):
                    return None
            self._read_errors()  # or ssh would wait until they are read
            part = os.read(self._output, 1 << 16)
            if not part:
                raise self._lost()
            self._rest += part
        line, _, self._rest = self._rest.partition(b"\n")
        return line

    def _lost(self) -> BoxError:
        """Return the error for an ssh that has ended, in words that say what to do."""
        with suppress(subprocess.TimeoutExpired):
            self._process.wait(2.0)
        self._read_errors()
        return _explained(self.box, self._process.returncode, self.words, bool(self.greeting))

    def _read_errors(self) -> None:
        with suppress(BlockingIOError, OSError):
            for _ in range(64):  # a flood must not hold it
                if not (part := os.read(self._errors, MOST_ERRORS)):
                    break
                self.words = (self.words + part)[-MOST_ERRORS:]

    def end(self) -> None:
        """End ssh, from any thread; whoever reads it notices, and closes it."""
        self._process.terminate()

    def close(self) -> None:
        """End ssh; the agent ends with its stdin, and what it has started with it."""
        for stream in (self._process.stdin, self._process.stdout, self._process.stderr):
            with suppress(OSError):
                if stream is not None:
                    stream.close()
        try:
            self._process.wait(0.5)
        except subprocess.TimeoutExpired:
            self._process.terminate()
            with suppress(subprocess.TimeoutExpired):
                self._process.wait(2.0)
            if self._process.poll() is None:
                self._process.kill()
                self._process.wait()


@contextmanager
def connected(
    box: Box,
    timeout: int = CONNECT_TIMEOUT,
    begun: Callable[[BoxConnection], object] | None = None,
) -> Iterator[BoxConnection]:
    """Connect to a box for a block, in so many seconds at most; `begun` as of `BoxConnection`.

    Raises:
        BoxError: the box cannot be reached, or has no trainui that answers.
    """
    try:
        connection = BoxConnection(box, timeout, begun)
    except FileNotFoundError as error:
        raise BoxError("there is no `ssh` here; install OpenSSH's client") from error
    try:
        yield connection
    finally:
        connection.close()


_REASONS: Sequence[tuple[str, str]] = (
    (
        r"host identification has changed",
        "its host key has changed, as if another machine answered; if it was installed again, "
        "remove the old key with `ssh-keygen -R` as `ssh {host}` says, and accept the new one",
    ),
    (
        r"host key verification failed",
        "its host key is unknown; compare and accept it with `ssh {host}`",
    ),
    (
        r"permission denied|too many authentication failures|no more authentication methods",
        "ssh asks for a password or key, which trainui never answers; `ssh-copy-id {host}` lets "
        "your key in, `ssh-add` unlocks it",
    ),
    (r"could not resolve hostname", "there is no such host; see `ssh {host}`"),
    (
        r"connection refused|no route to host|timed out|network is unreachable|connection closed"
        r"|connection reset|broken pipe",
        "it cannot be reached ({words}); is it on? `ssh {host}` says more",
    ),
)


def _explained(box: Box, code: int | None, printed: bytes, greeted: bool) -> BoxError:
    words = harmless(printed.decode(errors="replace").strip().split("\n")[-1].strip())
    text = printed.decode(errors="replace").lower()
    if greeted:
        return BoxError(f"{box.name}: the connection ended{f' ({words})' if words else ''}")
    if code == 255:
        for pattern, reason in _REASONS:
            if re.search(pattern, text):
                said = reason.format(host=box.host, words=words.rpartition(": ")[2])
                return BoxError(f"{box.name}: {said}")
        return BoxError(f"{box.name}: ssh failed: {words or 'without a word'}")
    if code in (126, 127) or "not found" in text:
        return _NoTrainuiError(
            f"{box.name}: no trainui on {box.host}; install it there, in its clone: "
            f"`ssh {box.host} pipx install .`, or say where it is with --command PATH"
        )
    if code == 2:
        return _NoTrainuiError(
            f"{box.name}: the trainui on {box.host} is older and knows no `agent`; update it there"
        )
    return _NoTrainuiError(
        f"{box.name}: trainui on {box.host} ended: {words or f'exit code {code}'}"
    )


def run(
    box: Box,
    words: Sequence[str],
    out: Callable[[str], object],
    err: Callable[[str], object],
    *,
    directory: str | None = None,
    most: int | None = None,
) -> int:
    """Run a command of the trainui there; return its exit code.

    `out` and `err` get its lines as they come, as they are. `directory`: the current one there.
    `most`: the most characters that it may print.

    Raises:
        BoxError: the box cannot be reached, or the connection is lost; what the command began
            there may go on or not.
    """
    with connected(box) as connection:
        return follow(connection, words, out, err, directory=directory, most=most)


def follow(
    connection: BoxConnection,
    words: Sequence[str],
    out: Callable[[str], object],
    err: Callable[[str], object],
    *,
    end: float | None = None,
    directory: str | None = None,
    most: int | None = None,
    only_reads: bool = False,
) -> int:
    """Run a command over a connection, like `run`, until `end` (monotonic clock) at most.

    `most`: the most characters that it may print. `only_reads`: it starts nothing that would keep
    its environment, and so prints times as they are here.
    """
    received = 0
    more = {"clock": connection.shown_clock} if only_reads else {}
    connection.send(id=0, do="run", words=list(words), cwd=directory, **more)
    for message in messages(connection, end):
        if message.get("id") != 0:
            continue
        received += len(str(message.get("out", ""))) + len(str(message.get("err", "")))
        if most is not None and received > most:
            raise BoxError(f"{connection.box.name} sent an answer of over {most >> 20} MiB")
        if isinstance(message.get("out"), str):
            out(message["out"])
        elif isinstance(message.get("err"), str):
            err(message["err"])
        elif isinstance(message.get("error"), str):
            raise BoxError(f"{connection.box.name}: {harmless(message['error'])}")
        elif isinstance(message.get("exit"), int):
            return int(message["exit"])
    raise AssertionError("unreachable")


def messages(connection: BoxConnection, end: float | None = None) -> Iterator[dict[str, Any]]:
    """Yield what a box sends until `end` (monotonic clock), and send it signs of life.

    Raises:
        BoxError: it has been silent for too long, or `end` has come.
    """
    heard, said = time.monotonic(), time.monotonic()
    while True:
        now = time.monotonic()
        if end is not None and now > end:
            raise BoxError(f"{connection.box.name} was too slow to answer")
        if now - heard >= SILENT_AFTER:
            raise BoxError(f"{connection.box.name} has sent nothing for {SILENT_AFTER:g} s")
        if now - said > ALIVE_PERIOD:
            connection.send(alive=1)
            said = now
        until = heard + SILENT_AFTER if end is None else min(heard + SILENT_AFTER, end)
        message = connection.receive(min(ALIVE_PERIOD, until - now))
        if message is not None:
            heard = time.monotonic()
            if "alive" not in message:
                yield message


def known_file(name: str) -> Path:
    """Return the path of the last list of a box's runs (`box_runs.known`)."""
    return paths.home().root / "boxes" / f"{name}.json"


def split(word: str) -> tuple[str, str] | None:
    """Return a box's name and the run of `BOX:RUN`; None: the word is none of a known box."""
    name, colon, run_name = word.partition(":")
    if not (colon and run_name and _NAME.fullmatch(name)) or word.startswith("-"):
        return None
    return (name, run_name) if name in all_boxes() else None


def greeting() -> dict[str, Any]:
    """Return an agent's first message."""
    return {
        "protocol": PROTOCOL,
        "version": __version__,
        "home": str(paths.home().root),
        "host": os.uname().nodename,
        "now": clock.now(),
    }
