"""What commands print: one JSON value or text on stdout, everything else on stderr.

The only place that decides between the two, and that words errors.
"""

from __future__ import annotations

import json
import math
import os
import sys
from collections.abc import Iterable
from typing import Any, TextIO

from trainui import text
from trainui.errors import TrainuiError


class Coloured(str):
    """A harmless line with colours of our own."""


def prepare() -> None:
    """Open streams that are closed on nothing; let those that cannot show a character show another.

    What is opened later would take the number of a stream that is closed, and its output.
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
    """Tell whether a person is there to read and to type."""
    return _is_terminal(sys.stdin) and _is_terminal(sys.stdout)


def can_open_screen() -> bool:
    """Tell whether a person is there on a terminal that can draw, unlike a dumb one."""
    return on_terminal() and os.environ.get("TERM") != "dumb"


def has_error_terminal() -> bool:
    """Tell whether a person reads what goes to stderr, on a terminal that can draw over a line."""
    return _is_terminal(sys.stderr) and os.environ.get("TERM", "") not in ("", "dumb")


def _is_terminal(stream: TextIO | None) -> bool:
    return stream is not None and not stream.closed and stream.isatty()


def value(data: Any) -> None:
    """Print the one JSON value of a command; on a terminal with indentation."""
    _write(to_json(data, indent=2 if _is_terminal(sys.stdout) else None))


def value_line(data: Any) -> None:
    """Print one JSON value of several, on a line of its own."""
    _write(to_json(data))


def to_json(data: Any, *, indent: int | None = None) -> str:
    """Write JSON that any reader takes: NaN and infinities as text, no lone surrogates.

    What a terminal would obey stands escaped.
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
    """Return a number as JSON may hold it: `"nan"`, `"inf"` and `"-inf"` are text."""
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
    """Print a line that is the command's answer, harmless."""
    _write(shown if isinstance(shown, Coloured) else text.harmless(shown))


def lines(shown: Iterable[str]) -> None:
    """Print several such lines."""
    for one in shown:
        line(one)


def exact(*shown: str) -> None:
    """Print what a script takes as it is, item by item; on a terminal each is a harmless line."""
    to_person = _is_terminal(sys.stdout)
    for one in shown:
        _write(text.harmless(one) if to_person else one)


def _write(shown: str) -> None:
    sys.stdout.write(shown + "\n")


def note(shown: str) -> None:
    """Tell a person something beside the answer, harmless; it may be several lines."""
    sys.stderr.write(_harmless_lines(shown) + "\n")
    sys.stderr.flush()


def _harmless_lines(shown: str) -> str:
    if isinstance(shown, Coloured):
        return shown
    return "\n".join(map(text.harmless, shown.split("\n")))


def ring(words: str) -> None:
    """Ring for a person who waits, where stderr is a terminal."""
    if _is_terminal(sys.stderr):
        sys.stderr.write(text.ring(words, os.environ.get("TERM", "")))
        sys.stderr.flush()


def answer(as_json: bool, data: Any, shown: Iterable[str]) -> None:
    """Print a command's answer, as JSON or as text."""
    if as_json:
        value(data)
    else:
        lines(shown)


def failure(error: TrainuiError, *, as_json: bool) -> int:
    """Print an error; return the command's exit code."""
    return problem(str(error), code=error.code, exit_code=error.exit_code, as_json=as_json)


def problem(message: str, *, code: str, exit_code: int, as_json: bool) -> int:
    """Print what went wrong, each of its lines as it is; return the exit code."""
    if as_json:
        value({"error": {"code": code, "message": message}})
    note(message)
    return exit_code
