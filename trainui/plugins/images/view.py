"""Renders an image as half blocks: two pixels a character, in 24-bit colour.

It is decoded by `decoder`, a process with resource limits.
"""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from importlib.util import find_spec
from itertools import groupby
from pathlib import Path

from trainui.plugin import UnfitEnvironmentError, install_advice

DECODER = Path(__file__).with_name("decoder.py")

PATIENCE = 10.0
"""Timeout of one decoding in seconds, including the start of the process."""

GRAIN = 0xF8
"""Mask of a colour's upper 5 bits: fewer colours make longer segments, so fewer bytes."""


def view(path: Path, columns: int, rows: int) -> list[str]:
    """Return the lines of an image, at most so many and so wide.

    Raises:
        UnfitEnvironmentError: Pillow is not installed.
        ValueError: it cannot be decoded.
    """
    if find_spec("PIL") is None:
        raise UnfitEnvironmentError(f"images need Pillow: {install_advice('images')}")
    command = [sys.executable, "-I", str(DECODER), str(path), str(columns), str(2 * rows)]
    none = subprocess.DEVNULL
    try:
        found = subprocess.run(
            command, stdin=none, stdout=subprocess.PIPE, stderr=none, timeout=PATIENCE, check=False
        )
    except (OSError, subprocess.TimeoutExpired) as error:
        raise ValueError(f"decoding failed or took longer than {PATIENCE:g} s") from error
    if found.returncode:
        raise ValueError(found.stdout[:200].decode(errors="replace") or "its decoder crashed")
    head, _, pixels = found.stdout.partition(b"\n")
    width, height = map(int, head.split())
    return list(half_blocks(pixels, width, height))


def half_blocks(pixels: bytes, width: int, height: int) -> Iterator[str]:
    """Yield an image's lines; each character shows one pixel above another.

    The pixels are bytes of red, green and blue, line by line. If the height is odd, the lower half
    of the last line is left unpainted.
    """
    lines = [pixels[3 * width * y : 3 * width * (y + 1)] for y in range(height)]
    for y in range(0, height, 2):
        codes = [f"38;2;{_colour(lines[y], x)}" for x in range(0, 3 * width, 3)]
        if y + 1 < height:
            below = (f"48;2;{_colour(lines[y + 1], x)}" for x in range(0, 3 * width, 3))
            codes = [f"{over};{under}" for over, under in zip(codes, below, strict=True)]
        alike = ((code, len(list(same))) for code, same in groupby(codes))
        yield "".join(f"\x1b[{code}m{'▀' * count}" for code, count in alike) + "\x1b[0m"


def _colour(line: bytes, at: int) -> str:
    return ";".join(str(value & GRAIN) for value in line[at : at + 3])
