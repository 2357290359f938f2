"""Decides if a checkpoint is complete, as far as its format can be checked.

A writer that is killed leaves a torn (incomplete) file, usually the newest. So a file whose format
is known from its first bytes or its name must open, and a directory must have all parts that its
index or its library's conventions require.

`problem` is the one boundary: these files may contain anything, so it turns each exception into a
reason, and what is read, decompressed and listed is bounded. What is beyond a bound is believed.
"""

from __future__ import annotations

import json
import re
import time
import zipfile
from collections.abc import Callable, Iterator
from contextlib import suppress
from functools import partial
from itertools import islice
from pathlib import Path
from typing import Any

from trainui import formatting
from trainui.plugin import CheckpointDirectory, Tracker, registry
from trainui.resume import integrity_pickle
from trainui.resume.integrity_pickle import TornError
from trainui.system import plain_files
from trainui.system.plain_files import BoundedFile, TooLongError

CHECKED_THROUGHOUT = 16 * 2**20
"""Bytes; a file up to this size is read fully, of a larger one only the layout is checked."""

MOST_READ = 16 * 2**20 + 2**16
"""Bytes of JSON (parsed, they may need 400 MB), or of a zip's or safetensors' list of parts: that
of 100,000 tensors is shorter. A file with a longer one is believed."""

MOST_DECOMPRESSED = 2**28
"""Bytes, which take about a second; of a zip that states more, only the layout is checked."""

MOST_ENTRIES = 20_000
"""The most entries of a zip whose own headers are read."""

LONGEST = 20.0
"""Seconds after which the remaining files of a directory are not checked."""

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
    r"(config|adapter_config|generation_config|tokenizer|tokenizer_config)\.json"
)
"""Files that Transformers, Accelerate and related libraries write; checked too."""

_DISTRIBUTED, _METADATA = ".distcp", ".metadata"
"""The file names of `torch.distributed.checkpoint`."""


def is_complete(path: Path, complete: str | None = None) -> bool:
    """Return True if a checkpoint is complete, as far as its format can be checked."""
    return problem(path, complete) is None


def problem(path: Path, complete: str | None = None) -> str | None:
    """Return why a checkpoint is not complete, e.g. `is empty`; None if nothing shows that.

    A directory must contain the file `complete`, if that is given.
    """
    return _judged(lambda: _check(path, complete))


def _judged(check: Callable[[], None]) -> str | None:
    try:
        check()
    except Exception as error:
        return formatting.storable(_reason(error))
    return None


def _reason(error: Exception) -> str:
    match error:
        case TornError():
            return str(error)
        case FileNotFoundError():
            return "does not exist"
        case OSError():
            return f"cannot be read: {error.strerror or error}"
        case RecursionError():
            return "is damaged: it is nested too deeply"
        case _:
            return f"is damaged ({type(error).__name__}: {str(error)[:100]})".replace("\n", " ")


def kinds_of_directories() -> list[CheckpointDirectory]:
    """Return the kinds of checkpoints that are directories, as plugins describe them."""
    known = (one.checkpoint for one in registry.records(Tracker))
    return [one for one in known if one is not None]


def files_of(directory: Path) -> Iterator[Path]:
    """Return the files below a directory, at most `MOST_FILES`."""
    return plain_files.files_below(directory, MOST_FILES)


def written_at(path: Path) -> int:
    """Return when a checkpoint was last written, in nanoseconds; 0 if it does not exist."""
    try:
        newest = path.stat().st_mtime_ns
        # rewriting a file in place does not change the directory's modification time
        return max((newest, *(file.lstat().st_mtime_ns for file in files_of(path))))
    except OSError:
        return 0


def _check(path: Path, complete: str | None) -> None:
    if formatting.storable(str(path)) != str(path):
        raise TornError("cannot be used: its name is not UTF-8; rename it")
    if not path.is_dir():
        _check_file(path, throughout=path.stat().st_size <= CHECKED_THROUGHOUT)
        return
    if complete is not None and (why := problem(path / complete)) is not None:
        raise TornError(f"is incomplete: {complete} {why}")
    _check_parts(path)


def _check_parts(directory: Path) -> None:
    """Check that a directory is not empty and has no part that is known to be missing."""
    if not any(directory.iterdir()):
        raise TornError("is empty")
    _check_last_part(directory)
    deadline = time.monotonic() + LONGEST
    for part in plain_files.files_below(directory, MOST_FILES, strict=True):
        if time.monotonic() > deadline:
            return
        if (why := _judged(partial(_check_part, part))) is not None:
            raise TornError(f"is incomplete: {part.relative_to(directory)} {why}")


def _check_last_part(directory: Path) -> None:
    """Check that a directory has the file that its library writes last."""
    last = None
    begun = [
        one.state
        for one in kinds_of_directories()
        if one.begun_by
        and re.fullmatch(one.name, directory.name)
        and (directory / one.begun_by).exists()
    ]
    if begun:
        last = begun[0]
    elif (latest := directory / "latest").exists():
        with plain_files.open_plain(latest) as file:
            target = file.read(256).decode(errors="replace").strip()
        last = target if target.startswith("global_step") else None  # DeepSpeed
    if last is not None and not (directory / last).exists():
        raise TornError(f"is incomplete: {last} does not exist")


def _check_part(path: Path) -> None:
    if path.name.endswith(".index.json"):
        _check_shards(path)
    elif path.suffix == _DISTRIBUTED:
        if not (path.parent / _METADATA).is_file():  # which is written last
            raise TornError(f"is there without {_METADATA}")
    elif path.name == _METADATA:
        _check_distributed(path)
    elif (
        path.suffix.lower() in _WEIGHTS
        or _PARTS.fullmatch(path.name)
        or any(path.name == one.state for one in kinds_of_directories())
    ):
        _check_file(path, throughout=False)


def _check_distributed(metadata: Path) -> None:
    """Check that the files named in a distributed checkpoint's metadata are long enough."""
    with plain_files.open_plain(metadata) as file:
        is_pickle = file.read(1) == _PICKLE
    place = metadata.parent
    if not is_pickle:
        if any(place.glob(f"*{_DISTRIBUTED}")):  # otherwise it is another program's file
            raise TornError("is damaged: it is no pickle")
        return
    with suppress(TooLongError):
        for name, end in integrity_pickle.ends_of_files(metadata).items():
            if (size := _inside(place, name).stat().st_size) < end:
                raise TornError(f"needs {end} bytes of {name}, which has {size}")


def _check_shards(index: Path) -> None:
    with plain_files.open_plain(index) as file, suppress(TooLongError):
        weights = json.loads(BoundedFile(file, MOST_READ).read())
        shards = weights.get("weight_map") if isinstance(weights, dict) else None
        names = sorted(set(map(str, shards.values()))) if isinstance(shards, dict) else ()
        missing = [name for name in names if not _inside(index.parent, name).is_file()]
        # with none of them, the index was copied without its shards
        if missing and len(missing) < len(names):
            raise TornError(f"names {missing[0]}, which does not exist")


def _inside(directory: Path, name: str) -> Path:
    """Return the path of a file that another one names."""
    if "\0" in name or Path(name).is_absolute() or ".." in Path(name).parts:
        raise TornError(f"names a file outside its directory: {name[:100]!r}")
    return directory / name


def _check_file(path: Path, *, throughout: bool) -> None:
    with plain_files.open_plain(path) as opened:
        file = BoundedFile(opened, MOST_READ)
        start = file.read(64)
        if not start:
            raise TornError("is empty")
        head, suffix = start[:8], path.suffix.lower()
        if suffix in (".ckpt", *_PICKLES) and not any(head):
            # the machine crashed before the content reached the disk
            raise TornError("contains zeros")
        with suppress(TooLongError):
            if head.startswith(_ZIP) or _ZIP.startswith(head) or suffix in _ZIPS:
                _check_zip(file, throughout)
            elif head.startswith(_HDF5) or suffix in _HDF5S:
                _check_hdf5(start, file.size)
            elif integrity_pickle.MAGIC in start:
                integrity_pickle.check_tensors(path)
            elif suffix in _TORCH or (suffix in _PICKLES and head.startswith(_PICKLE)):
                _require(head.startswith(_PICKLE) and _tail(file, 1) == b".")
            else:
                _check_other(file, head, suffix, throughout=throughout)


def _check_other(file: BoundedFile, head: bytes, suffix: str, *, throughout: bool) -> None:
    if suffix == ".safetensors":
        _check_safetensors(file, head)
    elif head == _LIGHTGBM:
        _require(b"\nend of trees" in _tail(file, MOST_READ // 2))
    elif suffix == ".json" and throughout:
        file.seek(0)
        json.loads(file.read())
    elif suffix == ".json":
        _require(_tail(file, 100).rstrip()[-1:] in (b"}", b"]"))


def _require(is_met: bool) -> None:
    if not is_met:
        raise TornError("is cut off or damaged")


def _check_zip(file: BoundedFile, throughout: bool) -> None:
    source: Any = file
    file.seek(0)
    try:
        archive = zipfile.ZipFile(source)
    except zipfile.BadZipFile as error:
        raise TornError("is cut off: a zip without its directory") from error
    entries = archive.infolist()
    # a torn zip of zips ends in the directory of an inner one
    _require(min((entry.header_offset for entry in entries), default=0) == 0)
    file.left = 2 * MOST_DECOMPRESSED
    readable = [entry for entry in entries if is_readable(entry)]
    if throughout and sum(entry.file_size for entry in readable) <= MOST_DECOMPRESSED:
        for entry in readable:
            with archive.open(entry) as content:
                while content.read(2**20):  # which compares the checksum at its end
                    pass
        return
    for entry in islice(readable, MOST_ENTRIES):
        archive.open(entry).close()  # reads the entry's own header and compares the name


def is_readable(entry: zipfile.ZipInfo) -> bool:
    """Return True if an entry can be read in bounded memory: not encrypted, bzip2 or LZMA."""
    known = (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED)
    return entry.compress_type in known and not entry.flag_bits & 0x1


def _check_safetensors(file: BoundedFile, head: bytes) -> None:
    length = int.from_bytes(head, "little")
    if len(head) < 8 or length > file.size - 8:
        raise TornError("is cut off in its header")
    file.seek(8)
    header = json.loads(file.read(length))
    ends = [entry["data_offsets"][1] for name, entry in header.items() if name[:2] != "__"]
    end = 8 + length + max(ends, default=0)
    if end != file.size:
        raise TornError(f"has {file.size} bytes, and its header states {end}")


def _check_hdf5(block: bytes, size: int) -> None:
    """Check that a file is as long as its superblock says."""
    _require(block.startswith(_HDF5) and len(block) >= 14)
    version = block[8]
    width = block[9] if version >= 2 else block[13]
    start = {0: 24, 1: 28}.get(version, 12) + 2 * width
    end = int.from_bytes(block[start : start + width], "little")
    _require(end > 0)
    if size < end:
        raise TornError(f"has {size} bytes, and its superblock states {end}")


def _tail(file: BoundedFile, length: int) -> bytes:
    file.seek(max(file.size - length, 0))
    return file.read(length)
