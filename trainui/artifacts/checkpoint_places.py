"""The directories in which running stages write checkpoints: their disks may fill."""

from __future__ import annotations

import glob
import itertools
from pathlib import Path

from trainui.artifacts.globs import roots
from trainui.domain.definition import StageDefinition
from trainui.domain.states import Status
from trainui.store.db import protocol
from trainui.store.read import row_mapping


def read(connection: protocol.Connection, host: str) -> list[Path]:
    """Return the existing directories of the checkpoints of all running stages on a host."""
    found = connection.execute(
        "SELECT stages.definition_json, stages.directory FROM attempts"
        " JOIN stages ON stages.id = attempts.stage_id"
        " WHERE attempts.status = ? AND attempts.host = ?",
        (Status.RUNNING, host),
    )
    places = (
        place
        for text, directory in found
        for place in _places(row_mapping.definition(text), directory)
    )
    return [place for place in dict.fromkeys(places) if place.is_dir()]


def _places(definition: StageDefinition, directory: str) -> list[Path]:
    rule = definition.checkpoint
    if rule is None:
        return []
    places = roots(rule.glob, definition, directory)
    return [_without_magic(place / Path(rule.glob).expanduser()) for place in places]


def _without_magic(pattern: Path) -> Path:
    """Return the directory of a pattern, up to its first part with a wildcard."""
    parts = itertools.takewhile(lambda part: not glob.has_magic(part), pattern.parts[:-1])
    return Path(*parts)
