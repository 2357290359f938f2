"""Histories: the files that continue each other, and the labels that keep others' metrics apart.

The rule: one curve never mixes two histories. The event files of a directory are one, and so are a
log and the parts that were rotated out of it. Numbered files, and the logs of a W&B run that was
resumed, may be parts of one.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from functools import lru_cache
from pathlib import Path

from trainui.metrics.formats import mlflow

_EVENTS = re.compile(r"(.+/)[^/]*\.tfevents[^/]*")
_WANDB = re.compile(r"(.*/)[^/]+/(run-[^/]+\.wandb)")
_OWN = re.compile(r"(.*/\.trainui/(?:.*/)?attempt)-\d+(/[^/#]+)(?:#.*)?")
"""Files that trainui makes for each attempt; one may be read by several patterns."""
_ROTATED = re.compile(r"\.\d[\d-]*$")
_NUMBER = re.compile(r"\d+")


@lru_cache(4096)
def history_of(key: str) -> str:
    """Return what the keys of the sources of one history share."""
    for pattern in (_EVENTS, _OWN):
        if found := pattern.fullmatch(key):
            return "".join(found.groups())
    return _ROTATED.sub("", key)


def are_parts(one: str, other: str) -> bool:
    """Return True if the names of two histories differ in their numbers alone.

    W&B's logs are also of the same run: its directories have the times at which it was resumed.
    """
    logs = _WANDB.fullmatch(one), _WANDB.fullmatch(other)
    if logs[0] and logs[1]:
        return logs[0].groups() == logs[1].groups()
    return _NUMBER.sub("#", one) == _NUMBER.sub("#", other)


def labels(history: str, other: str) -> Iterator[str]:
    """Yield the labels that distinguish a history from another one, the shortest first."""
    path, beside = Path(history), Path(other)
    if mlflow.is_of_run(path):
        name = mlflow.run_name(path)
        yield from (name, f"{name}-{mlflow.run_directory(path).name[:8]}")
    elif _stem(history) != _stem(other):
        yield _stem(history)
    common = os.path.commonpath((path.parent, beside.parent))
    below = path.parent.relative_to(common).parts
    yield from ("/".join(below[:count]) for count in range(1, len(below) + 1))
    yield "/".join((*below, path.name))


def is_label(text: str, history: str) -> bool:
    """Return True if a text may be the label of a history."""
    path = Path(history)
    if mlflow.is_of_run(path) and text.startswith(mlflow.run_name(path)):
        return True
    return {*path.parts, _stem(history)}.issuperset(text.split("/"))


def _stem(history: str) -> str:
    """Return the name of a directory, a tracker's run, or a file up to its first dot."""
    name = Path(history).name
    file, _mark, run = name.rpartition("#")
    return run if file else name if history.endswith("/") else name.partition(".")[0]
