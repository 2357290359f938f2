"""Benchmarks can fail: a missed limit and a broken program are seen in the table."""

from __future__ import annotations

import pytest

from benchmarks.__main__ import PROGRAMS, measure, table
from benchmarks.figures import Figure


@pytest.mark.parametrize(
    ("figure", "is_met"),
    [
        (Figure("most", 1.0, "s", 1.0), True),
        (Figure("most", 1.1, "s", 1.0), False),
        (Figure("least", 1.0, "MB", 1.0, is_least=True), True),
        (Figure("least", 0.9, "MB", 1.0, is_least=True), False),
        (Figure("without", 5.0), True),
    ],
)
def test_a_missed_limit_stands_in_the_table(figure: Figure, is_met: bool) -> None:
    assert figure.is_met == is_met
    assert ("**no**" not in "".join(table({"program": [figure]}))) == is_met


def test_a_program_that_fails_is_a_missed_limit(capfd: pytest.CaptureFixture[str]) -> None:
    assert not any(figure.is_met for figure in measure("no_such_program", ()))
    assert "No module named benchmarks.no_such_program" in capfd.readouterr().err


def test_a_program_hands_its_figures_over() -> None:
    options = ("--small", "1", "--large", "2", "--rounds", "3")
    assert "append" in PROGRAMS
    assert any(figure.value > 0 for figure in measure("append", options))
