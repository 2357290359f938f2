"""Presets for the log lines of well-known trainers, by name; used in place of a pattern.

Read `base` first, then `one_line_trainers` (trainers that print one line per step).
"""

from __future__ import annotations

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
from trainui.metrics.formats.text.presets.base import Preset as Preset
from trainui.metrics.formats.text.presets.base import Row as Row

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


def find(name: str) -> type[Preset] | None:
    """Return the preset with a name or alias; None if there is none."""
    return PRESETS.get(ALIASES.get(name, name))


def names() -> list[str]:
    """Return all names, with aliases."""
    return sorted({*PRESETS, *ALIASES})
