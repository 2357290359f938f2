"""Which checkpoint a stage continues from, with real files of every kind that can be told."""

from __future__ import annotations

import os
from pathlib import Path

from trainui import clock
from trainui.domain.definition import CheckpointRule
from trainui.execution import checkpoints

RULE = CheckpointRule("ckpt-*")

LATE = 2_000 * clock.SECOND
"""When an attempt started that found the checkpoints of these tests."""


def put(path: Path, data: bytes, *, mtime: int = 1_000) -> str:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(data)
    os.utime(path, (mtime, mtime))
    return str(path)


def test_without_a_rule_or_a_match_there_is_none(tmp_path: Path) -> None:
    put(tmp_path / "other.bin", b"x")
    assert checkpoints.find(None, tmp_path) is None
    assert checkpoints.find(RULE, tmp_path) is None
    assert checkpoints.find(RULE, tmp_path / "missing") is None
    assert not checkpoints.exhausted(RULE, tmp_path, {})


def test_the_newest_by_time_is_taken(tmp_path: Path) -> None:
    newest = put(tmp_path / "ckpt-1", b"x", mtime=30)
    put(tmp_path / "ckpt-2", b"x", mtime=20)
    assert checkpoints.find(RULE, tmp_path) == newest


def test_of_one_time_the_natural_order_decides(tmp_path: Path) -> None:
    for number in (9, 10, 2):
        put(tmp_path / f"ckpt-{number}", b"x")
    found = [Path(path).name for path in checkpoints.whole(RULE, tmp_path)]
    assert found == ["ckpt-10", "ckpt-9", "ckpt-2"]


def test_the_glob_may_go_down_directories_but_not_into_our_own(tmp_path: Path) -> None:
    deep = put(tmp_path / "a" / "b" / "ckpt-1", b"x")
    put(tmp_path / ".trainui" / "attempt-1" / "ckpt-2", b"x", mtime=2_000)
    assert checkpoints.find(CheckpointRule("**/ckpt-*"), tmp_path) == deep


def test_a_tried_one_gives_way_to_the_one_before(tmp_path: Path) -> None:
    first = put(tmp_path / "ckpt-1", b"x", mtime=1)
    second = put(tmp_path / "ckpt-2", b"x", mtime=2)
    assert checkpoints.find(RULE, tmp_path, {second: LATE}) == first
    assert not checkpoints.exhausted(RULE, tmp_path, {second: LATE})
    assert checkpoints.find(RULE, tmp_path, {first: LATE, second: LATE}) is None
    assert checkpoints.exhausted(RULE, tmp_path, {first: LATE, second: LATE})


def test_one_that_was_written_again_since_is_not_tried(tmp_path: Path) -> None:
    first = put(tmp_path / "ckpt-1", b"x", mtime=1)
    last = put(tmp_path / "ckpt-last", b"x", mtime=2_001)
    assert checkpoints.find(RULE, tmp_path, {first: LATE, last: LATE}) == last
    put(tmp_path / "ckpt-last", b"x", mtime=4_000_000_000)  # a clock was wrong
    assert checkpoints.find(RULE, tmp_path, {last: LATE}) == first


def test_a_link_to_a_tried_one_is_tried(tmp_path: Path) -> None:
    first, second = put(tmp_path / "ckpt-1", b"x", mtime=1), put(tmp_path / "ckpt-2", b"x", mtime=2)
    link = tmp_path / "ckpt-last"
    link.symlink_to("ckpt-2")
    assert checkpoints.find(RULE, tmp_path) == str(link)
    for tried in (str(link), second):
        assert checkpoints.find(RULE, tmp_path, {tried: LATE}) == first


def test_a_person_who_asks_again_gets_the_newest_when_all_were_tried(tmp_path: Path) -> None:
    first, second = put(tmp_path / "ckpt-1", b"x", mtime=1), put(tmp_path / "ckpt-2", b"x", mtime=2)
    assert checkpoints.find(RULE, tmp_path, {second: LATE}, asked=True) == first
    assert checkpoints.find(RULE, tmp_path, {first: LATE, second: LATE}, asked=True) == second


def test_a_directory_is_as_new_as_the_newest_of_its_files(tmp_path: Path) -> None:
    for name, written in (("ckpt-1", 30), ("ckpt-2", 20)):
        put(tmp_path / name / "model.bin", b"x", mtime=written)
        os.utime(tmp_path / name, (10, 10))
    (tmp_path / "ckpt-1" / "link").symlink_to("nowhere")
    assert checkpoints.find(RULE, tmp_path) == str(tmp_path / "ckpt-1")


def test_torn_ones_do_not_count_as_left(tmp_path: Path) -> None:
    first = put(tmp_path / "ckpt-1", b"x", mtime=1)
    put(tmp_path / "ckpt-2.npz", b"PK\x03\x04 torn", mtime=2)
    assert checkpoints.exhausted(RULE, tmp_path, {first: LATE})
    assert not checkpoints.exhausted(RULE, tmp_path, {})


def test_a_checkpoint_counts_as_new_from_a_time_on(tmp_path: Path) -> None:
    second = 1_000_000_000
    put(tmp_path / "ckpt-1", b"x", mtime=10)
    put(tmp_path / "ckpt-2", b"", mtime=20)
    assert checkpoints.newer_than(RULE, tmp_path, 10 * second)
    assert not checkpoints.newer_than(RULE, tmp_path, 11 * second)
    assert not checkpoints.newer_than(None, tmp_path, 0)


def test_a_directory_is_whole_when_it_holds_the_file_that_says_so(tmp_path: Path) -> None:
    rule = CheckpointRule("out/checkpoint-*", complete="trainer_state.json")
    old = tmp_path / "out" / "checkpoint-100"
    new = tmp_path / "out" / "checkpoint-200"
    put(old / "trainer_state.json", b"{}")
    put(new / "model.bin", b"x")
    os.utime(old, (1, 1))
    assert checkpoints.find(rule, tmp_path) == str(old)
    put(new / "trainer_state.json", b'{"torn')
    assert checkpoints.find(rule, tmp_path) == str(old)
    put(new / "trainer_state.json", b"{}")
    assert checkpoints.find(rule, tmp_path) == str(new)


def test_a_directory_without_such_a_rule_is_whole_when_not_empty(tmp_path: Path) -> None:
    (tmp_path / "ckpt-1").mkdir()
    assert checkpoints.find(RULE, tmp_path) is None
    put(tmp_path / "ckpt-1" / "x", b"")
    assert checkpoints.find(RULE, tmp_path) == str(tmp_path / "ckpt-1")
