"""A line's form: the line with a placeholder for each of its numbers, and the numbers.

The rule: lines that differ in nothing but their numbers have one form, so a form is read once and
kept. A number has a character that says its place among them, and whether it is whole; digits that
are no number (dates, times, paths, ids) have another. A logger's prefix is found in the form.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from functools import lru_cache
from typing import Any

from trainui.metrics.formats.decoder import Decoder

COUNTER = (
    r"(?:global[_ -]?)?step|epoche?|ep\b|iter(?:ation)?|itr|it\b|episode|round|(?:mini-?)?batch"
    r"|update|gen(?:eration)?|game|tick|tree"
)
"""Names of what a training counts, in the singular, as a pattern."""
_FORMS = 1024
"""Forms of lines that are kept."""
MAX_PRINTED = 2000
"""Characters: a longer line is not written for people to read."""

MAX_LINE = 65_536
"""Characters of a line that are read; the rest is ignored."""

NUMBER = r"[-+]?(?:(?:\d+\.?\d*|\.\d+)(?:[eE][-+]?\d+)?(?!\.?\d)|(?:nan|inf(?:inity)?)\b)"
"""A number in a text, also NaN and infinities; a unit may follow."""

# The characters of whole numbers, of others, and of digits that are no number.
_FIRST, _FIRST_OTHER, DIGITS, _PLACES = 0xE000, 0xE400, "\ue800", 0x3FF
INT, VALUE = "[\ue000-\ue3ff]", "[\ue000-\ue7ff]"
_INTS = tuple(map(chr, range(_FIRST, _FIRST + _PLACES + 1)))
_OTHERS = tuple(map(chr, range(_FIRST_OTHER, _FIRST_OTHER + _PLACES + 1)))
_PRIVATE = re.compile("[\ue000-\ue8ff]")
_TIME = r"\d{1,3}:\d\d(?::\d\d)?(?:[.,]\d+)?(?![\d/])"
_LEXER = re.compile(
    r"(?=[-+.\d~/]|[nN][aA][nN]|[iI]nf)(?<![\w.@])(?<!\w-)(?<!@\d/)(?:("
    rf"\d{{4}}[-/]\d\d[-/]\d\d(?:[T ,_]+{_TIME}(?:Z|[+-]\d\d:?\d\d)?)?"
    rf"|\d\d[-/.]\d\d(?:[-/.]\d\d(?:\d\d)?)?[ |T-]+{_TIME}|{_TIME}"
    r"|\d+[dhm] ?\d+[hms]\w*|\d+(?:\.\d+){2,}|0[xX][\da-fA-F]+|0b[01]+|1[4-9]\d{8}\.\d+"
    r"|[\da-f]{8}-(?:[\da-f]{4}-){3}[\da-f]{12}|(?:~|\.{1,2})?/[A-Za-z][^\s,;'\")\]]*"
    r")|([-+]?(?:(?:[1-9]\d{0,2}(?:(?:,\d{3})+|(?:_\d{3})+)(?:\.\d+)?(?![\d_]|,\d)"
    r"|\d+(?:\.(?:\d+|(?=[\],)]|\ +[\d\]])))?|\.\d+)(?:[eE][-+]?\d+|D[-+]\d\d)?(?!\.?\d)"
    r"|(?:[nN][aA][nN]|[iI]nf(?:inity)?)(?!\w))))"
)
_WIDE = re.compile(r" {3,}")


def lex(line: str) -> tuple[str, list[str]]:
    """Return a line's form and its numbers as they are written."""
    if not line.isascii() and _PRIVATE.search(line):
        line = _PRIVATE.sub("", line)
    form, written, _pieces = _lexed(line)
    return (_WIDE.sub("  ", form) if "   " in form else form), written


@lru_cache(2)
def _lexed(line: str) -> tuple[str, list[str], Sequence[str | None]]:
    """Return a line's form, its numbers, and its pieces; a plugin and a table ask for it again."""
    pieces: Sequence[str | None] = _LEXER.split(line)
    form = [pieces[0]]
    add = form.append
    at = 0
    for number, text in zip(pieces[2::3], pieces[3::3], strict=True):
        if number is None:
            add(DIGITS)
        else:
            whole = number.isdigit() or (
                ("," in number or "_" in number) and _THOUSANDS.fullmatch(number)
            )
            add(_INTS[at] if whole else _OTHERS[at])
            at += at < _PLACES
        add(text)
    written = [number for number in pieces[2::3] if number is not None]
    return "".join(form), written, pieces  # type: ignore[arg-type]


def form_of(line: str) -> str:
    """Return a line's form; a line that is too long is its own."""
    return _lexed(line)[0] if len(line) <= MAX_PRINTED else line


def pieces_of(line: str) -> Sequence[str | None]:
    """Return a line's texts, behind each its digits that are no number, or its number."""
    return _lexed(line)[2]


def message(line: str) -> str:
    """Return a line without its logger's prefix."""
    form, _written, pieces = _lexed(line[:MAX_PRINTED])
    if not (end := prefix_end(form)):
        return line
    count = len(_PRIVATE.findall(form[:end]))
    digits = [
        len(one or other or "")
        for one, other in zip(pieces[1 : 3 * count : 3], pieces[2 : 3 * count : 3], strict=True)
    ]
    return line[end + sum(digits) - count :]


_THOUSANDS = re.compile(r"[1-9]\d{0,2}(?:(?:,\d{3})+|(?:_\d{3})+)")


def number(place: str, numbers: Sequence[str]) -> float:
    """Return the number of a placeholder."""
    text = numbers[ord(place) & _PLACES]
    return float(text.replace(",", "").replace("D", "e") if "," in text or "D" in text else text)


def filled(name: str, numbers: Sequence[str]) -> str:
    """Return a name with its own numbers, as in `top 5 acc`."""
    if name.isascii():
        return name
    return _PRIVATE.sub(
        lambda one: "" if one[0] == DIGITS else numbers[ord(one[0]) & _PLACES], name
    )


# The prefix that a logger puts before a message: timestamp, level, logger, process, source line.
#
# The rule: a prefix begins with a timestamp, a level, a source line or a process. A bare word after
# one of them is the logger's name only where a separator, or the message's step, follows it.

_STAMP = (
    rf"(?:(?:[A-Z][a-z]{{2}} )?(?:[A-Z][a-z]{{2}}  ?{INT} |{INT} [A-Z][a-z]{{2}} {INT} )"
    rf"|[IWEDF](?:\d{{4}}){{1,2}} )?{DIGITS}"
    rf"(?: ?[AP]M| {INT}(?=\s))?(?=\W|$)|{DIGITS}"
)
_LEVEL = (
    r"(?:DEBUG|INFO|WARN(?:ING)?|ERROR|CRITICAL|SUCCESS|TRACE|NOTICE"
    r"|(?<=\[)(?:debug|info|warn(?:ing)?|error|critical)(?= *\])|[IWE](?=\])"
    r"|(?<=\ue800 )[IWEDF](?= ))(?!\w)"
)
_SOURCE = (
    rf"[\w./<>-]+\.\w+:\s*{INT}|[\w.]+:[\w.<>]+:{INT}|[\w./-]+\.py {INT}(?=\))"
    rf"|(?<=\()(?!(?i:{COUNTER})\b)[A-Za-z_][\w.]*:{INT}(?=\))"
)
_THREAD = r"MainThread|MainProcess|Thread-\d+"
_PROCESS = (
    rf"{INT}(?= (?:{_SOURCE}))|(?<=\()(?:\w+ )?pid={INT}[^()]*(?=\))"
    rf"|{INT}(?=\]? +[\[(]?(?:{_LEVEL}|{_THREAD}))|{INT}(?= [A-Za-z_][\w.]* (?:{_SOURCE}))"
    rf"|(?!(?i:{COUNTER}):)[A-Za-z_][\w.-]*:{INT}(?=\t)"  # a host and a rank
)
_FIELD = (
    # logfmt: `timestamp=2026-11-26T23:51:19Z level=info event="train step" step=0`
    rf"(?:timestamp|time|ts)=\"?{DIGITS}\"?"
    r"|(?:level|lvl|severity|logger|caller)=(?:\"[^\"]*\"|[A-Za-z]\S*)"
    rf"|(?:event|msg|message)=(?:\"(?:[^\"\ue000-\ue8ff]*\"(?!\S))?|[A-Za-z]\S*(?=\s))"
)
_NAME = (
    rf"(?!(?i:{COUNTER}|fps|ips|train(?= +\|)|val\w*|test\w*|eval\w*|dev|\w+[-_]val(?:id\w*)?"
    rf"|(?:rank|gpu|cuda|default)[ :=]?(?:\d|{INT})*)\b)"
    r"[A-Za-z_][\w.\\-]*"
    r"(?:(?<=[OGRLES]:root)(?=:\s)"
    rf"|(?: {INT} {INT}(?= ))|(?=\](?!\[{INT}\]))|(?= \|| - [^\d\s\ue000-\ue8ff])|(?=:[A-Za-z\[])"
    rf"|(?= (?:(?i:train|val|test|eval)\w* )?(?i:{COUNTER})\b\W{{0,3}}{INT})"
    rf"|(?= (?:{_SOURCE})\])|(?= (?:{_LEVEL}))|(?= rank=)|(?=\t(?:{_LEVEL})))"
)
_OPENING, _SEPARATOR = (
    r"[\s\[(<]*+",
    r"(?:\s*(?!\|.*\|\s*$)[\])>|:,]+(?:\s-\s|\s)?|\s+-\s|-(?=[A-Z\[])|\s|$|(?<==\"))",
)
_ITEMS = (
    rf"{_STAMP}|{_LEVEL}|{_SOURCE}|{_PROCESS}|{_FIELD}"
    rf"|(?:{_THREAD}|std(?:out|err) [FP])(?=\s)"  # Kubernetes names the stream
)
_PREFIX = re.compile(
    rf"(?:\[[\w.-]+\] (?={DIGITS})|[A-Z]\w+: (?={DIGITS}-))?"  # a host
    rf"(?>{_OPENING}(?:{_ITEMS}){_SEPARATOR})(?>{_OPENING}(?:{_ITEMS}|{_NAME}){_SEPARATOR})*"
)


@lru_cache(_FORMS)
def prefix_end(form: str) -> int:
    """Return the length of the logger's prefix of a form."""
    found = _PREFIX.match(form)
    return found.end() if found else 0


# The lines of a log as a terminal shows them: without colours and cursor movements.


_CONTROL = re.compile(
    # Colours and cursor movements, window titles, other escape sequences, backspaces.
    r"\x1b\[[0-?]*[ -/]*[@-~]|\x1b\][^\x07\x1b]*(?:\x07|\x1b\\)|\x1b[@-_]|\x08|\x00"
)

_ENCODED = re.compile(r"[A-Za-z0-9][A-Za-z0-9+/]{58,}={0,2}")
"""A line of base64 or hexadecimal data, each of which has a form of its own: slow to parse."""

_BINARY = re.compile("[\x01-\x07\x0e-\x1a\x1c-\x1f\x7f]")
"""Characters that no text has; a line with one of them that is no UTF-8 either is binary data, each
of which would be a form of its own."""

_LINE_END = re.compile(r"[\r\n]+")
_LINE = re.compile(r"([^\r\n]+)([\r\n]*)")

_CURSOR_UP = "\x1b[A"
"""Written between progress bars drawn one below another: it leaves a line unfinished."""


class LogDecoder(Decoder):
    """Decodes the lines of a log."""

    def cut(self, data: bytes) -> int:
        """Return the size in bytes of the whole lines; a progress bar ends its lines with `\\r`."""
        return max(data.rfind(b"\n"), data.rfind(b"\r")) + 1


def _shown(text: str) -> str:
    is_plain = "\x1b" not in text and "\x08" not in text and "\x00" not in text
    return text if is_plain else _CONTROL.sub("", text)


def _is_text(line: str) -> bool:
    return "\ufffd" not in line or _BINARY.search(line) is None


def _may_say(line: str) -> bool:
    return _is_text(line) and _ENCODED.fullmatch(line) is None


def text_lines(block: bytes) -> Iterator[str]:
    """Yield the non-empty lines of some bytes, without those of binary data."""
    for line in _LINE_END.split(_shown(block.decode("utf-8", "replace"))):
        if line and _is_text(line):
            yield line[:MAX_LINE]


def lines_with_ends(block: bytes) -> Iterator[str]:
    """Yield the same lines without encoded data.

    One ended by a line feed keeps its `\\n`: it is not redrawn again.
    """
    text = _shown(block.decode("utf-8", "replace").replace(_CURSOR_UP, "\r"))
    if "\r" not in text:  # split faster than matched
        *whole, rest = text.split("\n")
        yield from [f"{line[:MAX_LINE]}\n" for line in whole if line and _may_say(line)]
        yield from [rest[:MAX_LINE]] if rest and _may_say(rest) else ()
        return
    for found in _LINE.finditer(text):
        if _may_say(found[1]):
            yield f"{found[1][:MAX_LINE]}\n" if "\n" in found[2] else found[1][:MAX_LINE]


# A logger that writes JSON puts the message into a field.

MESSAGES = ("message", "msg", "event", "text")
LEVELS = ("level", "levelname", "severity", "lvl", "log.level")
"""Fields of a log record in JSON."""

_ADDED = ("extra", "metrics", "data", "fields", "context", "payload")
"""Fields of a log record in JSON with the fields that a call of the logger added."""


@lru_cache(2)
def without_prefix(line: str) -> str:
    """Return a line without its logger's prefix."""
    if line.startswith('{"'):
        with suppress(ValueError, RecursionError):
            return record_message(json.loads(line)) or line
        return line
    return message(line)


def record_message(record: Mapping[str, Any]) -> str | None:
    """Return the message of a log record; None for any other object."""
    inner = record.get("record")  # as loguru serialises it
    fields = inner if isinstance(inner, dict) else record
    if not any(name in fields for name in LEVELS):
        # A record without a level has a message, and nothing with numbers.
        texts = all(isinstance(value, str | None) for value in fields.values())
        if not texts or fields.keys().isdisjoint(MESSAGES[:2]):
            return None
    return next((text for name in MESSAGES if isinstance(text := fields.get(name), str)), None)


def record_fields(record: Mapping[str, Any]) -> Mapping[str, Any]:
    """Return the fields that a call of a logger added to a record, or to a part of it."""
    inner = record.get("record")
    fields = inner if isinstance(inner, dict) else record
    added = (value for name in _ADDED if isinstance(value := fields.get(name), dict))
    return next(added, record)
