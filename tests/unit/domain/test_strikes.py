"""The words for what alerts find say of which metric and step they are."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from trainui.domain import strikes

STEPS = st.integers(0, 10**15) | st.floats(0, 1e15)
ENDINGS = st.sampled_from(["", ", above 4", ", below 1e-05", "; its best is 0.5"])


@given(st.text(min_size=1), st.floats(), STEPS, ENDINGS)
def test_a_metric_and_its_step_are_read_back(
    metric: str, value: float, step: float, ending: str
) -> None:
    assert strikes.told_of(strikes.met(metric, value, step) + ending) == (metric, step)
    assert strikes.told_of(strikes.not_improved(metric, 5, step) + ending) == (metric, step)


@pytest.mark.parametrize("words", ["no metric for 5 min", "", "loss is 3 at step ?", "goes on"])
def test_other_words_tell_of_none(words: str) -> None:
    assert strikes.told_of(words) is None
