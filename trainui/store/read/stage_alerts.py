"""The stages with alerts on their last attempt, for lists of runs and of sweep members.

Plain SQL on a read-only connection; no record is imported, since `trainui ls` needs none.
"""

from __future__ import annotations

import json
from collections.abc import Sequence

from trainui.model.notifications import MARKED, NAN
from trainui.store.db.protocol import Connection
from trainui.store.db.statements import batches, placeholders


def alerted_stages(
    connection: Connection, run_ids: Sequence[str] = ()
) -> dict[str, dict[str, bool]]:
    """Return the stages with alerts on their last attempt, by run: True if one is for a NaN.

    Without `run_ids`, of all runs.
    """
    found: dict[str, dict[str, bool]] = {}
    of_runs = f"AND events.run_id IN ({placeholders(run_ids)})" if run_ids else ""
    for run_id, stage, kind, data in connection.execute(
        "SELECT events.run_id, stage, kind, data_json FROM events CROSS JOIN stages "
        "WHERE stages.run_id = events.run_id AND name = stage AND events.attempt = stages.attempt "
        f"AND kind IN ({placeholders(MARKED)}) {of_runs}",
        (*MARKED, *run_ids),
    ):
        is_nan = kind == NAN or json.loads(data or "{}").get("condition") == NAN
        stages = found.setdefault(run_id, {})
        stages[stage] = stages.get(stage, False) or is_nan
    return found


def nan_steps(connection: Connection, stage_ids: Sequence[str]) -> dict[str, dict[str, float]]:
    """Return the steps of the first NaN or infinite values, by stage id and metric.

    They are those of all stages of the given stages' runs, of each stage the last attempt's. A
    metric without steps is left out.
    """
    found: dict[str, dict[str, float]] = {}
    for part in batches(stage_ids):
        for stage_id, kind, text in connection.execute(
            "SELECT stages.id, kind, data_json FROM events CROSS JOIN stages "
            "WHERE stages.run_id = events.run_id AND name = stage "
            f"AND events.attempt = stages.attempt AND kind IN ({placeholders(MARKED)}) "
            f"AND events.run_id IN (SELECT run_id FROM stages WHERE id IN ({placeholders(part)})) "
            "ORDER BY events.id",
            (*MARKED, *part),
        ):
            data = json.loads(text or "{}")
            if NAN in (kind, data.get("condition")) and data.get("step") is not None:
                found.setdefault(stage_id, {}).setdefault(data.get("metric", ""), data["step"])
    return found


def stages_with_nan(connection: Connection, run_ids: Sequence[str]) -> dict[str, frozenset[str]]:
    """Return the names of the stages with a NaN in any metric of their last attempt, by run."""
    return {
        run_id: frozenset(stage for stage, is_nan in stages.items() if is_nan)
        for part in batches(run_ids)
        for run_id, stages in alerted_stages(connection, part).items()
    }
