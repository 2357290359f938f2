"""Lines of names and numbers, in the wording of each framework."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any

from trainui.plugin import LineReader, NumberRow
from trainui.plugin.reading import NUMBER, dotted_numbers, leading_number, load_json, message

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


# DreamerV3: a line of metrics between slashes, below a heading.


class Elements(LineReader):
    """`[Step 10]` between dashes, then `train/loss 2.3 / train/grad_norm 0.43` (DreamerV3)."""

    _heading = re.compile(r"[-─\s]*\[Step ([\d_,]+)\][-─\s]*")
    _metric = re.compile(r"(\S+) (\S+)")

    def read(self, line: str) -> Sequence[NumberRow] | None:
        """Return the line's numbers, if it follows a heading."""
        line = message(line).rstrip()
        if heading := self._heading.fullmatch(line):
            self.memory["step"] = float(re.sub(r"[_,]", "", heading[1]))
            return None
        if "step" not in self.memory or not line.strip():
            return ()
        row = {"step": self.memory.pop("step")}
        for part in line.strip().split(" / "):
            metric = self._metric.fullmatch(part.strip())
            number = leading_number(metric[2]) if metric else None
            if metric is None or number is None:
                return ()
            row[metric[1]] = number
        return [row]


# fairseq: the `simple`, `json` and `tqdm` logs.

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


class Fairseq(LineReader):
    """Its `simple`, `json` and `tqdm` logs; metric names are prefixed with the line's tag."""

    def read(self, line: str) -> Sequence[NumberRow]:
        """Return the line's numbers."""
        if _STEP not in line:
            return ()
        if (at := line.find(_JSON)) >= 0:
            tag = _field(line[:at])
            fields = load_json(line[at + 2 :])
            named = fields.items() if isinstance(fields, dict) else ()
            return self._row(tag, [(name.removeprefix(f"{tag}_"), one) for name, one in named])
        if (found := _LINE.search(line)) is None:
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
    """Return the logger's name for a line: the last field before it."""
    return before.rpartition("| ")[2].strip()


# MLPerf: JSON behind a mark.

_STEPS = ("step_num", "step", "iteration", "samples_count", "epoch_num", "epoch", "epoch_count")


class MLPerf(LineReader):
    """`:::MLLOG {"key": "eval_accuracy", "value": 0.7, "metadata": {"epoch_num": 3}}`.

    Entries whose metadata has no step are settings and events.
    """

    def read(self, line: str) -> Sequence[NumberRow] | None:
        """Return the entry's value, or each number of a value that is an object."""
        _before, mark, text = line.partition(":::MLLOG")
        if not mark:
            return ()
        entry = load_json(text.strip())
        if not isinstance(entry, dict) or not isinstance(entry.get("metadata"), dict):
            return None
        metadata = entry["metadata"]
        numbers = dotted_numbers(str(entry.get("key")), entry.get("value"))
        row = {name.replace(".", "/"): value for name, value in numbers}
        step = next((metadata[name] for name in _STEPS if name in metadata), None)
        return [{"step": float(step), **row}] if row and step is not None else None


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
