"""The documentation is true: its reference is made from the code, and its commands work."""

from __future__ import annotations

import ast
import re
import runpy
import subprocess
import sys
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import pytest

from tests.acceptance.pages import DOCS, PAGES, ROOT, blocks_of, name_of
from tests.unit.sources import parsed
from trainui.pipeline.substitution import KEYED, SIMPLE
from trainui.supervisor.protocol import IDENTITY
from trainui.tui.keymap import KEYS, KeyTable

SHELL = ("sh", "text", "")


@cache
def reference() -> dict[str, str]:
    """Return the pages of the reference, made from the code now."""
    pages: dict[str, str] = runpy.run_path(str(DOCS / "generate.py"))["pages"]()
    return pages


def test_the_reference_is_the_codes() -> None:
    for name, made in reference().items():
        written = (DOCS / "reference" / name).read_text(encoding="utf-8")
        assert written == made, f"{name}: write it anew: python docs/generate.py"


def test_the_page_on_troubleshooting_has_the_known_causes() -> None:
    page = (DOCS / "troubleshooting.md").read_text(encoding="utf-8")
    made = runpy.run_path(str(DOCS / "generate.py"))["troubleshooting"](page)
    assert page == made, "write it anew: python docs/generate.py"
    assert page.count("\n| `") > 63


def mentioned() -> Iterator[tuple[str, str]]:
    """Every command line of trainui in code, with its page."""
    for page in PAGES:
        text = page.read_text(encoding="utf-8")
        code = [
            *re.findall(r"`([^`\n]+)`", text),
            *(block.body for block in blocks_of(page) if block.kind in SHELL),
        ]
        for piece in code:
            typed = re.sub(r"#.*", "", piece)
            for line in re.findall(r"^\s*(?:\w+=\S+ )*trainui ([a-z-][^\n|;&>]*)", typed, re.M):
                yield name_of(page), line.strip()


@pytest.mark.parametrize(("page", "line"), sorted(set(mentioned())))
def test_every_command_that_is_mentioned_exists(page: str, line: str) -> None:
    words = line.split(" -- ")[0].split()
    sections = reference()["commands.md"].split("\n## trainui ")
    helps = {section.split("\n", 1)[0]: section for section in sections[1:]}
    named = next((name for name in (" ".join(words[:2]), words[0]) if name in helps), None)
    shown = sections[0] if words[0].startswith("--") else helps.get(named or "", "")
    assert shown, f"{page}: there is no command {words[0]}"
    for option in re.findall(r"(?<!\S)--?[a-zA-Z][\w-]*", " ".join(words)):
        assert re.search(rf"(?<!\S){option}\b", shown), f"{page}: {line}: no {option}"


def test_every_variable_of_a_pipeline_file_is_documented() -> None:
    text = (DOCS / "pipeline.md").read_text(encoding="utf-8")
    told = set(re.findall(r"^\| .*?`\$\{(\w+)", text, re.MULTILINE)) | {"stage_dir"}
    assert told == SIMPLE | KEYED
    given = set(re.findall(r"TRAINUI_[A-Z_]+", text))
    assert given >= {*IDENTITY, "TRAINUI_STAGE_DIR", "TRAINUI_METRICS_FILE", "TRAINUI_CHECKPOINT"}


def said_in_code() -> Iterator[str]:
    """Every text in the code, with `…` for what is filled in."""
    for _, tree in parsed():
        for node in ast.walk(tree):
            if isinstance(node, ast.JoinedStr):
                parts = (
                    str(one.value) if isinstance(one, ast.Constant) else "…" for one in node.values
                )
                yield "".join(parts)
            elif isinstance(node, ast.Constant) and isinstance(node.value, str):
                yield node.value.replace("{}", "…").replace("{:.0f}", "…")


def test_the_messages_of_troubleshooting_are_the_codes() -> None:
    text = (DOCS / "troubleshooting.md").read_text(encoding="utf-8")
    told = re.findall(r"^\| `([^`]+)` \|", text, re.MULTILINE)
    said = list(said_in_code())
    assert len(told) > 20
    for message in told:
        parts = [part for part in message.split("…") if part.strip()]
        assert any(all(part in one for part in parts) for one in said), message


def test_the_site_builds_with_no_warning(tmp_path: Path) -> None:
    command = [sys.executable, "-m", "sphinx", "-W", "-q", str(DOCS), str(tmp_path / "site")]
    built = subprocess.run(command, capture_output=True, text=True, check=False)
    assert built.returncode == 0, built.stderr
    assert (tmp_path / "site" / "reference" / "keys.html").exists()


def test_the_readme_names_keys_as_they_are() -> None:
    readme = (ROOT / "README.md").read_text(encoding="utf-8")
    section = readme.partition("## Keys")[2].partition("\n## ")[0].partition("Every command")[0]
    named = [key for key in re.findall(r"`([^`]+)`", section) if not key.startswith("trainui")]
    shown = {part for key in KeyTable().keys for part in key.shown.split()}
    assert named
    assert set(named) <= shown


def test_no_two_keys_of_one_place_are_the_same() -> None:
    """A pane's own scope, its page's and the app's are in force at once."""
    for scope in ("runs", "run", "stages", "curves", "log", "acting", "search"):
        together = [key for key in KEYS if key.scope in {scope, "app"} and key.keys]
        pressed = [one.strip() for key in together for one in key.keys.split(",")]
        assert sorted(set(pressed)) == sorted(pressed), scope
