"""Progress bars, with the numbers beside them."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any

from trainui.plugin import LineReader, NumberRow
from trainui.plugin.reading import split_metrics, to_number

# tqdm's progress bars followed by numbers, also as drawn by Lightning, Ignite and Rich.

_AMOUNT = r"(?:\d++\.?+\d*+|\.\d++)[kMGT]?+"
_BAR = re.compile(
    rf"(?P<text>.*?)(?::\s+|^\s*|\s)(?:\d+%\|[^|]*\|\s*)?(?P<at>{_AMOUNT})(?:/(?P<of>{_AMOUNT}|\?))?\s?"
    r"(?:[^\s\d\[]\S*\s)?\[(?P<times>\d[\d:]*(?:<[^,\]]*)?)(?P<rest>, .*)?\]\s*"
)
_IGNITE = re.compile(
    r"(?P<text>.*?)(?<!\s)\s*+\[(?P<at>\d+)/(?P<of>\d+)\]\s+\d+%\|[^|,]*(?P<rest>, [^\[|]*?)?\s*"
    r"\[(?P<times>\d[\d:]*<[^\]]*)\]\s*"
)
"""PyTorch-Ignite's form: the numbers come before the times."""
_DASH = re.compile(r"(?<=[A-Za-z_]) - (?=[\d.-])")
_UNITS = {"k": 1e3, "M": 1e6, "G": 1e9, "T": 1e12}
_COUNTS = re.compile(
    r"\d+|\b(?:epochs?|iter|it|steps?|of|train|training)\b|[^\w@%]+", re.IGNORECASE
)
_EPOCH = re.compile(
    r"\b(?:ep(?:och)?|train(?:ing)?|val\w*)\W*(?P<at>\d+)(?P<of>\s*(?:/|of)\s*\d+)?", re.IGNORECASE
)
_HELD_OUT = re.compile(r"val|test|eval|dev|lr\b|learning.rate|epoch", re.IGNORECASE)
_MOST_KINDS = 100
"""Descriptions of bars that are read."""
_SEEN = 100
"""Positions of the first bar that are remembered."""
LONG, EVERY = 600, 60
"""Seconds on the bar's own clock: how long until the first bar gives rows, and between two rows."""
_ALLENNLP = " ||: "
"""In its bars, which are alike for training and validation; a table has the same numbers."""


class Rich(LineReader):
    """Rich's bars, also Lightning's, whose numbers wrap onto the lines below the bar."""

    _bar = re.compile(r"(?P<text>[^━]*[A-Za-z][^━]*)━[━╸╺ ]*(?P<rest>(?:\s.*)?)\s*", re.DOTALL)
    _below = re.compile(r"\s{8,}(\S.*)", re.DOTALL)

    def read(self, line: str) -> Sequence[NumberRow] | None:
        """Return the bar that a line ends."""
        memory = self.memory
        if bar := self._bar.fullmatch(line):
            found = _EPOCH.search(bar["text"])
            epoch = int(found["at"]) if found else memory.get("epoch", 0)
            rows = () if memory.get("epoch", epoch) == epoch else self.finish()
            memory.update(epoch=epoch, text=bar["rest"], open=True)
            return rows or None
        if not memory.get("open"):
            return None if "━" in line else ()
        if below := self._below.fullmatch(line):
            memory["text"] = f"{memory['text']} {below[1]}"
            return None
        memory["open"] = False
        return ()

    def finish(self) -> Sequence[NumberRow]:
        """Return the bar that was drawn last."""
        text, epoch = self.memory.pop("text", ""), self.memory.pop("epoch", 0)
        self.memory.clear()
        row = split_metrics(text)[2]
        return [{"step": float(epoch), **row}] if row else ()


class Bars(LineReader):
    """Remembers each bar being drawn, by its description without counts."""

    def __init__(self, memory: dict[str, Any]) -> None:
        super().__init__(memory)
        self._rich = Rich(memory.get("rich", {}))

    @classmethod
    def carried_over(cls, memory: Mapping[str, Any]) -> dict[str, Any]:
        """Return that bars are epochs, if there were several, and if their first is 0."""
        is_any = any(bar["count"] > 1 for bar in memory.get("bars", {}).values())
        return {**({"epochs": True} if is_any else {}), "from_zero": memory.get("from_zero", False)}

    def read(self, line: str) -> Sequence[NumberRow] | None:
        """Return the bar that a line ends: by starting another, or by a line feed."""
        ends = line.rstrip().endswith("]") and "[" in line and _ALLENNLP not in line
        ignite = _IGNITE.fullmatch(line) if ends and line.count("]") > 1 else None
        found = ignite or (_BAR.fullmatch(line) if ends else None)
        if found is None:
            if "━" not in line and not self._rich.memory:
                return ()
            rows = self._rich.read(line)
            self.memory["rich"] = self._rich.memory
            return rows
        return self._drawn(line, found) or None

    def _drawn(self, line: str, found: re.Match[str]) -> Sequence[NumberRow]:
        text, own, described = split_metrics(found["text"])
        kind = " ".join(_COUNTS.sub(" ", text).lower().split())
        bars: dict[str, Any] = self.memory.setdefault("bars", {})
        if kind not in bars and len(bars) >= _MOST_KINDS:
            return ()
        bar = bars.setdefault(kind, {"text": "", "at": 0.0, "row": {}, "given": [], "count": 0})
        row = described | _numbers(found["rest"] or "")
        if own is not None:  # the numbers of a step are whole when the next one is described
            rows = () if bar.get("own") in (None, own) else self._new_rows(kind, bar)
            bar.update(own=own, row=row, given=[])
            return rows
        at = _amount(found["at"])
        epoch = _EPOCH.search(text)
        above = None if epoch else self.epoch
        begins = at < bar["at"] or (bar["text"] != text and at <= bar["at"])
        rows = self._end(kind, bar) if begins or bar.get("above", above) != above else ()
        before = self._epochs_before(epoch) if epoch else above
        bar.update(text=text, at=at, above=above, before_it=before)
        self.at = float(self._epochs_before(epoch)) if epoch and at else None
        if at or not bar["count"]:  # a bar that starts over has the numbers of the one before
            bar["row"].update(row)
        seconds = _seconds(found["times"])
        if seconds >= LONG and not bar["count"] and "before" not in bar:
            length = found["of"] or "0"  # or `?`
            before = self._epochs_before(epoch) * (_amount(length) if length.isdigit() else 0.0)
            bar.update(before=before, told=0.0, told_at=before)
        is_first = not bar["count"] and "own" not in bar and "epochs" not in self.memory
        if is_first and "before" not in bar and before is None:
            _remember(bar, at)
        if "before" in bar and abs(seconds - bar["told"]) >= EVERY:
            bar["told"] = seconds
            return [*rows, *self._new_rows(kind, bar)]
        # With several bars, moving to the next line need not end one.
        if line.endswith("\n") and len(bars) == 1 and found["of"] in (None, found["at"]):
            rows = [*rows, *self._new_rows(kind, bar)] if "seen" not in bar else rows
        return rows

    def _epochs_before(self, found: re.Match[str] | None) -> int:
        """Return the number of epochs before the one that a bar's description says."""
        epoch = int(found["at"]) if found else 0
        if found and not epoch:
            self.memory["from_zero"] = True
        return max(0, epoch - bool(found and found["of"] and not self.memory.get("from_zero")))

    def _new_rows(self, kind: str, bar: dict[str, Any]) -> Sequence[NumberRow]:
        """Return the new numbers of a bar; a bar may continue after it seemed to have ended."""
        if "before" in bar:
            step = bar["before"] + bar["at"]
            if step <= bar["told_at"]:
                return ()
            bar["told_at"] = step
            return _row(kind, bar["row"], step)
        new = {name: value for name, value in bar["row"].items() if name not in bar["given"]}
        bar["given"] += new
        held = bar.get("held", 0)
        count = held if _is_held_out(bar["row"]) else bar["count"] - held
        before = bar.get("before_it")
        return _row(kind, new, bar.get("own", count if before is None else before))

    def _end(self, kind: str, bar: dict[str, Any]) -> Sequence[NumberRow]:
        rows = self._new_rows(kind, bar)
        bar.pop("seen", None)
        if "before" in bar and bar["row"]:  # a bar without numbers is of other data
            bar["before"] += bar["at"]
        bar["count"] += bool(bar["given"])
        bar["held"] = bar.get("held", 0) + bool(bar["given"] and _is_held_out(bar["row"]))
        bar["row"], bar["given"] = {}, []
        return rows

    def finish(self) -> Sequence[NumberRow]:
        """Return the bars that were drawn last, and what was seen of one that has no epoch."""
        rows = [*self._rich.finish()]
        for kind, bar in self.memory.get("bars", {}).items():
            seen = bar.pop("seen", ())
            if not seen or "before" in bar:
                rows += self._end(kind, bar)
            else:
                rows += (row for at, values in seen for row in _row(kind, values, at))
        return rows


def _remember(bar: dict[str, Any], at: float) -> None:
    """Keep some of the positions of the first bar, in case that it is the only one."""
    seen: list[tuple[float, NumberRow]] = bar.setdefault("seen", [])
    gap = bar.get("gap", 0)
    if seen and (seen[-1][0] >= at or (len(seen) > 1 and seen[-1][0] - seen[-2][0] < gap)):
        seen.pop()  # the last one is always kept
    if len(seen) >= _SEEN:
        bar["gap"] = 2 * max(gap, at / _SEEN)
        del seen[1::2]
    if bar["row"]:
        seen += [(at, dict(bar["row"]))]


def _is_held_out(row: NumberRow) -> bool:
    """Return True for the numbers of a bar over held-out data alone; the training's has others."""
    return all(map(_HELD_OUT.match, row))


def _row(kind: str, values: NumberRow, step: float) -> Sequence[NumberRow]:
    prefix = f"{kind}/" if kind else ""
    named = {f"{prefix}{name}": value for name, value in values.items()}
    return [{"step": float(step), **named}] if named else ()


def _seconds(times: str) -> float:
    """Return a bar's elapsed seconds: it prints `H:MM:SS` or shorter, perhaps `<` and more."""
    seconds = 0.0
    for part in times.split("<")[0].split(":"):
        seconds = seconds * 60 + float(part or 0)
    return seconds


def _amount(text: str) -> float:
    return float(text.rstrip("kMGT")) * _UNITS.get(text[-1:], 1.0)


def _numbers(rest: str) -> NumberRow:
    return split_metrics(_DASH.sub("=", rest))[2]


# Keras: the bars of an epoch, redrawn or one line each.

_HEADING = re.compile(r"Epoch (\d+)/\d+\s*")
_KERAS_BAR = re.compile(
    r"\s*(?P<at>\d+)/(?P<of>\d+|Unknown)\s+(?P<bar>\S.*)|\s*- (?P<line>\d+s .*)"
)


class Keras(LineReader):
    """Remembers the epoch, its last numbers, and which of them were already returned.

    An epoch is one row, with its last numbers; the bars of `evaluate` are ignored.
    """

    def read(self, line: str) -> Sequence[NumberRow] | None:
        """Return the epoch that a line ends."""
        if heading := _HEADING.fullmatch(line):
            is_own, before = bool(self.memory.get("row")), self.finish()
            self.memory.update(epoch=int(heading[1]), row={}, given=[], at=0, of=None)
            return before or (None if is_own else ())
        if self.memory.get("epoch") is None or (bar := _KERAS_BAR.match(line)) is None:
            return ()
        parts = line[bar.start("bar") if bar["bar"] else bar.start("line") :].split(" - ")
        row = _keras_numbers(parts)
        if not self._is_own_bar(bar):
            return self.finish() or None
        if not row:
            return None
        self.memory["row"] = row
        whole = line.endswith("\n") and bar["at"] == bar["of"]
        return (self._new_rows() if whole else ()) or None

    def _is_own_bar(self, bar: re.Match[str]) -> bool:
        """Return True if a bar continues the epoch's own; `evaluate` starts another."""
        if not bar["bar"]:
            return True
        at, of, memory = int(bar["at"]), bar["of"], self.memory
        own = at >= memory.get("at", 0) and memory.get("of") in (None, of)
        if own:
            memory["at"], memory["of"] = at, of
        return own

    def _new_rows(self) -> Sequence[NumberRow]:
        given, row = self.memory["given"], self.memory["row"]
        new = {name: value for name, value in row.items() if name not in given}
        self.memory["given"] = [*given, *new]
        return [{"step": float(self.memory["epoch"]), **new}] if new else ()

    def finish(self) -> Sequence[NumberRow]:
        """Return the epoch that was drawn last."""
        if self.memory.get("epoch") is None:
            return ()
        rows = self._new_rows()
        self.memory["epoch"] = None
        return rows


def _keras_numbers(parts: Sequence[str]) -> NumberRow:
    named = (part.rpartition(": ") for part in parts)
    return {
        name.lstrip(): number
        for name, colon, value in named
        if colon and name != "ETA" and (number := to_number(value)) is not None
    }
