"""The plan of a resume as lines: reasons stand beside the stages where they fit."""

from __future__ import annotations

from trainui.pipeline.rules.resume_plan import Action, PlannedStage
from trainui.tui.actions.plan_screen import plan_lines
from trainui.tui.render.styled_text import plain, width_of


def lines(width: int, *stages: PlannedStage) -> list[str]:
    found = plan_lines(stages, width)
    assert all(width_of(line.row) <= width for line in found)
    return [" ".join(plain(line.row).split()) for line in found]


def test_short_reasons_stand_beside_the_stages_also_on_a_narrow_terminal() -> None:
    stages = [
        PlannedStage("prepare", Action.SKIP, "completed", seconds=2.0),
        PlannedStage("train", Action.RUN, "failed: exit code 1"),
    ]
    assert lines(80, *stages) == [
        "STAGE TIME WHY",
        "– skip prepare 2.0s completed",
        "▶ run train failed: exit code 1",
    ]
    long = PlannedStage("evaluate", Action.RUN, "failed: " + "word " * 20)
    assert lines(70, *stages, long)[:3] == [
        "STAGE TIME",
        "– skip prepare completed 2.0s",
        "▶ run train failed: exit code 1",
    ]
    assert "WHY" in lines(140, *stages, long)[0]
