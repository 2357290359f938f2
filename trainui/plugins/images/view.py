"""Renders an image as half blocks: two pixels a character, in 24-bit colour.

It is decoded and shrunk in a separate process with resource limits, so that a decoder that crashes
on a broken image ends that process alone: `python -I view.py FILE WIDTH HEIGHT`. Its stdout: a line
with the resulting width and height, and then the pixels as bytes of red, green and blue. On
failure: exit code 1, the reason on stdout.
"""

from __future__ import annotations

import os
import resource
import stat
import subprocess
import sys
from collections.abc import Iterator
from importlib.util import find_spec
from itertools import groupby
from pathlib import Path

FORMATS = ("PNG", "JPEG", "GIF", "WEBP", "BMP")
"""Accepted formats; none whose decoder starts other programs or reads other files."""

MOST_BYTES, MOST_PIXELS = 64_000_000, 50_000_000
MEMORY, SECONDS = 1_500_000_000, 5
"""Limits of the decoding process: enough for an image of `MOST_PIXELS`, too little for a bomb."""

BEHIND = (128, 128, 128)
"""Background of transparent pixels: grey, so that black and white lines are both visible."""

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
        from trainui.plugin import UnfitEnvironmentError, install_advice

        raise UnfitEnvironmentError(f"images need Pillow: {install_advice('images')}")
    command = [sys.executable, "-I", __file__, str(path), str(columns), str(2 * rows)]
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


def decode(file: str, width: int, height: int) -> int:
    """Decode one file in a process of its own; return the exit code."""
    for kind, limit in (
        (resource.RLIMIT_AS, MEMORY),
        (resource.RLIMIT_CPU, SECONDS),
        (resource.RLIMIT_CORE, 0),
        (resource.RLIMIT_FSIZE, 0),
    ):
        resource.setrlimit(kind, (limit, limit))
    try:
        size, pixels = small(file, (width, height))
    except Exception as error:  # process boundary: report whatever a decoder raises
        sys.stdout.write(f"{type(error).__name__}: {error}")
        return 1
    sys.stdout.write("{} {}\n".format(*size))
    sys.stdout.flush()
    sys.stdout.buffer.write(pixels)
    return 0


def small(file: str, room: tuple[int, int]) -> tuple[tuple[int, int], bytes]:
    """Return the shrunk image's size, at most `room` pixels, and its pixels."""
    from PIL import Image

    descriptor = os.open(file, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
    with os.fdopen(descriptor, "rb") as source:
        status = os.fstat(descriptor)
        if not stat.S_ISREG(status.st_mode) or status.st_size > MOST_BYTES:
            raise ValueError("not a regular file, or larger than 64 MB")
        with Image.open(source, formats=FORMATS) as image:
            if image.width * image.height > MOST_PIXELS:
                raise ValueError(f"{image.width} x {image.height} pixels is too large")
            image.draft("RGB", room)
            image.thumbnail(room)
            shown = Image.new("RGB", image.size, BEHIND)
            solid = image.convert("RGBA")
            shown.paste(solid, mask=solid.getchannel("A"))
    return shown.size, shown.tobytes()


if __name__ == "__main__":
    sys.exit(decode(sys.argv[1], int(sys.argv[2]), int(sys.argv[3])))
