"""Values of a pipeline's text: those that can be edited, and nothing else of the text changed."""

from __future__ import annotations

import pytest

from trainui.errors import UsageError
from trainui.model.definition import StageDefinition
from trainui.model.search import Choices, Range, Scalar
from trainui.pipeline import bare_command, editing, loader

TEXT = """\
name: digits
params: {epochs: 30, lr: &rate 1e-3, note: 'a # b'}   # of all
stages:
  - name: train
    matrix: {hidden: [32, 128]}  # two
    run: echo ${matrix.hidden} ${params.epochs} ${params.lr} ${params.note}
  - name: evaluate
    task: json.loads
    params:
      s: "[1]"
      text: |
        many
        lines
    depends_on: [train]
"""

MEMBER = StageDefinition("train[hidden=128]", group="train", matrix={"hidden": "128"})


def changed(stage: StageDefinition | None, name: str, value: str) -> str:
    place = next(one for one in editing.places(TEXT, stage) if one.name == name)
    return editing.with_values(TEXT, {place: value})


def test_editable_fields_are_edited() -> None:
    evaluate = StageDefinition("evaluate", group="evaluate")
    found = [(one.scope, one.name, one.value) for one in editing.places(TEXT, evaluate)]
    assert found == [("run", "epochs", "30"), ("run", "note", "a # b"), ("stage", "s", "[1]")]
    assert [one.value for one in editing.places(TEXT, MEMBER) if one.scope == "matrix"] == ["128"]


def test_only_the_value_changes() -> None:
    assert changed(None, "epochs", "60") == TEXT.replace("epochs: 30", "epochs: 60")
    assert changed(MEMBER, "hidden", "256") == TEXT.replace("32, 128", "32, 256")


@pytest.mark.parametrize("value", ["", "a, b", "x: y", "# no", "[1, 2]", "it's", "1e-4", "yes"])
def test_typed_values_are_loaded_as_typed(value: str) -> None:
    pipeline = loader.load_text(changed(None, "note", value))
    assert (pipeline.params["note"] or "") == value


def test_several_values_change_at_once() -> None:
    first, second, *_ = editing.places(TEXT)
    text = editing.with_values(TEXT, {first: "600000", second: "x"})
    assert loader.load_text(text).params == {"epochs": "600000", "lr": "1e-3", "note": "x"}


def test_a_text_that_is_no_yaml_offers_nothing() -> None:
    assert editing.places("a: [") == []
    assert editing.places("") == []


@pytest.mark.parametrize(
    ("argv", "value", "edited"),
    [
        (["python", "train.py", "--name", "a b"], "python train.py --name 'a b'", ("ls", "a b")),
        (["python train.py | tee log"], "python train.py | tee log", "ls 'a b'"),
    ],
)
def test_the_command_of_a_run_of_one_command(
    argv: list[str], value: str, edited: str | tuple[str, ...]
) -> None:
    text = bare_command.file_text(argv, "one", 0)
    place = editing.command(text)
    assert place is not None
    assert place.value == value
    changed = editing.with_values(text, {place: "ls 'a b'"})
    assert loader.load_text(changed).stages[0].command == edited
    assert editing.command(TEXT) is None, "it has several stages"


def test_an_open_quote_in_a_command_is_named() -> None:
    text = bare_command.file_text(["echo", "hi"], None, 0)
    place = editing.command(text)
    assert place is not None
    with pytest.raises(UsageError, match="command: No closing quotation"):
        editing.with_values(text, {place: "echo 'hi"})


TRAIN = StageDefinition("train[trial=3]", group="train", matrix={"trial": "3"}, trial=3)


@pytest.mark.folders
def test_the_values_of_a_search_can_be_edited() -> None:
    text = """\
stages:
  - name: train
    search:
      space: {lr: {low: 1e-5, high: 1e-1, log: true}, act: [relu, gelu]}
      metric: loss
      goal: minimize
      trials: 40
      prune: {by: median, warmup_steps: 10}
    run: x ${search.lr} ${search.act}
"""
    places = {one.name: one for one in editing.places(text, TRAIN) if one.scope == "search"}
    assert {name: one.value for name, one in places.items()} == {
        "lr.low": "1e-5",
        "lr.high": "1e-1",
        "lr.log": "true",
        "metric": "loss",
        "goal": "minimize",
        "trials": "40",
        "prune.by": "median",
        "prune.warmup_steps": "10",
    }
    edited = editing.with_values(text, {places["trials"]: "42", places["lr.high"]: "1e-2"})
    members = loader.load_text(edited).stages
    assert len(members) == 42
    search = members[0].search
    assert search is not None
    assert search.space["lr"] == Range(1e-5, 1e-2, log=True)


@pytest.mark.parametrize(
    ("written", "value", "becomes", "choices"),
    [
        ("[relu, gelu]", "relu, gelu", "relu, silu, gelu", ("relu", "silu", "gelu")),
        ("{choices: [16, 32]}", "16, 32", "16", (16,)),
        ('["a b", c]', '"a b", c', '"a, b", c', ("a, b", "c")),
        ("[relu, gelu]", "relu, gelu", "relu] # x", ("relu] # x",)),
    ],
)
def test_the_choices_of_a_search_are_edited_as_a_list(
    written: str, value: str, becomes: str, choices: tuple[Scalar, ...]
) -> None:
    head = "stages:\n  - name: train\n    run: x ${search.act}\n    search:\n"
    text = f"{head}      space: {{act: {written}}}\n      metric: a\n      goal: minimize\n"
    text += "      trials: 2\n"
    (place,) = [one for one in editing.places(text, TRAIN) if one.scope == "choices"]
    assert (place.name, place.value) == ("act", value)
    search = loader.load_text(editing.with_values(text, {place: becomes})).stages[0].search
    assert search is not None
    assert search.space["act"] == Choices(choices, tuple(map(str, choices)))


def test_values_of_a_listed_member_are_edited_alone() -> None:
    text = "stages:\n  - name: t\n    matrix: [{a: 1, b: 2}, {b: 3, a: 1}]\n    run: 'true'\n"
    member = loader.load_text(text).stages[1]
    places = [one for one in editing.places(text, member) if one.scope == "matrix"]
    assert {one.name: one.value for one in places} == {"a": "1", "b": "3"}
    edited = editing.with_values(text, {one: f"{one.value}0" for one in places})
    assert [one.name for one in loader.load_text(edited).stages] == ["t[a=1,b=2]", "t[a=10,b=30]"]


def test_choices_on_several_lines_are_left_to_the_editor() -> None:
    text = "stages:\n  - name: train\n    search:\n      space:\n        act: [a,\n          b]\n"
    block = text.replace("[a,\n          b]", "\n          - a\n          - b")
    for one in (text, block):
        assert [place for place in editing.places(one, TRAIN) if place.name == "act"] == []


@pytest.mark.parametrize(
    ("written", "edited", "words"),
    [
        ("seeds: 3", "seeds: 5", "seeds: 3 -> 5"),
        (
            "matrix: {lr: [1, 2], seed: [0, 4]}  # two",
            "matrix: {lr: [1, 2], seed: [0, 4, 5, 6]}  # two",
            "seed: 0, 4 -> 0, 4, 5, 6",
        ),
        (
            "matrix:\n      seed:\n        - 7  # a\n        - 3  # b\n      lr: [1]",
            "matrix:\n      seed:\n        - 7  # a\n        - 3  # b\n        - 8\n        - 9\n"
            "      lr: [1]",
            "seed: 7, 3 -> 7, 3, 8, 9",
        ),
        ("matrix: {fold: [0, 1]}", None, None),
        ("matrix: {seed: [a, b]}", None, None),
        ("matrix: {lr: [1, 2]}", None, None),
    ],
)
def test_seeds_are_added_where_the_file_has_them(
    written: str, edited: str | None, words: str | None
) -> None:
    text = f"stages:\n  - name: train\n    {written}\n    run: 'true'\n"
    found = editing.with_more_seeds(text, loader.load_text(text).stages[0], 2)
    if edited is None:
        assert found is None
    else:
        assert found == (text.replace(written, edited), words)
        assert loader.load_text(found[0]).stages


def test_a_stage_uses_the_parameters_that_it_names() -> None:
    text = (
        "params: {lr: 1, bs: 2, seed: 3, other: 4}\n"
        "defaults: {env: {SEED: '${params.seed}'}}\n"
        "stages:\n- {name: a, run: ['t.py', '${params.lr}']}\n"
        "- {name: b, run: 'true', params: {}}\n- {name: c, run: 'echo ${params.bs}'}\n"
    )
    used = [
        editing.used_params(text, StageDefinition(name, group=name)) for name in ("a", "b", "c")
    ]
    assert used == [{"lr", "seed"}, {"seed"}, {"bs", "seed"}]
    place = editing.command(text, StageDefinition("c", group="c"))
    assert place is not None
    assert place.value == "echo ${params.bs}"
    assert editing.command(TEXT, StageDefinition("evaluate", group="evaluate")) is None
