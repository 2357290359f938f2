"""Files that plugins show: a few, narrow, and viewed again only when they were rewritten."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from textwrap import dedent

import pytest

from tests.unit.plugin.conftest import site as site
from tests.unit.plugin.packages import install
from trainui.tui.run_page.viewed_files import MOST, MOST_HEIGHT, MOST_WIDTH, ViewedFiles
from trainui.tui.snapshot.run_page import StageFile, StageFiles
from trainui.tui.styled_text import Row, plain

VIEWER = """
    from trainui.plugin import INTERFACE, Viewer

    VIEWER = Viewer(interface=INTERFACE, name="dot", view="dots:view", files=("*.dot",))

    def view(path, columns, rows):
        if path.name == "broken.dot":
            raise KeyError("words \\x1b[2J")
        return ["\\x1b[31m" + "#" * columns + "\\x1b]0;owned\\x07"] * (rows + 5)
"""


@pytest.fixture(autouse=True)
def viewer(site: Path) -> None:
    install(site, "dots", {"viewers:dot": "dots:VIEWER"}, {"dots.py": dedent(VIEWER)})


def found(*names: str, changed_at: int = 1) -> StageFiles:
    files = tuple(StageFile(name, 1, changed_at) for name in names)
    return StageFiles(files, directory="/nowhere")


def rows_of(names: Sequence[str], width: int = 40) -> list[Row]:
    viewed = ViewedFiles()
    _, missing = viewed.rows(found(*names), width)
    for view in missing:
        viewed.make(view)
    rows, missing = viewed.rows(found(*names), width)
    assert not missing
    return rows


def test_the_lines_of_a_view_are_coloured_and_harmless() -> None:
    blank, title, *rows = rows_of(["plots/A.DOT", "other.txt"])
    assert (plain(blank), plain(title)) == ("", "plots/A.DOT")
    assert {plain(row) for row in rows} == {"#" * 40}
    assert rows[0][0].style == "sgr:color(1)"
    assert len(rows) == MOST_HEIGHT


def test_views_are_limited_in_number_and_width() -> None:
    rows = rows_of([f"{number}.dot" for number in range(MOST + 2)], width=300)
    assert sum(plain(row).endswith(".dot") for row in rows) == MOST
    assert max(len(plain(row)) for row in rows) == MOST_WIDTH


def test_a_viewer_that_fails_is_named_in_a_line() -> None:
    *_, row = rows_of(["broken.dot"])
    assert plain(row).startswith("cannot be shown: plugin dot (dots 1): KeyError")
    assert "\x1b" not in plain(row)


def test_a_file_that_was_rewritten_is_viewed_again() -> None:
    viewed = ViewedFiles()
    viewed.make(viewed.rows(found("a.dot"), 40)[1][0])
    assert viewed.rows(found("a.dot", changed_at=2), 40)[1]
    assert not viewed.rows(found("a.dot"), 40)[1]
