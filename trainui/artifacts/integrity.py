"""Decides if a checkpoint is complete, as far as its format can be checked.

A writer that is killed leaves a torn (incomplete) file, usually the newest. So a file whose format
is known from its first bytes or its name must open, and a directory must have all parts that its
index or its library's conventions require.
"""

from __future__ import annotations

import json
import os
import re
import zipfile
import zlib
from collections.abc import Iterator
from itertools import islice
from pathlib import Path

from trainui import plain_files
from trainui.artifacts import integrity_pickle

CHECKED_THROUGHOUT = 16 * 2**20
"""Bytes; a file up to this size is read fully, of a larger one only the layout is checked."""

LONGEST_HEADER = 100_000_000
"""Bytes: the limit of safetensors itself; a corrupt file may claim any length."""

MOST_FILES = 1000
"""The most files checked in a directory."""

_ZIP = b"PK\x03\x04"
_PICKLE = b"\x80"
_HDF5 = b"\x89HDF\r\n\x1a\n"
_LIGHTGBM = b"tree\nver"

_ZIPS = (".npz", ".zip", ".keras")
_TORCH = (".pt", ".pth")
_PICKLES = (".pkl", ".pickle")
_HDF5S = (".h5", ".hdf5")
_WEIGHTS = (*_ZIPS, *_TORCH, *_HDF5S, ".safetensors", ".ckpt")
"""Files that are checked in a directory; others may have any content."""
_PARTS = re.compile(
    r"(diffusion_)?(pytorch_model|adapter_model|optimizer|scheduler|sampler|training_args)"
    r"([_.-].*)?\.bin|(random_states|custom_checkpoint)_\d+\.pkl|"
    r"(trainer_state|config|adapter_config|generation_config|tokenizer|tokenizer_config)\.json"
)
"""Files that Transformers, Accelerate and related libraries write; checked too."""

_DISTRIBUTED, _METADATA = ".distcp", ".metadata"
"""The file names of `torch.distributed.checkpoint`."""

_TRANSFORMERS = re.compile(r"checkpoint-[0-9]+")


def is_complete(path: Path, complete: str | None = None) -> bool:
    """Return True if a checkpoint is complete, as far as its format can be checked.

    A directory must contain the file `complete`, if that is given.
    """
    try:
        if path.is_dir():
            return (complete is None or is_complete(path / complete)) and _has_all_parts(path)
        size = path.stat().st_size
        return size > 0 and _opens(path, throughout=size <= CHECKED_THROUGHOUT)
    except OSError:
        return False


def files_of(directory: Path) -> Iterator[Path]:
    """Return the files below a directory, at most `MOST_FILES`."""
    found = (Path(place, name) for place, _, names in os.walk(directory) for name in names)
    return islice(found, MOST_FILES)


def written_at(path: Path) -> int:
    """Return when a checkpoint was last written, in nanoseconds; 0 if it does not exist."""
    try:
        newest = path.stat().st_mtime_ns
        # rewriting a file in place does not change the directory's modification time
        return max((newest, *(file.lstat().st_mtime_ns for file in files_of(path))))
    except OSError:
        return 0


def _has_all_parts(directory: Path) -> bool:
    """Return True if a directory is not empty and has no part that is known to be missing."""
    names = {path.name for path in directory.iterdir()}
    if not names or _is_unfinished(directory, names):
        return False
    return all(map(_is_complete_part, files_of(directory)))


def _is_unfinished(directory: Path, names: set[str]) -> bool:
    """Return True if the file that a library writes last is missing."""
    if _TRANSFORMERS.fullmatch(directory.name) and "training_args.bin" in names:
        return "trainer_state.json" not in names
    if "latest" in names:  # DeepSpeed
        target = plain_files.read_bytes(directory / "latest")[:256].decode(errors="replace").strip()
        return target.startswith("global_step") and target not in names
    return False


def _is_complete_part(path: Path) -> bool:
    if path.name.endswith(".index.json"):
        return _has_its_shards(path)
    if path.suffix == _DISTRIBUTED:
        return (path.parent / _METADATA).is_file()  # which is written last
    if path.name == _METADATA:
        return _has_its_files(path)
    if path.suffix.lower() not in _WEIGHTS and not _PARTS.fullmatch(path.name):
        return True
    return path.stat().st_size > 0 and _opens(path, throughout=False)


def _has_its_files(metadata: Path) -> bool:
    """Return True if the files named in a distributed checkpoint's metadata are long enough."""
    with plain_files.open_plain(metadata) as file:
        is_pickle = file.read(1) == _PICKLE
    place = metadata.parent
    if not is_pickle:
        return not any(place.glob(f"*{_DISTRIBUTED}"))  # otherwise it is another program's file
    ends = integrity_pickle.ends_of_files(metadata)
    return ends is not None and all(
        (place / name).stat().st_size >= end for name, end in ends.items()
    )


def _has_its_shards(index: Path) -> bool:
    try:
        weights = json.loads(plain_files.read_bytes(index))
    except ValueError:
        return False
    shards = weights.get("weight_map") if isinstance(weights, dict) else None
    if not isinstance(shards, dict):
        return True
    there = [(index.parent / name).is_file() for name in set(map(str, shards.values()))]
    # with none of them, the index was copied without its shards
    return all(there) or not any(there)


def _opens(path: Path, *, throughout: bool) -> bool:
    with plain_files.open_plain(path) as file:
        start = file.read(64)
    head, suffix = start[:8], path.suffix.lower()
    if suffix in (".ckpt", *_PICKLES) and not any(head):
        return False  # zeros: the machine crashed before the content reached the disk
    if head.startswith(_ZIP) or _ZIP.startswith(head) or suffix in _ZIPS:
        return _is_complete_zip(path, throughout)
    if head.startswith(_HDF5) or suffix in _HDF5S:
        return _is_complete_hdf5(path)
    if integrity_pickle.MAGIC in start:
        return integrity_pickle.has_all_tensors(path)
    if suffix in _TORCH or (suffix in _PICKLES and head.startswith(_PICKLE)):
        return head.startswith(_PICKLE) and _tail(path, 1) == b"."
    return _ends_well(path, head, throughout)


def _ends_well(path: Path, head: bytes, throughout: bool) -> bool:
    """Return True if a file of another format is complete, judged by its end."""
    suffix = path.suffix.lower()
    if suffix == ".safetensors":
        return _is_complete_safetensors(path, head)
    if head == _LIGHTGBM:
        return b"\nend of trees" in _tail(path, CHECKED_THROUGHOUT)
    return suffix != ".json" or _is_json(path, throughout)


def _is_complete_zip(path: Path, throughout: bool) -> bool:
    try:
        with zipfile.ZipFile(path) as archive:
            # a torn zip of zips ends in the directory of an inner one
            if min((entry.header_offset for entry in archive.infolist()), default=0) > 0:
                return False
            if throughout:
                return archive.testzip() is None
            for entry in archive.infolist():
                archive.open(entry).close()  # reads the entry's own header and compares the name
            return True
    except (zipfile.BadZipFile, zlib.error, EOFError, ValueError):
        return False
    except (NotImplementedError, RuntimeError):  # encrypted, or an unsupported compression
        return True


def _is_complete_safetensors(path: Path, head: bytes) -> bool:
    length = int.from_bytes(head, "little")
    size = path.stat().st_size
    if len(head) < 8 or length > min(size - 8, LONGEST_HEADER):
        return False
    with plain_files.open_plain(path) as file:
        file.seek(8)
        try:
            header = json.loads(file.read(length))
            ends = [entry["data_offsets"][1] for name, entry in header.items() if name[:2] != "__"]
        except (ValueError, LookupError, TypeError, AttributeError):
            return False
    return bool(max(ends, default=0) == size - 8 - length)


def _is_complete_hdf5(path: Path) -> bool:
    """Return True if a file is as long as its superblock says."""
    with plain_files.open_plain(path) as file:
        block = file.read(64)
    if not block.startswith(_HDF5) or len(block) < 14:
        return False
    version = block[8]
    width = block[9] if version >= 2 else block[13]
    end = {0: 24, 1: 28}.get(version, 12) + 2 * width
    return path.stat().st_size >= int.from_bytes(block[end : end + width], "little") > 0


def _is_json(path: Path, throughout: bool) -> bool:
    if not throughout:
        return _tail(path, 100).rstrip()[-1:] in (b"}", b"]")
    try:
        json.loads(plain_files.read_bytes(path))
    except (ValueError, RecursionError):
        return False
    return True


def _tail(path: Path, length: int) -> bytes:
    with plain_files.open_plain(path) as file:
        file.seek(max(path.stat().st_size - length, 0))
        return file.read()
