"""Trainers that print one line per step or trial: Megatron-LM, nanoGPT, XGBoost and more."""

from __future__ import annotations

import re
from collections.abc import Sequence

from trainui.metrics.formats.text.presets.base import (
    NOTHING,
    NUMBER,
    STEP,
    LinePreset,
    Preset,
    Row,
    numbers,
)

_GLOBAL = "global_step"


def _at_global_step(row: Row) -> Row:
    """Return a row whose step is its count of all steps, if it has one."""
    step = row.get(_GLOBAL, row.get(STEP, 0.0))
    return {STEP: step, **{name: row[name] for name in row if name not in (STEP, _GLOBAL)}}


class Megatron(LinePreset):
    """`iteration 10/ 200 | lm loss: 1.2E+01 | ... |`; also with prefixes, and of validation."""

    substring = "iteration "
    line = re.compile(
        r"(?:.*?[\s\]|:>-])??(?:iteration|(?P<part>valid\w*|test) (?:loss|results) at iteration) +"
        r"(?P<step>\d+)(?:/ *\d+)?(?: on \w+ set)? \|"
    )
    metric = re.compile(r" *([^|:]+?) *: *([^|\s]+) *(?=\||$)")

    def read(self, line: str) -> Sequence[Row]:
        """Return the line's numbers; NeMo's iterations start over in each epoch."""
        rows = super().read(line)
        return [_at_global_step(row) for row in rows] if "global_step: " in line else rows


class NanoGPT(LinePreset):
    """`iter 10: loss 4.1859, time 106.97ms, mfu -100.00%` and `step 0: train loss 4.18, ...`."""

    substring = "loss "
    line = re.compile(r"(?:iter|step) (?P<step>\d+): (?=(?:train )?loss )")
    metric = re.compile(
        r"([A-Za-z][\w ]*?) (-?[\d.]+(?:[eE][-+]?\d+)?|-?inf|nan)(?=[^\d.,]|,(?!\d)|$)"
    )


class LlmC(LinePreset):
    """llm.c's `main.log`, `s:250 trl:5.22 lr:0.0006`, and modded-nanogpt's `step:1/9 loss:2`."""

    line = re.compile(r"s(?:tep)?:(?P<step>\d+)(?:/\d+)? (?=\w+:)")
    metric = re.compile(r"(\w+):(\S+)")


class Torchtune(LinePreset):
    """`Step 10 | loss:2.28 lr:0.1 grad_norm:0.43`."""

    substring = "Step "
    line = re.compile(r"(?:.*\|)?Step (?P<step>\d+) \| ")
    metric = re.compile(r"([^\s:]+):(\S+)")


class Verl(LinePreset):
    """`step:1 - actor/loss:2.3 - timing_s/step:0.01`."""

    substring = "step:"
    line = re.compile(r"(?:\(.*?pid=.*?\) )?step:(?P<step>\d+) - ")
    metric = re.compile(r"([^\s:]+):(?:np\.float\d+\()?(\S+)")


class HuggingFace(LinePreset):
    """Transformers' printed dicts, with string values since version 5.

    The epoch is the step, unless ms-swift adds `'global_step/max_steps': '1/40'`.
    """

    has_steps = False
    substring = "'epoch': "
    line = re.compile(r"[^{]*\{(?='[^{}]*'epoch': '?[\d.])")
    metric = re.compile(rf"'([^']+)': '?((?i:{NUMBER}))(?=[,'}}])")
    count = re.compile(r"('global_step)/max_steps(': '\d+)/\d+'")

    def read(self, line: str) -> Sequence[Row]:
        """Return the line's numbers."""
        return super().read(self.count.sub(r"\1\2'", line) if "/max_steps" in line else line)


class PaddleNLP(LinePreset):
    """`[2023-05-01 10:00:01,123] [    INFO] - loss: 0.61, lr: 3e-05, global_step: 10`."""

    substring = "global_step: "
    line = re.compile(r"\[[\d-]+ [\d:,]+\] \[ *INFO\] - (?=\w+: \S)")
    metric = re.compile(r"(\w+): ([^\s,]+)")

    def read(self, line: str) -> Sequence[Row]:
        """Return the line's numbers."""
        return [_at_global_step(row) for row in super().read(line) if _GLOBAL in row]


class Detectron2(LinePreset):
    """Its `CommonMetricPrinter`: `eta: 0:00:00  iter: 19  total_loss: 2.2  ...`."""

    substring = "iter: "
    line = re.compile(r"(?:.*\s)?iter: (?P<step>\d+) +(?=\S+: )")
    metric = re.compile(r"(\S+): (\S+)")


class Darknet(LinePreset):
    """`10: 1200.5, 1300.25 avg loss, 0.001 rate, 3.5 seconds, 640 images, 12.3 hours left`."""

    substring = " avg"
    line = re.compile(
        rf"\s*(?P<step>\d+): (?P<loss>{NUMBER}), (?P<avg_loss>{NUMBER}) avg(?: loss)?,"
        rf" (?P<rate>{NUMBER}) rate, (?P<seconds>{NUMBER}) seconds, (?P<images>\d+) images"
    )

    def read(self, line: str) -> Sequence[Row]:
        """Return the line's numbers, which are printed before their names."""
        found = self.line.match(line) if self.substring in line else None
        if found is None:
            return NOTHING
        return [{name.replace("_", " "): float(value) for name, value in found.groupdict().items()}]


class Optuna(LinePreset):
    """`Trial 3 finished with value: 0.5 and parameters: {...}. Best is trial 1 with value: 0.4.`"""

    substring = "Trial "
    line = re.compile(r"(?:.*\] |.* )?Trial (?P<step>\d+) finished with (?=value: )")
    metric = re.compile(r"(value|best): ([-+.\w]+?)(?=\.?(?:\s|$))")

    def read(self, line: str) -> Sequence[Row]:
        """Return the trial's numbers, without its parameters."""
        result, _parameters, rest = line.partition(" and parameters: ")
        _trials, _is, best = rest.rpartition("Best is trial ")
        return super().read(f"{result} best: {best.rpartition(': ')[2]}")


class Boosting(Preset):
    """XGBoost, LightGBM and CatBoost: a line per iteration, with the evaluation sets' names."""

    of_messages = True
    _forms = (
        # `[0]<TAB>train-auc:0.5<TAB>valid-auc:0.4`; in cross-validation `0.5+0.01`
        (r"\[(\d+)\]\s+(?=[^\s:]+:)", rf"(?<![^\s:])([^\s:]++):({NUMBER})"),
        # `[1]<TAB>valid_1's auc: 0.98`, in cross-validation `0.98 + 0.01`
        (r"\[(\d+)\]\t(?=[^\t]+: )", rf"(?<![^\t:])([^\t:]+?) ?: ({NUMBER})"),
        # `0:<TAB>learn: 0.58<TAB>test: 0.59<TAB>best: 0.59 (0)<TAB>total: 54ms`
        (r"(\d+):\t", r"\b(learn|test\d*|best): (\S+)"),
    )
    _patterns = tuple((re.compile(start), re.compile(metric)) for start, metric in _forms)

    def read(self, line: str) -> Sequence[Row]:
        """Return the line's numbers, except those of the best iteration, which are repeated."""
        if "est iteration is:" in line:
            self.memory["again"] = True
            return NOTHING
        if self.memory.pop("again", False):
            return NOTHING
        if line.startswith("[LightGBM]"):  # its command line's format
            line = re.sub(r"^\[LightGBM\] \[Info\] Iteration:(\d+), ", "[\\1]\t", line)
        for start, metric in self._patterns:
            found = start.match(line)
            if found and (row := numbers(metric.findall(line, found.end()))):
                return [{STEP: float(found[1]), **row}]
        return NOTHING
