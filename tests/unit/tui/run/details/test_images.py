"""Images among a stage's files: drawn small, and harmless whatever is in them."""

from __future__ import annotations

import os
import struct
import zlib
from pathlib import Path

import pytest
from PIL import Image

from trainui.tui.data.run_page import StageFile, StageFiles
from trainui.tui.render.styled_text import Row, plain
from trainui.tui.run.details.images import MOST, MOST_WIDTH, Gallery, half_blocks


def rows_of(directory: Path, *names: str, width: int = 40) -> list[Row]:
    """The lines of these files once all are decoded."""
    gallery = Gallery()
    files = tuple(StageFile(name, 1, 1) for name in names)
    found = StageFiles(files, directory=str(directory))
    _, missing = gallery.rows(found, width)
    for query in missing:
        gallery.decode(query)
    rows, missing = gallery.rows(found, width)
    assert not missing
    return rows


def chunk(kind: bytes, data: bytes) -> bytes:
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))


def png(width: int, height: int, data: bytes) -> bytes:
    head = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    body = zlib.compress(data)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", head) + chunk(b"IDAT", body) + chunk(b"IEND", b"")


def test_a_character_is_two_pixels() -> None:
    red, blue = bytes((255, 0, 0)), bytes((0, 0, 255))
    (row,) = half_blocks(red + red + blue + blue, 2, 2)
    assert [(span.text, span.style) for span in row] == [
        ("▀▀", "sgr:#f80000 on #0000f8"),
    ]
    *_, last = half_blocks(red * 3, 1, 3)
    assert last[0].style == "sgr:#f80000"


@pytest.mark.parametrize("kind", ["PNG", "JPEG", "GIF", "WEBP", "BMP"])
def test_an_image_fits_its_room_and_keeps_its_shape(tmp_path: Path, kind: str) -> None:
    name = f"plot.{kind.lower()}"
    Image.new("RGB", (400, 100), (200, 0, 0)).save(tmp_path / name, kind)
    _, title, *rows = rows_of(tmp_path, name)
    assert plain(title) == name
    assert {plain(row) for row in rows} == {"▀" * 40}
    assert len(rows) == 5


def test_what_is_not_covered_is_grey(tmp_path: Path) -> None:
    Image.new("RGBA", (4, 2), (255, 0, 0, 0)).save(tmp_path / "a.png")
    *_, row = rows_of(tmp_path, "a.png")
    assert row[0].style == "sgr:#808080 on #808080"


def test_there_is_a_limit_to_images_and_their_width(tmp_path: Path) -> None:
    names = [f"{n}.png" for n in range(MOST + 2)]
    for name in names:
        Image.new("RGB", (500, 20)).save(tmp_path / name)
    rows = rows_of(tmp_path, *names, width=300)
    assert sum(plain(row).endswith(".png") for row in rows) == MOST
    assert max(len(plain(row)) for row in rows) == MOST_WIDTH


HOSTILE = {
    "not an image": b"GIF89a" + os.urandom(500),
    "empty": b"",
    "torn": png(100, 100, os.urandom(30_300))[:5000],
    "a bomb": png(100_000, 100_000, b"\0"),
    "grows without end": png(7000, 7000, bytes(200_000_000)),
    "another format": b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 1 1\n",
    "words for a terminal": b"\x1b]0;owned\x07\x1b[2J",
}


@pytest.mark.parametrize("what", HOSTILE)
def test_a_hostile_image_is_a_line_of_words_or_of_pixels(tmp_path: Path, what: str) -> None:
    (tmp_path / "a.png").write_bytes(HOSTILE[what])
    _, _, *rows = rows_of(tmp_path, "a.png")
    text = "\n".join(map(plain, rows))
    assert text.startswith("cannot show this image: ") or set(text) <= {"▀", "\n"}
    assert "\x1b" not in text


def test_a_pipe_with_the_name_of_an_image_blocks_nothing(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "a.png")
    *_, row = rows_of(tmp_path, "a.png")
    assert "not a regular file" in plain(row)


def test_an_image_that_was_rewritten_is_decoded_again(tmp_path: Path) -> None:
    gallery = Gallery()
    Image.new("RGB", (4, 4)).save(tmp_path / "a.png")
    before = StageFiles((StageFile("a.png", 1, 1),), directory=str(tmp_path))
    gallery.decode(gallery.rows(before, 40)[1][0])
    after = StageFiles((StageFile("a.png", 1, 2),), directory=str(tmp_path))
    assert gallery.rows(after, 40)[1]
    assert not gallery.rows(before, 40)[1]
