"""When an attempt counts as stalled: the rule, as a table of histories."""

from __future__ import annotations

import pytest

from trainui.execution.stall.stall_rule import StallRule


def signs(*gaps: float) -> list[float]:
    times = [0.0]
    for gap in gaps:
        times.append(times[-1] + gap)
    return times


@pytest.mark.parametrize(
    ("gaps", "patience"),
    [
        ([1.0] * 50, 60.0),  # a line a second: a minute's silence is nothing yet
        ([30.0] * 10, 300.0),  # ten times its pace
        ([600.0] * 10, 6000.0),
        ([10.0] * 20 + [200.0] + [10.0] * 20, 400.0),  # twice its longest gap: an evaluation
        ([3600.0] + [10.0] * 100, 100.0),  # the first hour is forgotten
        ([1.0] * 4, float("inf")),  # no pace yet
        ([], float("inf")),
        ([0.0, -5.0, 20.0, 20.0, 20.0, 20.0, 20.0], 200.0),  # a clock set back is no gap
    ],
)
def test_the_patience_is_of_its_own_pace(gaps: list[float], patience: float) -> None:
    known = signs(*gaps)
    pace = StallRule(known)
    assert pace.patience == pytest.approx(patience)
    last = max(known)
    assert not pace.is_stalled(last + min(patience, 1e9))
    assert pace.is_stalled(last + patience + 0.1) == (patience < 1e9)


def test_a_sign_of_life_ends_it() -> None:
    pace = StallRule(signs(*[10.0] * 10))
    assert pace.is_stalled(300.0)
    pace.note(300.0)
    assert not pace.is_stalled(301.0)
