"""Merge `defaults` into every stage, and drop fields that are null."""

from __future__ import annotations

from collections.abc import Collection

from trainui.pipeline.spec import PipelineSpec, SearchSpec, StageFields, StageSpec
from trainui.pipeline.yaml.nodes import Mapping, MappingEntry, Node, Scalar, Sequence

_REPLACED_BY = {
    "run": {"task"},
    "task": {"run"},
    "params": {"run"},
    "resume_args": {"task", "resume_run"},
    "resume_run": {"task", "resume_args"},
}
"""A default (key) is ignored if the stage itself has one of these fields (value)."""


def apply(top: Mapping) -> Mapping:
    """Return the document with its defaults merged into every stage.

    A known field without a value counts as absent; in a stage, it removes the default.
    """
    entries = _without_nulls(top, PipelineSpec.model_fields.keys())
    stages = entries.get("stages")
    if stages and isinstance(stages.value, Sequence):
        defaults = _default_entries(top)
        items = tuple(_merged(item, defaults) for item in stages.value.items)
        entries["stages"] = MappingEntry(stages.key, Sequence(items, stages.value.mark))
    return Mapping(entries, top.mark)


def _default_entries(top: Mapping) -> dict[str, MappingEntry]:
    """Return the defaults that stages inherit; another check reports unknown fields."""
    defaults = top.get("defaults")
    if not isinstance(defaults, Mapping):
        return {}
    known = StageFields.model_fields.keys()
    return {name: entry for name, entry in defaults.entries.items() if name in known}


def _merged(stage: Node, defaults: dict[str, MappingEntry]) -> Node:
    if not isinstance(stage, Mapping):
        return stage
    entries = {
        name: entry
        for name, entry in defaults.items()
        if name not in stage.entries and not _REPLACED_BY.get(name, set()) & stage.entries.keys()
    }
    entries.update(stage.entries)
    default, own = (one.get("env") for one in (defaults, stage.entries))
    if default and own and isinstance(default.value, Mapping) and isinstance(own.value, Mapping):
        merged = {**default.value.entries, **own.value.entries}
        entries["env"] = MappingEntry(own.key, Mapping(merged, own.value.mark))
    search = entries.get("search")
    if search is not None and isinstance(search.value, Mapping):
        fields = _without_nulls(search.value, SearchSpec.model_fields.keys())
        entries["search"] = MappingEntry(search.key, Mapping(fields, search.value.mark))
    return Mapping(_without_nulls(Mapping(entries), StageSpec.model_fields.keys()), stage.mark)


def _without_nulls(node: Mapping, known: Collection[str]) -> dict[str, MappingEntry]:
    return {
        name: entry
        for name, entry in node.entries.items()
        if not (isinstance(entry.value, Scalar) and entry.value.is_null and name in known)
    }
