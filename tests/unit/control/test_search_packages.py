"""A search whose packages are not installed is refused before anything is stored."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from trainui import control
from trainui.errors import UnfitEnvironmentError, install_advice
from trainui.pipeline import loader

FILE = """\
stages:
  - name: train
    search: {space: {n: {low: 1, high: 9}}, metric: a, goal: minimize, trials: 2, sampler: SAMPLER}
    run: echo ${search.n}
"""


@pytest.fixture(autouse=True)
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TRAINUI_HOME", str(tmp_path / "home"))


def submit(sampler: str, directory: Path) -> str:
    text = FILE.replace("SAMPLER", sampler)
    return control.submit(loader.load_text(text, directory=str(directory)))


def test_without_optuna_the_file_is_valid_and_cannot_run(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "optuna", None)
    with pytest.raises(UnfitEnvironmentError) as caught:
        submit("tpe", tmp_path)
    assert install_advice("search") in str(caught.value)
    assert "stage train" in str(caught.value)


def test_a_sampler_names_the_package_that_it_needs(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "cmaes", None)
    assert submit("random", tmp_path)
    with pytest.raises(UnfitEnvironmentError, match="needs cmaes"):
        submit("cmaes", tmp_path)


def test_an_option_and_a_rule_within_a_rule_name_theirs(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "scipy", None)
    with pytest.raises(UnfitEnvironmentError, match=r"with_margin, .* needs scipy"):
        submit("{by: cmaes, with_margin: true}", tmp_path)
    with pytest.raises(UnfitEnvironmentError, match=r"WilcoxonPruner, .* needs scipy"):
        submit("random, prune: {by: patient, patience: 1, prune: wilcoxon}", tmp_path)
