"""Reads the results of searches for a stage that depends on them."""

from __future__ import annotations

from collections.abc import Sequence

from trainui.domain.definition import StageDefinition
from trainui.domain.records import StageRecord
from trainui.domain.search import SearchResult
from trainui.domain.states import Status
from trainui.pipeline.substitution.search import searches_of
from trainui.store.db import protocol
from trainui.store.read import views


def needed_by(
    connection: protocol.Connection, run_id: str, definition: StageDefinition
) -> dict[str, SearchResult]:
    """Return the results that a submitted definition uses, by the stage's name in the file."""
    names = searches_of(definition)
    if not names:
        return {}
    stages = views.stages(connection, run_id)
    return {
        name: _result([one for one in stages if one.definition.group == name and not one.removed])
        for name in names
    }


def _result(members: Sequence[StageRecord]) -> SearchResult:
    completed = [one for one in members if one.status == Status.COMPLETED]
    return SearchResult(dirs=tuple(one.directory for one in completed))
