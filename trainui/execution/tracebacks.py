"""Parses the tracebacks in a log: exceptions with their frames, messages, ranks and chains.

Python's own form and those of other printers (IPython, rich, loguru, exception groups), also where
several processes write into one log with a prefix for each.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import field, replace
from enum import Enum

from trainui.record import dataclass

MOST_FRAMES = 2000
"""Lines of a traceback: a deep recursion is abridged by Python itself."""

LONGEST_MESSAGE = 40
"""Lines of an exception's message."""

_HEADER = re.compile(
    r"(?P<before>.*?)(?P<kind>Original |Exception Group |(?P<name>[A-Z]\w+) +)?"
    r"Traceback \(most recent call last\)"
)
_GROUP = "Exception Group "
_RAISED = re.compile(r"[A-Za-z_][\w.]*(\([\w.]+\))?(: .*|:?)")
_FRAME = re.compile(r'\s|$|> +File "|[╭│╰├]|\[Previous line|[-=]{3,}$')
_PYTHON = re.compile(r'File "(?P<file>[^"]+)", line (?P<line>\d+)(?:, in (?P<function>.+))?')
_CRASHED = re.compile(r'  File "(?P<file>[^"]+)", line (?P<line>\d+) in .+')
_IPYTHON = re.compile(
    r"(?:File )?(?P<file>[~/][^\s:]*\.py|Cell In ?\[\d+\]|Input In ?\[\d+\])"
    r"(?::(?P<line>\d+)|, line (?P<cell>\d+))?"
)
_RICH = re.compile(r"│ (?P<file>[^\s:]+\.py):(?P<line>\d+) in (?P<function>\S+)")
_ARROW = re.compile(r"-+> ?(?P<line>\d+) (?P<source>.*)|[│ ]*❱ +(?P<of_rich>\d+) (?P<text>.*)")

_FRAMES_BEGIN = re.compile(r' +File "')

_CONTEXT = "During handling of the above exception, another exception occurred:"
_CAUSE = "The above exception was the direct cause of the following exception:"

_IGNORED = re.compile(r".*(Exception ignored in|Error in atexit|--- Logging error ---).*")
_THREAD = re.compile(r".*Exception in thread .*")
_ONE_LINE = re.compile(
    r"([\w.]*\.)?(KeyError|IndexError|NameError|UnboundLocalError|ZeroDivisionError|"
    r"FileNotFoundError|PermissionError|ModuleNotFoundError|AttributeError|OutOfMemoryError|"
    r"IsADirectoryError|NotADirectoryError|KeyboardInterrupt|MemoryError|EOFError|SystemExit|"
    r"StopIteration|RecursionError|UnicodeDecodeError|UnidentifiedImageError)\b"
)
"""Exceptions with messages of one line."""

_NOT_MESSAGE = re.compile(
    r"(\[rank\d+\]|\[?[WEIF]\d{4} |[a-z][a-z0-9]*: |Set the environment variable |"
    r"Exception (ignored|in thread)|make(\[\d+\])?: |\(\w+ pid=\d+).*|"
    r'"""$|.*Traceback \(most recent call last\).*'
)
_SYNTAX = re.compile(r"(SyntaxError|IndentationError|TabError): .*")

LONGEST_TEST = 200
"""Lines that pytest prints about a test before its exception."""

_PYTEST = re.compile(
    r"E +(?P<text>[\w.]*(Error|Exception|Interrupt|Iteration)\b(: .*)?|(?P<check>assert .*))"
)
_PYTEST_PLACE = re.compile(r"(?P<file>\S+\.py):(?P<line>\d+): ?(in .+|[\w.]*)")

_LIBRARY = re.compile(
    r"/(site|dist)-packages/|/lib(64)?/python\d|^<|/(Scripts|bin)/[^/.]+$|/\.pyenv/versions/|"
    r"/usr/lib/|/opt/conda/lib/|\.egg/|\.p(yx|xi)$|/(mini|ana)conda\d?/(envs/[^/]+/)?lib/|/python\d\.\d+/[^/]*$"
)

TYPED = ("<string>", "<stdin>")
"""The file of a frame of `python -c`, and of a program on standard input."""


class Link(Enum):
    """How an exception follows from the one that is printed above it."""

    NONE = "none"
    CONTEXT = "context"
    """It was raised while the one above was handled."""
    CAUSE = "cause"
    """It was raised from the one above."""
    NESTED = "nested"
    """It is the original, and the one above reports it."""


@dataclass(frozen=True, slots=True)
class CodePlace:
    """A place in a traceback."""

    file: str
    line: int
    source: str = ""

    @property
    def is_own(self) -> bool:
        """True for the user's own code: no library, and none of the interpreter's files."""
        return _LIBRARY.search(self.file) is None


@dataclass(frozen=True, slots=True)
class Raised:
    """An exception with its traceback."""

    prefix: str
    """What each of its lines begins with: its rank."""
    start: int
    """The index of its first line in the log."""
    at: int
    """The index of the line with its type."""
    text: str
    """`Type: message`, without the prefix."""
    message: tuple[tuple[int, str], ...]
    """The further lines of the message, with their indices."""
    frames: tuple[CodePlace, ...] = field(default=())
    link: Link = Link.NONE
    is_ignored: bool = False
    """True: it did not end the process."""
    is_of_thread: bool = False
    is_group: bool = False

    @property
    def is_heading(self) -> bool:
        """True for an exception that reports those of a group, or of another process or place."""
        return self.is_group or _HEADING.fullmatch(self.text) is not None

    @property
    def end(self) -> int:
        """The index of its last line."""
        return self.message[-1][0] if self.message else self.at

    def places(self, lines: Sequence[str]) -> list[int]:
        """Return the indices of its lines up to the one with its type, without other processes'."""
        between = range(self.start + 1, self.at + 1)
        own = [at for at in between if lines[at].startswith(self.prefix) or not lines[at].strip()]
        return [self.start, *own]

    @property
    def type(self) -> str:
        """Its type, without the module."""
        return self.text.partition(":")[0].rpartition(".")[2]

    @property
    def own(self) -> CodePlace | None:
        """The deepest place in the user's own code."""
        return next((one for one in reversed(self.frames) if one.is_own), None)

    @property
    def is_raised_in_own_code(self) -> bool:
        """True if its deepest frame is the user's, also of `python -c`."""
        return bool(self.frames) and (self.frames[-1].is_own or self.frames[-1].file in TYPED)

    @property
    def is_deliberate(self) -> bool:
        """True if a `raise` is where it comes from, and not a failed operation."""
        return bool(self.frames) and self.frames[-1].source.startswith("raise ")


def chains(lines: Sequence[str]) -> list[list[Raised]]:
    """Return the exceptions in a log: a list for each chain, in the order of the log."""
    found: list[list[Raised]] = []
    for raised in exceptions(lines):
        before = next((one for one in reversed(found) if one[-1].prefix == raised.prefix), None)
        if raised.link != Link.NONE and before is not None:
            before.append(raised)
        else:
            found.append([raised])
    return found


def exceptions(lines: Sequence[str]) -> Iterator[Raised]:
    """Yield the exceptions in a log, in their order."""
    last: dict[str, Raised] = {}
    for at, line in enumerate(lines):
        raised = None
        if "Traceback (most recent" in line and (header := _HEADER.match(line)) is not None:
            prefix = _prefix(header, lines[at + 1 : at + 4])
            link = _link(lines, at, prefix, last.get(prefix), header)
            raised = _parse(lines, at, prefix, link, (header["name"] or "").strip())
            if raised is not None and header["kind"] == _GROUP:
                raised = replace(raised, is_group=True)
        elif line.startswith("E  "):
            raised = _of_pytest(lines, at)
        elif _SYNTAX.match(line) and not any(one.at == at for one in last.values()):
            raised = _syntax_error(lines, at)
        if raised is None:
            continue
        last[raised.prefix] = raised
        yield raised
        # Ray's heading is followed by the frames of the original, without a header
        if raised.message and _FRAMES_BEGIN.match(raised.message[0][1]):
            nested = _parse(lines, raised.at, raised.prefix, Link.NESTED, "")
            if nested is not None:
                yield nested


def _parse(lines: Sequence[str], start: int, prefix: str, link: Link, name: str) -> Raised | None:
    """Return the exception whose frames begin after a line; None if it is cut.

    With the `name` of the exception, as IPython prints it first, all lines up to it are frames.
    """
    frames: list[CodePlace] = []
    for at in range(start + 1, min(start + MOST_FRAMES, len(lines))):
        line = lines[at]
        if not line.startswith(prefix) and line.strip():
            continue  # a line of another process
        text = line.removeprefix(prefix)
        if name and not text.startswith((f"{name}:", f"{name}(")):
            _add_frame(frames, text)
            continue
        if _FRAME.match(text):
            _add_frame(frames, text)
            continue
        if (at - start < 2 and not frames) or not _RAISED.fullmatch(text):
            if frames and _IPYTHON.match(text):
                _add_frame(frames, text)
                continue
            return None
        message = () if _ONE_LINE.match(text) else _message(lines, at, prefix)
        return Raised(
            prefix=prefix,
            start=start,
            at=at,
            text=text,
            message=message,
            frames=tuple(frames),
            link=link,
            is_ignored=start > 0 and _IGNORED.fullmatch(lines[start - 1]) is not None,
            is_of_thread=start > 0 and _THREAD.fullmatch(lines[start - 1]) is not None,
        )
    return None


def _prefix(header: re.Match[str], following: Sequence[str]) -> str:
    """Return the common prefix of a traceback's lines."""
    before = header["before"]
    if header["kind"] == _GROUP:
        return before.replace("+", "|")
    if "╭" in before:
        return before.partition("╭")[0]
    frames = (line.partition('  File "') for line in following)
    return next((place for place, found, _ in frames if found), before if before.strip() else "")


def _add_frame(frames: list[CodePlace], text: str) -> None:
    """Add what a line of a traceback says: a place, or the source at the last one."""
    if (found := _PYTHON.search(text) or _RICH.search(text)) is not None:
        frames.append(CodePlace(found["file"], int(found["line"])))
    elif (arrow := _ARROW.match(text)) is not None and frames:
        line, source = arrow["line"] or arrow["of_rich"], arrow["source"] or arrow["text"]
        frames[-1] = CodePlace(frames[-1].file, frames[-1].line or int(line), source.strip(" │"))
    elif (place := _IPYTHON.match(text)) is not None:
        frames.append(CodePlace(place["file"], int(place["line"] or place["cell"] or 0)))
    elif frames and not frames[-1].source and text.strip(" ^~│"):
        frames[-1] = CodePlace(frames[-1].file, frames[-1].line, text.strip())


def _message(lines: Sequence[str], at: int, prefix: str) -> tuple[tuple[int, str], ...]:
    """Return the lines of a message below the one with the exception's type."""
    found: list[tuple[int, str]] = []
    for place in range(at + 1, min(at + 1 + LONGEST_MESSAGE, len(lines))):
        line = lines[place]
        if prefix and not line.startswith(prefix):
            if line.strip():
                break
            continue
        text = line.removeprefix(prefix)
        if _NOT_MESSAGE.match(text) or text.strip() in (_CONTEXT, _CAUSE):
            break
        if text.strip():
            found.append((place, text))
    return tuple(found)


def _link(
    lines: Sequence[str], start: int, prefix: str, before: Raised | None, header: re.Match[str]
) -> Link:
    """Return how an exception follows from the one before of the same process."""
    if before is None:
        return Link.NONE
    between = [line.removeprefix(prefix).strip() for line in lines[before.at + 1 : start]]
    for words, link in ((_CAUSE, Link.CAUSE), (_CONTEXT, Link.CONTEXT)):
        if words in between[-8:]:
            return link
    if header["kind"] == "Original " or (start - before.end <= 3 and before.is_heading):
        return Link.NESTED
    return Link.NONE


_HEADING = re.compile(
    r"([\w.]*\.)?(ChildFailedError|CalledProcessError|ProcessRaisedException|RayTaskError(\(.*\))?|"
    r"ProcessExitedException|SignalException|PapermillExecutionError|CellExecutionError|"
    r"RemoteTraceback|_RemoteTraceback|(Base)?ExceptionGroup|CellTimeoutError|"
    r"TrainingFailedError|RuntimeError: Caught \w+ in (replica|DataLoader|pin memory).*|"
    r"\w*(Error|Exception): Caught \w+ in (replica|DataLoader|pin memory).*)(:.*)?"
)


def place_in_crash(line: str) -> CodePlace | None:
    """Return the place in a line that faulthandler prints, with the innermost call first."""
    found = _CRASHED.fullmatch(line)
    return None if found is None else CodePlace(found["file"], int(found["line"]))


def _of_pytest(lines: Sequence[str], at: int) -> Raised | None:
    """Return the exception of a test that failed, as pytest prints it."""
    found = _PYTEST.fullmatch(lines[at])
    if found is None or (at and lines[at - 1].startswith("E ")):
        return None
    start = at
    while start > 0 and at - start < LONGEST_TEST and not lines[start].startswith("___"):
        start -= 1
    end = at
    while end + 1 < len(lines) and lines[end + 1].startswith("E "):
        end += 1
    places = (_PYTEST_PLACE.fullmatch(line) for line in lines[start : end + 4])
    frames = tuple(CodePlace(one["file"], int(one["line"])) for one in places if one is not None)
    if frames:
        sources = [line[1:].strip() for line in lines[start:at] if line.startswith(">")]
        frames = (*frames[:-1], replace(frames[-1], source=sources[-1] if sources else ""))
    message = tuple((place, lines[place][1:].strip()) for place in range(at + 1, end + 1))
    text = f"AssertionError: {found['check']}" if found["check"] else found["text"]
    return Raised("", start, at, text, message, frames)


def _syntax_error(lines: Sequence[str], at: int) -> Raised | None:
    """Return a syntax error in the program itself, which Python prints without a header."""
    for start in range(at - 1, max(at - 6, -1), -1):
        if (found := _PYTHON.search(lines[start])) is not None:
            frame = CodePlace(found["file"], int(found["line"]), lines[start + 1].strip())
            return Raised("", start, at, lines[at], (), (frame,))
    return None
