"""Reruns finished stages."""

from __future__ import annotations

from collections.abc import Collection, Mapping

from trainui import wakeup
from trainui.control.change_detection import ChangeDetection
from trainui.control.resuming.planning import read_state
from trainui.domain.records import StageRecord
from trainui.errors import UsageError
from trainui.pipeline.rules import resume_plan as rules
from trainui.pipeline.rules.after_end import Upstream, next_state
from trainui.resume.submitted import check_names
from trainui.store.db.engine import open_store
from trainui.store.runs import runs, stage_requests
from trainui.store.runs.stage_requests import Reopened


def rerun(run_id: str, names: Collection[str], *, downstream: bool = False) -> list[str]:
    """Rerun finished stages; return the full names of those that run again.

    `names` are full names, too; `downstream` also reruns every stage that depends on them.

    Raises:
        UsageError: one of them is unfinished, or its upstream stages did not complete, or lost an
            output.
    """
    store = open_store()
    seen = read_state(store, run_id)
    known = {stage.name: stage for stage in seen.stages}
    detection = ChangeDetection(seen.run, known, seen.attempts, seen.recorded, edited={})
    reran, gone = detection.reran(), detection.gone()
    with store.write() as connection:
        stages = runs.stages(connection, run_id)
        by_name = {stage.name: stage for stage in stages}
        check_names(by_name, names)
        chosen = rules.plan_rerun(stages, names, downstream=downstream)
        for name in chosen:
            _check_upstreams(by_name, by_name[name], chosen, gone)
        changes = [
            Reopened(name, fresh=rules.restarts_in_new_directory(by_name[name], chosen, reran))
            for name in chosen
        ]
        revived = stage_requests.reopen(connection, run_id, changes)
    wakeup.wake()
    return revived


def _check_upstreams(
    by_name: Mapping[str, StageRecord],
    stage: StageRecord,
    chosen: Collection[str],
    gone: Mapping[str, str],
) -> None:
    others = [by_name[name] for name in stage.depends_on if name not in chosen]
    outcome = next_state(
        Upstream(other.name, other.status, other.definition.may_fail) for other in others
    )
    if outcome is not None and outcome[1] is not None:
        raise UsageError(
            f"{stage.name} cannot run: {outcome[1]}; `trainui resume` runs all missing stages"
        )
    lost = next((other.name for other in others if other.name in gone), None)
    if lost is not None:
        raise UsageError(
            f"{stage.name} cannot run: it needs {lost}, and {gone[lost]}; rerun {lost} with all "
            "that depends on it (`--downstream`)"
        )
