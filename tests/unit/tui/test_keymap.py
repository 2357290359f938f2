"""The table of keys: complete, without doubles, and what everything else is made from."""

from __future__ import annotations

from collections import Counter

import pytest
from textual.dom import DOMNode

from trainui.tui.app import GAP, TrainuiApp, help_rows
from trainui.tui.curves.comparison_screen import CandidateList, ComparisonScreen
from trainui.tui.curves.grid_view import CurvesView
from trainui.tui.curves.screen import CurvePlot
from trainui.tui.dialogs import ConfirmScreen, NoteScreen
from trainui.tui.graph_view import StageGraph
from trainui.tui.keymap import KEYS, SCOPES, KeyTable, bindings
from trainui.tui.line_view import LinesView
from trainui.tui.log_view import LogView
from trainui.tui.machine_screen import MachineScreen, MachineView
from trainui.tui.page import Page
from trainui.tui.past_screens import DigestScreen, DigestView, HistoryScreen, HistoryView
from trainui.tui.plan_screen import EditScreen, PlanScreen
from trainui.tui.run_list.screen import RunsScreen
from trainui.tui.run_list.table import RunTable
from trainui.tui.run_page.screen import RunScreen
from trainui.tui.styled_text import joined, plain, width_of
from trainui.tui.widgets import FRAME

WHERE: dict[str, tuple[type[DOMNode], ...]] = {
    "app": (TrainuiApp,),
    "move": (LinesView,),
    "search": (Page,),
    "acting": (Page,),
    "runs": (RunTable, RunsScreen),
    "run": (RunScreen,),
    "stages": (StageGraph,),
    "metrics": (CurvesView,),
    "curves": (CurvesView, CurvePlot),
    "plot": (CurvePlot,),
    "compare": (CandidateList, ComparisonScreen),
    "log": (LogView,),
    "machine": (MachineScreen, MachineView),
    "digest": (DigestScreen, DigestView),
    "history": (HistoryScreen, HistoryView),
    "note": (NoteScreen,),
    "plan": (PlanScreen,),
    "edit": (EditScreen,),
    "ask": (ConfirmScreen,),
}
"""The classes that have the actions of each scope."""

ACTIVE_TOGETHER = (
    ("runs", "acting", "search", "app", "move"),
    ("stages", "run", "acting", "search", "app"),
    ("metrics", "curves", "run", "acting", "search", "app", "move"),
    ("log", "run", "acting", "search", "app", "move"),
    ("plan", "move"),
    ("history", "acting", "search", "app", "move"),
)


def test_an_id_is_given_once_and_names_a_known_scope() -> None:
    assert max(Counter(key.id for key in KEYS).values()) == 1
    assert {key.scope for key in KEYS} <= set(SCOPES)


@pytest.mark.parametrize("scopes", ACTIVE_TOGETHER)
def test_no_key_means_two_things_at_one_place(scopes: tuple[str, ...]) -> None:
    used = Counter(one for key in KeyTable().of(*scopes) for one in key.keys.split(","))
    assert [one for one, count in used.items() if count > 1] == []


@pytest.mark.parametrize("key", KEYS, ids=lambda key: key.id)
def test_every_key_has_an_action(key) -> None:  # type: ignore[no-untyped-def]
    name = key.action.removeprefix("app.").partition("(")[0]
    places = (TrainuiApp,) if key.action.startswith("app.") else WHERE[key.scope]
    assert any(hasattr(place, f"action_{name}") for place in places)


def test_the_help_shows_every_key_of_its_scopes() -> None:
    table = KeyTable()
    text = joined(help_rows(table.of("stages", "run", "app")))
    for key in table.of("stages", "run", "app"):
        assert all(word in text for word in key.tooltip.split())
        assert key.shown in text


@pytest.mark.parametrize(("width", "share"), [(108, 0.8), (185, 0.5)])
def test_a_wide_help_has_relevant_columns_first(width: int, share: float) -> None:
    keys = KeyTable().of("stages", "run", "acting", "search", "move", "app")
    rows = help_rows(keys, width)
    assert plain(rows[0]).startswith(SCOPES["stages"])
    assert len(rows) < share * len(help_rows(keys))
    assert max(map(width_of, rows)) <= width + GAP
    text = joined(rows)
    assert all(word in text for key in keys for word in key.tooltip.split())
    assert help_rows(keys, 80) == help_rows(keys)


def test_no_line_of_the_help_is_cut_in_80_columns() -> None:
    room = 80 * 96 // 100 - FRAME
    assert [plain(row) for row in help_rows(KEYS) if width_of(row) > room] == []


def test_keys_can_be_changed_and_unknown_ids_are_reported() -> None:
    table = KeyTable({"acting.resume": "ctrl+r", "acting.nothing": "x"})
    assert table.find("acting.resume").shown == "ctrl+r"
    assert table.unknown == ["acting.nothing"]


def test_no_destructive_key_lies_on_a_control_key() -> None:
    control = {"ctrl+h", "ctrl+j", "ctrl+k", "ctrl+l", "ctrl+a", "ctrl+b", "ctrl+d", "ctrl+z"}
    acting = {one for key in KEYS if key.scope != "move" for one in key.keys.split(",")}
    assert not control & acting


def test_bindings_are_made_from_the_table() -> None:
    made = {binding.id: binding for binding in bindings("acting")}
    assert set(made) == {key.id for key in KEYS if key.scope == "acting"}
    assert made["acting.resume"].key == "r"


def test_the_footer_has_one_key_of_an_action() -> None:
    table = KeyTable()
    labels = [key.label for key in table.footer(("plot", "curves"))]
    assert (labels.count("cursor right"), labels.count("compare")) == (1, 1)
    for scopes, shown in ((("plot", "curves"), "→"), (("curves",), ")")):
        assert [key.short for key in table.footer(scopes) if key.label == "cursor right"] == [shown]
