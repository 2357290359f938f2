"""What is asked before a run is changed, and what the answers do."""

from __future__ import annotations

from trainui.domain.records import StageRecord
from trainui.domain.states import UNFINISHED, Status
from trainui.text import harmless
from trainui.tui.acting import Target, listed
from trainui.tui.screens.question import Answer, QuestionScreen


def cancel_question(target: Target, stage: StageRecord | None) -> QuestionScreen:
    """Ask whether a stage or all of a run is to be cancelled."""
    run_id = target.id
    if stage is None or stage.status not in (*UNFINISHED, Status.BLOCKED):
        title = f"Cancel the run {harmless(target.name)}?"
        answers = [Answer("y", "cancel every unfinished stage", lambda: _cancel(run_id, None))]
        names = None
    else:
        name = stage.name
        title = f"Cancel {harmless(name)}?"
        answers = [
            Answer("y", "cancel this stage", lambda: _cancel(run_id, [name])),
            Answer("a", "cancel every unfinished stage of the run", lambda: _cancel(run_id, None)),
        ]
        names = [name]

    def facts() -> list[str]:
        from trainui.tui.losses import losses

        return losses(run_id, names)

    return QuestionScreen(title, facts, [*answers, Answer("n", "leave it running", None)])


def _cancel(run_id: str, names: list[str] | None) -> str:
    from trainui import control

    asked = control.cancel(run_id, names)
    return f"asked to end: {listed(asked)}" if asked else "all of it had ended already"


def rerun_question(target: Target, stage: StageRecord) -> QuestionScreen:
    """Ask whether a stage runs again alone or with all that depends on it."""
    run_id, name = target.id, stage.name

    def facts() -> list[str]:
        from trainui.store import views

        with views.reading() as connection:
            stages = views.stages(connection, run_id)
        after = _downstream(stages, name)
        return (
            [f"{listed(after)} {'depends' if len(after) == 1 else 'depend'} on it"] if after else []
        )

    return QuestionScreen(
        f"Run {harmless(name)} again?",
        facts,
        [
            Answer("y", "this stage alone", lambda: _rerun(run_id, name, downstream=False)),
            Answer(
                "d", "with all that depends on it", lambda: _rerun(run_id, name, downstream=True)
            ),
            Answer("n", "leave it", None),
        ],
        starts=True,
    )


def _rerun(run_id: str, name: str, *, downstream: bool) -> str:
    from trainui import control

    return f"run again: {listed(control.rerun(run_id, [name], downstream=downstream))}"


def _downstream(stages: list[StageRecord], name: str) -> list[str]:
    found = {name}
    grew = True
    while grew:
        after = {one.name for one in stages if found.intersection(one.depends_on)} - found
        found |= after
        grew = bool(after)
    return [one.name for one in stages if one.name in found and one.name != name]
