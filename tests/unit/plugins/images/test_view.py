"""Images are drawn small, and harmless whatever is in them."""

from __future__ import annotations

import os
import re
import struct
import zlib
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

import pytest
from PIL import Image

from trainui.plugins.images.view import half_blocks, view

ROOM = (40, 20)


def chunk(kind: bytes, data: bytes) -> bytes:
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))


def png(width: int, height: int, data: bytes) -> bytes:
    head = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    body = zlib.compress(data)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", head) + chunk(b"IDAT", body) + chunk(b"IEND", b"")


def test_a_character_is_two_pixels() -> None:
    red, blue = bytes((255, 0, 0)), bytes((0, 0, 255))
    assert [*half_blocks(red + red + blue + blue, 2, 2)] == [
        "\x1b[38;2;248;0;0;48;2;0;0;248m▀▀\x1b[0m"
    ]
    *_, last = half_blocks(red * 3, 1, 3)
    assert last == "\x1b[38;2;248;0;0m▀\x1b[0m"


@pytest.mark.parametrize("kind", ["PNG", "JPEG", "GIF", "WEBP", "BMP"])
def test_an_image_fits_its_room_and_keeps_its_shape(tmp_path: Path, kind: str) -> None:
    file = tmp_path / f"plot.{kind.lower()}"
    Image.new("RGB", (400, 100), (200, 0, 0)).save(file, kind)
    lines = view(file, *ROOM)
    assert [line.count("▀") for line in lines] == [40] * 5


def test_uncovered_areas_are_grey(tmp_path: Path) -> None:
    Image.new("RGBA", (4, 2), (255, 0, 0, 0)).save(tmp_path / "a.png")
    (line,) = view(tmp_path / "a.png", *ROOM)
    assert line.startswith("\x1b[38;2;128;128;128;48;2;128;128;128m▀▀▀▀")


HOSTILE: dict[str, Callable[[], bytes]] = {
    "not an image": lambda: b"GIF89a" + os.urandom(500),
    "empty": lambda: b"",
    "torn": lambda: png(100, 100, os.urandom(30_300))[:5000],
    "a bomb": lambda: png(100_000, 100_000, b"\0"),
    "grows without end": lambda: png(7000, 7000, bytes(200_000_000)),
    "another format": lambda: b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 1 1\n",
    "words for a terminal": lambda: b"\x1b]0;owned\x07\x1b[2J",
}


@pytest.mark.parametrize("what", HOSTILE)
def test_a_hostile_image_is_an_error_or_pixels(tmp_path: Path, what: str) -> None:
    (tmp_path / "a.png").write_bytes(HOSTILE[what]())
    lines: list[str] = []
    with suppress(ValueError):
        lines = view(tmp_path / "a.png", *ROOM)
    assert set(re.sub(r"\x1b\[[\d;]*m", "", "".join(lines))) <= {"▀"}


def test_a_pipe_with_the_name_of_an_image_blocks_nothing(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "a.png")
    with pytest.raises(ValueError, match="not a regular file"):
        view(tmp_path / "a.png", *ROOM)
