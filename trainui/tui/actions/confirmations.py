"""Confirmations for actions on one run: cancel and rerun."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from trainui.domain.records import StageRecord
from trainui.domain.states import UNFINISHED, Status
from trainui.pipeline.graph import Graph
from trainui.text import harmless
from trainui.tui.actions.confirm_screen import Choice, ConfirmScreen
from trainui.tui.actions.target import Target, label, listed

if TYPE_CHECKING:
    from trainui.control.trainings.external_command import Offer


def cancel_question(
    target: Target, stages: Sequence[StageRecord], *, has_others: bool = True
) -> ConfirmScreen:
    """Return the confirmation for cancelling what can be of these stages; none: the whole run.

    `has_others`: the run has, or may get, stages besides these.
    """
    run_id = target.id
    names = [one.name for one in stages if can_be_cancelled(one)] or None
    every = "cancel every unfinished stage"
    if names is None:
        title = f"Cancel the run {label(target)}?"
        answers = [Choice("y", every, lambda: _cancel(run_id, None))]
    else:
        title = f"Cancel {named(stages)}?"
        some = f"its {len(names)} unfinished members" if len(names) > 1 else harmless(names[0])
        what = "this stage" if len(stages) == 1 else some
        answers = [Choice("y", f"cancel {what}", lambda: _cancel(run_id, names))]
        if has_others:
            answers.append(Choice("a", f"{every} of the run", lambda: _cancel(run_id, None)))

    def facts() -> list[str]:
        from trainui.control import cancellation
        from trainui.tui.actions.cancel_impact import lost_work

        cancellation.check(run_id)
        return [*([f"of the run {label(target)}"] if names else []), *lost_work(run_id, names)]

    return ConfirmScreen(title, facts, [*answers, Choice("n", "do not cancel")])


def can_be_cancelled(stage: StageRecord) -> bool:
    """Return True if a stage runs, or can start now or after a resume."""
    return stage.status in (*UNFINISHED, Status.BLOCKED)


def named(stages: Sequence[StageRecord]) -> str:
    """Return the name of a stage, or of the sweep with these members."""
    first = stages[0]
    if len(stages) == 1:
        return harmless(first.name)
    return f"{harmless(first.definition.group)} ×{len(stages)}"


def _cancel(run_id: str, names: list[str] | None) -> str:
    from trainui import control

    asked = control.cancel(run_id, names)
    return f"cancelling {listed(asked)}..." if asked else "nothing to cancel: already finished"


def rerun_question(target: Target, chosen: Sequence[StageRecord]) -> ConfirmScreen:
    """Return the confirmation for rerunning stages, alone or with their dependants."""
    run_id, names = target.id, [stage.name for stage in chosen]

    def facts() -> list[str]:
        from trainui.store.read import views

        with views.reading() as connection:
            stages = views.stages(connection, run_id)
        graph = Graph.of(stages)
        below = graph.downstream(*names)
        after = [one.name for one in stages if one.name in below and one.name not in names]
        lines = [f"of the run {label(target)}"]
        if all(stage.status == Status.PRUNED for stage in chosen):
            has_checkpoints = chosen[0].definition.checkpoint is not None
            whence = "from its checkpoint if it has one, " if has_checkpoints else ""
            lines.append(f"was pruned: it runs {whence}with pruning off")
        if after:
            lines.append(f"{listed(after)} {'depends' if len(after) == 1 else 'depend'} on it")
        return lines

    alone = "only this stage" if len(names) == 1 else f"only its {len(names)} members"
    answers = [
        Choice("y", alone, lambda: _rerun(run_id, names, downstream=False)),
        Choice("d", "with all dependants", lambda: _rerun(run_id, names, downstream=True)),
        Choice("n", "cancel"),
    ]
    return ConfirmScreen(f"Rerun {named(chosen)}?", facts, answers, starts=True)


def new_run_question(target: Target, chosen: Sequence[StageRecord]) -> ConfirmScreen:
    """Return the confirmation for running an external run's stages, or all, as a new run."""
    run_id, stages = target.id, list(chosen)

    def offer() -> Offer:
        from trainui.control.trainings import external_command
        from trainui.store.read import views

        with views.reading() as connection:
            run = views.find_run(connection, run_id)
            return external_command.of(run, stages or views.stages(connection, run_id))

    def work() -> str:
        from trainui.control.trainings import external_command

        return f"started {harmless(target.name)} as the new run {external_command.start(offer())}"

    return ConfirmScreen(
        f"Run the command of {label(target)} as a new run?",
        lambda: [*map(harmless, offer().lines)],
        [Choice("y", "start it", work), Choice("n", "cancel")],
        starts=True,
    )


def _rerun(run_id: str, names: Sequence[str], *, downstream: bool) -> str:
    from trainui import control

    return f"rerunning {listed(control.rerun(run_id, names, downstream=downstream))}"
