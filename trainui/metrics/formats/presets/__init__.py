"""Presets for the log lines of well-known trainers, by name; used in place of a pattern."""

from __future__ import annotations

from trainui.metrics.formats.presets import (
    bars,
    blocks,
    boosting,
    columns,
    detectron2,
    fairseq,
    header_and_rows,
    json_line,
    keras,
    language_models,
    metriclogger,
    mmengine,
    optuna,
    print_statements,
    tables,
    ultralytics,
)
from trainui.metrics.formats.presets.base import Preset as Preset
from trainui.metrics.formats.presets.base import Row as Row

PRESETS: dict[str, type[Preset]] = {
    "fairseq": fairseq.Fairseq,
    "mmengine": mmengine.MMEngine,
    "detectron2": detectron2.Detectron2,
    "megatron": language_models.Megatron,
    "verl": language_models.Verl,
    "torchtune": language_models.Torchtune,
    "llmc": language_models.LlmC,
    "nanogpt": language_models.NanoGPT,
    "hf": language_models.HuggingFace,
    "paddlenlp": language_models.PaddleNLP,
    "sb3": tables.Table,
    "rsl_rl": blocks.RslRl,
    "elements": blocks.Elements,
    "ultralytics": ultralytics.Ultralytics,
    "keras": keras.Keras,
    "metriclogger": metriclogger.MetricLogger,
    "timm_train": metriclogger.Timm,
    "xgboost": boosting.XGBoost,
    "lightgbm": boosting.LightGBM,
    "catboost": boosting.CatBoost,
    "gbm": boosting.Boosting,
    "optuna": optuna.Optuna,
    "mlperf": json_line.MLPerf,
    "columns": columns.ColumnsPreset,
    "jsonl": json_line.JsonLine,
    "lightning": bars.Lightning,
    "tqdm": bars.Tqdm,
    "print": print_statements.PrintStatements,
    "headed": header_and_rows.HeaderAndRows,
}
"""The most specific first: a log that several presets can read is read by the first of them."""

ALIASES = {
    "baselines": "sb3",
    "ddp": "print",
    "fastai": "columns",
    "hf4": "hf",
    "keyvalue": "print",
    "killed": "print",
    "merged": "hf",
    "rotating": "print",
    "sklearn": "columns",
    "skorch": "columns",
    "spacy": "columns",
    "timm": "timm_train",
    "transformers": "hf",
}
"""Aliases: other names by which people search for a preset."""


def find(name: str) -> type[Preset] | None:
    """Return the preset with a name or alias; None if there is none."""
    return PRESETS.get(ALIASES.get(name, name))


def names() -> list[str]:
    """Return all names, with aliases."""
    return sorted({*PRESETS, *ALIASES})
