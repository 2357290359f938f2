"""Sanitise and format text for a terminal, so that names and logs cannot inject escape codes."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from trainui import formatting
from trainui.model.states import Status

if TYPE_CHECKING:
    from trainui.model.records import RemainingTime, StageRecord

SYMBOLS: Mapping[Status, str] = {
    Status.PENDING: "○",
    Status.QUEUED: "◔",
    Status.RUNNING: "●",
    Status.COMPLETED: "✓",
    Status.FAILED: "✗",
    Status.CANCELLED: "⊘",
    Status.INTERRUPTED: "↯",
    Status.ENDED: "■",
    Status.BLOCKED: "▣",
    Status.SKIPPED: "–",
    Status.PRUNED: "⊣",
}
"""Symbols of states, one cell wide each."""

_ESCAPES = re.compile(
    r"\x1b\[[0-?]*[ -/]*[@-~]"  # CSI: colours, cursor
    r"|\x9b[0-?]*[ -/]*[@-~]"
    r"|\x1b[\]PX^_].*?(?:\x07|\x1b\\|\x9c|$)"  # OSC and other strings: titles, the clipboard
    r"|[\x9d\x90\x98\x9e\x9f].*?(?:\x07|\x1b\\|\x9c|$)"
    r"|\x1b[ -/]*[0-~]",
    re.DOTALL,
)
_OBEYED = r"\x7f-\x9f\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069"
"""Control, line-break and text-direction characters that JSON does not escape."""

_CONTROLS = re.compile(rf"[\x00-\x08\x0a-\x1f{_OBEYED}]")
_OBEYED_IN_JSON = re.compile(f"[{_OBEYED}]")
_SURROGATES = re.compile(r"[\ud800-\udfff]")

_UNSURE = re.compile(
    "[\u00ad\u200b-\u200d\u2060\ufeff\u20e3\ufe00-\ufe0f"
    "\U0001f1e6-\U0001f1ff\U0001f3fb-\U0001f3ff\U000e0020-\U000e007f\U000e0100-\U000e01ef]"
)
"""Characters that combine with their neighbours; terminals disagree about the width."""

_FIRST_FLAG = 0x1F1E6
"""The regional indicator A, the first of those that form flags."""


_MARKDOWN = re.compile(r"[\\`*<>|]|\b_(?!\w)|(?<!\w)_|(?<=\])\(")
"""Characters that Markdown interprets; an underscore inside a word is literal."""

LONGEST_EVIDENCE = 200
"""Characters of the line that shows a cause; `--json` has all of it."""

_VERDICTS = {"keep": "+ keep", "discard": "- discard"}

STALLED = "no output for much longer than usual"
"""Reason of a running stage that is flagged `stalled`."""


def harmless(text: str) -> str:
    """Return one line of text without terminal control.

    Escape sequences are removed. Other control characters become visible symbols, except tabs.
    Text-direction characters and undecodable bytes become a replacement character. Emoji sequences
    are split into their parts, because terminals disagree about the width of the whole.
    """
    if text.isascii() and text.isprintable():
        return text
    text = _UNSURE.sub(_alone, text)
    if text.isprintable():
        return text
    shown = _CONTROLS.sub(_picture, _ESCAPES.sub("", text))
    return _SURROGATES.sub("\N{REPLACEMENT CHARACTER}", shown)


def run_label(name: str, run_id: str) -> str:
    """Return a run's name and short id, since several runs may share a name."""
    shown = harmless(name)
    return shown if name == run_id else f"{shown} {formatting.short_id(run_id)}"


def verdict(word: str | None) -> str:
    """Return a user's verdict on a run with its symbol; empty: there is none."""
    return _VERDICTS.get(word or "", "")


def cause_lines(cause: Mapping[str, Any] | None, stage: str = "") -> list[str]:
    """Return why an attempt failed, as lines: what happened, what shows it, where, what to do."""
    if cause is None:
        return []
    begin = f"{stage}: " if stage else ""
    where = f"{cause['file']}:{cause['line']}" if cause["file"] else ""
    edit = (cause["edit"] or {}).get("note", "")
    said = (
        (begin, cause["text"]),
        ("  shown by: ", cause["evidence"][:LONGEST_EVIDENCE]),
        ("  in: ", where),
        ("  what to do: ", cause["fix"]),
        ("  prepared edit: ", edit),
    )
    return [harmless(f"{label}{words}") for label, words in said if words]


def markdown_cell(shown: str) -> str:
    """Return text escaped for a heading or a table's cell in Markdown, on one line."""
    return _MARKDOWN.sub(r"\\\g<0>", harmless(" ".join(shown.split())))


def harmless_json(written: str) -> str:
    """Return equivalent JSON without terminal control characters."""
    if written.isprintable():
        return written
    return _OBEYED_IN_JSON.sub(lambda match: f"\\u{ord(match.group()):04x}", written)


def _alone(match: re.Match[str]) -> str:
    letter = ord(match.group()) - _FIRST_FLAG
    return chr(ord("A") + letter) if 0 <= letter < 26 else ""


def _picture(match: re.Match[str]) -> str:
    code = ord(match.group())
    if code < 0x20:
        return chr(0x2400 + code)
    return "\N{SYMBOL FOR DELETE}" if code == 0x7F else "\N{REPLACEMENT CHARACTER}"


def as_overwritten(line: str) -> str:
    """Return the visible part of a line with carriage returns (e.g. a progress bar)."""
    return next((part for part in reversed(line.split("\r")) if part), "")


def width(text: str) -> int:
    """Return the width of a sanitised text in terminal cells."""
    if text.isascii():
        return len(text)
    return sum(_cells(character) for character in text)


def _cells(character: str) -> int:
    if unicodedata.combining(character):
        return 0
    return 2 if unicodedata.east_asian_width(character) in "WF" else 1


def table(rows: Sequence[Sequence[str]], *, right: Sequence[int] = ()) -> list[str]:
    """Return lines with aligned columns, two spaces apart, without trailing spaces.

    The cells are sanitised here; `right` has the indices of right-aligned columns.
    """
    cells = [[harmless(cell).replace("\t", " ") for cell in row] for row in rows]
    widths = [max(map(width, column)) for column in zip(*cells, strict=True)]
    return [
        "  ".join(
            _padded(cell, widths[at], right=at in right) for at, cell in enumerate(row)
        ).rstrip()
        for row in cells
    ]


def _padded(cell: str, cells: int, *, right: bool) -> str:
    space = " " * (cells - width(cell))
    return space + cell if right else cell + space


def state_word(status: Status, *, is_lost: bool = False) -> str:
    """Return a state's name; that of a lost stage, whose end nobody knows yet, is `running?`."""
    return f"{status}?" if is_lost else str(status)


def state(status: Status, *, is_lost: bool = False) -> str:
    """Return a state's symbol and name."""
    return f"{SYMBOLS[status]} {state_word(status, is_lost=is_lost)}"


def marked_state(stage: StageRecord, alert: str | None) -> str:
    """Return a stage's state with its marks, e.g. `✓ completed  ! NaN`.

    `alert` is the kind of an alert: `nan`, `diverged` or `alert`; None: there is none.
    """
    is_silent = stage.stalled or stage.stalls_after is not None
    silence = ["stalled" if stage.stalled else "silent"] if is_silent else []
    kinds = (silence if stage.lost_at is None else []) + ([] if alert is None else [alert])
    word = state(stage.status, is_lost=stage.lost_at is not None)
    return "  ".join([word, *(" ".join(TROUBLE[kind]) for kind in kinds)])


TROUBLE = {"failed": ("✗", "failed"), "stalled": ("◌", "stalled"), "silent": ("◌", "silent"),
           "nan": ("!", "NaN"), "diverged": ("!", "diverged"), "alert": ("!", "alert")}  # fmt: skip
"""By kind of trouble, its symbol and its word."""


def trouble(counts: Mapping[str, int]) -> str:
    """Return the stages in trouble, e.g. `✗1 failed  ◌1 stalled  !3 NaN`."""
    shown = ((*TROUBLE[kind], count) for kind, count in counts.items() if count)
    return "  ".join(f"{symbol}{count} {word}" for symbol, word, count in shown)


def shares(of_whole: Mapping[str, float]) -> str:
    """Return shares in percent: `lr 64 %, layers 36 %`."""
    return ", ".join(f"{harmless(name)} {100 * share:.0f} %" for name, share in of_whole.items())


def to_go_words(estimate: RemainingTime | None) -> str:
    """Format a remaining time: `~5m 10s`, or `over 5m 10s` for a lower bound."""
    if estimate is None:
        return ""
    seconds = max(round(estimate.seconds), 1)
    shown = f"{seconds}s" if seconds < 10 else formatting.duration(seconds)
    return f"~{shown}" if estimate.whole else f"over {shown}"


def ring(words: str, terminal: str) -> str:
    """Return the escape sequence for the bell and, if supported, a notification (OSC 9).

    The Linux console would print an OSC as text.
    """
    shown = harmless(words).replace("\t", " ")
    return "\a" if terminal in ("", "dumb", "linux") else f"\x1b]9;trainui: {shown}\x07\a"
