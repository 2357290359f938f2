"""Matrix keys that other fields stand for: `trial` of a search with a space, `seed` of `seeds: N`.

They are added to the document before it is checked, so that trials and seeds are members like any.
"""

from __future__ import annotations

from trainui.pipeline.fields.parameters import Parameters
from trainui.pipeline.fields.search_types import MAX_SEEDS, MAX_TRIALS
from trainui.pipeline.matrix import TRIAL
from trainui.pipeline.yaml.nodes import Mapping, MappingEntry, Node, Scalar, Sequence

SEED = "seed"
"""The key that `seeds` adds."""


def applied(document: Mapping, parameters: Parameters) -> Mapping:
    """Return a document in which the matrix of each stage has these keys."""
    entry = document.entries.get("stages")
    if entry is None or not isinstance(entry.value, Sequence):
        return document
    items = tuple(_stage(item, parameters) for item in entry.value.items)
    stages = MappingEntry(entry.key, Sequence(items, entry.value.mark))
    return Mapping({**document.entries, "stages": stages}, document.mark)


def own_keys(stage: Mapping) -> list[Scalar]:
    """Return the keys that the file itself gives a stage's matrix."""
    matrix = stage.get("matrix")
    marks = {entry.key.mark for entry in (_trials(stage), stage.entries.get("seeds")) if entry}
    entries = matrix.entries.values() if isinstance(matrix, Mapping) else ()
    return [entry.key for entry in entries if entry.key.mark not in marks]


def _stage(stage: Node, parameters: Parameters) -> Node:
    if not isinstance(stage, Mapping):
        return stage
    stage = _with_key(stage, TRIAL, _trials(stage), MAX_TRIALS, parameters)
    return _with_key(stage, SEED, stage.entries.get("seeds"), MAX_SEEDS, parameters)


def _trials(stage: Mapping) -> MappingEntry | None:
    """Return the field with the number of trials; None: no search with a space."""
    search = stage.get("search")
    if not isinstance(search, Mapping) or "space" not in search.entries:
        return None
    return search.entries.get("trials")


def _with_key(
    stage: Mapping, name: str, number: MappingEntry | None, most: int, parameters: Parameters
) -> Mapping:
    """Return a stage with another key in its matrix; other checks report what prevents it."""
    count = _count(number.value, most, parameters) if number else None
    written = stage.entries.get("matrix")
    keys = written.value if written else Mapping()
    if number is None or count is None or not isinstance(keys, Mapping) or name in keys.entries:
        return stage
    items = tuple(Scalar(str(n), plain=True, mark=number.value.mark) for n in range(count))
    key = Scalar(name, plain=True, mark=number.key.mark)
    entry = MappingEntry(key, Sequence(items, number.value.mark))
    place = written.key if written else Scalar("matrix", plain=True, mark=number.key.mark)
    matrix = Mapping({**keys.entries, name: entry}, keys.mark)
    return Mapping({**stage.entries, "matrix": MappingEntry(place, matrix)}, stage.mark)


def _count(node: Node, most: int, parameters: Parameters) -> int | None:
    """Return a number; None: not valid, or not known yet."""
    scalar = parameters.expand(node) if isinstance(node, Scalar) else None
    try:
        value = scalar.value if scalar else None
    except ValueError:
        return None
    valid = isinstance(value, int) and not isinstance(value, bool) and 1 <= value <= most
    return value if valid else None
