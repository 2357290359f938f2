"""Prints a command's output: one JSON value or text on stdout, everything else on stderr.

The only module that chooses between the two, formats errors, and escapes control characters.
"""

from __future__ import annotations

import json
import math
import os
import sys
from collections.abc import Iterable
from typing import TYPE_CHECKING, Any, TextIO

from trainui import text
from trainui.errors import TrainuiError

if TYPE_CHECKING:
    from trainui.pipeline.substitution.masking import Masker


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


def failure(error: TrainuiError, *, as_json: bool) -> int:
    """Print an error; return the command's exit code."""
    return problem(str(error), code=error.code, exit_code=error.exit_code, as_json=as_json)


def problem(message: str, *, code: str, exit_code: int, as_json: bool) -> int:
    """Print an error message, which may have several lines; return the exit code.

    The secrets of this shell and of the arguments are masked: it may quote them.
    """
    message = _masker().text(message)
    if as_json:
        value({"error": {"code": code, "message": message}})
    note(*message.split("\n"))
    return exit_code


def bug(error: Exception, *, as_json: bool) -> int:
    """Print an error that is a bug in trainui, with its traceback; return the exit code."""
    import traceback

    note(*_masker().text("".join(traceback.format_exception(error)).rstrip("\n")).split("\n"))
    message = f"this is a bug in trainui: {type(error).__name__}: {error}; please report the above"
    return problem(message, code="bug", exit_code=1, as_json=as_json)


def _masker() -> Masker:
    from trainui.pipeline.substitution.masking import Masker

    given = dict(word.split("=", 1) for word in sys.argv[1:] if "=" in word)
    return Masker.of(os.environ, given)
