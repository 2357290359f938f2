"""The documentation's pages, and the blocks of code in them."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).parents[2]
DOCS = ROOT / "docs"
SAMPLES = ROOT / "sample_pipelines"

PAGES = sorted(
    [
        *DOCS.glob("*.md"),
        *DOCS.glob("trackers/*.md"),
        *SAMPLES.rglob("*.md"),
        *(ROOT / name for name in ("README.md", "CONTRIBUTING.md", "ARCHITECTURE.md")),
    ]
)
"""What people wrote; what is made from the code is under `docs/reference`."""

FENCE = re.compile(
    r"(?:<!-- file: (?P<file>\S+) -->\n)?"
    r"^(?P<indent> *)```(?P<kind>[^\s`]*)[^\n]*\n(?P<body>.*?)^ *```$",
    re.MULTILINE | re.DOTALL,
)


@dataclass(frozen=True)
class Block:
    """A block of code."""

    place: str
    """Its page and the line of its first fence."""

    kind: str
    """The language that the fence names; empty: none."""

    file: str | None
    """The file that the page says it is."""

    body: str

    def command_lines(self) -> Iterator[str]:
        """Yield the command lines of a shell's block, without remarks."""
        joined = self.body.replace("\\\n", " ")
        for line in joined.splitlines():
            typed = re.sub(r"(^|\s+)#.*", "", line).strip()
            if typed:
                yield typed


def name_of(page: Path) -> str:
    """Return what a page is called: its path below the root."""
    return page.relative_to(ROOT).as_posix()


def blocks_of(page: Path) -> list[Block]:
    """Return the blocks of a page, in order."""
    text = page.read_text(encoding="utf-8")
    return [
        Block(
            f"{name_of(page)}:{text.count(chr(10), 0, found.start('kind')) + 1}",
            found["kind"],
            found["file"],
            re.sub(rf"^{found['indent']}", "", found["body"], flags=re.MULTILINE),
        )
        for found in FENCE.finditer(text)
    ]
