"""Shell commands: the place of a word, quoting for that place, appended words."""

from __future__ import annotations

import re
import shlex
from dataclasses import dataclass, field, replace
from enum import Enum

from trainui.errors import UsageError
from trainui.pipeline.template import Template, Variable

# Quote a value for its position in shell text, so that the shell reads it literally.


class QuotingContext(Enum):
    """Contexts in shell text that need different quoting."""

    BARE = "bare"
    """Outside quotes, including inside `$(...)`."""
    DOUBLE = "double"
    """Between double quotes."""
    DOUBLE_BRACE = "double-brace"
    """In the shell's `${...}` inside double quotes."""
    SINGLE = "single"
    """Between single quotes."""
    ANSI = "ansi"
    """Between `$'` and `'`."""
    HERE = "here"
    """In a here-document in which the shell expands variables."""
    HERE_RAW = "here-raw"
    """In a here-document whose delimiter is quoted."""
    HERE_BRACE = "here-brace"
    """In the shell's `${...}` in a here-document: substitution is not possible."""
    COMMENT = "comment"
    """Between `#` and the end of the line."""
    BACKTICK = "backtick"
    """Between backticks, where quoting is nested: substitution is not possible."""
    ESCAPED = "escaped"
    """Right after a backslash: substitution is not possible."""


@dataclass(frozen=True, slots=True)
class Spot:
    """The position of a variable in shell text."""

    place: QuotingContext
    delimiter: str = ""
    """Terminator line of the surrounding here-document."""


UNFIT = {
    QuotingContext.BACKTICK: "write $(...) instead of the backticks around it",
    QuotingContext.ESCAPED: (
        "remove the backslash before it; the shell's own braces are written $${NAME}"
    ),
    QuotingContext.HERE_BRACE: "move it out of the shell's braces",
}
"""Contexts in which substitution is not possible, with advice."""

_SPECIAL = {
    QuotingContext.ANSI: re.compile(r"([\\'])"),
    QuotingContext.DOUBLE: re.compile(r'([\\$`"])'),
    QuotingContext.DOUBLE_BRACE: re.compile(r'([\\$`"])'),
    QuotingContext.HERE: re.compile(r"([\\$`])"),
}
"""Characters to escape with a backslash, by context."""

_SEPARATORS = {
    QuotingContext.DOUBLE: '" "',
    QuotingContext.SINGLE: "' '",
    QuotingContext.ANSI: "' $'",
}


def quote(value: str, spot: Spot) -> str:
    """Quote a value so that the shell reads it literally.

    Raises:
        UsageError: the value contains the terminator of the surrounding here-document.
    """
    if spot.delimiter and spot.delimiter in (line.strip("\t") for line in value.split("\n")):
        raise UsageError(
            f"a value contains {spot.delimiter!r}, which would end the here-document around it; "
            "give the here-document another delimiter"
        )
    if spot.place is QuotingContext.BARE:
        return shlex.quote(value)
    if spot.place is QuotingContext.SINGLE:
        return value.replace("'", "'\\''")
    if spot.place is QuotingContext.COMMENT:
        return value.replace("\n", " ")
    special = _SPECIAL.get(spot.place)
    written = special.sub(r"\\\1", value) if special else value
    # in such braces a single quote would open a quoted string, but not inside inner double quotes
    return f'"{written}"' if spot.place is QuotingContext.DOUBLE_BRACE else written


def separator(spot: Spot) -> str:
    """Return the text to put between two values to make them separate words."""
    return _SEPARATORS.get(spot.place, " ")


# A minimal shell lexer that finds the quoting context of each `${...}`.


def spots(template: Template) -> list[Spot]:
    """Return the position of each variable of a shell text, in order."""
    reader = ShellReader()
    for part in template:
        if isinstance(part, Variable):
            reader.variable()
        else:
            reader.text(part)
    return reader.found


@dataclass(frozen=True, slots=True)
class _Frame:
    """A construct that encloses the reader's position."""

    tokens: re.Pattern[str]
    """Matches its next token; a named group is what the reader does at it."""
    place: QuotingContext
    delimiter: str = ""
    """Terminator of a here-document."""
    end: re.Pattern[str] | None = None
    """Matches the terminator line of a here-document."""


def _frame(tokens: str, place: QuotingContext) -> _Frame:
    return _Frame(re.compile(f"{tokens}|.", re.DOTALL), place)


_ESCAPE = r"(?P<escape>\\.?)"
_QUOTES = r"(?P<ansi>\$')|(?P<single>')|(?P<double>\")"
_EXPANSION = r"(?P<arithmetic>\$\(\()|(?P<command>\$\()|(?P<brace>\$\{)|(?P<backtick>`)"
_HERE_WORD = r"(?:'[^'\n]*'|\"[^\"\n]*\"|\\[^\n]|[^\s'\"\\;&|()<>])+"
# `<<<` begins no here-document
_HERE_DOCUMENT = rf"<<<|(?P<here><<(?P<tabs>-?)[ \t]*(?P<word>{_HERE_WORD}))"
_OPERATORS = r"(?P<parentheses>\(\()|(?P<group>\()|(?P<close>\))|(?P<newline>\n)|(?P<comment>#)"

_COMMAND = _frame(
    rf"[^\\$'\"`()<#\n]+|{_ESCAPE}|{_QUOTES}|{_EXPANSION}|{_HERE_DOCUMENT}|{_OPERATORS}",
    QuotingContext.BARE,
)
_ARITHMETIC = _frame(rf"(?P<nested>\()|(?P<close>\))|{_ESCAPE}|{_EXPANSION}", QuotingContext.BARE)
_BRACE = _frame(
    rf"[^\\$'\"`}}]+|(?P<close>}})|{_ESCAPE}|{_EXPANSION}|{_QUOTES}", QuotingContext.BARE
)
_BRACE_IN_DOUBLE = _frame(
    rf"[^\\$\"`}}]+|(?P<close>}})|{_ESCAPE}|{_EXPANSION}|(?P<double>\")",
    QuotingContext.DOUBLE_BRACE,
)
_BRACE_IN_HERE = replace(_BRACE_IN_DOUBLE, place=QuotingContext.HERE_BRACE)
_DOUBLE = _frame(rf"[^\\$\"`]+|(?P<close>\")|{_ESCAPE}|{_EXPANSION}", QuotingContext.DOUBLE)
_HERE = _frame(rf"[^\\$`\n]+|{_ESCAPE}|{_EXPANSION}", QuotingContext.HERE)
_HERE_RAW = _frame(r"[^\n]+", QuotingContext.HERE_RAW)
_COMMENT = _frame(r"[^\n]+|(?P<close>)", QuotingContext.COMMENT)
"""It ends before the newline, which the command around it reads: here-documents may begin there."""

_PUSHED = {
    "arithmetic": (_ARITHMETIC, _ARITHMETIC),
    "command": (_COMMAND,),
    "group": (_COMMAND,),
    "nested": (_ARITHMETIC,),
    "double": (_DOUBLE,),
    "single": (_frame(r"[^']+|(?P<close>')", QuotingContext.SINGLE),),
    "ansi": (_frame(rf"[^\\']+|(?P<close>')|{_ESCAPE}", QuotingContext.ANSI),),
    "backtick": (_frame(rf"[^\\`]+|(?P<close>`)|{_ESCAPE}", QuotingContext.BACKTICK),),
}
"""Token -> the constructs that begin at it."""

_BRACES = {
    QuotingContext.DOUBLE: _BRACE_IN_DOUBLE,
    QuotingContext.DOUBLE_BRACE: _BRACE_IN_DOUBLE,
    QuotingContext.HERE: _BRACE_IN_HERE,
    QuotingContext.HERE_BRACE: _BRACE_IN_HERE,
}
"""The shell's `${...}`, by outer context; otherwise `_BRACE`."""


@dataclass(slots=True)
class ShellReader:
    """Reads shell text part by part, with a stack of the enclosing constructs."""

    found: list[Spot] = field(default_factory=list)
    _frames: list[_Frame] = field(default_factory=lambda: [_COMMAND])
    _awaited: list[_Frame] = field(default_factory=list)
    """Here-documents that start on the next line."""
    _last: str = "\n"
    """The last character read; a variable counts as a letter."""
    _escaping: bool = False
    """True if the text before a variable ended with a backslash."""

    def variable(self) -> None:
        """Read a variable and record its position."""
        top = self._frames[-1]
        place = QuotingContext.ESCAPED if self._escaping else top.place
        self.found.append(Spot(place, top.delimiter))
        self._escaping = False
        self._last = "x"

    def text(self, text: str) -> None:
        """Read text."""
        position = 0
        while position < len(text):
            top = self._frames[-1]
            if top.end and self._last == "\n" and (match := top.end.match(text, position)):
                self._frames.pop()
            else:
                match = top.tokens.match(text, position)
                assert match is not None, "a token may be any character"
                self._take(match)
            if match.end() > position:
                position = match.end()
                self._last = text[position - 1]

    def is_between_words(self) -> bool:
        """Return True at the top level: outside quotes and every other construct."""
        return len(self._frames) == 1

    def is_in_comment(self) -> bool:
        """Return True inside a comment."""
        return self._frames[-1].place is QuotingContext.COMMENT

    def _take(self, token: re.Match[str]) -> None:
        """Do what a token means."""
        match token.lastgroup:
            case "escape":
                self._escaping = token[0] == "\\"
            case "close" if len(self._frames) > 1:
                self._frames.pop()
            case "brace":
                self._frames.append(_BRACES.get(self._frames[-1].place, _BRACE))
            case "here":
                self._awaited.append(_here_document(token))
            case "newline":  # the first of the here-documents announced on the line comes on top
                self._frames.extend(reversed(self._awaited))
                self._awaited.clear()
            case "comment" if self._last in " \t\n;&|()":
                self._frames.append(_COMMENT)
            case "parentheses":
                begins_command = self._last in "\n;&| \t"
                self._frames.extend([_ARITHMETIC if begins_command else _COMMAND] * 2)
            case str(name):
                self._frames.extend(_PUSHED.get(name, ()))


def _here_document(announced: re.Match[str]) -> _Frame:
    word = announced["word"]
    delimiter = re.sub(r"['\"\\]", "", word)
    indent = r"\t*" if announced["tabs"] else ""
    end = re.compile(rf"{indent}{re.escape(delimiter)}(?=\n|\Z)")
    return replace(_HERE if delimiter == word else _HERE_RAW, delimiter=delimiter, end=end)


# Find out which command would receive words appended to a line of shell text.
#
# Used to detect resume arguments that would silently not reach the training:
# `python train.py | tee log` passes them to `tee`.


_SEPARATOR = re.compile(r"\|\||\|&?|&&|(?<![<>&])&(?![>&])|;")

_CLOSING = re.compile(r"\}|(done|fi|esac)\b")

_AFTERWARDS = re.compile(
    r"(cat|chmod|cp|curl|date|echo|exit|gzip|ls|mkdir|mv|notify-send|printf|rm|rsync|sleep|sync|tar"
    r"|tee|test|touch|true|wait|:)\b.*",
    re.DOTALL,
)
"""Commands that people write after a training, and that are not a training themselves."""


def append_fault(template: Template) -> str | None:
    """Return where appended words would go if not to the training; None if they reach it."""
    operator, command, in_comment = _last(template)
    command = command.strip()
    if in_comment:
        return "into a comment"
    if operator in ("&", ";") and not command:
        return f"behind `{operator}`"
    if operator in ("|", "|&") or _AFTERWARDS.fullmatch(command):
        return f"to `{command}`"
    if command.startswith("("):
        return "behind `)`"
    if closing := _CLOSING.match(command):
        return f"behind `{closing[0]}`"
    return None


def _last(template: Template) -> tuple[str, str, bool]:
    """Return a line's last operator, the command after it, and True if a comment ends the line."""
    reader, operator, command = ShellReader(), "", ""
    for part in template:
        if isinstance(part, Variable):
            reader.variable()
            command += str(part)
            continue
        position = 0
        for match in _SEPARATOR.finditer(part):
            before = part[position : match.start()]
            reader.text(before)
            command += before
            if reader.is_between_words() and not before.endswith("\\"):
                operator, command = match[0], ""
            else:
                command += match[0]
            reader.text(match[0])
            position = match.end()
        reader.text(part[position:])
        command += part[position:]
    return operator, command, reader.is_in_comment()
