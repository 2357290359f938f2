"""Which checkpoint a stage continues from, with real files of every kind that can be told."""

from __future__ import annotations

import json
import os
import zipfile
from pathlib import Path

import numpy as np
import pytest

from trainui.domain.definition import CheckpointRule
from trainui.execution import checkpoints

RULE = CheckpointRule("ckpt-*")


def put(path: Path, data: bytes, *, mtime: int = 1_000) -> str:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(data)
    os.utime(path, (mtime, mtime))
    return str(path)


def npz(path: Path, *, size: int = 1_000, mtime: int = 1_000) -> bytes:
    np.savez(path, weights=np.arange(size))
    os.utime(path, (mtime, mtime))
    return path.read_bytes()


def safetensors(*, data: int = 16, claimed: int | None = None) -> bytes:
    entry = {"dtype": "F32", "shape": [4], "data_offsets": [0, claimed or data]}
    header = json.dumps({"__metadata__": {"a": "b"}, "w": entry}).encode()
    return len(header).to_bytes(8, "little") + header + b"\0" * data


def test_without_a_rule_or_a_match_there_is_none(tmp_path: Path) -> None:
    put(tmp_path / "other.bin", b"x")
    assert checkpoints.find(None, tmp_path) is None
    assert checkpoints.find(RULE, tmp_path) is None
    assert checkpoints.find(RULE, tmp_path / "missing") is None
    assert not checkpoints.exhausted(RULE, tmp_path, set())


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
    assert checkpoints.find(RULE, tmp_path, {second}) == first
    assert not checkpoints.exhausted(RULE, tmp_path, {second})
    assert checkpoints.find(RULE, tmp_path, {first, second}) is None
    assert checkpoints.exhausted(RULE, tmp_path, {first, second})


def test_torn_ones_do_not_count_as_left(tmp_path: Path) -> None:
    first = put(tmp_path / "ckpt-1", b"x", mtime=1)
    put(tmp_path / "ckpt-2.npz", b"PK\x03\x04 torn", mtime=2)
    assert checkpoints.exhausted(RULE, tmp_path, {first})
    assert not checkpoints.exhausted(RULE, tmp_path, set())


@pytest.mark.parametrize("suffix", [".npz", ".pt", ".ckpt", ""])
def test_a_torn_zip_is_not_whole_whatever_it_is_called(tmp_path: Path, suffix: str) -> None:
    data = npz(tmp_path / "ckpt-1.npz")
    for part in (4, len(data) // 2, len(data) - 1):
        torn = tmp_path / f"ckpt-2{suffix}"
        put(torn, data[:part])
        assert not checkpoints.is_whole(torn), part
    put(tmp_path / f"ckpt-2{suffix}", data)
    assert checkpoints.is_whole(tmp_path / f"ckpt-2{suffix}")


def test_a_small_zip_is_read_to_its_end(tmp_path: Path) -> None:
    path = tmp_path / "ckpt-1.npz"
    data = bytearray(npz(path))
    data[len(data) // 2] ^= 0xFF
    path.write_bytes(data)
    assert not checkpoints.is_whole(path)
    np.savez_compressed(path, weights=np.random.default_rng(1).random(1_000))
    data = bytearray(path.read_bytes())
    data[len(data) // 2] ^= 0xFF
    path.write_bytes(data)
    assert not checkpoints.is_whole(path)


def test_of_a_large_zip_the_entries_are_in_their_places(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(checkpoints, "CHECKED_THROUGHOUT", 100)
    path = tmp_path / "ckpt-1.pt"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("archive/data.pkl", b"x" * 500)
        archive.writestr("archive/data/0", b"y" * 500)
    assert checkpoints.is_whole(path)
    data = bytearray(path.read_bytes())
    second = data.index(b"PK\x03\x04", 10)
    data[second : second + 4] = b"\0\0\0\0"
    path.write_bytes(data)
    assert not checkpoints.is_whole(path)


def test_an_old_torch_file_is_a_pickle(tmp_path: Path) -> None:
    put(tmp_path / "ckpt-1.pt", b"\x80\x02} .")
    put(tmp_path / "ckpt-2.pt", b"\0" * 100)
    assert checkpoints.is_whole(tmp_path / "ckpt-1.pt")
    assert not checkpoints.is_whole(tmp_path / "ckpt-2.pt")


def test_safetensors_hold_as_much_as_their_header_says(tmp_path: Path) -> None:
    path = tmp_path / "model.safetensors"
    put(path, safetensors())
    assert checkpoints.is_whole(path)
    for torn in (safetensors()[:-1], safetensors()[:20], b"\1\2", safetensors(claimed=400)):
        put(path, torn)
        assert not checkpoints.is_whole(path)
    put(path, (7).to_bytes(8, "little") + b"[1,2,3]")
    assert not checkpoints.is_whole(path)


def test_json_parses(tmp_path: Path) -> None:
    put(tmp_path / "ckpt-1.json", b'{"step": 1}')
    put(tmp_path / "ckpt-2.json", b'{"step": ')
    assert checkpoints.is_whole(tmp_path / "ckpt-1.json")
    assert not checkpoints.is_whole(tmp_path / "ckpt-2.json")


def test_an_empty_or_unreadable_file_is_not_whole(tmp_path: Path) -> None:
    put(tmp_path / "ckpt-1", b"")
    (tmp_path / "ckpt-2").symlink_to(tmp_path / "nowhere")
    assert not checkpoints.is_whole(tmp_path / "ckpt-1")
    assert not checkpoints.is_whole(tmp_path / "ckpt-2")


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


def test_a_checkpoint_counts_as_new_from_a_time_on(tmp_path: Path) -> None:
    second = 1_000_000_000
    put(tmp_path / "ckpt-1", b"x", mtime=10)
    put(tmp_path / "ckpt-2", b"", mtime=20)
    assert checkpoints.newer_than(RULE, tmp_path, 10 * second)
    assert not checkpoints.newer_than(RULE, tmp_path, 11 * second)
    assert not checkpoints.newer_than(None, tmp_path, 0)
