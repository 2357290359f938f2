"""Collect all problems of a pipeline file, with one-line messages, sorted by position."""

from __future__ import annotations

import difflib
import re
from collections.abc import Collection

from trainui.errors import PipelineFileError, Problem
from trainui.pipeline.yaml.nodes import TOP, Position

NEAREST_AMONG = 50
"""Maximum number of names compared with a misspelt one, because comparing is slow."""

MAX_GUESSES = 100
"""Number of problems after which no similar names are suggested, because that is slow."""

BYTE_ORDER_MARK = "\ufeff"
"""May precede the first line; it does not count as a column."""

SHOWN = 80
"""Maximum length of a user's text in a message, in characters."""

_SURROGATE = re.compile("[\ud800-\udfff]")


class Problems:
    """A collector of problems; the same problem at the same position counts once."""

    def __init__(self, file: str, text: str = "") -> None:
        self._file = one_line(file)
        self._text = text.removeprefix(BYTE_ORDER_MARK)
        self._found: dict[Problem, None] = {}

    def __len__(self) -> int:
        return len(self._found)

    def add(self, mark: Position, code: str, message: str) -> None:
        """Add a problem."""
        problem = Problem(self._file, mark.line, mark.column, code, one_line(message))
        self._found[problem] = None

    def place(self, mark: Position, words: str) -> Position:
        """Return the position of `words` within a value, or of the value itself if not found.

        They are not found if the source contains escapes or folded lines there.
        """
        index = self._text.find(words, mark.start, mark.end)
        if index < 0:
            return mark
        return mark_at(self._text, index)

    def guess(self, name: str, known: Collection[str]) -> str:
        """Return `did_you_mean`, or an empty text once there are MAX_GUESSES problems."""
        return did_you_mean(name, known) if len(self) < MAX_GUESSES else ""

    def in_order(self) -> list[Problem]:
        """Return the problems, sorted by line and column."""
        return sorted(self._found, key=lambda problem: (problem.line, problem.column))

    def raise_if_any(self) -> None:
        """Raise PipelineFileError with all problems, if there are any."""
        if self._found:
            raise PipelineFileError(self.in_order())


def mark_at(text: str, index: int) -> Position:
    """Return the position of the character at offset `index`."""
    before = text[:index].replace("\r\n", " \n").replace("\r", "\n")
    line = before.count("\n") + 1
    column = len(before) - (before.rfind("\n") + 1) + 1
    return Position(line, column, index, index) if text else TOP


def is_sound(text: str) -> bool:
    """Return True if a text can be stored and passed to a process: no NUL, no lone surrogate."""
    if "\0" in text:
        return False
    return text.isascii() or not _SURROGATE.search(text)


def one_line(text: str) -> str:
    """Return `text` with unprintable characters replaced by escapes."""
    if text.isprintable():
        return text
    return "".join(c if c.isprintable() else repr(c)[1:-1] for c in text)


def quoted(text: str) -> str:
    """Return a user's text, shortened and in quotes, for a message."""
    short = text if len(text) <= SHOWN else f"{text[: SHOWN - 3]}..."
    return f"'{one_line(short)}'"


def did_you_mean(name: str, known: Collection[str]) -> str:
    """Return `; did you mean 'x'?` with the most similar known name, or an empty text."""
    near = difflib.get_close_matches(name, _comparable(name, known), n=1)
    return f"; did you mean {quoted(near[0])}?" if near else ""


def _comparable(name: str, known: Collection[str]) -> list[str]:
    if len(known) <= NEAREST_AMONG:
        return list(known)
    near = [other for other in known if other[:1] == name[:1] and abs(len(other) - len(name)) <= 2]
    return near[:NEAREST_AMONG]
