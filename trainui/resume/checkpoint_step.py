"""Finds the step at which a checkpoint was written, from its name or its content."""

from __future__ import annotations

import io
import json
import re
import zipfile
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from trainui import plain_files
from trainui.plain_files import BoundedFile
from trainui.resume import integrity, integrity_pickle

LARGEST = 1 << 20
"""The most bytes read to find a step; weights are not read."""

KEYS = (
    "global_step",
    "step",
    "iteration",
    "iter_num",
    "iter",
    "num_timesteps",
    "total_timesteps",
    "training_iteration",
)
"""Names of the step in the files that libraries save, in order of preference."""

_WORD = r"(?:global_?)?(?:time)?steps?|iter(?:ation)?s?|it|updates?|rounds?"
_NAMED = re.compile(
    rf"(?:^|[^a-z])(?:{_WORD})[=_.-]?(\d+)|(\d+)[=_.-]?(?:{_WORD})(?![a-z]|[=_.-]?\d)", re.I
)
_TRANSFORMERS = re.compile(r"checkpoint-(\d+)")
_NUMBER = re.compile(r"\d+")
_OTHER = re.compile(r"epoch|(?:^|[^a-z])(?:ep?|fold|seed|rank|part|shard|v)[=_.-]?\d", re.I)
"""Numbers that do not count steps."""

PADDED = 5
"""A lone number with at least so many digits is a step: there are never so many epochs."""


def find(checkpoint: Path, about: int | None = None) -> int | None:
    """Return the step of a checkpoint; None if neither its name nor its content has one.

    A small number in a name, which may count epochs, is used only if it is near the step that the
    stage had about reached when the checkpoint was written (`about`).
    """
    for found in (_in_name(checkpoint), _in_content(checkpoint)):
        if found is not None:
            return found
    number = _only_number(checkpoint.name)
    if number is None or len(number) >= PADDED:
        return None if number is None else int(number)
    near = about is not None and abs(about - int(number)) <= max(int(number), 2)
    return int(number) if near else None


def _in_name(checkpoint: Path) -> int | None:
    if (match := _TRANSFORMERS.fullmatch(checkpoint.name)) is not None:
        return int(match[1])
    for name in (checkpoint.name, checkpoint.parent.name):
        if found := {first or second for first, second in _NAMED.findall(name)}:
            return int(found.pop()) if len(found) == 1 else None
    return None


def _only_number(name: str) -> str | None:
    """Return the only number in a name; None if there are several, or it is not a step."""
    found = _NUMBER.findall(name.partition(".")[0])
    return found[0] if len(found) == 1 and not _OTHER.search(name) else None


def _in_content(checkpoint: Path) -> int | None:
    try:
        if checkpoint.is_dir():
            return _chosen(_of_json(checkpoint / "trainer_state.json"))
        if checkpoint.suffix.lower() == ".json":
            return _chosen(_of_json(checkpoint))
        with plain_files.open_plain(checkpoint) as opened:
            source: Any = BoundedFile(opened, integrity.MOST_READ)
            return _chosen(dict(_of_archive(source)) if zipfile.is_zipfile(source) else {})
    except Exception:
        return None


def _chosen(found: Mapping[str, Any]) -> int | None:
    """Return the number under the first of the keys that has one."""
    numbers = (found.get(key) for key in KEYS)
    whole = (one for one in numbers if isinstance(one, int) and not isinstance(one, bool))
    return next((one for one in whole if one >= 0), None)


def _of_json(path: Path) -> Mapping[str, Any]:
    with plain_files.open_plain(path) as file:
        content = json.loads(BoundedFile(file, LARGEST).read())
    return content if isinstance(content, dict) else {}


def _of_archive(source: Any) -> Iterator[tuple[str, int]]:
    """Yield the named integers in an archive that NumPy or PyTorch saved."""
    archive = zipfile.ZipFile(source)
    for entry in archive.infolist():
        name = entry.filename.rpartition("/")[2]
        if entry.file_size > LARGEST or not integrity.is_readable(entry):
            continue
        if name == "data.pkl":
            yield from integrity_pickle.numbers(io.BytesIO(archive.read(entry)), KEYS).items()
        elif name.endswith(".npy") and name.removesuffix(".npy") in KEYS:
            yield from _of_array(name.removesuffix(".npy"), archive.read(entry))


def _of_array(name: str, data: bytes) -> Iterator[tuple[str, int]]:
    import numpy as np

    array = np.lib.format.read_array(io.BytesIO(data), allow_pickle=False)
    if array.size == 1 and array.dtype.kind in "iu":
        yield name, int(array.item())
