"""A minimal shell lexer that finds the quoting context of each `${...}`."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass, field
from enum import Enum

from trainui.pipeline.shell.quoting import QuotingContext, Spot
from trainui.pipeline.template import Template, Variable


def spots(template: Template) -> list[Spot]:
    """Return the position of each variable of a shell text, in order."""
    reader = ShellReader()
    for part in template:
        if isinstance(part, Variable):
            reader.variable()
        else:
            reader.text(part)
    return reader.found


class _FrameKind(Enum):
    """The construct that encloses the reader's position."""

    COMMAND = "command"
    ARITHMETIC = "arithmetic"
    BRACE = "brace"
    DOUBLE = "double"
    SINGLE = "single"
    ANSI = "ansi"
    BACKTICK = "backtick"
    COMMENT = "comment"
    HERE = "here"


@dataclass(frozen=True, slots=True)
class _Frame:
    kind: _FrameKind
    place: QuotingContext
    delimiter: str = ""
    """Terminator of a here-document."""
    end: re.Pattern[str] | None = None
    """Matches the terminator line of a here-document."""


_BASE = _Frame(_FrameKind.COMMAND, QuotingContext.BARE)


@dataclass(slots=True)
class ShellReader:
    """Reads shell text part by part, with a stack of the enclosing constructs."""

    frames: list[_Frame] = field(default_factory=lambda: [_BASE])
    found: list[Spot] = field(default_factory=list)
    awaited: list[_Frame] = field(default_factory=list)
    """Here-documents that start on the next line."""
    last: str = "\n"
    """The last character read; a variable counts as a letter."""
    escaping: bool = False
    """True if the text before a variable ended with a backslash."""

    def variable(self) -> None:
        """Read a variable and record its position."""
        top = self.frames[-1]
        place = QuotingContext.ESCAPED if self.escaping else top.place
        self.found.append(Spot(place, top.delimiter))
        self.escaping = False
        self.last = "x"

    def text(self, text: str) -> None:
        """Read text."""
        position = 0
        while position < len(text):
            taken = _STEPS[self.frames[-1].kind](self, text, position)
            position += taken
            if taken:
                self.last = text[position - 1]

    def is_between_words(self) -> bool:
        """Return True at the top level: outside quotes and every other construct."""
        return len(self.frames) == 1

    def is_in_comment(self) -> bool:
        """Return True inside a comment."""
        return self.frames[-1].kind is _FrameKind.COMMENT

    def push(self, kind: _FrameKind, place: QuotingContext, times: int = 1) -> None:
        """Enter a construct."""
        self.frames.extend([_Frame(kind, place)] * times)

    def pop(self) -> None:
        """Leave the innermost construct."""
        if len(self.frames) > 1:
            self.frames.pop()

    def begin_here(self) -> None:
        """Enter the here-documents announced on the last line, the first one on top."""
        self.frames.extend(reversed(self.awaited))
        self.awaited.clear()


_Step = Callable[[ShellReader, str, int], int]
"""Reads one token at a position and returns its length."""

_HERE_WORD = re.compile(r"<<(-?)[ \t]*((?:'[^'\n]*'|\"[^\"\n]*\"|\\.|[^\s'\"\\;&|()<>])+)")

_ORDINARY = {
    _FrameKind.COMMAND: re.compile(r"[^\\$'\"`()<#\n]+"),
    _FrameKind.DOUBLE: re.compile(r"[^\\$\"`]+"),
    _FrameKind.BRACE: re.compile(r"[^\\$'\"`}]+"),
    _FrameKind.SINGLE: re.compile(r"[^']+"),
    _FrameKind.ANSI: re.compile(r"[^\\']+"),
    _FrameKind.BACKTICK: re.compile(r"[^\\`]+"),
    _FrameKind.COMMENT: re.compile(r"[^\n]+"),
}
"""Text without special characters, by kind of frame."""

_INNER_BRACE = {
    QuotingContext.DOUBLE: QuotingContext.DOUBLE_BRACE,
    QuotingContext.DOUBLE_BRACE: QuotingContext.DOUBLE_BRACE,
    QuotingContext.HERE: QuotingContext.HERE_BRACE,
    QuotingContext.HERE_BRACE: QuotingContext.HERE_BRACE,
}
"""Context inside the shell's `${...}`, by outer context; otherwise BARE."""


def _ordinary(reader: ShellReader, text: str, position: int) -> int:
    match = _ORDINARY[reader.frames[-1].kind].match(text, position)
    return len(match.group()) if match else 0


def _escape(reader: ShellReader, text: str, position: int) -> int:
    """Read a backslash and the escaped character; return 0 if there is none."""
    if text[position] != "\\":
        return 0
    if position + 1 == len(text):
        reader.escaping = True
        return 1
    return 2


def _expansion(reader: ShellReader, text: str, position: int) -> int:
    """Read the start of a shell expansion; return 0 if there is none."""
    if text.startswith("$((", position):
        reader.push(_FrameKind.ARITHMETIC, QuotingContext.BARE, times=2)
        return 3
    if text.startswith("$(", position):
        reader.push(_FrameKind.COMMAND, QuotingContext.BARE)
        return 2
    if text.startswith("${", position):
        reader.push(
            _FrameKind.BRACE, _INNER_BRACE.get(reader.frames[-1].place, QuotingContext.BARE)
        )
        return 2
    if text[position] == "`":
        reader.push(_FrameKind.BACKTICK, QuotingContext.BACKTICK)
        return 1
    return 0


def _quotes(reader: ShellReader, text: str, position: int) -> int:
    """Read an opening quote; return 0 if there is none."""
    if text.startswith("$'", position):
        reader.push(_FrameKind.ANSI, QuotingContext.ANSI)
        return 2
    if text[position] == "'":
        reader.push(_FrameKind.SINGLE, QuotingContext.SINGLE)
        return 1
    if text[position] == '"':
        reader.push(_FrameKind.DOUBLE, QuotingContext.DOUBLE)
        return 1
    return 0


def _in_command(reader: ShellReader, text: str, position: int) -> int:
    return (
        _ordinary(reader, text, position)
        or _escape(reader, text, position)
        or _quotes(reader, text, position)
        or _expansion(reader, text, position)
        or _here_operator(reader, text, position)
        or _operator(reader, text, position)
    )


def _operator(reader: ShellReader, text: str, position: int) -> int:
    character = text[position]
    if text.startswith("((", position) and reader.last in "\n;&| \t":
        reader.push(_FrameKind.ARITHMETIC, QuotingContext.BARE, times=2)
        return 2
    if character == "(":
        reader.push(_FrameKind.COMMAND, QuotingContext.BARE)
    elif character == ")":
        reader.pop()
    elif character == "\n":
        reader.begin_here()
    elif character == "#" and reader.last in " \t\n;&|()":
        reader.push(_FrameKind.COMMENT, QuotingContext.COMMENT)
    return 1


def _here_operator(reader: ShellReader, text: str, position: int) -> int:
    """Read `<<` with its delimiter, or `<<<`; return 0 if there is neither."""
    if text.startswith("<<<", position):
        return 3
    match = _HERE_WORD.match(text, position)
    if match is None:
        return 0
    tabs, word = match.groups()
    delimiter = re.sub(r"['\"\\]", "", word)
    place = QuotingContext.HERE if delimiter == word else QuotingContext.HERE_RAW
    indent = r"\t*" if tabs else ""
    end = re.compile(rf"{indent}{re.escape(delimiter)}(?=\n|\Z)")
    reader.awaited.append(_Frame(_FrameKind.HERE, place, delimiter, end))
    return len(match.group())


def _in_here(reader: ShellReader, text: str, position: int) -> int:
    frame = reader.frames[-1]
    if reader.last == "\n" and frame.end and (match := frame.end.match(text, position)):
        reader.pop()
        return len(match.group())
    if frame.place is QuotingContext.HERE_RAW:
        return 1
    return _escape(reader, text, position) or _expansion(reader, text, position) or 1


def _in_arithmetic(reader: ShellReader, text: str, position: int) -> int:
    if text[position] == "(":
        reader.push(_FrameKind.ARITHMETIC, QuotingContext.BARE)
        return 1
    if text[position] == ")":
        reader.pop()
        return 1
    return _escape(reader, text, position) or _expansion(reader, text, position) or 1


def _in_brace(reader: ShellReader, text: str, position: int) -> int:
    if text[position] == "}":
        reader.pop()
        return 1
    taken = (
        _ordinary(reader, text, position)
        or _escape(reader, text, position)
        or _expansion(reader, text, position)
    )
    if not taken and (reader.frames[-1].place is QuotingContext.BARE or text[position] == '"'):
        taken = _quotes(reader, text, position)
    return taken or 1


def _in_double(reader: ShellReader, text: str, position: int) -> int:
    if text[position] == '"':
        reader.pop()
        return 1
    return (
        _ordinary(reader, text, position)
        or _escape(reader, text, position)
        or _expansion(reader, text, position)
        or 1
    )


def _in_comment(reader: ShellReader, text: str, position: int) -> int:
    if text[position] == "\n":
        reader.pop()
        return 0  # the command frame reads the newline
    return _ordinary(reader, text, position)


def _until(stop: str, *, escapes: bool) -> _Step:
    def step(reader: ShellReader, text: str, position: int) -> int:
        if text[position] == stop:
            reader.pop()
            return 1
        escaped = _escape(reader, text, position) if escapes else 0
        return escaped or _ordinary(reader, text, position) or 1

    return step


_STEPS: dict[_FrameKind, _Step] = {
    _FrameKind.COMMAND: _in_command,
    _FrameKind.ARITHMETIC: _in_arithmetic,
    _FrameKind.BRACE: _in_brace,
    _FrameKind.DOUBLE: _in_double,
    _FrameKind.SINGLE: _until("'", escapes=False),
    _FrameKind.ANSI: _until("'", escapes=True),
    _FrameKind.BACKTICK: _until("`", escapes=True),
    _FrameKind.COMMENT: _in_comment,
    _FrameKind.HERE: _in_here,
}
