"""Choosing a pipeline file: what is offered, and what is said about it."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from trainui.errors import PlanChangedError, UsageError
from trainui.tui.new_runs import matching_files, parse_params, preview, preview_rows, start
from trainui.tui.styled_text import joined

PIPELINE = """\
name: small
params: {epochs: 3, lr: null}
stages:
  - name: a
    run: echo ${params.epochs} ${params.lr}
  - name: b
    run: "true"
    depends_on: [a]
"""


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "small.yaml").write_text(PIPELINE)
    (tmp_path / "more").mkdir()
    (tmp_path / "more" / "other.yml").write_text("stages: [")
    (tmp_path / ".hidden.yaml").write_text("")
    (tmp_path / "notes.txt").write_text("")
    return tmp_path


def test_files_here_and_one_level_below_are_offered(here: Path) -> None:
    assert matching_files("") == ["small.yaml", "more/other.yml"]


def test_typing_narrows_the_files(here: Path) -> None:
    assert matching_files("oth") == ["more/other.yml"]
    assert matching_files("nothing like it") == []


def test_a_directory_is_looked_into(here: Path) -> None:
    assert matching_files("more/") == ["more/other.yml"]
    assert matching_files(f"{here}/sm") == [f"{here}/small.yaml"]
    assert matching_files("nowhere/") == []


def test_a_valid_file_shows_its_stages_and_parameters(here: Path) -> None:
    found = preview("small.yaml", "lr=0.1")
    assert not found.problems
    text = joined(preview_rows(found, 60))
    assert "small  2 stages" in text
    assert "epochs = 3" in text
    assert "lr = 0.1" in text


def test_a_file_edited_since_its_preview_is_not_started(here: Path) -> None:
    shown = preview("small.yaml", "lr=0.1")
    file = here / "small.yaml"
    file.write_text(file.read_text().replace("epochs: 3", "epochs: 4"))
    with pytest.raises(PlanChangedError, match=r"small\.yaml"):
        start("small.yaml", "lr=0.1", shown)
    text = joined(preview_rows(preview("small.yaml", "lr=0.1"), 60, shown))
    assert re.search(r"^ *- .*epochs: 3", text, re.M)
    assert re.search(r"^ *\+ .*epochs: 4", text, re.M)
    assert "epochs = 4" in text


def test_what_changed_in_a_file_shows_no_secret_value(here: Path) -> None:
    file = here / "secret.yaml"
    stage = "{name: a, run: echo hi, env: {API_KEY: %s}}"
    file.write_text(f"stages: [{stage % 'first-secret'}]")
    before = preview("secret.yaml", "")
    file.write_text(f"stages: [{stage % 'other-secret'}]\n# more")
    text = joined(preview_rows(preview("secret.yaml", ""), 60, before))
    assert "# more" in text
    assert "-secret" not in text


def test_problems_are_shown_in_words_with_their_place(here: Path) -> None:
    assert preview("small.yaml", "").problems
    broken = joined(preview_rows(preview("more/other.yml", ""), 60))
    assert broken.startswith("✗ 1 problem")
    assert "more/other.yml:1:" in broken
    gone = preview("gone.yaml", "")
    assert "gone.yaml" in gone.problems[0]


def test_parameters_are_quoted_as_in_a_shell() -> None:
    assert parse_params("lr=0.1 'name=a b'") == {"lr": "0.1", "name": "a b"}
    for wrong in ("lr", "'open", "=x"):
        with pytest.raises(UsageError, match="parameter"):
            parse_params(wrong)
