"""tqdm's progress bars followed by numbers, also as drawn by Lightning and Rich.

The rule: a bar is one row, with its last numbers, and its step is the count of bars: a bar that
starts over, or has another description, ends the one before. A first bar that says a later epoch is
of a resumed training: the epochs before it are counted. If the first bar lasts long, bars are not
epochs: they give a row at intervals, whose step is the bar's position; so does the only bar of a
log at its end. Numbers in a description, as in `loss 0.5:`, are metrics too; a step there, as in
`step 7 loss 0.5:`, is a row's step.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from functools import lru_cache
from typing import Any

from trainui.metrics.formats.numbers import leading_number
from trainui.metrics.formats.text.presets.base import NOTHING, NUMBER, STEP, Preset, Row
from trainui.metrics.formats.text.presets.parts import pairs
from trainui.metrics.formats.text.presets.parts.pairs import Pair

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
_ITEM = re.compile(r", ([A-Za-z_][^=,]*)=([^,\]]+)")
_UNITS = {"k": 1e3, "M": 1e6, "G": 1e9, "T": 1e12}
_COUNTS = re.compile(r"\d+|\b(?:epoch|iter|it|step|of|train|training)\b|[^\w@%]+", re.IGNORECASE)
_EPOCH = re.compile(r"\bep(?:och)?\W*(?P<at>\d+)(?P<of>\s*(?:/|of)\s*\d+)?", re.IGNORECASE)
_SEEN = 100
"""Positions of the first bar that are remembered."""
LONG, EVERY = 600, 60
"""Seconds on the bar's own clock: how long until the first bar gives rows, and between two rows."""
_ALLENNLP = " ||: "
"""In its bars, which are alike for training and validation; a table has the same numbers."""
_NO_METRIC = frozenset({"v_num"})


class Rich(Preset):
    """Lightning's `RichProgressBar`, whose numbers wrap onto the lines below the bar."""

    has_steps = False
    _bar = re.compile(
        r"Epoch (\d+)/\d+\s.*?\d+/\d+ \d+:\d\d:\d\d •\s+\S+\s+\S+/s\s*(.*)", re.DOTALL
    )
    _below = re.compile(r"\s{8,}(\S.*)", re.DOTALL)
    _metric = re.compile(rf"([\w./@-]+):\s+({NUMBER})")

    def read(self, line: str) -> Sequence[Row]:
        """Return the bar that a line ends."""
        if bar := self._bar.fullmatch(line):
            same = self.memory.get("epoch") == int(bar[1])
            rows = NOTHING if same else self.finish()
            self.memory.update(epoch=int(bar[1]), text=bar[2])
            return rows
        if "text" not in self.memory:
            return NOTHING
        if below := self._below.fullmatch(line):
            self.memory["text"] = f"{self.memory['text']} {below[1]}"
            return NOTHING
        return self.finish()

    def finish(self) -> Sequence[Row]:
        """Return the bar that was drawn last."""
        found = self._metric.findall(self.memory.pop("text", ""))
        row = {name: float(value) for name, value in found if name not in _NO_METRIC}
        epoch = self.memory.pop("epoch", 0)
        return [{STEP: float(epoch), **row}] if row else NOTHING


class Tqdm(Preset):
    """Remembers each bar being drawn, by its description without counts."""

    has_steps = False

    def __init__(self, memory: dict[str, Any]) -> None:
        super().__init__(memory)
        self._rich = Rich(memory.setdefault("rich", {}))

    @classmethod
    def carried_over(cls, memory: Mapping[str, Any]) -> dict[str, Any]:
        """Return that bars are epochs, if there were several."""
        is_any = any(bar["count"] > 1 for bar in memory.get("bars", {}).values())
        return {"epochs": True} if is_any else {}

    def read(self, line: str) -> Sequence[Row]:
        """Return the bar that a line ends: by starting another, or by a line feed."""
        ends = line.rstrip().endswith("]") and "[" in line and _ALLENNLP not in line
        ignite = _IGNITE.fullmatch(line) if ends and line.count("]") > 1 else None
        found = ignite or (_BAR.fullmatch(line) if ends else None)
        if found is None:
            return self._rich.read(line)
        text, own, described = _described(found["text"])
        kind = " ".join(_COUNTS.sub(" ", text).lower().split())
        bars: dict[str, Any] = self.memory.setdefault("bars", {})
        bar = bars.setdefault(kind, {"text": "", "at": 0.0, "row": {}, "given": [], "count": 0})
        if "start" not in bar or not (bar["row"] or bar["count"]):
            bar["start"] = _epochs_before(text)
        row = described | _numbers(found["rest"] or "")
        if own is not None:  # the numbers of a step are whole when the next one is described
            rows = NOTHING if bar.get("own") in (None, own) else self._new_rows(kind, bar)
            bar.update(own=own, row=row, given=[])
            return rows
        at = _amount(found["at"])
        begins = at < bar["at"] or (bar["text"] != text and at <= bar["at"])
        rows = self._end(kind, bar) if begins else NOTHING
        bar["text"], bar["at"] = text, at
        if at or not bar["count"]:  # a bar that starts over has the numbers of the one before
            bar["row"].update(row)
        seconds = _seconds(found["times"])
        if seconds >= LONG and not bar["count"] and "before" not in bar:
            length = found["of"] or "0"  # or `?`
            before = bar["start"] * (_amount(length) if length.isdigit() else 0.0)
            bar.update(before=before, told=0.0, told_at=before)
        is_first = not bar["count"] and "epochs" not in self.memory
        if is_first and "before" not in bar and not _EPOCH.search(text):
            _remember(bar, at)
        if "before" in bar and abs(seconds - bar["told"]) >= EVERY:
            bar["told"] = seconds
            return [*rows, *self._new_rows(kind, bar)]
        # With several bars, moving to the next line need not end one.
        if line.endswith("\n") and len(bars) == 1 and found["of"] in (None, found["at"]):
            rows = [*rows, *self._new_rows(kind, bar)] if "seen" not in bar else rows
        return rows

    def _new_rows(self, kind: str, bar: dict[str, Any]) -> Sequence[Row]:
        """Return the new numbers of a bar; a bar may continue after it seemed to have ended."""
        if "before" in bar:
            step = bar["before"] + bar["at"]
            if step <= bar["told_at"]:
                return NOTHING
            bar["told_at"] = step
            return _row(kind, bar["row"], step)
        new = {name: value for name, value in bar["row"].items() if name not in bar["given"]}
        bar["given"] += new
        return _row(kind, new, bar.get("own", bar["start"] + bar["count"]))

    def _end(self, kind: str, bar: dict[str, Any]) -> Sequence[Row]:
        rows = self._new_rows(kind, bar)
        bar.pop("seen", None)
        if "before" in bar:
            bar["before"] += bar["at"]
        bar["count"] += bool(bar["given"])
        bar["row"], bar["given"] = {}, []
        return rows

    def finish(self) -> Sequence[Row]:
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
    seen: list[tuple[float, Row]] = bar.setdefault("seen", [])
    gap = bar.get("gap", 0)
    if seen and (seen[-1][0] >= at or (len(seen) > 1 and seen[-1][0] - seen[-2][0] < gap)):
        seen.pop()  # the last one is always kept
    if len(seen) >= _SEEN:
        bar["gap"] = 2 * max(gap, at / _SEEN)
        del seen[1::2]
    if bar["row"]:
        seen += [(at, dict(bar["row"]))]


def _row(kind: str, values: Row, step: float) -> Sequence[Row]:
    prefix = f"{kind}/" if kind else ""
    named = {f"{prefix}{name}": value for name, value in values.items()}
    return [{STEP: float(step), **named}] if named else NOTHING


@lru_cache(256)
def _described(text: str) -> tuple[str, float | None, Row]:
    """Return a bar's description without the metrics in it, its step, and the metrics.

    `Epoch 3 loss 0.5` is redrawn with other numbers as the bar advances.
    """
    found = pairs.find(text)
    metrics = [pair for pair in found if _is_metric(pair)]
    if not metrics:
        return text, None, {}
    steps = [pair for pair in found if pair.is_step]
    inner = [] if any(_EPOCH.search(pair.text) for pair in steps) else steps[:1]
    cut = sorted([*metrics, *inner], key=lambda pair: pair.start)
    between = " ".join(pairs.between(text, cut))
    own = inner[0].value if inner else None
    return between, own, {pair.name: pair.value for pair in metrics}


def _is_metric(pair: Pair) -> bool:
    """Return True for a number behind the name of a metric, and for `psnr: 30.5`."""
    is_assigned = not pair.value.is_integer() and not {*":="}.isdisjoint(pair.text)
    return not pair.is_step and (is_assigned or pairs.names_metric(pair.name))


def _epochs_before(text: str) -> int:
    """Return the number of epochs before the one that a bar's description says."""
    found = _EPOCH.search(text)
    if found is None or int(found["at"]) < 2:  # the first one, whether counted from 0 or from 1
        return 0
    return int(found["at"]) - (found["of"] is not None)


def _seconds(times: str) -> float:
    """Return a bar's elapsed seconds: it prints `H:MM:SS` or shorter, perhaps `<` and more."""
    seconds = 0.0
    for part in times.split("<")[0].split(":"):
        seconds = seconds * 60 + float(part or 0)
    return seconds


def _amount(text: str) -> float:
    return float(text.rstrip("kMGT")) * _UNITS.get(text[-1:], 1.0)


def _numbers(rest: str) -> Row:
    found = ((name, leading_number(value)) for name, value in _ITEM.findall(rest))
    return {name: value for name, value in found if value is not None and name not in _NO_METRIC}
