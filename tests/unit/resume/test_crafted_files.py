"""Checkpoints with any content: each is complete or not, with a reason, in bounded memory."""

from __future__ import annotations

import io
import json
import os
import pickle
import struct
import subprocess
import sys
import tempfile
import threading
import zipfile
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.unit.resume.test_integrity import WRITTEN, hdf5, put, safetensors
from trainui.resume import checkpoints, integrity, outputs

DEEP = b"[" * 200_000


def archive(
    method: int, names: tuple[str, ...] = ("data.pkl", "step.npy"), size: int = 99
) -> bytes:
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w", method) as made:
        for name in names:
            made.writestr(f"archive/{name}", bytes(size))
    return file.getvalue()


def arrays() -> bytes:
    file = io.BytesIO()
    np.savez_compressed(file, step=np.array(7), weights=np.arange(99))
    return file.getvalue()


REAL = {
    "a.npz": arrays(),
    "a.pt": archive(zipfile.ZIP_STORED),
    "b.pt": (WRITTEN / "before-zips.pt").read_bytes(),
    "c.pt": (WRITTEN / "before-zips-4.pt").read_bytes(),
    "a.zip": archive(zipfile.ZIP_BZIP2),
    "a.safetensors": safetensors(),
    "model.safetensors.index.json": b'{"weight_map": {"a": "a.safetensors", "b": "b.bin"}}',
    ".metadata": (WRITTEN / "distributed/.metadata").read_bytes(),
    "a.h5": hdf5(0, length=200),
    "b.h5": hdf5(2, length=200),
    "a.pkl": pickle.dumps({"step": 7, "weights": list(range(99))}),
    "a.txt": b"tree\nversion=v4\n\nTree=0\nnum_leaves=3\n\n\nend of trees\n",
    "trainer_state.json": b'{"global_step": 60, "log_history": [{"loss": 0.5}]}',
    "latest": b"global_step10",
}
"""One file of each kind that is recognised."""

Edit = tuple[int, int, bytes]
edits: st.SearchStrategy[list[Edit]] = st.lists(
    st.tuples(
        st.integers(0, 2_000),
        st.integers(0, 40),
        st.one_of(
            st.binary(max_size=12),
            st.sampled_from(
                [b"\xff" * 8, b"\0" * 8, b"\x8b\xff\xff\xff\x7f", b"\x93", b"[[[", b"-1"]
            ),
            st.integers(0, 2**64 - 1).map(lambda value: struct.pack("<Q", value)),
        ),
    ),
    max_size=5,
)
"""Each: at which place, how many bytes are replaced, and by which."""


def edited(data: bytes, by: list[Edit]) -> bytes:
    for place, length, new in by:
        start = place % (len(data) + 1)
        data = data[:start] + new + data[start + length :]
    return data


def judge(path: Path) -> None:
    problem = integrity.problem(path)
    assert problem is None or problem.encode()
    step = integrity.step_of(path)
    assert step is None or step >= 0


@settings(deadline=None, max_examples=300)
@given(kind=st.sampled_from(sorted(REAL)), name=st.sampled_from(["", *sorted(REAL)]), by=edits)
def test_an_edited_checkpoint_is_judged_without_an_exception(
    kind: str, name: str, by: list[Edit]
) -> None:
    with tempfile.TemporaryDirectory() as place:
        file = put(Path(place, "checkpoint-60", name or kind), edited(REAL[kind], by))
        judge(file)
        judge(file.parent)


@settings(deadline=None, max_examples=200)
@given(name=st.sampled_from([*sorted(REAL), "a.ckpt", "a"]), data=st.binary(max_size=200))
def test_any_bytes_are_judged_without_an_exception(name: str, data: bytes) -> None:
    with tempfile.TemporaryDirectory() as place:
        file = put(Path(place, "checkpoint-60", name), data)
        judge(file)
        judge(file.parent)


def old_torch(count: bytes) -> bytes:
    """A file of the old format with one tensor, of which the number of elements is a pickle."""
    numbers: tuple[object, ...] = (0x1950A86A20F9469CFC6C, 1001, {})
    heads = [pickle.dumps(one, 2) for one in numbers]
    names = b"X\7\0\0\0storagectorch\nFloatStorage\nX\1\0\0\0kX\3\0\0\0cpu"
    return b"".join(heads) + b"\x80\x02(" + names + count + b"tQ." + pickle.dumps([], 2)


def metadata(name: str, offset: object, length: object) -> bytes:
    return pickle.dumps({"relative_path": name, "offset": offset, "length": length}, 2)


DOUBLED = b"\x80\x04\x8c\x03abc\x94" + b"".join(
    b"h%ch%c\x93\x94" % (memo, memo) for memo in range(60)
)
"""A pickle whose name of a class is twice as long with each instruction."""

INCOMPLETE = {
    "deep.safetensors": len(DEEP).to_bytes(8, "little") + DEEP + bytes(16),
    "deep/model.safetensors.index.json": b'{"weight_map": ' + DEEP,
    "deep.json": DEEP,
    "claims.safetensors": b"\xff" * 7 + b"\x7f{}",
    "text.pt": old_torch(b"X\2\0\0\0ab"),
    "negative.pt": old_torch(b"J\xff\xff\xff\xff"),
    "claims.pt": old_torch(b"\x8e" + b"\xff" * 7 + b"\x3f"),
    "digits.pt": old_torch(b"\x8b\x10\x27\0\0" + b"\x7f" * 10_000),
    "text/.metadata": metadata("a.distcp", "x", "y"),
    "nul/.metadata": metadata("a\0b", 1, 2),
    "outside/.metadata": metadata("../../a", 1, 2),
    "doubled/.metadata": DOUBLED + metadata("b.distcp", 1, 2)[2:],
    "nul/model.safetensors.index.json": b'{"weight_map": {"a": "a\\u0000b"}}',
    "lone/model.safetensors.index.json": b'{"weight_map": {"a": "\\ud800/../b"}}',
}
"""Each of them raised, or filled the memory, or was believed."""


@pytest.mark.parametrize("name", sorted(INCOMPLETE))
def test_a_crafted_checkpoint_is_incomplete(tmp_path: Path, name: str) -> None:
    file = put(tmp_path / name, INCOMPLETE[name])
    path = file if "/" not in name else file.parent
    assert integrity.problem(path)
    assert integrity.step_of(path) is None


LIMITED = """
import resource, sys
from pathlib import Path
from trainui.resume import integrity
resource.setrlimit(resource.RLIMIT_AS, (700 * 2**20,) * 2)
resource.setrlimit(resource.RLIMIT_CPU, (60, 60))
for path in sys.argv[1:]:
    problem = integrity.problem(Path(path))
    assert "MemoryError" not in (problem or ""), (path, problem)
    integrity.step_of(Path(path))
"""


def test_a_bomb_is_judged_in_bounded_memory_and_time(tmp_path: Path) -> None:
    for name, data in INCOMPLETE.items():
        put(tmp_path / "crafted" / name, data)
    for number, method in enumerate((zipfile.ZIP_DEFLATED, zipfile.ZIP_BZIP2, zipfile.ZIP_LZMA)):
        size = 750 if method == zipfile.ZIP_DEFLATED else 10
        with (
            zipfile.ZipFile(tmp_path / f"bomb-{number}.pt", "w", method, compresslevel=1) as made,
            made.open("archive/data.pkl", "w", force_zip64=True) as entry,
        ):
            for _ in range(size):
                entry.write(bytes(2**20))
    many = archive(zipfile.ZIP_STORED, tuple(f"data/{number}" for number in range(30_000)), size=1)
    put(tmp_path / "many.pt", many)
    put(tmp_path / "line.pt", old_torch(b"I" + b"1" * 80_000_000))
    put(tmp_path / "long" / "model.safetensors.index.json", b"[" + b"{}," * 10_000_000)
    paths = [*tmp_path.iterdir(), *(one for one in (tmp_path / "crafted").rglob("*"))]
    done = subprocess.run([sys.executable, "-c", LIMITED, *map(str, paths)], capture_output=True)
    assert done.returncode == 0, done.stderr.decode()[-2000:]


def damaged(method: int) -> bytes:
    data = bytearray(archive(method, size=5_000))
    data[data.index(b"data.pkl") + 20] ^= 0xFF
    return bytes(data)


def test_an_entry_of_unbounded_size_is_not_decompressed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for method in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED):
        assert integrity.problem(put(tmp_path / "a.pt", damaged(method)))
    for method in (zipfile.ZIP_BZIP2, zipfile.ZIP_LZMA):
        assert integrity.problem(put(tmp_path / "a.pt", damaged(method))) is None
    monkeypatch.setattr(integrity, "MOST_DECOMPRESSED", 9_999)
    assert integrity.problem(put(tmp_path / "a.pt", damaged(zipfile.ZIP_DEFLATED))) is None


def test_other_objects_than_files_are_incomplete_and_never_opened(tmp_path: Path) -> None:
    for name in ("a.pt", "trainer_state.json", "a.json"):
        os.mkfifo(tmp_path / name)
        assert integrity.problem(tmp_path / name)
        assert integrity.step_of(tmp_path / name) is None
    (tmp_path / "zero.npz").symlink_to("/dev/zero")
    assert integrity.problem(tmp_path / "zero.npz")
    assert integrity.problem(tmp_path)
    assert integrity.step_of(tmp_path) is None


def test_a_name_that_cannot_be_recorded_is_incomplete(tmp_path: Path) -> None:
    path = put(Path(os.fsdecode(os.fsencode(tmp_path) + b"/ckpt-\xff.json")), b"{}")
    assert integrity.problem(path)


def test_a_part_that_cannot_be_listed_makes_it_incomplete(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    put(tmp_path / "checkpoint-1" / "a" / "model.safetensors", safetensors())
    assert integrity.problem(tmp_path / "checkpoint-1") is None
    scandir = os.scandir

    def refused(path: str) -> object:
        if path.endswith("/a"):
            raise PermissionError(13, "Permission denied")
        return scandir(path)

    monkeypatch.setattr(os, "scandir", refused)
    assert "Permission denied" in str(integrity.problem(tmp_path / "checkpoint-1"))


def test_a_directory_of_any_depth_is_judged(tmp_path: Path) -> None:
    here = Path.cwd()
    (tmp_path / "checkpoint-1").mkdir()
    os.chdir(tmp_path / "checkpoint-1")
    try:
        for _ in range(1500):
            Path("d").mkdir()
            os.chdir("d")
        put(Path("model.safetensors"), b"torn")
        found = integrity.problem(tmp_path / "checkpoint-1")
        Path("model.safetensors").unlink()
        for _ in range(1500):  # pytest's own removal of old directories is recursive
            os.chdir("..")
            Path("d").rmdir()
    finally:
        os.chdir(here)
    assert found


def test_links_in_a_loop_are_searched_once(tmp_path: Path) -> None:
    for name in "xyz":
        (tmp_path / "a").mkdir(exist_ok=True)
        (tmp_path / "a" / name).symlink_to("..")
    put(tmp_path / "a" / "b" / "ckpt-1", b"x")
    (tmp_path / "linked").symlink_to("a/b")
    found = outputs.matches("**/ckpt-*", tmp_path)
    assert len(found) == 1
    assert found[0].samefile(tmp_path / "a" / "b" / "ckpt-1")


def test_a_recursive_pattern_finds_what_the_shell_does(tmp_path: Path) -> None:
    for name in ("x", "a/x", "a/b/x", "a/.c/x", ".d/x"):
        put(tmp_path / name, b"x")

    def found(pattern: str) -> list[str]:
        return [str(one.relative_to(tmp_path)) for one in outputs.matches(pattern, tmp_path)]

    assert found("**/x") == ["a/b/x", "a/x", "x"]
    assert found("a/**/x") == found(f"{tmp_path}/a/**/x") == ["a/b/x", "a/x"]
    assert found("**/b/**/x") == ["a/b/x"]
    assert found("a/**") == ["a", "a/b", "a/b/x", "a/x"]
    assert found("**") == ["a", "a/b", "a/b/x", "a/x", "x"]


def test_a_file_that_changes_meanwhile_is_judged(tmp_path: Path) -> None:
    done = threading.Event()
    path = tmp_path / "checkpoint-1" / "a.pt"

    def write() -> None:
        while not done.is_set():
            for name in ("a.pt", "b.pt", "a.safetensors", "a.npz"):
                for length in (len(REAL[name]), 30, 0):
                    put(path, REAL[name][:length])
            path.unlink()

    writer = threading.Thread(target=write)
    writer.start()
    try:
        for _ in range(300):
            judge(path)
            judge(path.parent)
    finally:
        done.set()
        writer.join()


def test_a_damaged_note_counts_as_none(tmp_path: Path) -> None:
    for content in (DEEP, b"[]", b'{"before": 1, "after": {"a": 3}}', b'{"before": {"a": [[1]]}}'):
        put(tmp_path / checkpoints.NOTE, content)
        note = checkpoints.read_note(tmp_path)
        assert note.before is None
        assert note.after is None
        assert not note.wrote(tmp_path / "a")
    put(tmp_path / checkpoints.NOTE, json.dumps({"before": {"a": [["", 1, 2]]}}).encode())
    assert checkpoints.read_note(tmp_path).before == {"a": [("", 1, 2)]}
