"""A stage's directory made ready for its next attempt: kept, or renamed away and made anew."""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from pathlib import Path

from trainui.domain.records import AttemptRecord, StageRecord
from trainui.paths import make_private
from trainui.store import launching
from trainui.store.engine import Store


def move_away_if_fresh(store: Store, stage: StageRecord, earlier: Sequence[AttemptRecord]) -> None:
    """Rename the directory of a stage that begins anew `STAGE~N`; nothing is deleted.

    A worker may die at any point of this: the next one goes on from there.

    Args:
        store: which knows whether it begins anew, and where its earlier attempts lie.
        stage: the stage.
        earlier: its attempts before the one that begins.

    Raises:
        OSError: it cannot be renamed.
    """
    with store.read() as connection:
        if not launching.is_fresh(connection, stage.id):
            return
    moved_to = _move_away(Path(stage.directory), earlier)
    with store.write() as connection:
        launching.record_move(connection, stage, moved_to)


def make(stage: StageRecord, attempt: AttemptRecord) -> Path:
    """Make the stage's and the attempt's directory; return the attempt's.

    Raises:
        OSError: one cannot be made.
        UnfitEnvironmentError: the attempt's cannot be made private.
    """
    directory = Path(attempt.directory)
    Path(stage.directory).mkdir(parents=True, exist_ok=True)
    make_private(directory.parent)
    return make_private(directory)


def _move_away(directory: Path, earlier: Sequence[AttemptRecord]) -> Path | None:
    """Rename a stage's directory; return its new path, None where it had none."""
    candidates = (directory.with_name(f"{directory.name}~{n}") for n in itertools.count(1))
    taken = list(itertools.takewhile(Path.exists, candidates))
    if directory.exists():
        target = directory.with_name(f"{directory.name}~{len(taken) + 1}")
        directory.rename(target)
        return target
    return taken[-1] if taken and _holds_one_of(taken[-1], directory, earlier) else None


def _holds_one_of(moved: Path, directory: Path, earlier: Sequence[AttemptRecord]) -> bool:
    """Tell whether a directory was renamed already, and only the record of that is missing."""
    recorded = [Path(one.directory) for one in earlier]
    return any(
        (moved / path.relative_to(directory)).is_dir()
        for path in recorded
        if path.is_relative_to(directory)
    )
