"""Finds other stages that used the same files as a stage at the same time."""

from __future__ import annotations

import itertools
import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from trainui.domain.definition import StageDefinition
from trainui.domain.records import StageRecord
from trainui.store.read import overlaps
from trainui.store.read.overlaps import Overlap
from trainui.supervisor import journal

if TYPE_CHECKING:
    from trainui.store.db.engine import Store
    from trainui.store.db.protocol import Connection

RESULTS = frozenset(
    {".bin", ".ckpt", ".csv", ".distcp", ".h5", ".json", ".jsonl", ".npz", ".pkl", ".pt", ".pth"}
    | {".safetensors", ".tsv"}
)
"""Suffixes of files with metrics or weights."""

MOST_OTHERS = 200
"""Attempts of other stages whose written files are compared: some 10 ms."""

MOST_SHOWN = 3


def find(store: Store, stage: StageRecord) -> Sequence[Overlap]:
    """Return the attempts with the same pattern that overlapped in time with a stage's."""
    wanted = _pattern(stage.definition)
    found = (one for one in beside(store, stage) if one.definition.checkpoint is not None)
    return [one for one in found if _pattern(one.definition) == wanted]


def beside(store: Store, stage: StageRecord) -> Sequence[Overlap]:
    """Return the attempts of other stages that overlapped in time with a stage's."""
    from trainui.store.db.engine import raw  # SQLAlchemy, which `show` does not load

    with store.read() as connection:
        return overlaps.of_stage(raw(connection), stage.id)


def written_by_both(
    connection: Connection, stage_id: str, attempt_dir: Path
) -> dict[Path, Overlap]:
    """Return the metrics and weights that an attempt and one of another stage were seen to write.

    Each with one of the others. Files in hidden directories and caches are shared on purpose.
    """
    own = set(filter(_is_result, journal.written_files(attempt_dir)))
    if not own:
        return {}
    found: dict[Path, Overlap] = {}
    for other in overlaps.of_stage(connection, stage_id)[-MOST_OTHERS:]:
        for path in own.intersection(journal.written_files(Path(other.directory))):
            found.setdefault(path, other)
    return found


def words(found: Mapping[Path, Overlap]) -> list[str]:
    """Return a clause for each file that `written_by_both` found, at most `MOST_SHOWN`."""
    return [
        f"{path} was written by {other.words} at the same time; give each a directory "
        "of its own, e.g. with ${stage_dir}"
        for path, other in itertools.islice(found.items(), MOST_SHOWN)
    ]


def _is_result(path: Path) -> bool:
    if any(part.startswith(".") or "cache" in part.lower() for part in path.parts):
        return False
    return path.suffix.lower() in RESULTS or "checkpoint" in str(path)


def _pattern(definition: StageDefinition) -> str:
    """Return a checkpoint's pattern as an absolute path; relative ones start at the workdir."""
    rule = definition.checkpoint
    pattern = os.path.expanduser(rule.glob) if rule else ""  # noqa: PTH111 (a pattern is no path)
    return os.path.normpath(os.path.join(definition.workdir, pattern))  # noqa: PTH118
