"""Tests of the difference between a run's pipeline and its edited file."""

from __future__ import annotations

from pathlib import Path

import pytest

from trainui.errors import UsageError
from trainui.model.definition import Choices, Range, Scalar, StageDefinition
from trainui.pipeline import loader, stage_command
from trainui.resume import edits, submitted


def test_values_of_secret_names_are_masked_also_inside_others() -> None:
    line = "+  run: {env: {API_KEY: abc def, seed: 1}, args: lr=1 hf_token=xyz}"
    shown = "+  run: {env: {API_KEY: ***, seed: 1}, args: lr=1 hf_token=***}"

    assert edits._masked(line) == shown


def test_a_line_of_assignments_or_one_word_is_read_once() -> None:
    overrides = " ".join(f"model.layer{at}=1" for at in range(5000))

    assert edits._masked(f"{overrides} api_key=abc") == f"{overrides} api_key=***"
    assert edits._masked("x" * 1_000_000) == "x" * 1_000_000


TEXT = """\
name: four
stages:
  - {name: train, matrix: {lr: [0.1, 0.3], seed: [1, 2]}, run: "train ${matrix.lr}"}
  - {name: select, run: select, depends_on: [train]}
"""

FIRST, SECOND = "train[lr=0.1,seed=1]", "train[lr=0.1,seed=2]"


def test_one_member_differs_and_those_that_need_it_follow() -> None:
    loaded = loader.load_text(TEXT)
    own = edits.with_members(loaded, {}, {SECOND: {"lr": "0.2"}, "gone[a=1]": {"a": "2"}})
    assert [one.name for one in own.stages] == [
        FIRST,
        "train[lr=0.2,seed=2]",
        "train[lr=0.3,seed=1]",
        "train[lr=0.3,seed=2]",
        "select",
    ]
    assert own.stages[1].matrix == {"lr": "0.2", "seed": "2"}
    assert own.stages[4].depends_on == tuple(one.name for one in own.stages[:4])
    assert [own.stages[at] == loaded.stages[at] for at in range(5)] == [
        True,
        False,
        True,
        True,
        False,
    ]
    assert edits.name_in_file(loaded, own, "train[lr=0.2,seed=2]") == SECOND
    assert edits.name_in_file(loaded, own, FIRST) == FIRST


def test_two_members_cannot_become_one() -> None:
    values = {FIRST: {"lr": "0.2", "seed": "3"}, SECOND: {"lr": "0.2", "seed": "3"}}
    with pytest.raises(UsageError, match=r"train\[lr=0.2,seed=3\] is already a member"):
        edits.with_members(loader.load_text(TEXT), {}, values)


PARAMETERS = """\
name: four
params: {epochs: 3, who: ada, cores: 1, home: "${stage_dir}"}
stages:
  - name: train
    matrix: {lr: [0.1, 0.3]}
    run: "${python} train ${params.epochs} ${params.who} ${params.home} $${HOME} ${matrix.lr}"
    cpus: ${params.cores}
    env: {EPOCHS: "${params.epochs}"}
  - name: test
    matrix: {lr: [0.1, 0.3]}
    task: os.getpid
    params: {depth: 4, epochs: "${params.epochs}"}
  - {name: select, run: "select ${params.epochs}", depends_on: [train]}
"""


def test_a_parameter_changed_for_one_member_spares_the_others(tmp_path: Path) -> None:
    given = {"who": "eve"}
    loaded = loader.load_text(PARAMETERS, params=given)
    values = {
        "train[lr=0.3]": {"run epochs": "5", "run who": "o'neil", "run cores": "2"},
        "test[lr=0.1]": {"stage depth": "6", "run epochs": "7"},
    }
    own = edits.with_members(loaded, given, values)
    assert [stage.name for stage in own.stages] == [stage.name for stage in loaded.stages]
    assert own.params == loaded.params
    changed = ("train[lr=0.3]", "test[lr=0.1]")
    for one in loaded.stages:
        assert (own.stage(one.name) == one) == (one.name not in changed)
    filled = submitted.filled_in(own, tmp_path)
    train = filled.stage("train[lr=0.3]")
    home = tmp_path / "train-lr-0.3"
    assert train.command == f"${{python}} train 5 'o'\"'\"'neil' {home} $${{HOME}} 0.3"
    assert (train.cpus, train.env) == (2, {"EPOCHS": "5"})
    first = filled.stage("train[lr=0.1]")
    assert str(first.command).startswith("${python} train 3 eve ")
    assert first.cpus == 1
    assert filled.stage("test[lr=0.1]").params == {"depth": 6, "epochs": 7}
    assert filled.stage("test[lr=0.3]").params == {"depth": 4, "epochs": 3}
    assert filled.stage("select").command == "select 3"
    assert edits.own_parameters(values, train) == {"epochs": "5", "who": "o'neil", "cores": "2"}
    assert edits.own_parameters(values, first) == {}


def test_the_own_parameters_of_a_renamed_member_are_found() -> None:
    values = {SECOND: {"lr": "0.2", "run epochs": "5"}, FIRST: {"run epochs": "7"}}
    own = edits.with_members(loader.load_text(TEXT), {}, values)
    found = {one.name: edits.own_parameters(values, one) for one in own.stages}
    assert {name: params for name, params in found.items() if params} == {
        FIRST: {"epochs": "7"},
        "train[lr=0.2,seed=2]": {"epochs": "5"},
    }


def test_sweeps_that_run_for_an_edited_member_follow_it() -> None:
    text = """
stages:
  - {name: train, matrix: {lr: [0.1, 0.3], seed: [1, 2]}, run: "train ${matrix.lr}"}
  - {name: test, depends_on: [train], matrix: &both {lr: [0.1, 0.3], seed: [1, 2]},
     run: "test ${matrix.lr} ${stages.train.dir}"}
  - {name: plot, depends_on: [test], matrix: {seed: [1, 2], lr: [0.1, 0.3], of: [a, b]},
     run: "plot ${matrix.lr} ${matrix.of}"}
  - {name: use, depends_on: [plot], run: "use"}
"""
    values = {SECOND: {"lr": "0.2"}, "test[lr=0.1,seed=1]": {"run other": "5"}}
    own = edits.with_members(loader.load_text(text), {}, values)
    before = loader.load_text(text)
    assert {
        one.name: now.name
        for one, now in zip(before.stages, own.stages, strict=True)
        if one.name != now.name
    } == {
        SECOND: "train[lr=0.2,seed=2]",
        "test[lr=0.1,seed=2]": "test[lr=0.2,seed=2]",
        "plot[seed=2,lr=0.1,of=a]": "plot[seed=2,lr=0.2,of=a]",
        "plot[seed=2,lr=0.1,of=b]": "plot[seed=2,lr=0.2,of=b]",
    }
    filled = submitted.filled_in(own, Path("/r"))
    test = filled.stage("test[lr=0.2,seed=2]")
    assert test.depends_on == ("train[lr=0.2,seed=2]",)
    assert test.command == "test 0.2 /r/train-lr-0.2-seed-2"
    assert filled.stage("plot[seed=2,lr=0.2,of=b]").command == "plot 0.2 b"
    assert filled.stage("use").depends_on == tuple(one.name for one in own.stages[8:16])


def test_a_value_from_another_member_is_edited_there() -> None:
    text = """
stages:
  - {name: train, matrix: {lr: [0.1, 0.3]}, run: "train ${matrix.lr}"}
  - {name: test, depends_on: [train], matrix: {lr: [0.1, 0.3], of: [a, b]}, run: "x ${matrix.of}"}
"""
    loaded = loader.load_text(text)
    member = loaded.stage("test[lr=0.3,of=b]")
    places = {one.name: one for one in edits.editable_values(text, member)}
    edits._check_is_first(loaded, member.name, [edits.Value(places["of"], "b")])
    with pytest.raises(UsageError, match=r"edit train\[lr=0.3\], and test\[lr=0.3,of=b\] follows"):
        edits._check_is_first(loaded, member.name, [edits.Value(places["lr"], "0.3")])


def test_the_evaluation_of_an_edited_member_follows_it() -> None:
    text = """
stages:
  - {name: train, matrix: {lr: [0.1, 0.3]}, checkpoint: "*.pt", run: "train ${matrix.lr}"}
  - {name: evaluate, each_checkpoint: train, run: "evaluate ${checkpoint}"}
  - {name: use, depends_on: [evaluate], run: "use"}
"""
    own = edits.with_members(loader.load_text(text), {}, {"train[lr=0.3]": {"lr": "0.2"}})
    evaluation = next(one for one in own.stages if one.name == "evaluate[lr=0.2]")
    assert evaluation.each_checkpoint is not None
    assert evaluation.each_checkpoint.stage == "train[lr=0.2]"
    assert evaluation.depends_on == ("train[lr=0.2]",)
    assert own.stages[-1].depends_on == ("evaluate[lr=0.1]", "evaluate[lr=0.2]")


FILE_TEXT = """\
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
    place = next(one for one in edits.editable_values(FILE_TEXT, stage) if one.name == name)
    return edits.with_replaced(FILE_TEXT, {place: value})


def test_editable_fields_are_edited() -> None:
    evaluate = StageDefinition("evaluate", group="evaluate")
    found = [(one.scope, one.name, one.value) for one in edits.editable_values(FILE_TEXT, evaluate)]
    assert found == [("run", "epochs", "30"), ("run", "note", "a # b"), ("stage", "s", "[1]")]
    assert [
        one.value for one in edits.editable_values(FILE_TEXT, MEMBER) if one.scope == "matrix"
    ] == ["128"]


def test_only_the_value_changes() -> None:
    assert changed(None, "epochs", "60") == FILE_TEXT.replace("epochs: 30", "epochs: 60")
    assert changed(MEMBER, "hidden", "256") == FILE_TEXT.replace("32, 128", "32, 256")


@pytest.mark.parametrize("value", ["", "a, b", "x: y", "# no", "[1, 2]", "it's", "1e-4", "yes"])
def test_typed_values_are_loaded_as_typed(value: str) -> None:
    pipeline = loader.load_text(changed(None, "note", value))
    assert (pipeline.params["note"] or "") == value


def test_several_values_change_at_once() -> None:
    first, second, *_ = edits.editable_values(FILE_TEXT)
    text = edits.with_replaced(FILE_TEXT, {first: "600000", second: "x"})
    assert loader.load_text(text).params == {"epochs": "600000", "lr": "1e-3", "note": "x"}


def test_a_text_that_is_no_yaml_offers_nothing() -> None:
    assert edits.editable_values("a: [") == []
    assert edits.editable_values("") == []


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
    text = stage_command.file_text(argv, "one", 0)
    place = edits.command_value(text)
    assert place is not None
    assert place.value == value
    changed = edits.with_replaced(text, {place: "ls 'a b'"})
    assert loader.load_text(changed).stages[0].command == edited
    assert edits.command_value(FILE_TEXT) is None, "it has several stages"


def test_an_open_quote_in_a_command_is_named() -> None:
    text = stage_command.file_text(["echo", "hi"], None, 0)
    place = edits.command_value(text)
    assert place is not None
    with pytest.raises(UsageError, match="command: No closing quotation"):
        edits.with_replaced(text, {place: "echo 'hi"})


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
    places = {one.name: one for one in edits.editable_values(text, TRAIN) if one.scope == "search"}
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
    edited = edits.with_replaced(text, {places["trials"]: "42", places["lr.high"]: "1e-2"})
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
    (place,) = [one for one in edits.editable_values(text, TRAIN) if one.scope == "choices"]
    assert (place.name, place.value) == ("act", value)
    search = loader.load_text(edits.with_replaced(text, {place: becomes})).stages[0].search
    assert search is not None
    assert search.space["act"] == Choices(choices, tuple(map(str, choices)))


def test_values_of_a_listed_member_are_edited_alone() -> None:
    text = "stages:\n  - name: t\n    matrix: [{a: 1, b: 2}, {b: 3, a: 1}]\n    run: 'true'\n"
    member = loader.load_text(text).stages[1]
    places = [one for one in edits.editable_values(text, member) if one.scope == "matrix"]
    assert {one.name: one.value for one in places} == {"a": "1", "b": "3"}
    edited = edits.with_replaced(text, {one: f"{one.value}0" for one in places})
    assert [one.name for one in loader.load_text(edited).stages] == ["t[a=1,b=2]", "t[a=10,b=30]"]


def test_choices_on_several_lines_are_left_to_the_editor() -> None:
    text = "stages:\n  - name: train\n    search:\n      space:\n        act: [a,\n          b]\n"
    block = text.replace("[a,\n          b]", "\n          - a\n          - b")
    for one in (text, block):
        assert [place for place in edits.editable_values(one, TRAIN) if place.name == "act"] == []


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
    found = edits.with_more_seeds(text, loader.load_text(text).stages[0], 2)
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
    used = [edits.used_params(text, StageDefinition(name, group=name)) for name in ("a", "b", "c")]
    assert used == [{"lr", "seed"}, {"seed"}, {"bs", "seed"}]
    place = edits.command_value(text, StageDefinition("c", group="c"))
    assert place is not None
    assert place.value == "echo ${params.bs}"
    assert edits.command_value(FILE_TEXT, StageDefinition("evaluate", group="evaluate")) is None
