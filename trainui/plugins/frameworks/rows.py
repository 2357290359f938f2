"""What frameworks print for people: lines of names and numbers, tables and boxes."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any

from trainui.plugin import LineReader, NumberRow
from trainui.plugin.reading import (
    NUMBER,
    leading_number,
    load_json,
    message,
    to_number,
)

# torchvision's `MetricLogger`, and timm.

_METRIC = re.compile(rf"([\w./@-]+(?: mem)?): +({NUMBER})(?![:\d])(?:s\b)?(?: +\( *({NUMBER})\))?")


class _Loops(LineReader):
    """Counts training steps across epochs; reads only the last line of a test, its means."""

    substring: str
    line: re.Pattern[str]
    of_messages = False
    last_of: int
    """The number of lines minus the last line's index."""

    @classmethod
    def carried_over(cls, memory: Mapping[str, Any]) -> dict[str, Any]:
        """Return the number of the first epoch: 0, unless a log begins with 1."""
        return {"first": memory["first"]} if "first" in memory else {}

    def read(self, line: str) -> Sequence[NumberRow] | None:
        """Return the line's numbers."""
        if self.substring not in line:
            return ()
        line = message(line) if self.of_messages else line
        found = self.line.match(line)
        pairs = _METRIC.findall(line, found.end()) if found else []
        if found is None or not pairs:
            return ()
        at, of = int(found["at"]), int(found["of"])
        head = found["head"].strip(" :").lower() or "test"
        row: NumberRow = {"step": float(at)}
        if found["epoch"] is not None:
            epoch = int(found["epoch"])
            first = self.memory.setdefault("first", int(epoch == 1 or bool(found["epochs"])))
            self.memory["last"] = (epoch - (first if epoch else 0)) * of + at
            row = {"step": float(self.memory["last"])}
        elif not head.startswith("train"):
            if at < of - self.last_of:
                return None
            means = {f"{head}/{name}": float(mean or value) for name, value, mean in pairs}
            return [{"step": float(self.memory.get("last", at)), **means}]
        for name, value, mean in pairs:
            row[name] = float(value)
            if mean:
                row[name + "_avg"] = float(mean)
        return [row]


class MetricLogger(_Loops):
    """`Epoch: [0]  [10/38]  eta: 0:00:00  lr: 0.1  loss: 2.07 (2.05)  time: 0.001`."""

    of_messages = True
    substring = "eta: "
    line = re.compile(
        r"(?P<head>[^\[]*?)(?::? *\[ *(?P<epoch>\d+)(?P<epochs>(?!))?(?:/\d+)?\])?:?\s+"
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


# XGBoost, LightGBM and CatBoost.


class Boosting(LineReader):
    """XGBoost, LightGBM and CatBoost: a line per iteration, with the evaluation sets' names."""

    _forms = (
        # `[0]<TAB>train-auc:0.5<TAB>valid-auc:0.4`; in cross-validation `0.5+0.01`
        (r"\[(\d+)\]\s+(?=[^\s:]+:)", rf"(?<![^\s:])([^\s:]++):({NUMBER})"),
        # `[1]<TAB>valid_1's auc: 0.98`, in cross-validation `0.98 + 0.01`
        (r"\[(\d+)\]\t(?=[^\t]+: )", rf"(?<![^\t:])([^\t:]+?) ?: ({NUMBER})"),
        # `0:<TAB>learn: 0.58<TAB>test: 0.59<TAB>best: 0.59 (0)<TAB>total: 54ms`
        (r"(\d+):\t", r"\b(learn|test\d*|best): (\S+)"),
    )
    _patterns = tuple((re.compile(start), re.compile(metric)) for start, metric in _forms)

    def read(self, line: str) -> Sequence[NumberRow] | None:
        """Return the line's numbers, except those of the best iteration, which are repeated."""
        line = message(line)
        if "est iteration is:" in line:
            self.memory["again"] = True
            return ()
        if self.memory.pop("again", False):
            return None
        if line.startswith("[LightGBM]"):  # its command line's format
            line = re.sub(r"^\[LightGBM\] \[Info\] Iteration:(\d+), ", "[\\1]\t", line)
        for start, metric in self._patterns:
            found = start.match(line)
            named = metric.findall(line, found.end()) if found else ()
            row = {name: one for name, text in named if (one := leading_number(text)) is not None}
            if found and row:
                return [{"step": float(found[1]), **row}]
        return ()


# fairseq: the `simple`, `json` and `tqdm` logs.

_TIMED_ROW = re.compile(
    # A summary (`train | epoch 001 | loss 2.3 | ...`), or one of the lines inside an epoch.
    r"(?:^|\| |\r)epoch \d+(?P<summary> \| |: +\d+ / \d+ |:[^\[]*\[[^,\]]*, )"
)
_JSON = re.compile(r'(?:\| |\] - )(?=\{"epoch": )')
_INSIDE = re.compile(r"([\w./-]+)=([^\s,\]]+)")
_SUMMARY = re.compile(r"(?:^|\| )([\w./-]+) ([-+.\w]+)(?= \||\s*$)")
_SUBSET = re.compile(r"valid on '([^']+)' subset")
_STEP = "num_updates"
_NO_SERIES = frozenset({"epoch", "update"})


class Fairseq(LineReader):
    """Its `simple`, `json` and `tqdm` logs; metric names are prefixed with the line's tag."""

    def read(self, line: str) -> Sequence[NumberRow]:
        """Return the line's numbers."""
        if _STEP not in line:
            return ()
        if found := _JSON.search(line):
            tag = _field(line[: found.start()])
            fields = load_json(line[found.end() :])
            named = fields.items() if isinstance(fields, dict) else ()
            return self._row(tag, [(name.removeprefix(f"{tag}_"), one) for name, one in named])
        if (found := _TIMED_ROW.search(line)) is None:
            return ()
        rest = line[found.end() :]
        is_summary = found["summary"] == " | "
        subset = _SUBSET.search(rest)
        unnamed = subset[1] if subset else "train" if is_summary else "train_inner"
        tag = _field(line[: found.start()]) or unnamed
        return self._row(tag, (_SUMMARY if is_summary else _INSIDE).findall(rest))

    def _row(self, tag: str, pairs: Sequence[tuple[str, Any]]) -> Sequence[NumberRow]:
        row = {
            "step" if name == _STEP else f"{tag}/{name}": number
            for name, value in pairs
            if name not in _NO_SERIES and (number := leading_number(str(value))) is not None
        }
        return [row] if "step" in row and len(row) > 1 else ()


def _field(before: str) -> str:
    """Return the last field before a line, its logger: Hydra puts it in brackets."""
    return before.removesuffix("][INFO").rpartition("][")[2].rpartition("| ")[2].strip()


# MMEngine and the older MMCV.


class MMEngine(LineReader):
    """The log of MMEngine and the older MMCV: `Epoch(train) [1][10/38]  lr: 5.0e-02  loss: 2.2`.

    It counts iterations across epochs; a validation's step is the end of its epoch.
    """

    _line = re.compile(
        r"(?:.*\s-?)?(?!Epoch +\[[ \d/]*\]\s)(?P<by>Epoch|Iter)(?:\((?P<mode>\w+)\))? +"
        r"(?:\[ *(?P<epoch>\d+)\])?\[ *(?P<at>\d+)(?:/ *(?P<of>\d+))?\]\s+(?=\S+: )"
    )
    _metric = re.compile(rf"([\w./@%-]+(?:\([^)]*\))?): ({NUMBER})(?=[\s,]|$)")

    def read(self, line: str) -> Sequence[NumberRow]:
        """Return the line's numbers."""
        found = self._line.match(line) if "Epoch" in line or "Iter" in line else None
        if found is None:
            return ()
        named = self._metric.findall(line, found.end())
        row = {name: one for name, text in named if (one := leading_number(text)) is not None}
        row.pop("eta", None)
        mode = found["mode"] or "train"
        if mode != "train":
            # apart from metrics of the training
            row = {f"{mode}/{name}": row[name] for name in row}
        return [{"step": self._step(found, mode), **row}] if row else ()

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


# Stable-Baselines3, baselines, Spinning Up and Ray: boxes of names and values.

_ROW = re.compile(r"\| ?(?P<key>[^|]*?) *\| *(?P<value>[^\s|]*)[^|]*\|\s*")
_RULE = re.compile(r"-{3,}\s*")
_INDENT = "   "
_BOX = dict.fromkeys(range(0x2500, 0x2580), "-") | {ord("│"): "|"}
_BOXED = re.compile(r"\| (?P<key>\S+) {2,}(?P<value>[^\s|]+) +\|\s*")
"""A row of a box without a line between its columns."""
_TITLE = re.compile(r"\| Trial (?P<trial>\S+) result +\|\s*")
_STEPS = (
    *("step", "total_timesteps", "timestepssofar", "totalenvinteracts"),
    *("iteration", "training_iteration", "epoch"),
)
"""Names of a step, the most specific first."""


class Boxes(LineReader):
    """Each box is a row: `| rollout/ | |`, then `|    ep_rew_mean | 14.8 |` below it."""

    def read(self, line: str) -> Sequence[NumberRow] | None:
        """Return the box that a line ends."""
        if line[0] not in "|-":
            line = message(line)
        row: NumberRow = self.memory.get("row", {})
        if "─" in line or "│" in line:
            return self._boxed(row, line.translate(_BOX))
        found = _ROW.fullmatch(line) if "row" in self.memory else None
        if found and (row or to_number(found["value"]) is not None or found["key"].endswith("/")):
            self._add_cell(row, found["key"], found["value"])
            return None
        self.memory.pop("row", None)
        is_rule = _RULE.fullmatch(line) is not None
        if is_rule:
            self.memory.update(row={}, group="")
        step = _step(row) if is_rule else None
        return _rows(row, step) if step else ()

    def _boxed(self, row: NumberRow, line: str) -> Sequence[NumberRow] | None:
        """Return the row of a box that a line ends; a box without a step has settings."""
        if title := _TITLE.fullmatch(line):
            self.memory["trial"] = title["trial"]
        if found := _BOXED.fullmatch(line):
            self._add_cell(row, found["key"], found["value"])
            return None
        if title or not _RULE.fullmatch(line):
            return None if title else ()
        self.memory["row"], trial = {}, self.memory.pop("trial", None) if row else None
        step = _step(row)
        if not step:
            return ()
        first = self.memory.setdefault("first", trial)
        return _rows(row, step, "" if trial == first else f"{trial}/")

    def _add_cell(self, row: NumberRow, key: str, value: str) -> None:
        """Add a cell; a key without a value is the group of the keys below it."""
        if not value and key.endswith("/"):
            self.memory["group"] = key
        elif key.strip() != "Time" and (number := to_number(value)) is not None:  # since the start
            group = self.memory.get("group", "") if key.startswith(_INDENT) else ""
            row[f"{group}{key.strip()}"] = number
        self.memory["row"] = row


def _step(row: NumberRow) -> str | None:
    names = {name.rpartition("/")[2].lower(): name for name in reversed(row)}
    return next((names[one] for one in _STEPS if one in names), None)


def _rows(row: NumberRow, step: str, prefix: str = "") -> Sequence[NumberRow]:
    return [{"step": row[step], **{f"{prefix}{name}": row[name] for name in row if name != step}}]


# AllenNLP: a table of training and validation below an epoch.

_LOGGER = r"(?:\S.* - )?"
"""The logger's name, which `message` keeps before a line that begins with blanks."""


class AllenNLP(LineReader):
    """`loss | 1.5 | 2.5` below `Training | Validation`; the epoch is printed before its table."""

    _epoch = re.compile(rf"{_LOGGER}Epoch (\d+)/\d+\s*")
    _header = re.compile(rf"{_LOGGER}\s*Training \|  Validation\s*")
    _row = re.compile(rf"{_LOGGER}(\S+) *\| +(\S+) +\| +(\S+)\s*")

    def read(self, line: str) -> Sequence[NumberRow]:
        """Return the metric of a row, of the training and of the validation."""
        if "Epoch " in line and (epoch := self._epoch.fullmatch(line)):
            self.memory.update(epoch=int(epoch[1]), table=False)
        if "|" not in line or "epoch" not in self.memory:
            return ()
        line = message(line)
        if self._header.fullmatch(line):
            self.memory["table"] = True
        found = self._row.fullmatch(line) if self.memory.get("table") else None
        if found is None:
            return ()
        name, *cells = found.groups()
        named = zip((name, f"val/{name}"), map(to_number, cells), strict=True)
        row = {name: value for name, value in named if value is not None}
        return [{"step": self.memory["epoch"], **row}] if row else ()


# Ultralytics and YOLOv5: the bars of an epoch, and the table below them.

_COLUMNS = re.compile(r"\s*Epoch\s+(?:GPU|gpu)_mem\s+(.*\S)\s*")
_ULTRALYTICS_ROW = re.compile(
    r"\s*(?P<epoch>\d+)/\d+\s+\S+\s+(?P<cells>[^:%|]*\d)\s*(?::.*)?", re.DOTALL
)
_TESTED = re.compile(
    r"\s*Class\s+Images\s+(?:Instances|Labels|Targets)?\s*(.*?)\s*:?\s*(?:\d+%.*)?", re.DOTALL
)
_CLASSIFIED = re.compile(r"\s*classes\s+top1_acc\s+top5_acc:?\s*(?:\d+%.*)?", re.DOTALL)
_ALL = re.compile(r"\s*all\s+(.*\S)\s*")
_NOT_LOSSES = frozenset({"Instances", "Size", "labels", "img_size", "total", "targets"})
_TYPES = {"Box": "B", "Mask": "M", "Pose": "P", "OBB": "B"}
_NAMES = {"P": "precision", "R": "recall"}


class Ultralytics(LineReader):
    """Remembers the headings, and the last numbers of the bar being drawn.

    Metric names are those of `results.csv`.
    """

    def read(self, line: str) -> Sequence[NumberRow] | None:
        """Return the epoch, or the validation, that a line ends."""
        if heading := _COLUMNS.fullmatch(line):
            rows = self.finish()
            self.memory["names"] = heading[1].split()
            return rows
        names = self.memory.get("names")
        if not names:
            return ()
        if bar := _ULTRALYTICS_ROW.fullmatch(line):
            return self._draw(int(bar["epoch"]), bar["cells"].split(), names) or None
        if _CLASSIFIED.fullmatch(line):
            self.memory["tested"] = ["metrics/accuracy_top1", "metrics/accuracy_top5"]
        elif tested := _TESTED.fullmatch(line):
            self.memory["tested"] = _tested_names(tested[1])
        elif values := _ALL.fullmatch(line):
            return [*self.finish(), *self._validated(values[1].split())]
        return ()

    def _draw(self, epoch: int, cells: Sequence[str], names: Sequence[str]) -> Sequence[NumberRow]:
        """Store a bar's numbers; return the previous epoch if this bar is of another."""
        if len(cells) < len(names):
            return ()
        rows = () if self.memory.get("epoch") == epoch else self.finish()
        pairs = zip(names, map(to_number, cells), strict=False)
        row = {f"train/{name}": v for name, v in pairs if v is not None and name not in _NOT_LOSSES}
        self.memory.update(epoch=epoch, row=row)
        return rows

    def _validated(self, values: Sequence[str]) -> Sequence[NumberRow]:
        names = self.memory.get("tested") or ()
        found = [number for number in map(to_number, values) if number is not None]
        if not names or len(found) < len(names) or "epoch" not in self.memory:
            return ()
        row = dict(zip(names, found[len(found) - len(names) :], strict=True))
        return [{"step": float(self.memory["epoch"]), **row}]

    def finish(self) -> Sequence[NumberRow]:
        """Return the epoch that was drawn last."""
        row = self.memory.pop("row", None)
        return [{"step": float(self.memory["epoch"]), **row}] if row else ()


def _tested_names(heading: str) -> list[str]:
    """Return the names in `Box(P R mAP50 mAP50-95) Mask(P R ...)`."""
    names, letter = [], "B"
    for word in heading.split():
        kind, opens, name = word.rpartition("(")
        if opens:
            letter = _TYPES.get(kind, kind)
        name = name.rstrip("):")
        names.append(f"metrics/{_NAMES.get(name, name)}({letter})")
    return names
