"""The colours of logs: Rich reads them, and nothing that a log says can hide or blink."""

from __future__ import annotations

import pytest
from rich.color import Color
from rich.style import Style

from trainui.tui.render.styled_text import coloured, style_of

RED = Style(color=Color.from_ansi(1))


@pytest.mark.parametrize(
    ("sequence", "expected"),
    [
        ("31", RED),
        ("1;31", RED + Style(bold=True)),
        ("38;5;208", Style(color=Color.from_ansi(208))),
        ("38;2;1;2;3", Style(color=Color.from_rgb(1, 2, 3))),
        ("38:2:1:2:3", Style(color=Color.from_rgb(1, 2, 3))),
        ("38;2;1;2;3;22", Style(color=Color.from_rgb(1, 2, 3))),
        ("31;49", RED),
        ("31;5;8", RED),
    ],
)
def test_a_colour_is_the_one_that_the_sequence_names(sequence: str, expected: Style) -> None:
    (span,) = coloured(f"\x1b[{sequence}mtext")
    found = style_of(span.style)
    assert (found.color, found.bgcolor) == (expected.color, expected.bgcolor)
    assert bool(found.bold) == bool(expected.bold)
    assert not found.blink
    assert not found.conceal


@pytest.mark.parametrize("sequence", ["", "0", "31;39", "31;0", "9" * 5000])
def test_without_a_colour_there_is_no_style(sequence: str) -> None:
    *_, last = coloured(f"\x1b[{sequence}mtext")
    assert last.style == ""
