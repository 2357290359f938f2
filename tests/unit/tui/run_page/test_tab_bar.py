"""The tab bar names the stage and the attempt, whatever room there is."""

from __future__ import annotations

import pytest

from trainui.tui.run_page.tab_bar import cut_stage


@pytest.mark.parametrize(
    ("stage", "width", "shown"),
    [
        ("train", 17, "train"),
        ("train, attempt 3", 17, "train, attempt 3"),
        ("train[lr=1], attempt 12", 18, "tr…=1], attempt 12"),
        ("evaluate-on-all", 9, "eval…-all"),
    ],
)
def test_the_attempt_of_a_long_name_is_whole(stage: str, width: int, shown: str) -> None:
    assert cut_stage(stage, width) == shown
