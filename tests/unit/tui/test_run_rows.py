"""The list of runs as lines: nothing is wider than its column, whatever people call their runs."""

from __future__ import annotations

from dataclasses import replace

import pytest

from trainui import clock
from trainui.domain.states import Status
from trainui.store.run_lines import RunLine
from trainui.tui.run_rows import ORDERINGS, Columns, matches
from trainui.tui.spans import plain, width_of

NOW = clock.now()

RUN = RunLine(
    id="0f0e0d0c-0000",
    name="digits",
    pipeline="digits.v2",
    status=Status.RUNNING,
    priority=0,
    created_at=NOW,
    started_at=NOW - 75 * clock.SECOND,
    completed_at=None,
    done=2,
    total=5,
    current=("train[hidden=32]", "train[hidden=128]"),
)


@pytest.mark.parametrize("width", [80, 100, 120, 200, 300])
@pytest.mark.parametrize(
    "name",
    ["digits", "n" * 200, "日本語の名前" * 9, "\x1b[31mred\x1b[0m", "[bold]x[/bold]", "🎉 party"],
)
def test_a_line_fits_its_width_and_is_harmless(width: int, name: str) -> None:
    row = Columns(width).row(replace(RUN, name=name), NOW)
    assert width_of(row) <= width
    assert "\x1b" not in plain(row)


@pytest.mark.parametrize("status", list(Status))
def test_a_state_is_a_symbol_and_a_word(status: Status) -> None:
    text = plain(Columns(80).row(replace(RUN, status=status), NOW))
    assert f" {status} " in text


def test_a_line_says_how_far_and_what_runs_now() -> None:
    text = plain(Columns(120).row(RUN, NOW))
    assert "2/5" in text
    assert "train[hidden=32]" in text
    assert "+1" in text
    assert "1m 15s" in text


def test_of_a_failed_run_the_failed_stage_is_named() -> None:
    failed = replace(RUN, status=Status.FAILED, current=(), failed=("evaluate",))
    assert "✗ evaluate" in plain(Columns(80).row(failed, NOW))


def test_a_pipeline_is_named_only_where_it_is_called_otherwise() -> None:
    assert "digits.v2" in plain(Columns(130).row(RUN, NOW))
    same = replace(RUN, pipeline="digits")
    assert plain(Columns(130).row(same, NOW)).count("digits") == 1


@pytest.mark.parametrize(
    ("words", "fits"),
    [
        ((), True),
        (("run",), True),
        (("digits", "running"), True),
        (("hidden=128",), True),
        (("0f0e",), True),
        (("failed",), False),
    ],
)
def test_words_are_looked_for_in_names_states_and_stages(
    words: tuple[str, ...], fits: bool
) -> None:
    assert matches(RUN, words) is fits


def test_the_orders_put_what_they_say_first() -> None:
    old = replace(RUN, id="b", name="a", created_at=NOW - 9, started_at=NOW - 9 * 10**9)
    done = replace(RUN, id="c", name="z", status=Status.COMPLETED, completed_at=NOW)
    first = {
        title: sorted([done, RUN, old], key=order)[0].id  # type: ignore[arg-type]
        for title, order in ORDERINGS
    }
    assert first["STATE"] != "c"
    assert first["NAME"] == "b"
    assert first["ELAPSED"] == "b"
