"""Prints a command's output: one JSON value or text on stdout, everything else on stderr.

The only module that chooses between the two, formats errors, and escapes control characters. Also
draws the progress bar of work of more than a second, and writes a file that appears only when it is
complete.
"""

from __future__ import annotations

import json
import math
import os
import sys
import threading
import time
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any, BinaryIO, TextIO

from trainui import formatting, text
from trainui.errors import TrainuiError, UnfitEnvironmentError, UsageError

if TYPE_CHECKING:
    from trainui.pipeline.masking import Masker


class Coloured(str):
    """An already escaped line with our own colour codes."""


def prepare() -> None:
    """Open closed standard streams on /dev/null, and replace characters that cannot be encoded.

    Otherwise a file opened later would get the descriptor of a closed stream, and its output.
    """
    for number, name in enumerate(("stdin", "stdout", "stderr")):
        if getattr(sys, name) is None:
            os.dup2(os.open(os.devnull, os.O_RDWR), number)
            os.set_inheritable(number, True)
            setattr(sys, name, os.fdopen(number, "w" if number else "r", closefd=False))
    for stream in (sys.stdout, sys.stderr):
        reconfigure = getattr(stream, "reconfigure", None)
        if reconfigure is not None:
            reconfigure(errors="replace")


def on_terminal() -> bool:
    """Return True if stdin and stdout are a terminal."""
    return is_terminal(sys.stdin) and is_terminal(sys.stdout)


def can_open_screen() -> bool:
    """Return True on a terminal that can draw (TERM is not dumb)."""
    return on_terminal() and os.environ.get("TERM") != "dumb"


def has_error_terminal() -> bool:
    """Return True if stderr is a terminal that can redraw a line."""
    return is_terminal(sys.stderr) and os.environ.get("TERM", "") not in ("", "dumb")


def is_terminal(stream: TextIO | None) -> bool:
    """Return True if a stream is open and a terminal."""
    return stream is not None and not stream.closed and stream.isatty()


def value(data: Any) -> None:
    """Print a command's JSON value, indented on a terminal."""
    _write(to_json(data, indent=2 if is_terminal(sys.stdout) else None))


def value_line(data: Any) -> None:
    """Print one of several JSON values, each on one line."""
    _write(to_json(data))


def to_json(data: Any, *, indent: int | None = None) -> str:
    """Return strictly valid JSON: NaN and infinities as text, no lone surrogates.

    Terminal control characters are escaped.
    """
    try:
        written = json.dumps(data, ensure_ascii=False, allow_nan=False, indent=indent)
    except ValueError:
        written = json.dumps(_finite(data), ensure_ascii=False, indent=indent)
    shown = text.harmless_json(written)
    try:
        shown.encode(sys.stdout.encoding or "utf-8")
    except UnicodeEncodeError:
        return json.dumps(_finite(data), indent=indent)
    return shown


def number(value: float | int | None) -> float | int | str | None:
    """Return a number that JSON can represent; `"nan"`, `"inf"` and `"-inf"` as text."""
    if isinstance(value, float) and not math.isfinite(value):
        return "nan" if math.isnan(value) else "inf" if value > 0 else "-inf"
    return value


def _finite(data: Any) -> Any:
    if isinstance(data, float):
        return number(data)
    if isinstance(data, dict):
        return {key: _finite(item) for key, item in data.items()}
    if isinstance(data, list | tuple):
        return [_finite(item) for item in data]
    return data


def line(shown: str = "") -> None:
    """Print one line of a command's answer, with control characters escaped."""
    _write(shown if isinstance(shown, Coloured) else text.harmless(shown))


def lines(shown: Iterable[str]) -> None:
    """Print several lines of a command's answer."""
    for one in shown:
        line(one)


def exact(*shown: str) -> None:
    """Print items unchanged for scripts; on a terminal, each on a line with controls escaped."""
    to_person = is_terminal(sys.stdout)
    for one in shown:
        _write(text.harmless(one) if to_person else one)


def _write(shown: str) -> None:
    sys.stdout.write(shown + "\n")


def note(*shown: str) -> None:
    """Print lines on stderr, with control characters escaped."""
    lines = (one if isinstance(one, Coloured) else text.harmless(one) for one in shown)
    sys.stderr.write("\n".join(lines) + "\n")
    sys.stderr.flush()


def ring(words: str) -> None:
    """Ring the bell for a waiting user, if stderr is a terminal."""
    if is_terminal(sys.stderr):
        sys.stderr.write(text.ring(words, os.environ.get("TERM", "")))
        sys.stderr.flush()


def answer(as_json: bool, data: Any, shown: Iterable[str]) -> None:
    """Print a command's answer, as JSON or as text."""
    if as_json:
        value(data)
    else:
        lines(shown)


def failure(error: TrainuiError, *, as_json: bool, command: str = "") -> int:
    """Print an error; return the command's exit code. `command` is the one that was called."""
    hint = error.hint
    if hint == UsageError.remedy and command and not command.startswith("-"):
        hint = f"trainui {command} --help"
    return problem(
        str(error), code=error.code, exit_code=error.exit_code, as_json=as_json, hint=hint
    )


def problem(
    message: str,
    *,
    code: str,
    exit_code: int,
    as_json: bool,
    hint: str | None = TrainuiError.remedy,
) -> int:
    """Print an error message, which may have several lines; return the exit code.

    `hint` is the command to type next. The secrets of this shell and of the arguments are masked:
    it may quote them.
    """
    message = _masker().text(message)
    if as_json:
        hint = hint and _masker().text(hint)
        value({"error": {"code": code, "message": message, "hint": hint}})
    note(*message.split("\n"))
    return exit_code


def bug(error: Exception, *, as_json: bool) -> int:
    """Print an error that is a bug in trainui, with its traceback; return the exit code."""
    import traceback

    note(*_masker().text("".join(traceback.format_exception(error)).rstrip("\n")).split("\n"))
    message = f"this is a bug in trainui: {type(error).__name__}: {error}; please report the above"
    return problem(message, code="bug", exit_code=1, as_json=as_json)


def _masker() -> Masker:
    from trainui.pipeline.masking import Masker

    given = dict(word.split("=", 1) for word in sys.argv[1:] if "=" in word)
    return Masker.of(os.environ, given)


PROGRESS_AFTER = 1.0
"""Seconds before a progress bar is shown."""

PROGRESS_PERIOD = 0.1
"""Seconds between two of its redraws."""

PROGRESS_WIDTH = 24
"""Its width in characters."""

_CLEAR = "\r\x1b[K"


class ProgressLine:
    """A progress bar, advanced by the worker and drawn by a thread."""

    def __init__(self, what: str, total: int = 0) -> None:
        """Start at 0.

        If `total` is 0, the amount of work is unknown, and only the time is shown.
        """
        self.what = what
        self.total = total
        self.done = 0
        self._started = time.monotonic()

    def advance(self, amount: int = 1) -> None:
        """Add `amount` to the work done."""
        self.done += amount

    def line(self, now: float) -> str:
        """Return the line to show at `now` (monotonic clock)."""
        spent = now - self._started
        if not self.total:
            return f"{text.harmless(self.what)} ... {formatting.duration(int(spent))}"
        part = min(self.done / self.total, 1.0)
        full = int(part * PROGRESS_WIDTH)
        bar = "━" * full + " " * (PROGRESS_WIDTH - full)
        left = f", {_duration(spent * (1 - part) / part)} to go" if part > 0 else ""
        return f"{text.harmless(self.what)} {bar} {part:4.0%}{left}"

    def draw(self, stop: threading.Event) -> None:
        """Redraw until `stop` is set, then clear the line."""
        if stop.wait(PROGRESS_AFTER):
            return
        while True:
            sys.stderr.write(_CLEAR + self.line(time.monotonic()))
            sys.stderr.flush()
            if stop.wait(PROGRESS_PERIOD):
                break
        sys.stderr.write(_CLEAR)
        sys.stderr.flush()


def _duration(seconds: float) -> str:
    return formatting.duration(max(round(seconds), 1))


@contextmanager
def progress(what: str, total: int = 0) -> Iterator[ProgressLine]:
    """Show a progress bar until the block ends."""
    line = ProgressLine(what, total)
    if not has_error_terminal():
        yield line
        return
    stop = threading.Event()
    thread = threading.Thread(target=line.draw, args=(stop,), daemon=True)
    thread.start()
    try:
        yield line
    finally:
        stop.set()
        thread.join()


@contextmanager
def whole_file(target: Path, mode: int = 0o666) -> Iterator[BinaryIO]:
    """Yield a temporary file beside `target`, which takes its name when the block ends.

    If the block fails, nothing is left. `mode` is the file's, less the umask. A device or a pipe,
    e.g. /dev/null, is written to and not replaced; nor is a link replaced, but the file behind it.

    Raises:
        UnfitEnvironmentError: the file cannot be written.
    """
    file = Path(os.path.realpath(target))  # /dev/stdout is a link
    part = file.parent / f".{file.name}.{os.getpid()}"
    try:
        if target.exists() and not target.is_file():  # a directory raises an error
            with target.open("wb") as stream:
                yield stream
            return
        with open(part, "xb", opener=lambda path, flags: os.open(path, flags, mode)) as stream:
            yield stream
        part.replace(file)
    except TrainuiError:
        raise
    except OSError as error:
        raise UnfitEnvironmentError(f"{target} cannot be written: {error.strerror}") from error
    finally:
        with suppress(OSError):  # it does not exist, or its directory is none
            part.unlink()
