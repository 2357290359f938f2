"""Queues, blocks or skips the dependants of stages that ended."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from trainui import clock
from trainui.domain.states import DONE, ENDED, UNFINISHED, Status
from trainui.pipeline.rules.after_end import Upstream, next_state
from trainui.store.db.protocol import Connection
from trainui.store.db.statements import batches, placeholders
from trainui.store.read import row_mapping, trials
from trainui.store.runs import stages


def settle_dependants(connection: Connection, stage_ids: Iterable[str]) -> None:
    """Queue, block or skip the dependants of these stages, and their dependants in turn."""
    frontier = list(stage_ids)
    while frontier:
        moved = [_pending_dependants(connection, part) for part in batches(frontier)]
        frontier = settle(connection, {one.id: one for part in moved for one in part}.values())


def settle(connection: Connection, pending: Iterable[stages.Pending]) -> list[str]:
    """Queue, block or skip pending stages according to their upstream stages.

    Returns the ids of stages whose dependants may have to be settled now.
    """
    by_id = {stage.id: stage for stage in pending}
    upstreams = upstreams_of(connection, list(by_id))
    becomes: dict[tuple[Status, str | None], list[stages.Pending]] = {}
    for stage_id, stage in by_id.items():
        if (outcome := next_state(upstreams.get(stage_id, ()))) is not None:
            if outcome[0] == Status.QUEUED and stage_id in upstreams:
                failed = upstreams[stage_id]
                outcome = _without_results(connection, stage.run_id, failed) or outcome
            becomes.setdefault(outcome, []).append(stage)
    for (status, reason), same in becomes.items():
        stages.change_all(connection, same, Status.PENDING, status, reason=reason, now=clock.now())
    return [one.id for (status, _), same in becomes.items() if status in ENDED for one in same]


def _without_results(
    connection: Connection, run_id: str, failed: Sequence[Upstream]
) -> tuple[Status, str] | None:
    """Return BLOCKED and the reason if no trial of a search upstream has completed."""
    for search in dict.fromkeys(one.search for one in failed if one.search is not None):
        if not trials.has_completed(connection, run_id, search):
            return Status.BLOCKED, f"no trial of {search} completed"
    return None


def _pending_dependants(connection: Connection, stage_ids: Sequence[str]) -> list[stages.Pending]:
    """Return the pending dependants of these stages whose state may have to change.

    A stage whose work is done changes nothing for a dependant that still waits for others.
    """
    found = connection.execute(
        "SELECT DISTINCT stages.id, stages.run_id, stages.name, stages.attempt FROM stages "
        "JOIN dependencies ON dependencies.stage_id = stages.id "
        "JOIN stages AS upstream ON upstream.id = dependencies.upstream_id "
        f"WHERE upstream.id IN ({placeholders(stage_ids)}) AND stages.status = ? "
        f"AND (upstream.status NOT IN ({placeholders(DONE)}) OR NOT EXISTS "
        "(SELECT 1 FROM dependencies AS edge "
        "JOIN stages AS other ON other.id = edge.upstream_id "
        f"WHERE edge.stage_id = stages.id AND other.status IN ({placeholders(UNFINISHED)})))",
        (*stage_ids, Status.PENDING, *DONE, *UNFINISHED),
    )
    return [stages.Pending(*row) for row in found]


def upstreams_of(connection: Connection, stage_ids: Sequence[str]) -> dict[str, list[Upstream]]:
    """Return stages' upstream stages by id, without completed ones, which decide nothing."""
    upstreams: dict[str, list[Upstream]] = {}
    for part in batches(stage_ids):
        found = connection.execute(
            "SELECT dependencies.stage_id, name, status, definition_json FROM dependencies "
            "JOIN stages ON stages.id = upstream_id "
            f"WHERE dependencies.stage_id IN ({placeholders(part)}) AND status <> ? "
            "ORDER BY position",
            (*part, Status.COMPLETED),
        )
        for stage_id, name, status, text in found:
            upstreams.setdefault(stage_id, []).append(_upstream(name, Status(status), text))
    return upstreams


def _upstream(name: str, status: Status, text: str) -> Upstream:
    if status not in ENDED:
        return Upstream(name, status, allow_failure=False)
    definition = row_mapping.definition(text)
    is_needed = definition.trial is not None and not definition.allow_failure
    search = definition.group if is_needed else None
    return Upstream(name, status, definition.may_fail, search)
