"""The step of a checkpoint: from its name or its content, and never made up."""

from __future__ import annotations

import json
import pickle
import zipfile
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from trainui.resume import integrity


@pytest.mark.parametrize(
    ("name", "step"),
    [
        ("step-200.json", 200),
        ("step_000500.pt", 500),
        ("epoch=3-step=1200.ckpt", 1200),
        ("ppo_10000_steps.zip", 10_000),
        ("rounds-40.txt", 40),
        ("iter_0000100", 100),
        ("global_step500", 500),
        ("checkpoint-200", 200),
        ("model_000250.pt", 250),
        ("step_400/model.pt", 400),
        ("epoch_12345.pt", None),
        ("checkpoint_ep3.pt", None),
        ("ckpt-3.npz", None),
        ("best.pt", None),
        ("model-0.1234.pt", None),
        ("model_v2_00010.pt", None),
        ("step-1-of-step-9.pt", None),
    ],
)
def test_a_name_says_it_or_does_not(tmp_path: Path, name: str, step: int | None) -> None:
    assert integrity.step_of(tmp_path / "out" / name) == step


@pytest.mark.parametrize(("about", "step"), [(3, 3), (4, 3), (3000, None), (None, None)])
def test_a_small_number_is_believed_near_what_was_reached(
    tmp_path: Path, about: int | None, step: int | None
) -> None:
    assert integrity.step_of(tmp_path / "ckpt-3.bin", about) == step


class Tensor:
    """What is no number."""


def torch_zip(path: Path, content: Any) -> Path:
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("archive/data.pkl", pickle.dumps(content, protocol=2))
        archive.writestr("archive/data/0", bytes(100))
    return path


def test_pytorch_files_are_recognised(tmp_path: Path) -> None:
    content = {"epoch": 3, "global_step": 1200, "optimizer": {"step": 7, "x": Tensor()}}
    assert integrity.step_of(torch_zip(tmp_path / "last.ckpt", content)) == 1200
    content = {"model": {}, "iter_num": 70_000, "step": Tensor()}
    assert integrity.step_of(torch_zip(tmp_path / "ckpt.pt", content)) == 70_000
    several = {"optimizer": {"0": {"step": 5}, "1": {"step": 6}}, "done": True}
    assert integrity.step_of(torch_zip(tmp_path / "x.pt", several)) is None


def test_numpy_files_are_recognised(tmp_path: Path) -> None:
    np.savez(tmp_path / "a.npz", weights=np.zeros(9), step=np.array(41))
    np.savez(tmp_path / "b.npz", step=np.zeros(3))
    assert integrity.step_of(tmp_path / "a.npz") == 41
    assert integrity.step_of(tmp_path / "b.npz") is None


def test_json_files_are_recognised(tmp_path: Path) -> None:
    checkpoint = tmp_path / "out" / "last"
    checkpoint.mkdir(parents=True)
    (checkpoint / "trainer_state.json").write_text(json.dumps({"epoch": 2.0, "global_step": 90}))
    assert integrity.step_of(checkpoint) == 90
    state = tmp_path / "state.json"
    for text, step in (('{"step": 8}', 8), ('{"epoch": 8}', None), ('{"step": "8"}', None)):
        state.write_text(text)
        assert integrity.step_of(state) == step
    for torn in ("[1]", '{"st', '{"step": true}'):
        state.write_text(torn)
        assert integrity.step_of(state) is None


def test_a_damaged_archive_has_no_step(tmp_path: Path) -> None:
    path = tmp_path / "large.npz"
    np.savez_compressed(path, global_step=np.array(7))
    with zipfile.ZipFile(path) as archive:
        (entry,) = archive.infolist()
    data = bytearray(path.read_bytes())
    begin = (
        entry.header_offset + 30 + sum(data[entry.header_offset + 26 : entry.header_offset + 30])
    )
    data[begin] = 0xFF  # no kind of compressed block
    path.write_bytes(data)
    assert integrity.step_of(path) is None
