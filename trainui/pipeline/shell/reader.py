"""A minimal shell lexer that finds the quoting context of each `${...}`."""

from __future__ import annotations

import re
from dataclasses import dataclass, field, replace

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
