"""The documentation is true: its reference is the code's, and what it tells to type works."""

from __future__ import annotations

import json
import os
import re
import runpy
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from trainui.tui.keys import KEYS, KeyTable

ROOT = Path(__file__).parents[2]
DOCS = ROOT / "docs"
PAGES = sorted([*DOCS.rglob("*.md"), ROOT / "README.md", ROOT / "CONTRIBUTING.md"])
FENCE = re.compile(
    r"(?:<!-- file: (?P<file>\S+) -->\n)?^```(?P<kind>\w*)\n(?P<body>.*?)^```", re.M | re.S
)
SHELL = ("sh", "console", "text", "")
REFERENCE: dict[str, str] = runpy.run_path(str(DOCS / "generate.py"))["pages"]()


@pytest.mark.parametrize("name", REFERENCE)
def test_the_reference_is_the_codes(name: str) -> None:
    written = (DOCS / "reference" / name).read_text(encoding="utf-8")
    assert written == REFERENCE[name], "write it anew: python docs/generate.py"


def mentioned() -> Iterator[tuple[str, str]]:
    """Every command line of trainui in code, with its page."""
    for page in PAGES:
        if page.parent.name == "reference":
            continue
        text = page.read_text(encoding="utf-8")
        code = [
            *re.findall(r"`([^`\n]+)`", text),
            *(m["body"] for m in FENCE.finditer(text) if m["kind"] in SHELL),
        ]
        for piece in code:
            typed = re.sub(r"#.*", "", piece)
            for line in re.findall(r"^\s*(?:\w+=\S+ )*trainui ([a-z-][^\n|;&>]*)", typed, re.M):
                yield page.name, line.strip()


@pytest.mark.parametrize(("page", "line"), sorted(set(mentioned())))
def test_every_command_that_is_mentioned_is_there(page: str, line: str) -> None:
    words = line.split(" -- ")[0].split()
    sections = REFERENCE["commands.md"].split("\n## trainui ")
    helps = {section.split("\n", 1)[0]: section for section in sections[1:]}
    named = next((name for name in (" ".join(words[:2]), words[0]) if name in helps), None)
    shown = sections[0] if words[0].startswith("--") else helps.get(named or "", "")
    assert shown, f"{page}: there is no command {words[0]}"
    for option in re.findall(r"(?<!\S)--?[a-zA-Z][\w-]*", " ".join(words)):
        assert re.search(rf"(?<!\S){option}\b", shown), f"{page}: {line}: no {option}"


def test_the_tutorial_works_word_for_word(tmp_path: Path) -> None:
    """Its files are written and its commands typed, in order, as a reader would."""
    script = ["set -euo pipefail"]
    for found in FENCE.finditer((DOCS / "tutorial.md").read_text(encoding="utf-8")):
        if found["file"]:
            (tmp_path / found["file"]).write_text(found["body"])
        elif found["kind"] == "sh":
            script.append(found["body"])
    home = tmp_path / "home"
    environ = {
        **os.environ,
        "TRAINUI_HOME": str(home),
        "XDG_CONFIG_HOME": str(tmp_path / "config"),
        "PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}",
    }

    def call(*command: str) -> str:
        done = subprocess.run(
            command, cwd=tmp_path, env=environ, capture_output=True, text=True, check=False
        )
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout

    try:
        said = call("bash", "-c", "\n".join(script))
        assert "continue" in said
        assert "step-200.json" in said
        shown = json.loads(call("trainui", "show", "unlucky", "--json"))
        assert shown["status"] == "completed"
        assert [len(one["attempts"]) for one in shown["stages"]] == [2, 2, 1]
        assert shown["stages"][0]["attempts"][1]["checkpoint"].endswith("step-200.json")
        rows = (tmp_path / "points.csv").read_text().splitlines()
        assert len(rows) > 800
    finally:
        call("trainui", "worker", "stop", "--with-stages")


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
