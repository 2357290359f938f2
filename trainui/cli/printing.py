"""Prints a command's output: one JSON value or text on stdout, everything else on stderr.

The only module that chooses between the two, formats errors, and escapes control characters. Also
draws the progress bar of work of more than a second, opens the screen, and writes a file that
appears only when it is complete.
"""

from __future__ import annotations

import json
import math
import os
import sys
import textwrap
import threading
import time
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any, BinaryIO, NoReturn, TextIO

from trainui import formatting, text
from trainui.errors import TrainuiError, UnfitEnvironmentError, UsageError

if TYPE_CHECKING:
    from trainui.pipeline.masking import Masker

PROGRESS_AFTER = 1.0
"""Seconds before a progress bar is shown."""

PROGRESS_PERIOD = 0.1
"""Seconds between two of its redraws."""

PROGRESS_WIDTH = 24
"""Its width in characters."""

LEAST = 12
"""Minimum width in characters of a column that may be cut."""

LEAST_WRAPPED = 20
"""Minimum width in characters of a wrapped column."""

_GAP = 2
"""Blanks between two columns."""


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


def open_screen(run_id: str | None) -> NoReturn:
    """Open the screen, at a run if one is given, and end the process when the user quits.

    It ends with `os._exit`, since a normal interpreter shutdown with all that the screen has
    imported would be noticeably slower.

    Raises:
        UsageError: no usable terminal.
    """
    if not can_open_screen():
        problem = "TERM is dumb" if on_terminal() else "stdin or stdout is not a terminal"
        raise UsageError(
            f"the screen cannot be shown: {problem}; "
            "use `trainui ls` or `trainui show RUN`; `trainui --help` lists all commands"
        )
    import logging

    from trainui.store.db import statements
    from trainui.tui.start import run_screen

    statements.show_notice = None  # a notice would overwrite the screen
    code = run_screen(run_id)
    logging.shutdown()
    os._exit(code)


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
    if not shown:
        return
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
    is_named = f"`{UsageError.remedy}`" in str(error)  # as there is no such command
    if hint == UsageError.remedy and not is_named and command and not command.startswith("-"):
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
        with suppress(OSError):  # of a full disk; stderr has the message
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


# Tables that fit the terminal: long names are cut in the middle, and reasons are wrapped.
#
# Output that goes elsewhere, e.g. into a pipe, is never shortened.


def terminal_width() -> int | None:
    """Return the width of the terminal; None if stdout is none."""
    if not is_terminal(sys.stdout):
        return None
    try:
        return os.get_terminal_size(sys.stdout.fileno()).columns or None
    except OSError:
        return None


def fits(rows: Sequence[Sequence[str]]) -> bool:
    """Return True if a table is no wider than the terminal, or goes elsewhere."""
    width = terminal_width()
    return width is None or _sum(_natural(_cells(rows))) <= width


def fitted(
    rows: Sequence[Sequence[str]],
    *,
    right: Collection[str] = (),
    cut: Collection[str] = (),
    optional: Sequence[str] = (),
    wrapped: bool = False,
    distinct: bool = True,
) -> list[str]:
    """Return a table's lines, no wider than the terminal if possible.

    The first row has the columns' titles. Those in `right` are right-aligned. Of a table that is
    too wide, the columns in `cut` are shortened, with `distinct` only so far that different cells
    stay different; then those in `optional` are left out. With `wrapped`, the last column is
    wrapped.
    """
    cells, width = _cells(rows), terminal_width()
    if width is not None and _sum(_natural(cells)) > width:
        least = {
            title: _least(column, distinct=distinct)
            for title, *column in zip(*cells, strict=True)
            if title in cut
        }
        cells = _narrowed(cells, width, least, wrapped=wrapped, optional=optional)
    return text.table(cells, right=[at for at, title in enumerate(cells[0]) if title in right])


def _cells(rows: Sequence[Sequence[str]]) -> list[list[str]]:
    return [[text.harmless(cell).replace("\t", " ") for cell in row] for row in rows]


def _natural(cells: Sequence[Sequence[str]]) -> list[int]:
    return [max(map(text.width, column)) for column in zip(*cells, strict=True)]


def _sum(widths: Sequence[int]) -> int:
    return sum(widths) + _GAP * (len(widths) - 1)


def _narrowed(
    cells: list[list[str]],
    width: int,
    least: Mapping[str, int],
    *,
    wrapped: bool,
    optional: Sequence[str],
) -> list[list[str]]:
    widths = _shared(cells, width, least, wrapped=wrapped)
    if _sum(widths) > width and optional:
        at = cells[0].index(optional[0]) if optional[0] in cells[0] else len(cells[0])
        fewer = [[*row[:at], *row[at + 1 :]] for row in cells]
        return _narrowed(fewer, width, least, wrapped=wrapped, optional=optional[1:])
    lines: list[list[str]] = []
    for row in cells:
        *short, last = map(_shortened, row, [*widths[:-1], widths[-1] if not wrapped else None])
        pieces = textwrap.wrap(last, widths[-1]) if wrapped else [last]
        lines.append([*short, *(pieces[:1] or [""])])
        lines += [[*[""] * len(short), piece] for piece in pieces[1:]]
    return lines


def _least(column: Sequence[str], *, distinct: bool) -> int:
    """Return the minimum width of a column that may be cut, without its title."""
    if not distinct:
        return LEAST
    cells = set(column)
    longest = max(map(text.width, cells), default=0)
    enough = (
        width
        for width in range(LEAST, longest)
        if len({_shortened(cell, width) for cell in cells}) == len(cells)
    )
    return next(enough, max(longest, LEAST))


def _shared(
    cells: Sequence[Sequence[str]], width: int, minimum: Mapping[str, int], *, wrapped: bool
) -> list[int]:
    """Return the columns' widths: of those that may be narrower, the widest is so first."""
    widths = _natural(cells)
    titles = cells[0]
    least = {
        at: max(minimum[title], len(title)) for at, title in enumerate(titles) if title in minimum
    }
    if wrapped:
        room = width - _sum([*widths[:-1], 0])
        widths[-1] = min(widths[-1], max(room, LEAST_WRAPPED))
    while _sum(widths) > width:
        at = max(least, key=lambda at: widths[at] - least[at], default=None)
        if at is None or widths[at] <= least[at]:
            break
        widths[at] -= 1
    return widths


def _shortened(cell: str, width: int | None) -> str:
    """Return a cell cut in the middle."""
    if width is None or text.width(cell) <= width:
        return cell
    keep = (width - 1) // 2
    if cell.isascii():
        return f"{cell[: width - 1 - keep]}…{cell[-keep:]}"
    start, end = cell, ""
    while end == "" or text.width(cell[-len(end) - 1 :]) <= keep:
        end = cell[-len(end) - 1 :]
    while text.width(start) > width - 1 - text.width(end):
        start = start[:-1]
    return f"{start}…{end}"
