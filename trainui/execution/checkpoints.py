"""Checkpoints of a stage: the newest one that is whole and was not tried in vain.

Whether a file is whole is decided here and nowhere else. A writer that was killed leaves a torn
file behind, mostly the newest one, so each kind that can be told from its first bytes has to open.
"""

from __future__ import annotations

import json
import re
import zipfile
import zlib
from collections.abc import Collection, Iterator
from pathlib import Path

from trainui.domain.definition import CheckpointRule
from trainui.execution.globbing import matches

CHECKED_THROUGHOUT = 16 * 2**20
"""Bytes; a zip up to this size is read to its end, of a larger one the entries' places are."""

LONGEST_HEADER = 100_000_000
"""Bytes: safetensors itself takes no longer one, and garbage may claim any."""

_ZIP = b"PK\x03\x04"
_PICKLE = b"\x80"
_TORCH = (".pt", ".pth")


def find(
    rule: CheckpointRule | None, stage_dir: str | Path, tried: Collection[str] = ()
) -> str | None:
    """Return the newest whole checkpoint, as an absolute path; None where there is none.

    Args:
        rule: which paths are checkpoints; None: there are none.
        stage_dir: the stage's directory.
        tried: absolute paths of those from which an attempt got nowhere.
    """
    found = whole(rule, stage_dir)
    return next((checkpoint for checkpoint in found if checkpoint not in tried), None)


def exhausted(rule: CheckpointRule | None, stage_dir: str | Path, tried: Collection[str]) -> bool:
    """Tell whether there are whole checkpoints, and all of them were tried in vain."""
    found = set(whole(rule, stage_dir))
    return bool(found) and found <= set(tried)


def newer_than(rule: CheckpointRule | None, stage_dir: str | Path, mtime_ns: int) -> bool:
    """Tell whether a whole checkpoint was written since a time, of the same file system's clock."""
    newest = next(whole(rule, stage_dir), None)
    return newest is not None and _mtime_ns(Path(newest)) >= mtime_ns


def whole(rule: CheckpointRule | None, stage_dir: str | Path) -> Iterator[str]:
    """Yield the checkpoints that are whole, newest first: by mtime, then in natural order."""
    if rule is None:
        return
    found = matches(rule.glob, Path(stage_dir).absolute())
    found.sort(key=lambda path: (_mtime_ns(path), _natural(str(path))), reverse=True)
    for path in found:
        if is_whole(path, rule.complete):
            yield str(path)


def is_whole(path: Path, complete: str | None = None) -> bool:
    """Tell whether a checkpoint is whole, as far as its kind can be told.

    Args:
        path: a file or a directory.
        complete: a file that a directory holds only when it is whole.
    """
    try:
        if path.is_dir():
            return is_whole(path / complete) if complete else any(path.iterdir())
        return path.stat().st_size > 0 and _opens(path)
    except OSError:
        return False


def _opens(path: Path) -> bool:
    with path.open("rb") as file:
        head = file.read(8)
    suffix = path.suffix.lower()
    if head.startswith(_ZIP) or suffix in (".npz", ".zip"):
        return _is_whole_zip(path)
    if suffix in _TORCH:
        return head.startswith(_PICKLE)
    if suffix == ".safetensors":
        return _is_whole_safetensors(path, head)
    return suffix != ".json" or _is_json(path)


def _is_whole_zip(path: Path) -> bool:
    try:
        with zipfile.ZipFile(path) as archive:
            if path.stat().st_size <= CHECKED_THROUGHOUT:
                return archive.testzip() is None
            return all(_is_in_place(archive, entry) for entry in archive.infolist())
    except (zipfile.BadZipFile, zlib.error, EOFError, ValueError):
        return False
    except (NotImplementedError, RuntimeError):  # encrypted, or packed in a way that we cannot read
        return True


def _is_in_place(archive: zipfile.ZipFile, entry: zipfile.ZipInfo) -> bool:
    with archive.open(entry):  # reads the entry's own header and compares the name
        return True


def _is_whole_safetensors(path: Path, head: bytes) -> bool:
    length = int.from_bytes(head, "little")
    size = path.stat().st_size
    if len(head) < 8 or length > min(size - 8, LONGEST_HEADER):
        return False
    with path.open("rb") as file:
        file.seek(8)
        try:
            header = json.loads(file.read(length))
            ends = [entry["data_offsets"][1] for name, entry in header.items() if name[:2] != "__"]
        except (ValueError, LookupError, TypeError, AttributeError):
            return False
    return bool(max(ends, default=0) == size - 8 - length)


def _is_json(path: Path) -> bool:
    try:
        json.loads(path.read_bytes())
    except (ValueError, RecursionError):
        return False
    return True


def _mtime_ns(path: Path) -> int:
    try:
        return path.stat().st_mtime_ns
    except OSError:
        return 0


def _natural(text: str) -> list[tuple[int, str]]:
    """Order `ckpt-9` before `ckpt-10`."""
    parts = re.split(r"(\d+)", text)
    return [(int(part), "") if part.isdigit() else (-1, part) for part in parts]
