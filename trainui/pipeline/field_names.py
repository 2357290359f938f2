"""Names in a pipeline file, also those of plugins, and the notation of sizes of memory."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from contextlib import suppress

from trainui.model.definition import Prune
from trainui.pipeline.yaml_nodes import quoted
from trainui.plugin import Format, LogLines, Searcher, SearchRule, registry
from trainui.plugin.registry import PluginError

MAX_STAGE_NAME = 64
"""Characters."""

MAX_MEMBER_NAME = 255
"""Characters of a sweep member's full name."""

MAX_PIPELINE_NAME = 128
"""Characters."""

NOT_IN_STAGE_NAMES = frozenset("/.[]{}$")
"""Characters with a meaning in paths, member names or `${...}`."""

RESERVED_VARIABLES = frozenset(
    f"TRAINUI_{name}"
    for name in ("RUN_ID", "STAGE", "ATTEMPT", "RUN_DIR", "STAGE_DIR", "METRICS_FILE")
) | {"CUDA_VISIBLE_DEVICES", "CUDA_DEVICE_ORDER"}
"""Set by trainui for every stage; TRAINUI_RUN_ID identifies the processes of a run."""

_PRESETS = (
    *("baselines", "catboost", "columns", "darknet", "detectron2", "elements", "fastai", "headed"),
    *(
        "jsonl",
        "keyvalue",
        "lightgbm",
        "lightning",
        "llmc",
        "megatron",
        "mlperf",
        "nanogpt",
        "paddlenlp",
    ),
    *(
        "print",
        "rsl_rl",
        "sklearn",
        "skorch",
        "spacy",
        "timm",
        "torchtune",
        "transformers",
        "values",
        "verl",
        "xgboost",
    ),
)
"""Names for printed lines, besides those of plugins: all are read by one grammar."""

CHECKPOINT_VARIABLE = "TRAINUI_CHECKPOINT"
"""Also set by trainui; in a stage's `env` it selects a checkpoint that the stage did not write."""

MATRIX_KEY = r"^[A-Za-z_][A-Za-z0-9_-]*$"
PARAM_KEY = r"^[A-Za-z_][A-Za-z0-9_.-]*$"
VARIABLE_NAME = rf"^(?!({'|'.join(sorted(RESERVED_VARIABLES))})$)[^=]+$"
"""Patterns of keys, also used in the JSON Schema."""

_MARKS_IN = {MATRIX_KEY: "_ and -", PARAM_KEY: "_ . and -"}


def presets() -> list[str]:
    """Return the names that mean printed lines, also those of plugins."""
    of_formats = (one.name for one in registry.records(Format) if one.is_preset_too)
    return sorted({*_PRESETS, *registry.names(LogLines), *of_formats})


def is_preset(name: str) -> bool:
    """Return True for a name that means printed lines."""
    return name in _PRESETS or name in presets()


def stage_name_fault(name: str) -> str | None:
    """Return the error in a stage's name; None if it is valid."""
    if fault := _text_fault(name, MAX_STAGE_NAME):
        return fault
    if forbidden := sorted(NOT_IN_STAGE_NAMES.intersection(name)):
        return f"contains {' '.join(forbidden)}, which is not allowed in a stage's name"
    return None


def pipeline_name_fault(name: str) -> str | None:
    """Return the error in a pipeline's name; None if it is valid."""
    if fault := _text_fault(name, MAX_PIPELINE_NAME):
        return fault
    return "contains ${, but variables are not substituted in names" if "${" in name else None


def key_fault(name: str, pattern: str = MATRIX_KEY) -> str | None:
    """Return the error in a key of `matrix`, or with PARAM_KEY of `params`; None if it is valid."""
    if re.fullmatch(pattern, name):
        return None
    marks = _MARKS_IN[pattern]
    return f"{quoted(name)} must be letters, digits, {marks}, and begin with a letter or _"


def is_no_variable(name: str) -> bool:
    """Return True if a name cannot be the name of an environment variable."""
    return not name or "=" in name or not name.isprintable()


def variable_fault(name: str) -> str | None:
    """Return the error in the name of an environment variable; None if it is valid."""
    if is_no_variable(name):
        return f"{quoted(name)} cannot be the name of an environment variable"
    if name.startswith("CUDA_") and name in RESERVED_VARIABLES:
        return f"{quoted(name)} is set by trainui; use gpus: N instead"
    if name in RESERVED_VARIABLES:
        return f"{quoted(name)} is set by trainui; use another name"
    return None


def _text_fault(name: str, longest: int) -> str | None:
    if not name:
        return "is empty"
    if len(name) > longest:
        return f"has {len(name)} characters, at most {longest} are allowed"
    if not name.isprintable():
        return "contains an unprintable character"
    return "begins or ends with a space" if name != name.strip() else None


# Sizes of memory as people write them: `24G`, `80GB`, `40GiB`; a bare number is bytes.


SIZE_PATTERN = r"([0-9]+(?:\.[0-9]+)?)\s*(?:([kKMGT])(i?)B?|B?)"
_SIZE = re.compile(SIZE_PATTERN, re.ASCII)
_POWERS = {"K": 1, "M": 2, "G": 3, "T": 4}


def parse_size(text: str) -> int:
    """Return a size in bytes: `G` is 10**9, `Gi` is 2**30.

    Raises:
        ValueError: it is not a size; the message says what to write.
    """
    match = _SIZE.fullmatch(text.strip())
    if match is None or float(match[1]) == 0:
        raise ValueError("must be a size such as 24G or 40GiB")
    number, unit, binary = match.groups()
    base = 1024 if binary else 1000
    return int(float(number) * base ** _POWERS.get((unit or "").upper(), 0))


def format_size(size: int) -> str:
    """Return a size as text, in the largest unit that divides it."""
    for unit, factor in (("GiB", 2**30), ("GB", 10**9), ("MiB", 2**20), ("MB", 10**6)):
        if size >= factor and size % factor == 0:
            return f"{size // factor} {unit}"
    return f"{size / 10**9:.1f} GB"


# The samplers and pruners of the installed plugins for searches.


Rules = Mapping[str, SearchRule]
"""Full name -> sampler or pruner."""


def searchers() -> dict[str, Searcher]:
    """Return the plugin of each sampler and pruner, by its full name."""
    known: dict[str, Searcher] = {}
    for plugin in registry.records(Searcher):
        for name in (*_table(plugin, plugin.samplers), *_table(plugin, plugin.pruners)):
            known.setdefault(name, plugin)
    return known


def searcher_of(sampler: str | None, prune: Prune | None) -> Searcher | None:
    """Return the plugin that decides about a search: that of its sampler, else of its pruner.

    The first one decides where a file names neither; None if none is installed.
    """
    known = searchers()
    named = sampler or (prune.by if prune is not None else "")
    return known.get(named) or next(iter(registry.records(Searcher)), None)


def samplers(plugin: Searcher | None = None) -> Rules:
    """Return all samplers, or those of a plugin; its first is its default."""
    plugins = registry.records(Searcher) if plugin is None else (plugin,)
    return _merged([(one, one.samplers) for one in plugins])


def pruners() -> Rules:
    """Return all pruners."""
    return _merged([(plugin, plugin.pruners) for plugin in registry.records(Searcher)])


def _merged(tables: Sequence[tuple[Searcher, str]]) -> Rules:
    known: dict[str, SearchRule] = {}
    for plugin, where in tables:
        for name, rule in _table(plugin, where).items():
            known.setdefault(name, rule)
    return known


def _table(plugin: Searcher, where: str) -> Rules:
    """Return a table of rules; empty if it fails, which `trainui plugins` shows."""
    with suppress(PluginError), registry.guarded(plugin):
        return dict(registry.code(where)) if where else {}
    return {}


def full_names(rules: Rules) -> dict[str, str]:
    """Return the full name for every name that a file can use."""
    shorts: dict[str, str] = {}
    for name, rule in rules.items():
        shorts.setdefault(rule.short, name)
    return shorts | {name: name for name in rules}
