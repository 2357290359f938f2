"""Makes an image small, in a process of its own, which is all that a broken image can break.

Run by path as `python -I image_decoder.py FILE WIDTH HEIGHT`; on stdout a line with the width and
the height it has become, and its pixels as bytes of red, green and blue. Exit code 1 and a reason
on stdout where it cannot be shown.
"""

from __future__ import annotations

import os
import resource
import stat
import sys

FORMATS = ("PNG", "JPEG", "GIF", "WEBP", "BMP")
"""What is decoded: no format that starts other programs or reads other files."""

MOST_BYTES, MOST_PIXELS = 64_000_000, 50_000_000
MEMORY, SECONDS = 1_500_000_000, 5
"""Limits of this process: an image of the most pixels fits, one that grows beyond them does not."""

BEHIND = (128, 128, 128)
"""What is seen through an image: as far from white lines as from black ones."""


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
    except Exception as error:  # a process's edge: whatever a decoder raises is a reason
        sys.stdout.write(f"{type(error).__name__}: {error}")
        return 1
    sys.stdout.write("{} {}\n".format(*size))
    sys.stdout.flush()
    sys.stdout.buffer.write(pixels)
    return 0


def small(file: str, room: tuple[int, int]) -> tuple[tuple[int, int], bytes]:
    """Return an image's size within a room of pixels, and its pixels."""
    from PIL import Image

    descriptor = os.open(file, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
    with os.fdopen(descriptor, "rb") as source:
        status = os.fstat(descriptor)
        if not stat.S_ISREG(status.st_mode) or status.st_size > MOST_BYTES:
            raise ValueError("it is no file, or a very large one")
        with Image.open(source, formats=FORMATS) as image:
            if image.width * image.height > MOST_PIXELS:
                raise ValueError(f"{image.width} x {image.height} pixels are too many")
            image.draft("RGB", room)
            image.thumbnail(room)
            shown = Image.new("RGB", image.size, BEHIND)
            solid = image.convert("RGBA")
            shown.paste(solid, mask=solid.getchannel("A"))
    return shown.size, shown.tobytes()


if __name__ == "__main__":
    sys.exit(main(sys.argv[1], int(sys.argv[2]), int(sys.argv[3])))
