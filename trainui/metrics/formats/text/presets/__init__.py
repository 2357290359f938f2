"""Presets for the log lines of well-known trainers, by name; used in place of a pattern.

Read `base` first, then `one_line_trainers` (trainers that print one line per step).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import cache
from typing import Any

from trainui.metrics.formats.text.presets import (
    bars,
    columns,
    epoch_bars,
    epoch_loops,
    header_and_rows,
    json_line,
    lines_without_step,
    one_line_trainers,
    print_statements,
    tables,
)
from trainui.metrics.formats.text.presets.base import NOTHING
from trainui.metrics.formats.text.presets.base import Preset as Preset
from trainui.metrics.formats.text.presets.base import Row as Row
from trainui.plugin import LogLines, registry
from trainui.plugin.registry import PluginError

PRESETS: dict[str, type[Preset]] = {
    "fairseq": epoch_loops.Fairseq,
    "mmengine": epoch_loops.MMEngine,
    "detectron2": one_line_trainers.Detectron2,
    "megatron": one_line_trainers.Megatron,
    "verl": one_line_trainers.Verl,
    "torchtune": one_line_trainers.Torchtune,
    "llmc": one_line_trainers.LlmC,
    "nanogpt": one_line_trainers.NanoGPT,
    "hf": one_line_trainers.HuggingFace,
    "paddlenlp": one_line_trainers.PaddleNLP,
    "sb3": tables.Table,
    "rsl_rl": tables.RslRl,
    "elements": tables.Elements,
    "ultralytics": epoch_bars.Ultralytics,
    "keras": epoch_bars.Keras,
    "metriclogger": epoch_loops.MetricLogger,
    "timm_train": epoch_loops.Timm,
    "gbm": one_line_trainers.Boosting,
    "darknet": one_line_trainers.Darknet,
    "optuna": one_line_trainers.Optuna,
    "mlperf": json_line.MLPerf,
    "allennlp": tables.AllenNLP,
    "columns": columns.ColumnsPreset,
    "jsonl": json_line.JsonLine,
    "tqdm": bars.Tqdm,
    "print": print_statements.PrintStatements,
    "headed": header_and_rows.HeaderAndRows,
    "values": lines_without_step.LinesWithoutStep,
}
"""The most specific first: a log that several presets can read is read by the first of them."""

ALIASES = {
    "baselines": "sb3",
    "catboost": "gbm",
    "fastai": "columns",
    "keyvalue": "print",
    "lightgbm": "gbm",
    "lightning": "tqdm",
    "sklearn": "columns",
    "skorch": "columns",
    "spacy": "columns",
    "timm": "timm_train",
    "transformers": "hf",
    "xgboost": "gbm",
}
"""Aliases: other names by which people search for a preset."""


def by_name() -> Mapping[str, type[Preset]]:
    """Return all presets, those of plugins first."""
    return {one.name: _of_plugin(one) for one in registry.records(LogLines)} | PRESETS


def find(name: str) -> type[Preset] | None:
    """Return the preset with a name or alias; None if there is none."""
    return by_name().get(ALIASES.get(name, name))


def names() -> list[str]:
    """Return all names, with aliases."""
    return sorted({*PRESETS, *ALIASES, *registry.names(LogLines)})


@cache
def _of_plugin(plugin: LogLines) -> type[Preset]:
    """Return the preset of a plugin: one that fails reads nothing more of a log."""

    class PluginLines(Preset):
        """Lines that a plugin reads."""

        def __init__(self, memory: dict[str, Any]) -> None:
            super().__init__(memory)
            self._reader = registry.ask(plugin, plugin.reader, memory)

        def read(self, line: str) -> Sequence[Row]:
            """Return the rows that a line completes."""
            return self._call("read", line)

        def finish(self) -> Sequence[Row]:
            """Return the rows that were waiting for further lines."""
            return self._call("finish")

        def _call(self, verb: str, *arguments: str) -> Sequence[Row]:
            if self._reader is None:
                return NOTHING
            try:
                with registry.guarded(plugin):
                    rows: Sequence[Row] = getattr(self._reader, verb)(*arguments)
                    return rows
            except PluginError:
                self._reader = None
                return NOTHING

    return PluginLines
