"""Chooses and records the checkpoint that an attempt continues from, at its launch."""

from __future__ import annotations

import shlex
from collections.abc import Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path

from trainui.execution.attempt.prepared_process import (
    AttemptContext,
    NotLaunchableError,
    definition_of,
)
from trainui.model.notifications import CHECKPOINT
from trainui.model.records import AttemptRecord
from trainui.model.states import Status
from trainui.pipeline.fields.names import CHECKPOINT_VARIABLE
from trainui.resume import checkpoints, undeclared
from trainui.resume.checkpoints import CheckpointSearch, Tried
from trainui.store.db.engine import Store
from trainui.store.runs import attempts, runs


class CheckpointsExhaustedError(NotLaunchableError):
    """Every complete checkpoint was tried without progress; another try would loop forever."""


def choose(store: Store, context: AttemptContext, earlier: Sequence[AttemptRecord]) -> str | None:
    """Choose the checkpoint of an attempt; record it, and why others are not used.

    Raises:
        TrainuiError: it cannot continue; the message names the checkpoint and says what to do.
        OSError: a file cannot be read or written.
    """
    if context.stage.definition.checkpoint is None:
        if earlier and earlier[-1].status != Status.COMPLETED:
            _keep_undeclared(store, context, earlier)
        return None
    started = definition_of(context, None)
    definition = replace(  # keep the original command: `requested` searches it for a checkpoint
        context.stage.definition,
        checkpoint=started.checkpoint,
        workdir=started.workdir,
        env=started.env,
    )
    own = [one.directory for one in earlier]
    rivals = partial(checkpoints.find_rivals, store, context.stage)
    where = checkpoints.search(definition, context.stage.directory, own, rivals)
    chosen = checkpoints.find(where, tried := _tried(store, context), asked=_is_asked(context))
    if chosen is None and checkpoints.exhausted(where, tried):
        raise CheckpointsExhaustedError(_exhausted(context))
    remark = checkpoints.reason_unused(where)
    if chosen is None and (found := checkpoints.requested(definition)) is not None:
        chosen, remark = _requested(context, where, found, tried), None
    if not (earlier or where.found):
        remark = None  # a first attempt without checkpoints is normal
    checkpoints.note_before(where.outside(), Path(context.attempt.directory))
    _record(store, context, chosen, remark)
    return chosen


def _keep_undeclared(
    store: Store, context: AttemptContext, earlier: Sequence[AttemptRecord]
) -> None:
    if (found := undeclared.find(store, context.stage, earlier)) is not None:
        _record(store, context, None, f"{found.words}; {undeclared.keep(found)}", start="")


def _tried(store: Store, context: AttemptContext) -> Tried:
    with store.read() as connection:
        return attempts.tried_checkpoints(connection, context.stage.id)


def _is_asked(context: AttemptContext) -> bool:
    return context.stage.retries_used == 0


def _requested(context: AttemptContext, where: CheckpointSearch, found: Path, tried: Tried) -> str:
    """Return the checkpoint that the stage's `env` names.

    Raises:
        NotLaunchableError: it is missing, incomplete, or was tried without progress.
    """
    if (problem := where.problem(found)) is not None:
        raise NotLaunchableError(
            f"the checkpoint {found}, which env.{CHECKPOINT_VARIABLE} names, {problem}; correct "
            "the path, or remove the variable"
        )
    if checkpoints.is_tried(str(found), tried) and not _is_asked(context):
        raise CheckpointsExhaustedError(_exhausted(context))
    return str(found)


def _exhausted(context: AttemptContext) -> str:
    stage = context.stage
    return (
        "no checkpoint worked: each attempt that continued from one ended before it wrote a "
        f"metric or a checkpoint; `trainui resume {stage.run_id} --fresh "
        f"{shlex.quote(stage.name)}` starts from the beginning, in a new directory; without "
        "--fresh it retries the newest checkpoint"
    )


def _record(
    store: Store,
    context: AttemptContext,
    chosen: str | None,
    remark: str | None,
    start: str = "gets no checkpoint: ",
) -> None:
    if chosen is None and remark is None:
        return
    stage, attempt = context.stage, context.attempt
    with store.write() as connection:
        if chosen is not None:
            attempts.set_checkpoint(connection, attempt.id, chosen)
        if remark is not None:
            text, number = f"{stage.name}: {'' if chosen else start}{remark}", attempt.number
            runs.record_stage_event(connection, stage, CHECKPOINT, text, attempt=number)
