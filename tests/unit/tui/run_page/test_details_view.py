"""The panel's tabs besides the overview, views of files, and the bar of all tabs."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from textwrap import dedent
from typing import Any

import pytest

from tests.unit.plugin.conftest import site as site
from tests.unit.plugin.packages import install
from tests.unit.tui.filled import DIAMOND, SWEEP, Filler, failed_demo
from trainui import clock
from trainui.model.definition import CheckpointRule
from trainui.store.db import engine, statements
from trainui.store.read import views
from trainui.tui.graph_view import Timeline
from trainui.tui.readers import page_reader
from trainui.tui.run_page.details_view import (
    MOST_VIEWED,
    VIEW_HEIGHT,
    VIEW_WIDTH,
    ViewedFiles,
    cut_stage,
    events_rows,
    files_rows,
    params_rows,
)
from trainui.tui.run_page.overview import DetailsSubject, overview_rows
from trainui.tui.snapshot import RunPage, StageDetail, StageFile, StageFiles, as_attempt
from trainui.tui.styled_text import Row, joined, plain, width_of


@pytest.fixture
def connection(filler: Filler, home: Path) -> Iterator[statements.Connection]:
    with engine.reading(home / "trainui.db") as connection:
        yield connection


def write(path: Path, size: int, ago: float = 0.0) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(b"x" * size)
    moment = clock.now() / clock.SECOND - ago
    os.utime(path, (moment, moment))


def test_files_are_listed_with_outputs_and_checkpoints_first(filler: Filler) -> None:
    run_id = filler.run({"train": ()}, outputs=("model.npz", "plots/*.png", "absent.json"))
    stage = filler.stage(run_id, "train")
    directory = Path(stage.directory)
    write(directory / "model.npz", 3_400_000, 100)
    write(directory / "plots" / "loss.png", 1200)
    write(directory / "ckpt-2.npz", 900, 10)
    write(directory / "ckpt-1.npz", 800, 20)
    write(directory / "old.txt", 1, 1000)
    write(directory / "new\x1b[2J.txt", 1)
    write(directory / ".trainui" / "attempt-1" / "stdout.log", 50)
    found = page_reader.stage_files(stage)
    rows = files_rows(found, 60, over=True)
    assert all(width_of(row) <= 60 for row in rows)
    words = [line.split() for line in joined(rows).splitlines()]
    last = words.index(["6", "files,", "3.4", "MB"]) + 1
    assert "".join(word for line in words[last:] for word in line) == f"in{stage.directory}", (
        "the whole path"
    )
    assert [line[0] if len(line) < 3 else " ".join(line[:2]) for line in words[:last] if line] == [
        "✗ absent.json", "outputs", "✓ plots/loss.png", "✓ model.npz", "checkpoints",
        "◆ ckpt-2.npz", "◆ ckpt-1.npz", "other", "new.txt 1", "old.txt 1", "6 files,",
    ]  # fmt: skip
    assert "3.4 MB" in joined(rows)
    assert "absent.json  missing" in joined(rows)


def test_an_output_of_an_unfinished_stage_is_not_missing_yet(filler: Filler) -> None:
    stage = filler.stage(filler.run({"train": ()}, outputs=("model.npz",)), "train")
    (first, *_) = files_rows(page_reader.stage_files(stage), 60)
    assert plain(first) == "○ model.npz  not written yet"
    assert {span.style for span in first} == {"", "dim"}


def test_a_directory_of_any_size_is_looked_at_in_bounds(
    filler: Filler, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(page_reader, "MOST", 20)
    stage = filler.stage(filler.run({"train": ()}), "train")
    for number in range(50):
        write(Path(stage.directory, "many", f"{number}.txt"), 1)
    Path(stage.directory, "loop").symlink_to(stage.directory)
    found = page_reader.stage_files(stage)
    assert len(found.files) == 20
    assert found.cut
    assert "… and more" in joined(files_rows(found, 60))
    gone = stage._replace(directory="/nowhere/at/all")
    assert "no files" in joined(files_rows(page_reader.stage_files(gone._replace(
        definition=replace(gone.definition, outputs=(), checkpoint=CheckpointRule("*"))
    )), 60))  # fmt: skip


def test_an_attempt_that_no_file_is_left_of_says_so(filler: Filler) -> None:
    found = StageFiles(directory="/data/train", attempt=1)
    assert joined(files_rows(found, 60)).strip().splitlines() == [
        "no file was last written by attempt 1", "in /data/train",
    ]  # fmt: skip


def test_parameters_are_shown_and_secrets_are_not(
    filler: Filler, connection: statements.Connection
) -> None:
    run_id = filler.run(SWEEP, env={"HF_TOKEN": "hf_123456789", "OMP_NUM_THREADS": "1"})
    run = views.find_run(connection, run_id)
    text = joined(params_rows(run, filler.stage(run_id, "train[lr=0.03,seed=1]"), 60))
    assert "lr        0.03" in text
    assert "epochs    30" in text
    assert "OMP_NUM_THREADS  1" in text
    assert "hf_123456789" not in text


def test_events_are_listed_newest_first(filler: Filler, connection: statements.Connection) -> None:
    run_id = failed_demo(filler)
    events = views.stage_events(connection, run_id, "train[hidden=128]", most=100)
    lines = joined(events_rows(events, 70)).splitlines()
    assert "run failed" in lines[0]
    assert any("train[hidden=128] started" in line for line in lines)
    assert not any("train[hidden=32]" in line for line in lines)
    assert "submitted" in lines[-1]


def test_an_earlier_attempt_is_shown_as_it_was(
    filler: Filler, connection: statements.Connection
) -> None:
    run_id = filler.run(DIAMOND, retries=1)
    filler.fail(run_id, "prepare", "exit code 3: first", exit_code=3)
    filler.complete(run_id, "prepare")
    stage = filler.stage(run_id, "prepare")
    run = views.find_run(connection, run_id)
    attempts = views.attempts_of_stage(connection, stage.id)
    assert len(attempts) == 2
    page = RunPage(run, (stage,), {stage.id: attempts})
    detail = StageDetail(stage.name, None)
    of = DetailsSubject(page, stage, attempts[:1], detail, Timeline((), 0))
    rows = overview_rows(of, clock.now(), 70)
    text = joined(rows)
    assert "✗ failed" in text
    assert "exit code 3" in text
    assert "attempt 1 of 2" in text
    assert as_attempt(stage, attempts) == stage


VIEWER = """
    from trainui.plugin import INTERFACE, Viewer

    VIEWER = Viewer(interface=INTERFACE, name="dot", view="dots:view", files=("*.dot",))

    def view(path, columns, rows):
        if path.name == "broken.dot":
            raise KeyError("words \\x1b[2J")
        return ["\\x1b[31m" + "#" * columns + "\\x1b]0;owned\\x07"] * (rows + 5)
"""


@pytest.fixture
def viewer(site: Path) -> None:
    install(site, "dots", {"viewers:dot": "dots:VIEWER"}, {"dots.py": dedent(VIEWER)})


def found(*names: str, changed_at: int = 1) -> StageFiles:
    files = tuple(StageFile(name, 1, changed_at) for name in names)
    return StageFiles(files, directory="/nowhere")


def called_here(action: Callable[..., Any], *arguments: Any) -> Any:
    return action(*arguments)


def rows_of(names: Sequence[str], width: int = 40) -> list[Row]:
    viewed = ViewedFiles()
    _, missing = viewed.rows("run", found(*names), width)
    for view in missing:
        viewed.make(view, called_here)
    rows, missing = viewed.rows("run", found(*names), width)
    assert not missing
    return rows


@pytest.mark.usefixtures("viewer")
def test_the_lines_of_a_view_are_coloured_and_harmless() -> None:
    blank, title, *rows = rows_of(["plots/A.DOT", "other.txt"])
    assert (plain(blank), plain(title)) == ("", "plots/A.DOT")
    assert {plain(row) for row in rows} == {"#" * 40}
    assert rows[0][0].style == "sgr:color(1)"
    assert len(rows) == VIEW_HEIGHT


@pytest.mark.usefixtures("viewer")
def test_views_are_limited_in_number_and_width() -> None:
    rows = rows_of([f"{number}.dot" for number in range(MOST_VIEWED + 2)], width=300)
    assert sum(plain(row).endswith(".dot") for row in rows) == MOST_VIEWED
    assert max(len(plain(row)) for row in rows) == VIEW_WIDTH


@pytest.mark.usefixtures("viewer")
def test_a_viewer_that_fails_is_named_in_a_line() -> None:
    *_, row = rows_of(["broken.dot"])
    assert plain(row).startswith("cannot be shown: plugin dot (dots 1): KeyError")
    assert "\x1b" not in plain(row)


@pytest.mark.usefixtures("viewer")
def test_a_file_that_was_rewritten_is_viewed_again() -> None:
    viewed = ViewedFiles()
    viewed.make(viewed.rows("run", found("a.dot"), 40)[1][0], called_here)
    assert viewed.rows("run", found("a.dot", changed_at=2), 40)[1]
    assert not viewed.rows("run", found("a.dot"), 40)[1]


@pytest.mark.parametrize(
    ("stage", "width", "shown"),
    [
        ("train", 17, "train"),
        ("train, attempt 3", 17, "train, attempt 3"),
        ("train[lr=1], attempt 12", 18, "train…, attempt 12"),
        ("evaluate-on-all", 9, "evaluate…"),
        ("train[lr=0.1,aug=mixup-and-cutmix,seed=1]", 34, "train[lr=0.1,aug=mixup-an…,seed=1]"),
    ],
)
def test_a_long_name_is_cut_at_its_ends_and_its_attempt_whole(
    stage: str, width: int, shown: str
) -> None:
    assert cut_stage(stage, width) == shown
