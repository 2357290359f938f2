"""Trainers that print a position within an epoch: `MetricLogger`, timm, MMEngine and Fairseq."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any

from trainui.metrics.formats import lenient_json
from trainui.metrics.formats.numbers import leading_number
from trainui.metrics.formats.text.presets.base import NOTHING, NUMBER, STEP, Preset, Row, numbers

_METRIC = re.compile(rf"([\w./@-]+(?: mem)?): +({NUMBER})(?![:\d])(?:s\b)?(?: +\( *({NUMBER})\))?")

_LINE = re.compile(
    # A summary (`train | epoch 001 | loss 2.3 | ...`), or one of the lines inside an epoch.
    r"(?:^|\| |\r)epoch \d+(?P<summary> \| |: +\d+ / \d+ |:[^\[]*\[[^,\]]*, )"
)
_JSON = '| {"epoch": '
_INSIDE = re.compile(r"([\w./-]+)=([^\s,\]]+)")
_SUMMARY = re.compile(r"(?:^|\| )([\w./-]+) ([-+.\w]+)(?= \||\s*$)")
_SUBSET = re.compile(r"valid on '([^']+)' subset")
_STEP = "num_updates"
_NO_SERIES = frozenset({"epoch", "update"})


class _Loops(Preset):
    """Counts training steps across epochs; reads only the last line of a test, its means."""

    substring: str
    line: re.Pattern[str]
    last_of: int
    """The number of lines minus the last line's index."""

    def read(self, line: str) -> Sequence[Row]:
        """Return the line's numbers."""
        found = self.line.match(line) if self.substring in line else None
        pairs = _METRIC.findall(line, found.end()) if found else []
        if found is None or not pairs:
            return NOTHING
        at, of = int(found["at"]), int(found["of"])
        head = found["head"].strip(" :").lower() or "test"
        row: Row = {STEP: float(at)}
        if found["epoch"] is not None:
            first = 1 if found.groupdict().get("epochs") else 0  # `Train: 1/80`
            self.memory["last"] = (int(found["epoch"]) - first) * of + at
            row = {STEP: float(self.memory["last"])}
        elif not head.startswith("train"):
            if at < of - self.last_of:
                return NOTHING
            means = {f"{head}/{name}": float(mean or value) for name, value, mean in pairs}
            return [{STEP: float(self.memory.get("last", at)), **means}]
        for name, value, mean in pairs:
            row[name] = float(value)
            if mean:
                row[f"{name}_avg"] = float(mean)
        return [row]


class MetricLogger(_Loops):
    """`Epoch: [0]  [10/38]  eta: 0:00:00  lr: 0.1  loss: 2.07 (2.05)  time: 0.001`."""

    of_messages = True

    substring = "eta: "
    line = re.compile(
        r"(?P<head>[^\[]*?)(?::? *\[ *(?P<epoch>\d+)(?:/\d+)?\])?:?\s+"
        r"\[ *(?P<at>\d+)/(?P<of>\d+)\]\s+eta: [\w:., ]*?:\d\d\s+"
    )
    last_of = 1


class Timm(_Loops):
    """`Train: 0 [   3/9 ( 44%)]  Loss: 2.32 (2.31)  Time: 0.2s, ...  LR: 1.0e-05`."""

    substring = "["
    line = re.compile(
        r"(?:.*\s)?(?P<head>Train|Test[^:\[]*): +"
        r"(?:(?P<epoch>\d+)(?P<epochs>/\d+ \( *\d+%\))? +)?"
        r"\[ *(?P<at>\d+)/(?P<of>\d+)(?: +\( *\d+%\))?\]\s+(?=\S+: )"
    )
    last_of = 0


class MMEngine(Preset):
    """The log of MMEngine and the older MMCV: `Epoch(train) [1][10/38]  lr: 5.0e-02  loss: 2.2`.

    It counts iterations across epochs; a validation's step is the end of its epoch.
    """

    _line = re.compile(
        r"(?:.*\s-?)?(?!Epoch +\[[ \d/]*\]\s)(?P<by>Epoch|Iter)(?:\((?P<mode>\w+)\))? +"
        r"(?:\[ *(?P<epoch>\d+)\])?\[ *(?P<at>\d+)(?:/ *(?P<of>\d+))?\]\s+(?=\S+: )"
    )
    _metric = re.compile(rf"([\w./@%-]+(?:\([^)]*\))?): ({NUMBER})(?=[\s,]|$)")
    _also_of_training = re.compile(r"time|data_time|memory|loss.*|lr|base_lr|grad_norm")

    def read(self, line: str) -> Sequence[Row]:
        """Return the line's numbers."""
        found = self._line.match(line) if "Epoch" in line or "Iter" in line else None
        if found is None:
            return NOTHING
        row = numbers(self._metric.findall(line, found.end()))
        row.pop("eta", None)
        mode = found["mode"] or "train"
        if mode != "train":
            # apart from metrics of the training
            is_like = self._also_of_training.fullmatch
            row = {
                f"{mode}/{name}" if mode == "test" or is_like(name) else name: row[name]
                for name in row
            }
        return [{STEP: self._step(found, mode), **row}] if row else NOTHING

    def _step(self, found: re.Match[str], mode: str) -> float:
        epoch, at = int(found["epoch"] or 0), int(found["at"])
        if mode == "train":
            if found["epoch"] and found["of"]:
                self.memory["of"] = int(found["of"])
                at += (epoch - 1) * int(found["of"])
            self.memory["last"] = at
            return at
        if found["epoch"] and "of" in self.memory:
            return float(epoch * self.memory["of"])
        return float(self.memory.get("last", epoch or at))


class Fairseq(Preset):
    """Its `simple`, `json` and `tqdm` logs; metric names are prefixed with the line's tag."""

    def read(self, line: str) -> Sequence[Row]:
        """Return the line's numbers."""
        if _STEP not in line:
            return NOTHING
        if (at := line.find(_JSON)) >= 0:
            tag = _field(line[:at])
            fields = lenient_json.load(line[at + 2 :])
            named = fields.items() if isinstance(fields, dict) else ()
            return self._row(tag, [(name.removeprefix(f"{tag}_"), one) for name, one in named])
        if (found := _LINE.search(line)) is None:
            return NOTHING
        rest = line[found.end() :]
        is_summary = found["summary"] == " | "
        subset = _SUBSET.search(rest)
        unnamed = subset[1] if subset else "train" if is_summary else "train_inner"
        tag = _field(line[: found.start()]) or unnamed
        return self._row(tag, (_SUMMARY if is_summary else _INSIDE).findall(rest))

    def _row(self, tag: str, pairs: Sequence[tuple[str, Any]]) -> Sequence[Row]:
        row = {
            STEP if name == _STEP else f"{tag}/{name}": number
            for name, value in pairs
            if name not in _NO_SERIES and (number := leading_number(str(value))) is not None
        }
        return [row] if STEP in row and len(row) > 1 else NOTHING


def _field(before: str) -> str:
    """Return the logger's name for a line: the last field before it."""
    return before.rpartition("| ")[2].strip()
