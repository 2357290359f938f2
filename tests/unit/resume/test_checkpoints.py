"""The checkpoint that a stage continues from, with real files of every kind that is recognised."""

from __future__ import annotations

import os
from dataclasses import replace
from functools import partial
from pathlib import Path

from tests.unit.tui.conftest import empty_database as empty_database
from tests.unit.tui.conftest import filler as filler
from tests.unit.tui.conftest import home as home
from tests.unit.tui.conftest import store as store
from tests.unit.tui.filled import Filler
from trainui import clock, settings
from trainui.model.definition import CheckpointRule, StageDefinition
from trainui.resume import checkpoints
from trainui.resume.checkpoints import CheckpointSearch
from trainui.store.db import engine

RULE = CheckpointRule("ckpt-*")

LATE = 2_000 * clock.SECOND
"""When an attempt started that found the checkpoints of these tests."""


def search(rule: CheckpointRule | None, stage_dir: Path, *attempts: Path) -> CheckpointSearch:
    """Of a stage whose workdir is `work` beside its directory."""
    places = (stage_dir, stage_dir.parent / "work")
    return CheckpointSearch(rule, places, attempts)


def put(path: Path, data: bytes, *, mtime: int = 1_000) -> str:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(data)
    os.utime(path, (mtime, mtime))
    return str(path)


def test_without_a_rule_or_a_match_there_is_none(tmp_path: Path) -> None:
    put(tmp_path / "other.bin", b"x")
    assert checkpoints.find(search(None, tmp_path)) is None
    assert checkpoints.find(search(RULE, tmp_path)) is None
    assert checkpoints.find(search(RULE, tmp_path / "missing")) is None
    assert not checkpoints.exhausted(search(RULE, tmp_path), {})


def test_the_newest_by_time_is_taken(tmp_path: Path) -> None:
    newest = put(tmp_path / "ckpt-1", b"x", mtime=30)
    put(tmp_path / "ckpt-2", b"x", mtime=20)
    assert checkpoints.find(search(RULE, tmp_path)) == newest


def test_of_one_time_the_natural_order_decides(tmp_path: Path) -> None:
    for number in (9, 10, 2):
        put(tmp_path / f"ckpt-{number}", b"x")
    found = [Path(path).name for path in checkpoints.complete(search(RULE, tmp_path))]
    assert found == ["ckpt-10", "ckpt-9", "ckpt-2"]


def test_the_glob_may_descend_but_not_into_our_directories(tmp_path: Path) -> None:
    deep = put(tmp_path / "a" / "b" / "ckpt-1", b"x")
    put(tmp_path / ".trainui" / "attempt-1" / "ckpt-2", b"x", mtime=2_000)
    assert checkpoints.find(search(CheckpointRule("**/ckpt-*"), tmp_path)) == deep


def test_a_tried_one_gives_way_to_the_one_before(tmp_path: Path) -> None:
    first = put(tmp_path / "ckpt-1", b"x", mtime=1)
    second = put(tmp_path / "ckpt-2", b"x", mtime=2)
    assert checkpoints.find(search(RULE, tmp_path), {second: LATE}) == first
    assert not checkpoints.exhausted(search(RULE, tmp_path), {second: LATE})
    assert checkpoints.find(search(RULE, tmp_path), {first: LATE, second: LATE}) is None
    assert checkpoints.exhausted(search(RULE, tmp_path), {first: LATE, second: LATE})


def test_one_that_was_written_again_since_is_not_tried(tmp_path: Path) -> None:
    first = put(tmp_path / "ckpt-1", b"x", mtime=1)
    last = put(tmp_path / "ckpt-last", b"x", mtime=2_001)
    assert checkpoints.find(search(RULE, tmp_path), {first: LATE, last: LATE}) == last
    put(tmp_path / "ckpt-last", b"x", mtime=4_000_000_000)  # a clock was wrong
    assert checkpoints.find(search(RULE, tmp_path), {last: LATE}) == first


def test_a_link_to_a_tried_one_is_tried(tmp_path: Path) -> None:
    first, second = put(tmp_path / "ckpt-1", b"x", mtime=1), put(tmp_path / "ckpt-2", b"x", mtime=2)
    link = tmp_path / "ckpt-last"
    link.symlink_to("ckpt-2")
    assert checkpoints.find(search(RULE, tmp_path)) == str(link)
    for tried in (str(link), second):
        assert checkpoints.find(search(RULE, tmp_path), {tried: LATE}) == first


def test_asking_again_after_all_were_tried_gives_the_newest(tmp_path: Path) -> None:
    first, second = put(tmp_path / "ckpt-1", b"x", mtime=1), put(tmp_path / "ckpt-2", b"x", mtime=2)
    assert checkpoints.find(search(RULE, tmp_path), {second: LATE}, asked=True) == first
    assert (
        checkpoints.find(search(RULE, tmp_path), {first: LATE, second: LATE}, asked=True) == second
    )


def test_a_directory_is_as_new_as_its_newest_file(tmp_path: Path) -> None:
    for name, written in (("ckpt-1", 30), ("ckpt-2", 20)):
        put(tmp_path / name / "model.bin", b"x", mtime=written)
        os.utime(tmp_path / name, (10, 10))
    (tmp_path / "ckpt-1" / "link").symlink_to("nowhere")
    assert checkpoints.find(search(RULE, tmp_path)) == str(tmp_path / "ckpt-1")


def test_torn_ones_do_not_count_as_left(tmp_path: Path) -> None:
    first = put(tmp_path / "ckpt-1", b"x", mtime=1)
    put(tmp_path / "ckpt-2.npz", b"PK\x03\x04 torn", mtime=2)
    assert checkpoints.exhausted(search(RULE, tmp_path), {first: LATE})
    assert not checkpoints.exhausted(search(RULE, tmp_path), {})


def test_a_checkpoint_counts_as_new_from_a_time_on(tmp_path: Path) -> None:
    second = 1_000_000_000
    put(tmp_path / "ckpt-1", b"x", mtime=10)
    put(tmp_path / "ckpt-2", b"", mtime=20)
    assert checkpoints.newer_than(search(RULE, tmp_path), 10 * second)
    assert not checkpoints.newer_than(search(RULE, tmp_path), 11 * second)
    assert not checkpoints.newer_than(search(None, tmp_path), 0)


def test_a_directory_is_complete_with_the_file_that_says_so(tmp_path: Path) -> None:
    rule = CheckpointRule("out/checkpoint-*", complete="trainer_state.json")
    old = tmp_path / "out" / "checkpoint-100"
    new = tmp_path / "out" / "checkpoint-200"
    put(old / "trainer_state.json", b"{}")
    put(new / "model.bin", b"x")
    os.utime(old, (1, 1))
    assert checkpoints.find(search(rule, tmp_path)) == str(old)
    put(new / "trainer_state.json", b'{"torn')
    assert checkpoints.find(search(rule, tmp_path)) == str(old)
    put(new / "trainer_state.json", b"{}")
    assert checkpoints.find(search(rule, tmp_path)) == str(new)


def test_without_such_a_rule_a_nonempty_directory_is_whole(tmp_path: Path) -> None:
    (tmp_path / "ckpt-1").mkdir()
    assert checkpoints.find(search(RULE, tmp_path)) is None
    put(tmp_path / "ckpt-1" / "x", b"")
    assert checkpoints.find(search(RULE, tmp_path)) == str(tmp_path / "ckpt-1")


def attempt(directory: Path, *, before: CheckpointSearch | None, started: int = 100) -> Path:
    """The directory of an attempt that has started, with a note of what was there before."""
    directory.mkdir(parents=True)
    if before is not None:
        checkpoints.note_before(before.outside(), directory)
    put(directory / "started", b"", mtime=started)
    put(directory / "pid.json", b"{}")
    return directory


def test_outside_its_directory_a_stage_has_its_attempts_files(tmp_path: Path) -> None:
    stage_dir, shared = tmp_path / "stage", tmp_path / "work"
    others, own = put(shared / "ckpt-2", b"x", mtime=20), str(shared / "ckpt-1")
    assert checkpoints.find(search(RULE, stage_dir)) is None
    assert checkpoints.foreign(search(RULE, stage_dir)) == others
    first = attempt(tmp_path / "1", before=search(RULE, stage_dir))
    put(Path(own), b"x", mtime=10)  # the clock of that disk is behind
    assert checkpoints.find(search(RULE, stage_dir, first)) == own
    assert checkpoints.foreign(search(RULE, stage_dir, first)) == others

    checkpoints.note_after(search(RULE, stage_dir).outside(), first)
    put(shared / "ckpt-3", b"x", mtime=30)
    second = attempt(tmp_path / "2", before=search(RULE, stage_dir))
    assert checkpoints.find(search(RULE, stage_dir, first, second)) == own
    put(shared / "ckpt-3", b"xx", mtime=30)
    assert checkpoints.find(search(RULE, stage_dir, first, second)) == str(shared / "ckpt-3")
    put(Path(own), b"of another run", mtime=40)
    assert checkpoints.find(search(RULE, stage_dir, first)) is None
    checkpoints.disown(second)
    assert checkpoints.find(search(RULE, stage_dir, second)) is None


def test_a_directory_is_known_again_by_its_largest_files(tmp_path: Path) -> None:
    stage_dir, checkpoint = tmp_path / "stage", tmp_path / "work" / "ckpt-1"
    first = attempt(tmp_path / "1", before=search(RULE, stage_dir))
    put(checkpoint / "model.bin", bytes(100))
    put(checkpoint / "optimizer.bin", bytes(50))
    checkpoints.note_after(search(RULE, stage_dir).outside(), first)
    put(checkpoint / "eval.json", b"{}", mtime=3_000)
    (checkpoint / "optimizer.bin").unlink()
    assert checkpoints.find(search(RULE, stage_dir, first)) == str(checkpoint)
    second = attempt(tmp_path / "2", before=search(RULE, stage_dir))
    put(checkpoint / "more.json", b"{}", mtime=4_000)
    assert checkpoints.find(search(RULE, stage_dir, second)) is None, "it is the first one's"
    put(checkpoint / "model.bin", bytes(100), mtime=5_000)
    assert checkpoints.find(search(RULE, stage_dir, first)) is None
    assert checkpoints.find(search(RULE, stage_dir, second)) == str(checkpoint)


def test_of_a_launch_done_again_the_first_note_counts(tmp_path: Path) -> None:
    directory = attempt(tmp_path / "1", before=search(RULE, tmp_path / "stage"))
    own = put(tmp_path / "work" / "ckpt-1", b"x")
    checkpoints.note_before([Path(own)], directory)
    assert checkpoints.find(search(RULE, tmp_path / "stage", directory)) == own


def test_an_attempt_that_never_started_wrote_nothing(tmp_path: Path) -> None:
    directory = attempt(tmp_path / "1", before=search(RULE, tmp_path / "stage"))
    put(tmp_path / "work" / "ckpt-1", b"x")
    (directory / "pid.json").unlink()
    assert checkpoints.find(search(RULE, tmp_path / "stage", directory)) is None


def test_of_an_attempt_before_such_notes_what_is_newer_counts(tmp_path: Path) -> None:
    directory = attempt(tmp_path / "1", before=None, started=15)
    put(tmp_path / "work" / "ckpt-1", b"x", mtime=10)
    assert checkpoints.find(search(RULE, tmp_path / "stage", directory)) is None
    own = put(tmp_path / "work" / "ckpt-2", b"x", mtime=20)
    assert checkpoints.find(search(RULE, tmp_path / "stage", directory)) == own


def test_a_link_out_of_the_stages_directory_is_foreign(tmp_path: Path) -> None:
    others = put(tmp_path / "elsewhere" / "ckpt-1", b"x")
    (tmp_path / "stage").mkdir()
    (tmp_path / "stage" / "ckpt-1").symlink_to(others)
    assert checkpoints.find(search(RULE, tmp_path / "stage")) is None


def test_unused_checkpoints_are_explained(tmp_path: Path) -> None:
    stage_dir, work = tmp_path / "stage", tmp_path / "work"
    member = StageDefinition("a", checkpoint=RULE, workdir=str(work), matrix={"lr": "1"})
    alone = replace(member, matrix=None, resume_args=("--resume",))
    of_alone = partial(checkpoints.search, alone, stage_dir)
    of_member = partial(checkpoints.search, member, stage_dir)
    assert checkpoints.reason_unused(of_alone()) is None
    started = [attempt(tmp_path / "0", before=None, started=1)]
    missing = "no checkpoint ckpt-* in the stage's directory"
    assert checkpoints.reason_unused(of_alone(started)) == f"{missing} or workdir"
    assert checkpoints.reason_unused(of_member(started)) == missing
    others = put(work / "ckpt-1", b"x")
    assert str(checkpoints.reason_unused(of_alone())).startswith(
        f"{others} is not used, since no attempt"
    )
    assert str(checkpoints.reason_unused(of_alone())).endswith("for the stage")
    everywhere = replace(alone, checkpoint=CheckpointRule("**/ckpt-*"))
    missing = "no checkpoint **/ckpt-* in the stage's directory"
    assert checkpoints.reason_unused(checkpoints.search(everywhere, stage_dir, started)) == missing
    by_itself = checkpoints.search(replace(alone, resume_args=None), stage_dir)
    assert str(checkpoints.reason_unused(by_itself)).endswith("may still find it by itself")
    assert checkpoints.reason_unused(of_member()) is None
    assert f"({others} is not used: members of a sweep" in str(
        checkpoints.reason_unused(of_member(started))
    )
    assert checkpoints.find(of_member([attempt(tmp_path / "1", before=None, started=1)])) is None
    put(stage_dir / "ckpt-2", b"")
    assert checkpoints.reason_unused(of_alone()) == (
        "no checkpoint ckpt-* is complete: ckpt-2 is empty"
    )
    earlier = put(stage_dir / "ckpt-3", b"x")
    assert checkpoints.reason_unused(of_alone()) is None
    put(stage_dir / "ckpt-4", b"")
    assert checkpoints.find(of_alone()) == earlier
    assert checkpoints.reason_unused(of_alone()) == "the newest, ckpt-4, is empty"


def test_the_places_of_running_stages_on_this_host_are_found(
    filler: Filler, tmp_path: Path
) -> None:
    scratch, workdir = tmp_path / "scratch", tmp_path / "work"
    for directory in (scratch / "models", workdir / "out"):
        directory.mkdir(parents=True)
    run_id = filler.run(
        {"absolute": (), "over": ()}, checkpoint=CheckpointRule(f"{scratch}/models/*/ckpt-*.pt")
    )
    filler.complete(run_id, "over")
    here = settings.host()
    with engine.reading() as connection:
        assert checkpoints.places_of_running(connection, here) == [], "nothing runs"
        filler.start(run_id, "absolute")
        assert checkpoints.places_of_running(connection, here) == [scratch / "models"]
        assert checkpoints.places_of_running(connection, "elsewhere") == []
        other = filler.run(
            {"relative": ()}, checkpoint=CheckpointRule("out/ckpt-*"), workdir=str(workdir)
        )
        attempt = filler.start(other, "relative")
        found = checkpoints.places_of_running(connection, here)
        assert sorted(found) == [scratch / "models", workdir / "out"]
        own = Path(filler.stage(other, "relative").directory, "out")
        own.symlink_to(scratch)
        found = checkpoints.places_of_running(connection, here)
        assert sorted(found) == sorted([scratch / "models", own, workdir / "out"])
        filler.end(attempt)
        assert checkpoints.places_of_running(connection, here) == [scratch / "models"]
