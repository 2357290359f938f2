"""Renders a stage's images as half blocks: two pixels a character, in 24-bit colour.

Images are decoded by `image_decoder`, a process with resource limits; their number is limited too.
"""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from importlib.util import find_spec
from pathlib import Path

from trainui.errors import install_advice
from trainui.text import harmless
from trainui.tui.data.run_page import StageFiles
from trainui.tui.render.ansi import PREFIX
from trainui.tui.render.styled_text import Row, Segment, fit_middle, merged
from trainui.tui.run.details import image_decoder

SUFFIXES = (".png", ".jpg", ".jpeg", ".gif", ".webp", ".bmp")

MOST = 4
"""The most images shown of a stage: declared outputs first, then the newest ones."""

MOST_WIDTH, MOST_HEIGHT = 96, 20
"""The most characters of an image: more take long over a slow connection."""

PATIENCE = 10.0
"""Timeout of one decoding in seconds, including the start of the process."""

MOST_KEPT = 32
"""Size of the cache of decoded images."""

GRAIN = 0xF8
"""Mask of a colour's upper 5 bits: fewer colours make longer segments, so fewer bytes."""

EXTRA = f"images need Pillow: {install_advice('images')}"


@dataclass(frozen=True, slots=True)
class ImageQuery:
    """An image to show, and the space for it."""

    path: str
    """Absolute."""
    changed_at: int
    width: int
    height: int
    """Available characters."""


@cache
def can_decode() -> bool:
    """Return True if Pillow is installed."""
    return find_spec("PIL") is not None


class Gallery:
    """Cache of a stage's decoded images."""

    def __init__(self) -> None:
        self._known: dict[ImageQuery, tuple[Row, ...]] = {}

    def rows(self, found: StageFiles | None, width: int) -> tuple[list[Row], list[ImageQuery]]:
        """Return the lines of a stage's images, and the images that are not decoded yet."""
        files = found.files if found is not None else ()
        images = [file for file in files if file.path.casefold().endswith(SUFFIXES)][:MOST]
        if found is None or not images:
            return [], []
        if not can_decode():
            return [(), (Segment(EXTRA, "dim"),)], []
        rows: list[Row] = []
        missing: list[ImageQuery] = []
        room = max(min(width, MOST_WIDTH), 8)
        for file in images:
            path = str(Path(found.directory) / file.path)
            query = ImageQuery(path, file.changed_at, room, MOST_HEIGHT)
            rows += [(), (Segment(fit_middle(harmless(file.path), width), "strong"),)]
            if query in self._known:
                rows += self._known[query]
            else:
                missing.append(query)
                rows.append((Segment("…", "dim"),))
        return rows, missing

    def decode(self, query: ImageQuery) -> None:
        """Decode an image; blocks until done."""
        while len(self._known) >= MOST_KEPT:
            self._known.pop(next(iter(self._known)))
        self._known[query] = tuple(_decoded(query))


def _decoded(query: ImageQuery) -> Iterator[Row]:
    command = [sys.executable, "-I", image_decoder.__file__, query.path]
    command += [str(query.width), str(2 * query.height)]
    none = subprocess.DEVNULL
    try:
        found = subprocess.run(
            command, stdin=none, stdout=subprocess.PIPE, stderr=none, timeout=PATIENCE, check=False
        )
    except (OSError, subprocess.TimeoutExpired):
        problem = f"decoding failed or took longer than {PATIENCE:g} s"
    else:
        if not found.returncode:
            head, _, pixels = found.stdout.partition(b"\n")
            width, height = map(int, head.split())
            return half_blocks(pixels, width, height)
        problem = found.stdout[:200].decode(errors="replace") or "its decoder crashed"
    shown = harmless(" ".join(problem.split()))
    return iter([(Segment(f"cannot show this image: {shown}", "dim"),)])


def half_blocks(pixels: bytes, width: int, height: int) -> Iterator[Row]:
    """Yield an image's lines; each character shows one pixel above another.

    The pixels are bytes of red, green and blue, line by line. If the height is odd, the lower half
    of the last line is left unpainted.
    """
    lines = [pixels[3 * width * y : 3 * width * (y + 1)] for y in range(height)]
    for y in range(0, height, 2):
        styles = [f"{PREFIX}{_colour(lines[y], x)}" for x in range(0, 3 * width, 3)]
        if y + 1 < height:
            below = (_colour(lines[y + 1], x) for x in range(0, 3 * width, 3))
            styles = [f"{over} on {under}" for over, under in zip(styles, below, strict=True)]
        yield merged(Segment("▀", style) for style in styles)


def _colour(line: bytes, at: int) -> str:
    return "#" + bytes(value & GRAIN for value in line[at : at + 3]).hex()
