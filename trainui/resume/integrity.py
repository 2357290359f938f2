"""Decides if a checkpoint is complete, and of which step, as far as its format shows it.

A writer that is killed leaves a torn (incomplete) file, usually the newest. So a file whose format
is known from its first bytes or its name must open, and a directory must have all parts that its
index or its library's conventions require. PyTorch's files made of pickles are checked without
unpickling any object: those of `torch.save` in its old format (before zip), where the tensors'
bytes follow the pickles that name them, and those of `torch.distributed.checkpoint`, whose
`.metadata` lists the byte ranges in use of each file.

These files may contain anything, and only this module reads them: `problem` turns each exception
into a reason and `step_of` into no step, and what is read, decompressed and listed is bounded. What
is beyond a bound is believed.
"""

from __future__ import annotations

import io
import json
import pickletools
import re
import time
import zipfile
from collections import deque
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from contextlib import suppress
from functools import partial
from itertools import islice
from pathlib import Path
from typing import Any, BinaryIO

from trainui import formatting, system
from trainui.plugin import CheckpointDirectory, Tracker, registry
from trainui.system import BoundedFile, TooLongError

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

MOST_INSTRUCTIONS = 2_000_000
"""The most instructions checked, which takes seconds; a longer file counts as complete."""

MOST_PICKLED = 64 * 2**20
"""The most bytes of pickles read: the tensors' own bytes are elsewhere."""

LONGEST_NAME = 1000
"""Characters of a module or class: joining longer ones repeatedly would fill the memory."""

MOST_BYTES_FOR_STEP = 1 << 20
"""The most bytes read to find a step; weights are not read."""

PADDED_STEP = 5
"""A lone number with at least so many digits is a step: there are never so many epochs."""

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

_ORBAX, _ORBAX_UNFINISHED = "_CHECKPOINT_METADATA", ".orbax-checkpoint-tmp"
"""A file in each checkpoint of Orbax, and a part of its directory's path until it is whole."""


STEP_KEYS = (
    "global_step",
    "step",
    "iteration",
    "iter_num",
    "iter",
    "num_timesteps",
    "total_timesteps",
    "training_iteration",
)
"""Names of the step in the files that libraries save, in order of preference."""

_WORD = r"(?:global_?)?(?:time)?steps?|iter(?:ation)?s?|it|updates?|rounds?"
_NAMED = re.compile(
    rf"(?:^|[^a-z])(?:{_WORD})[=_.-]?(\d+)|(\d+)[=_.-]?(?:{_WORD})(?![a-z]|[=_.-]?\d)", re.I
)
_TRANSFORMERS = re.compile(r"checkpoint-(\d+)")
_NUMBER = re.compile(r"\d+")
_OTHER = re.compile(r"epoch|(?:^|[^a-z])(?:ep?|fold|seed|rank|part|shard|v)[=_.-]?\d", re.I)
"""Numbers that do not count steps."""


def problem(path: Path, complete: str | None = None) -> str | None:
    """Return why a checkpoint is not complete, e.g. `is empty`; None if nothing shows that.

    A directory must contain the file `complete`, if that is given.
    """
    return _judged(lambda: _check(path, complete))


def is_checkable(path: Path, complete: str | None = None) -> bool:
    """Return True if the format of a checkpoint shows when it is complete.

    Of other kinds a torn one looks like a complete one.
    """
    try:
        if path.is_dir():
            return complete is not None or _has_last_part(path)
        with system.open_plain(path) as file:
            start = file.read(64)
    except OSError:
        return False
    suffix = path.suffix.lower()
    is_pickle = suffix in (*_TORCH, *_PICKLES) and start.startswith(_PICKLE)
    if suffix in (*_ZIPS, *_HDF5S, ".safetensors", ".json") or is_pickle:
        return True
    return start.startswith((_ZIP, _HDF5, _LIGHTGBM)) or TORCH_MAGIC in start


def _has_last_part(directory: Path) -> bool:
    """Return True if a directory is of a library that writes one file last."""
    if any((directory / name).exists() for name in (_METADATA, _ORBAX, "latest")):
        return True
    return any(
        re.fullmatch(one.name, directory.name) and (directory / one.state).exists()
        for one in kinds_of_directories()
    )


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
    return system.files_below(directory, MOST_FILES)


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
    if _ORBAX_UNFINISHED in str(path) or path.name.endswith(".tmp"):
        raise TornError("is being written: its writer renames it when it is complete")
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
    for part in system.files_below(directory, MOST_FILES, strict=True):
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
        with system.open_plain(latest) as file:
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
    with system.open_plain(metadata) as file:
        is_pickle = file.read(1) == _PICKLE
    place = metadata.parent
    if not is_pickle:
        if any(place.glob(f"*{_DISTRIBUTED}")):  # otherwise it is another program's file
            raise TornError("is damaged: it is no pickle")
        return
    with suppress(TooLongError):
        for name, end in ends_of_files(metadata).items():
            if (size := _inside(place, name).stat().st_size) < end:
                raise TornError(f"needs {end} bytes of {name}, which has {size}")


def _check_shards(index: Path) -> None:
    with system.open_plain(index) as file, suppress(TooLongError):
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
    with system.open_plain(path) as opened:
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
            elif TORCH_MAGIC in start:
                check_tensors(path)
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


TORCH_MAGIC = b"\x8a\nl\xfc\x9cF\xf9 j\xa8P\x19."
"""The end of the first pickle in a file of the old format."""


_PICKLES_OF_TORCH = 5
"""Magic number, version, sizes of C types, the saved object, and the keys of the tensors."""

_NUMBER_SIZES = {
    **dict.fromkeys(("Half", "BFloat16", "Short"), 2),
    **dict.fromkeys(("Float", "Int", "QInt32"), 4),
    **dict.fromkeys(("Double", "Long", "ComplexFloat"), 8),
    "ComplexDouble": 16,
}
"""Bytes per number in a storage of each type; any other type has at least one."""

_COUNT_BYTES = 8

_PUT = {"PUT", "BINPUT", "LONG_BINPUT", "MEMOIZE"}
_GET = {"GET", "BINGET", "LONG_BINGET"}


class TornError(Exception):
    """A file is not complete; the message says why."""


def check_tensors(path: Path) -> None:
    """Raise TornError if a file of the old format is shorter than its pickles say."""
    sizes: dict[Any, int] = {}
    with system.open_plain(path) as opened:
        file = BoundedFile(opened, MOST_PICKLED)
        for _ in range(_PICKLES_OF_TORCH):
            for instruction, values in _instructions(file):
                if instruction == "BINPERSID" and "storage" in values:
                    at = len(values) - 1 - values[::-1].index("storage")
                    kind, key, _place, count = values[at + 1 : at + 5]
                    sizes[key] = _as_length(count) * _number_size(str(kind))
        end = file.tell() + sum(sizes.values()) + _COUNT_BYTES * len(sizes)
        if file.size < end:
            raise TornError(f"has {file.size} bytes, and its tensors need {end}")


def _as_length(value: object) -> int:
    if not isinstance(value, int) or value < 0:
        raise TornError(f"has a length that is no number: {str(value)[:50]!r}")
    return value


def _number_size(kind: str) -> int:
    """Return the bytes per number of a storage class, e.g. `torch FloatStorage`."""
    return _NUMBER_SIZES.get(kind.rpartition(" ")[2].removesuffix("Storage"), 1)


def ends_of_files(metadata: Path) -> dict[str, int]:
    """Return the minimum sizes of a distributed checkpoint's files; fails if metadata is torn."""
    ends: dict[str, int] = {}
    found: dict[str, Any] = {}
    with system.open_plain(metadata) as opened:
        for _instruction, values in _instructions(BoundedFile(opened, MOST_PICKLED)):
            if len(values) > 1 and values[-2] in ("relative_path", "offset", "length"):
                found[values[-2]] = values[-1]
            if len(found) == 3:
                name, end = str(found["relative_path"]), _as_length(found["offset"])
                ends[name] = max(ends.get(name, 0), end + _as_length(found["length"]))
                found.clear()
    return ends


def pickled_numbers(file: BinaryIO, names: Collection[str]) -> dict[str, int]:
    """Return the integers under some keys of a pickle's dicts, if each key has one value."""
    found: dict[str, set[int]] = {}
    for _instruction, values in _instructions(file):
        if len(values) > 1 and values[-2] in names and type(values[-1]) is int:
            found.setdefault(values[-2], set()).add(values[-1])
    return {name: one.pop() for name, one in found.items() if len(one) == 1}


def _instructions(file: Any) -> Iterator[tuple[str, Sequence[Any]]]:
    """Yield each instruction of a pickle, with the last values before it.

    Values are strings, numbers and names of classes; None stands for any other object.

    A damaged pickle raises any exception; TooLongError if it is longer than is checked.
    """
    known: dict[Any, Any] = {}
    values: deque[Any] = deque(maxlen=16)
    for number, (code, argument, _at) in enumerate(pickletools.genops(file)):
        if number == MOST_INSTRUCTIONS:
            raise TooLongError
        yield code.name, list(values)
        if code.name in _PUT:
            known[len(known) if argument is None else argument] = values[-1] if values else None
        elif code.name in _GET:
            values.append(known.get(argument))
        elif code.name == "STACK_GLOBAL":
            name, module = (str(values.pop())[:LONGEST_NAME] for _ in range(2))
            values.append(f"{module} {name}")
        elif code.stack_after:
            values.append(argument)


# The step of a checkpoint, by its name or its content.


def step_of(checkpoint: Path, about: int | None = None) -> int | None:
    """Return the step of a checkpoint; None if neither its name nor its content has one.

    A small number in a name, which may count epochs, is used only if it is near the step that the
    stage had about reached when the checkpoint was written (`about`).
    """
    for found in (_in_name(checkpoint), _in_content(checkpoint)):
        if found is not None:
            return found
    number = _only_number(checkpoint.name)
    if number is None or len(number) >= PADDED_STEP:
        return None if number is None else int(number)
    near = about is not None and abs(about - int(number)) <= max(int(number), 2)
    return int(number) if near else None


def step_in_name(checkpoint: Path) -> int | None:
    """Return the step in a checkpoint's name, or a number that may be it; None: it has none."""
    if (found := _in_name(checkpoint)) is not None:
        return found
    number = _only_number(checkpoint.name)
    return None if number is None else int(number)


def _in_name(checkpoint: Path) -> int | None:
    if (match := _TRANSFORMERS.fullmatch(checkpoint.name)) is not None:
        return int(match[1])
    for name in (checkpoint.name, checkpoint.parent.name):
        if found := {first or second for first, second in _NAMED.findall(name)}:
            return int(found.pop()) if len(found) == 1 else None
    return None


def _only_number(name: str) -> str | None:
    """Return the only number in a name; None if there are several, or it is not a step."""
    found = _NUMBER.findall(name.partition(".")[0])
    return found[0] if len(found) == 1 and not _OTHER.search(name) else None


def _in_content(checkpoint: Path) -> int | None:
    try:
        if checkpoint.is_dir():
            states = (checkpoint / one.state for one in kinds_of_directories())
            state = next((one for one in states if one.is_file()), None)
            return _chosen(_of_json(state)) if state is not None else None
        if checkpoint.suffix.lower() == ".json":
            return _chosen(_of_json(checkpoint))
        with system.open_plain(checkpoint) as opened:
            source: Any = BoundedFile(opened, MOST_READ)
            return _chosen(dict(_of_archive(source)) if zipfile.is_zipfile(source) else {})
    except Exception:
        return None


def _chosen(found: Mapping[str, Any]) -> int | None:
    """Return the number under the first of the keys that has one."""
    numbers = (found.get(key) for key in STEP_KEYS)
    whole = (one for one in numbers if isinstance(one, int) and not isinstance(one, bool))
    return next((one for one in whole if one >= 0), None)


def _of_json(path: Path) -> Mapping[str, Any]:
    with system.open_plain(path) as file:
        content = json.loads(BoundedFile(file, MOST_BYTES_FOR_STEP).read())
    return content if isinstance(content, dict) else {}


def _of_archive(source: Any) -> Iterator[tuple[str, int]]:
    """Yield the named integers in an archive that NumPy or PyTorch saved."""
    archive = zipfile.ZipFile(source)
    for entry in archive.infolist():
        name = entry.filename.rpartition("/")[2]
        if entry.file_size > MOST_BYTES_FOR_STEP or not is_readable(entry):
            continue
        if name == "data.pkl":
            yield from pickled_numbers(io.BytesIO(archive.read(entry)), STEP_KEYS).items()
        elif name.endswith(".npy") and name.removesuffix(".npy") in STEP_KEYS:
            yield from _of_array(name.removesuffix(".npy"), archive.read(entry))


def _of_array(name: str, data: bytes) -> Iterator[tuple[str, int]]:
    import numpy as np

    array = np.lib.format.read_array(io.BytesIO(data), allow_pickle=False)
    if array.size == 1 and array.dtype.kind in "iu":
        yield name, int(array.item())
