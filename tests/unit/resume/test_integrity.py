"""The integrity of checkpoints, with real files of every kind that is recognised."""

from __future__ import annotations

import json
import os
import pickle
import shutil
import zipfile
from pathlib import Path

import numpy as np
import pytest

from trainui.resume import integrity


def put(path: Path, data: bytes) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(data)
    return path


def npz(path: Path, *, size: int = 1_000, mtime: int = 1_000) -> bytes:
    np.savez(path, weights=np.arange(size))
    os.utime(path, (mtime, mtime))
    return path.read_bytes()


def safetensors(*, data: int = 16, claimed: int | None = None) -> bytes:
    entry = {"dtype": "F32", "shape": [4], "data_offsets": [0, claimed or data]}
    header = json.dumps({"__metadata__": {"a": "b"}, "w": entry}).encode()
    return len(header).to_bytes(8, "little") + header + b"\0" * data


@pytest.mark.parametrize("suffix", [".npz", ".pt", ".ckpt", ""])
def test_a_torn_zip_is_not_whole_whatever_it_is_called(tmp_path: Path, suffix: str) -> None:
    data = npz(tmp_path / "ckpt-1.npz")
    for part in (4, len(data) // 2, len(data) - 1):
        torn = tmp_path / f"ckpt-2{suffix}"
        put(torn, data[:part])
        assert integrity.problem(torn), part
    put(tmp_path / f"ckpt-2{suffix}", data)
    assert integrity.problem(tmp_path / f"ckpt-2{suffix}") is None


def test_a_small_zip_is_read_to_its_end(tmp_path: Path) -> None:
    path = tmp_path / "ckpt-1.npz"
    data = bytearray(npz(path))
    data[len(data) // 2] ^= 0xFF
    path.write_bytes(data)
    assert integrity.problem(path)
    np.savez_compressed(path, weights=np.random.default_rng(1).random(1_000))
    data = bytearray(path.read_bytes())
    data[len(data) // 2] ^= 0xFF
    path.write_bytes(data)
    assert integrity.problem(path)


def test_of_a_large_zip_the_entries_are_in_their_places(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(integrity, "CHECKED_THROUGHOUT", 100)
    path = tmp_path / "ckpt-1.pt"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("archive/data.pkl", b"x" * 500)
        archive.writestr("archive/data/0", b"y" * 500)
    assert integrity.problem(path) is None
    data = bytearray(path.read_bytes())
    second = data.index(b"PK\x03\x04", 10)
    data[second : second + 4] = b"\0\0\0\0"
    path.write_bytes(data)
    assert integrity.problem(path)


def test_an_old_torch_file_is_a_pickle(tmp_path: Path) -> None:
    put(tmp_path / "ckpt-1.pt", b"\x80\x02} .")
    put(tmp_path / "ckpt-2.pt", b"\0" * 100)
    assert integrity.problem(tmp_path / "ckpt-1.pt") is None
    assert integrity.problem(tmp_path / "ckpt-2.pt")


WRITTEN = Path(__file__).parent / "written"
"""Small files as PyTorch 2.13 writes them."""


@pytest.mark.parametrize("name", ["before-zips.pt", "before-zips-4.pt"])
def test_an_old_torch_file_contains_the_tensors_that_it_names(tmp_path: Path, name: str) -> None:
    data = (WRITTEN / name).read_bytes()
    for suffix in (".pt", ".ckpt", ".bin", ""):
        path = put(tmp_path / f"model{suffix}", data)
        assert integrity.problem(path) is None
        for length in range(100, len(data), 1 if suffix == ".pt" else 50):
            assert integrity.problem(put(path, data[:length])), length


def test_a_long_pickle_is_believed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(integrity, "MOST_INSTRUCTIONS", 50)
    data = (WRITTEN / "before-zips.pt").read_bytes()
    assert integrity.problem(put(tmp_path / "model.pt", data[:-1])) is None


def test_safetensors_hold_as_much_as_their_header_says(tmp_path: Path) -> None:
    path = tmp_path / "model.safetensors"
    put(path, safetensors())
    assert integrity.problem(path) is None
    for torn in (safetensors()[:-1], safetensors()[:20], b"\1\2", safetensors(claimed=400)):
        put(path, torn)
        assert integrity.problem(path)
    put(path, (7).to_bytes(8, "little") + b"[1,2,3]")
    assert integrity.problem(path)


def test_json_parses(tmp_path: Path) -> None:
    put(tmp_path / "ckpt-1.json", b'{"step": 1}')
    put(tmp_path / "ckpt-2.json", b'{"step": ')
    assert integrity.problem(tmp_path / "ckpt-1.json") is None
    assert integrity.problem(tmp_path / "ckpt-2.json")


def test_an_empty_or_unreadable_file_is_not_whole(tmp_path: Path) -> None:
    put(tmp_path / "ckpt-1", b"")
    (tmp_path / "ckpt-2").symlink_to(tmp_path / "nowhere")
    assert integrity.problem(tmp_path / "ckpt-1")
    assert integrity.problem(tmp_path / "ckpt-2")


def test_a_zip_cut_at_any_byte_is_torn(tmp_path: Path) -> None:
    data = npz(tmp_path / "ckpt-1.npz", size=20)
    torn = tmp_path / "last.ckpt"
    for length in range(len(data)):
        put(torn, data[:length])
        assert integrity.problem(torn), length


def test_a_zip_of_zips_cut_at_any_byte_is_torn(tmp_path: Path) -> None:
    inner = npz(tmp_path / "inner.npz", size=20)
    path = tmp_path / "ppo_1000_steps.zip"
    with zipfile.ZipFile(path, "w") as archive:
        for name in ("data", "policy.pth", "policy.optimizer.pth"):
            archive.writestr(name, inner)
    data = path.read_bytes()
    assert integrity.problem(path) is None
    for length in range(0, len(data), 7):
        put(path, data[:length])
        assert integrity.problem(path), length


def test_zeros_where_weights_belong_are_torn(tmp_path: Path) -> None:
    assert integrity.problem(put(tmp_path / "moments.bin", bytes(1000))) is None
    for name in ("last.ckpt", "model.pkl", "model.safetensors", "model.pt"):
        assert integrity.problem(put(tmp_path / name, bytes(1000))), name


def test_a_pickle_ends_as_pickles_do(tmp_path: Path) -> None:
    data = pickle.dumps({"weights": list(range(100))})
    assert integrity.problem(put(tmp_path / "1.pkl", data)) is None
    assert integrity.problem(put(tmp_path / "2.pkl", data[:-1]))
    assert integrity.problem(put(tmp_path / "3.pkl", data[: len(data) // 2]))


@pytest.mark.parametrize("version", [0, 1, 2, 3])
def test_an_hdf5_file_is_as_long_as_its_superblock_says(tmp_path: Path, version: int) -> None:
    path = put(tmp_path / "model.h5", hdf5(version, length=200))
    assert integrity.problem(path) is None
    for length in range(200):
        put(path, hdf5(version, length=200)[:length])
        assert integrity.problem(path), length


def hdf5(version: int, *, length: int) -> bytes:
    """A superblock as the format's specification has it, with addresses of 8 bytes."""
    sizes = bytes([version, 0, 0, 0, 0, 8, 8, 0]) if version < 2 else bytes([version, 8, 8, 0])
    rest = b"\4\0\x10\0\0\0\0\0" + (b"\x20\0\0\0" if version == 1 else b"")
    unused, end = b"\xff" * 8, length.to_bytes(8, "little")
    head = b"\x89HDF\r\n\x1a\n" + sizes + (rest if version < 2 else b"")
    return (head + bytes(8) + unused + end).ljust(length, b"\1")


def test_a_model_of_lightgbm_has_its_end(tmp_path: Path) -> None:
    text = b"tree\nversion=v4\n\nTree=0\nnum_leaves=3\n\n\nend of trees\n\nparameters:\n"
    assert integrity.problem(put(tmp_path / "lightgbm.txt", text)) is None
    assert integrity.problem(put(tmp_path / "torn.txt", text[:40]))


def test_of_a_large_json_file_the_end_is_looked_at(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(integrity, "CHECKED_THROUGHOUT", 10)
    assert integrity.problem(put(tmp_path / "1.json", b'{"a": [1, 2, 3]}\n')) is None
    assert integrity.problem(put(tmp_path / "2.json", b'{"a": [1, 2, 3'))


def test_a_directory_with_a_torn_file_of_weights_is_torn(tmp_path: Path) -> None:
    directory = tmp_path / "checkpoint-60"
    put(directory / "model.safetensors", safetensors())
    put(directory / "state" / "log.json", b'{"a": 1}\n{"a": 2}\n')  # not ours to judge
    assert integrity.problem(directory) is None
    for name, data in (
        ("model.safetensors", safetensors()[:-1]),
        ("state/optimizer.pt", b""),
        ("state/optimizer.pt", npz(tmp_path / "x.npz")[:-1]),
        ("pytorch_model.bin", b""),
    ):
        before = (directory / name).read_bytes() if (directory / name).exists() else None
        put(directory / name, data)
        assert integrity.problem(directory), name
        (directory / name).unlink() if before is None else put(directory / name, before)
    assert integrity.problem(directory) is None


def test_a_directory_without_an_indexed_shard_is_torn(tmp_path: Path) -> None:
    directory = tmp_path / "checkpoint-60"
    shards = [f"model-0000{number}-of-00002.safetensors" for number in (1, 2)]
    index = {"metadata": {}, "weight_map": dict(zip("ab", shards, strict=True))}
    put(directory / shards[0], safetensors())
    put(directory / "model.safetensors.index.json", json.dumps(index).encode())
    assert integrity.problem(directory)
    put(directory / shards[1], safetensors())
    put(directory / "pytorch_model.bin.index.json", b'{"weight_map": {"a": "elsewhere.bin"}}')
    put(directory / "state.bin", b"")
    assert integrity.problem(directory) is None
    put(directory / "model.safetensors.index.json", json.dumps(index).encode()[:-2])
    assert integrity.problem(directory)


def test_a_library_that_was_cut_off_leaves_an_unfinished_directory(tmp_path: Path) -> None:
    transformers, deepspeed = tmp_path / "checkpoint-60", tmp_path / "deepspeed"
    put(transformers / "training_args.bin", npz(tmp_path / "x.npz"))
    assert integrity.problem(transformers)
    put(transformers / "trainer_state.json", b"{}")
    assert integrity.problem(transformers) is None

    put(deepspeed / "latest", b"global_step10")
    assert integrity.problem(deepspeed)
    weights = put(deepspeed / "global_step10" / "mp_rank_00_model_states.pt", b"PK\3\4 torn")
    assert integrity.problem(deepspeed)
    put(weights, npz(tmp_path / "x.npz"))
    assert integrity.problem(deepspeed) is None


def test_a_name_that_its_writer_changes_last_is_unfinished(tmp_path: Path) -> None:
    part = tmp_path / "100.orbax-checkpoint-tmp" / "default"
    put(part / "manifest.ocdbt", b"x")
    put(tmp_path / "100.orbax-checkpoint-tmp" / "_CHECKPOINT_METADATA", b"{}")
    for path in (part, part.parent, put(tmp_path / "model.safetensors.tmp", safetensors())):
        assert integrity.problem(path)
    whole = part.parent.rename(tmp_path / "100")
    assert integrity.problem(whole) is None
    assert integrity.is_checkable(whole)


@pytest.mark.parametrize("place", ["step-10", "step-10/pytorch_model_fsdp_0"])
def test_a_distributed_checkpoint_contains_what_its_metadata_names(
    tmp_path: Path, place: str
) -> None:
    directory = tmp_path / place
    shutil.copytree(WRITTEN / "distributed", directory)
    assert integrity.problem(tmp_path / "step-10") is None
    for name in (".metadata", "__0_0.distcp"):
        data = (directory / name).read_bytes()
        for length in range(0, len(data), 7):
            put(directory / name, data[:length])
            assert integrity.problem(tmp_path / "step-10"), (name, length)
        (directory / name).unlink()
        assert integrity.problem(tmp_path / "step-10"), name
        put(directory / name, data)
    put(directory / "notes" / ".metadata", b"somebody else's")
    assert integrity.problem(tmp_path / "step-10") is None


@pytest.mark.parametrize(
    "name",
    ["scheduler.bin", "optimizer_1.bin", "sampler.bin", "random_states_0.pkl", "scaler.pt"],
)
def test_each_file_that_accelerate_writes_is_looked_at(tmp_path: Path, name: str) -> None:
    directory = tmp_path / "checkpoint_3"
    put(directory / "model.safetensors", safetensors())
    data = npz(tmp_path / "x.npz")
    put(directory / name, data)
    assert integrity.problem(directory) is None
    for length in (0, 1, len(data) // 2, len(data) - 1):
        put(directory / name, data[:length])
        assert integrity.problem(directory), length


def test_a_torn_state_of_transformers_is_reported(tmp_path: Path) -> None:
    directory = tmp_path / "checkpoint-60"
    put(directory / "training_args.bin", npz(tmp_path / "x.npz"))
    for name in ("trainer_state.json", "config.json"):
        put(directory / name, b'{"epoch": 1}\n')
    assert integrity.problem(directory) is None
    for name in ("trainer_state.json", "config.json"):
        put(directory / name, b'{"epoch": ')
        assert integrity.problem(directory), name
        put(directory / name, b'{"epoch": 1}\n')
