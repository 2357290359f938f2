"""The messages that users meet, in one file: other tests assert on codes, places and data.

A test causes each message of its section, and compares the section as a whole. After an intended
change, `TRAINUI_GOLDEN=write` rewrites the sections of the tests that run; read the difference.
"""

from __future__ import annotations

import os
import re
from collections.abc import Mapping
from pathlib import Path

FILE = Path(__file__).with_name("messages.txt")

_SECTION = re.compile(r"^== ([^\n]+) ==\n\n(.*?)(?=^== |\Z)", re.MULTILINE | re.DOTALL)


def check(section: str, messages: Mapping[str, str]) -> None:
    """Compare the messages of a section, by what causes each, with those of the golden file."""
    found = "".join(f"{cause}\n{_indented(text)}\n" for cause, text in messages.items())
    sections = dict(_SECTION.findall(FILE.read_text(encoding="utf-8"))) if FILE.exists() else {}
    if os.environ.get("TRAINUI_GOLDEN") == "write":
        sections[section] = found
        written = "".join(f"== {name} ==\n\n{sections[name]}" for name in sorted(sections))
        FILE.write_text(written, encoding="utf-8")
    assert found == sections[section]


def _indented(text: str) -> str:
    return "".join(f"    {line}\n" for line in text.splitlines())
