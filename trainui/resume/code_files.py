"""Finds code files to compare without git: those named by commands, or below a directory.

All searches are bounded, since a submission waits for them.
"""

from __future__ import annotations

import hashlib
import os
import re
from collections.abc import Iterable, Iterator
from pathlib import Path

from trainui import plain_files
from trainui.domain.definition import StageDefinition
from trainui.resume import globs

SUFFIXES = frozenset(
    {".bash", ".c", ".cc", ".cfg", ".cpp", ".cu", ".cuh", ".h", ".hpp", ".ini", ".ipynb", ".jl"}
    | {".lua", ".pl", ".py", ".pyx", ".r", ".rb", ".rs", ".sh", ".toml", ".yaml", ".yml"}
)
"""Suffixes of code files: other files that git does not track may be written by a training."""

MOST_FILES = 100
"""Maximum number of files compared below a directory; hashing them adds 25 ms to a submission."""

MOST_ENTRIES = 1000
"""Maximum number of directory entries scanned for them."""

HASHED_UP_TO = 16 * 2**20
"""Bytes; a larger file is compared by size and modification time."""

GONE = "gone"
"""The digest of a file that cannot be read."""

_REDIRECTED = re.compile(r">\s*([^\s;&|<>()'\"]+)")
"""A file to which a command's shell text redirects output."""

_NO_CODE_OF_OURS = frozenset({"__pycache__", "node_modules", "site-packages"})


def digest(path: Path) -> str:
    """Return a digest of a file's content; for a large file, its size and modification time."""
    try:
        status = path.stat()
        if status.st_size > HASHED_UP_TO:
            return f"{status.st_size} {status.st_mtime_ns}"
        return digest_of(plain_files.read_bytes(path))
    except OSError:
        return GONE


def digest_of(content: bytes) -> str:
    """Return the digest of a small file's content."""
    return hashlib.sha256(content).hexdigest()


def named_by(stages: Iterable[StageDefinition]) -> list[Path]:
    """Return the absolute paths of scripts and configuration files named in stages' commands."""
    words = dict.fromkeys(pair for stage in stages for pair in _words(stage))
    found = (Path(workdir, word).resolve() for workdir, word in words if _is_code(workdir, word))
    return list(dict.fromkeys(found))


def written_by(stages: Iterable[StageDefinition]) -> list[tuple[str, str]]:
    """Return what stages write: a workdir, and a path or glob, of each output and redirection.

    Patterns that would search all of a workdir, including data sets, are left out.
    """
    found = (
        (stage.workdir, pattern)
        for stage in stages
        for pattern in (*stage.outputs, *_REDIRECTED.findall(str(stage.command)))
        if not globs.goes_everywhere(pattern)
    )
    return list(dict.fromkeys(found))


def _words(stage: StageDefinition) -> Iterator[tuple[str, str]]:
    command = stage.command or ()
    words = command.split() if isinstance(command, str) else command
    for word in words:
        if (name := word.strip("\"'();&|").rpartition("=")[2]) and "\0" not in name:
            yield stage.workdir, name


def _is_code(workdir: str, word: str) -> bool:
    path = Path(workdir, word)
    try:
        if _has_suffix(word):
            return path.is_file()
        # a program given by its absolute path is installed, not edited by the user
        return not Path(word).is_absolute() and path.is_file() and os.access(path, os.X_OK)
    except OSError:  # the word is too long for a file name
        return False


def below(directory: Path) -> list[Path]:
    """Return up to `MOST_FILES` code files below a directory, breadth first."""
    found: list[Path] = []
    entries = MOST_ENTRIES
    frontier = [directory]
    while frontier and entries > 0 and len(found) < MOST_FILES:
        here = _entries(frontier.pop(0))[:entries]
        entries -= len(here)
        found += [Path(one) for one in here if one.is_file() and _has_suffix(one.name)]
        frontier += [
            Path(one) for one in here if one.is_dir(follow_symlinks=False) and _is_ours(one)
        ]
    return found[:MOST_FILES]


def _entries(directory: Path) -> list[os.DirEntry[str]]:
    try:
        with os.scandir(directory) as entries:
            return sorted(entries, key=lambda entry: entry.name)
    except OSError:
        return []


def _has_suffix(name: str) -> bool:
    return Path(name).suffix.lower() in SUFFIXES


def _is_ours(entry: os.DirEntry[str]) -> bool:
    """Return True if a directory may contain user code: not hidden, and no virtual environment."""
    if entry.name.startswith(".") or entry.name in _NO_CODE_OF_OURS:
        return False
    return not Path(entry.path, "pyvenv.cfg").exists()
