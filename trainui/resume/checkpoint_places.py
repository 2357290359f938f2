"""The directories in which running stages write checkpoints: their disks may fill."""

from __future__ import annotations

from pathlib import Path

from trainui.domain.definition import StageDefinition
from trainui.resume.globs import fixed_part, roots
from trainui.store.db import protocol
from trainui.store.read import views


def read(connection: protocol.Connection, host: str) -> list[Path]:
    """Return the existing directories of the checkpoints of all running stages on a host."""
    running = views.running_on(connection, host)
    places = (place for one in running for place in _places(one.definition, one.directory))
    return [place for place in dict.fromkeys(places) if place.is_dir()]


def _places(definition: StageDefinition, directory: str) -> list[Path]:
    rule = definition.checkpoint
    if rule is None:
        return []
    places = roots(rule.glob, definition, directory)
    return [fixed_part(place / Path(rule.glob).expanduser()) for place in places]
