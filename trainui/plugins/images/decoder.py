"""Decodes and shrinks an image in a separate process with resource limits.

A decoder crash on a broken image ends only this process. Run by path as
`python -I image_decoder.py FILE WIDTH HEIGHT`. Stdout: a line with the resulting width and height,
and then the pixels as bytes of red, green and blue. On failure: exit code 1, the reason on stdout.
"""

from __future__ import annotations

import os
import resource
import stat
import sys

FORMATS = ("PNG", "JPEG", "GIF", "WEBP", "BMP")
"""Accepted formats; none whose decoder starts other programs or reads other files."""

MOST_BYTES, MOST_PIXELS = 64_000_000, 50_000_000
MEMORY, SECONDS = 1_500_000_000, 5
"""Limits of this process: enough for an image of `MOST_PIXELS`, too little for a bomb."""

BEHIND = (128, 128, 128)
"""Background of transparent pixels: grey, so that black and white lines are both visible."""


def main(file: str, width: int, height: int) -> int:
    """Decode one file; return the exit code."""
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
    sys.exit(main(sys.argv[1], int(sys.argv[2]), int(sys.argv[3])))
