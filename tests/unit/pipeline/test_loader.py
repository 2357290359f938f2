"""Files, bare commands and the API's lists become the pipelines that they say."""

from __future__ import annotations

import hashlib
import io
import json
import os
import time
from pathlib import Path
from textwrap import dedent

import pytest
from hypothesis import given
from hypothesis import strategies as st

from trainui.errors import PipelineFileError, UsageError
from trainui.model.definition import CheckpointRule, MetricSource, Pipeline, StageDefinition
from trainui.pipeline import filling, loader
from trainui.pipeline.loader import from_api, from_command, load, load_text, validate

DIGITS = """\
name: digits
params: {epochs: 30}
stages:
  - name: prepare
    run: ${python} prepare.py --out ${stage_dir}/data.npz
    outputs: [data.npz]

  - name: train
    matrix: {hidden: [32, 128]}                               # -> train[hidden=32], ...
    run: ["${python}", train.py, --hidden, "${matrix.hidden}", --data, "${stages.prepare.dir}/data.npz", --out, "${stage_dir}"]
    checkpoint: "ckpt-*.npz"
    resume_args: [--resume, "${checkpoint}"]
    metrics: metrics.jsonl
    depends_on: [prepare]
    retries: 2
    timeout: 12h

  - name: evaluate
    task: evaluate.run_evaluation
    params: {models: "${stages.train.dirs}"}
    depends_on: [train]
"""  # noqa: E501


def only(text: str, **params: str) -> StageDefinition:
    """The only stage of a file whose stage has these fields besides its name."""
    fields = "\n".join(f"    {line}" for line in dedent(text).strip("\n").splitlines())
    (stage,) = load_text(f"stages:\n  - name: a\n{fields}\n", directory="/w", params=params).stages
    return stage


def test_a_text_in_place_of_a_number_is_named() -> None:
    text = "params: {epochs: 40, lr: 1e-3, name: x, on: true}\nstages: [{name: a, run: b}]\n"
    pipeline = loader.load_text(text)
    for fine in ({"epochs": "50", "lr": ".1", "name": "y", "on": "no"}, {"other": "z"}, {}):
        assert loader.odd_values(pipeline, fine) == []
    (remark,) = loader.odd_values(pipeline, {"epochs": "x=3", "lr": "2"})
    assert "epochs=x=3" in remark
    assert "40" in remark


def test_no_resume_args_are_placed_nowhere() -> None:
    text = (
        "defaults: {checkpoint: c, resume_args: [--resume]}\n"
        "stages: [{name: a, run: ls | tee x, resume_args: []}]\n"
    )
    assert loader.load_text(text).stages[0].resume_args == ()


def test_the_example_of_the_design_is_what_it_says(tmp_path: Path) -> None:
    file = tmp_path / "digits.yaml"
    file.write_text(DIGITS)
    pipeline = load(str(file))
    assert [stage.name for stage in pipeline.stages] == [
        "prepare",
        "train[hidden=32]",
        "train[hidden=128]",
        "evaluate",
    ]
    assert (pipeline.name, pipeline.file, pipeline.directory) == (
        "digits",
        str(file),
        str(tmp_path),
    )
    assert pipeline.params == {"epochs": "30"}
    assert pipeline.text == DIGITS
    assert pipeline.digest == hashlib.sha256(DIGITS.encode()).hexdigest()
    train = pipeline.stage("train[hidden=128]")
    assert train.group == "train"
    assert train.matrix == {"hidden": "128"}
    assert train.depends_on == ("prepare",)
    assert train.retries == 2
    assert train.timeout == 12 * 3600
    assert train.metrics == (MetricSource(path="metrics.jsonl"),)
    assert train.checkpoint == CheckpointRule("ckpt-*.npz")
    assert train.resume_args == ("--resume", "${checkpoint}")
    evaluate = pipeline.stage("evaluate")
    assert evaluate.depends_on == ("train[hidden=32]", "train[hidden=128]")
    assert evaluate.params == {"models": "${stages.train.dirs}"}
    assert evaluate.command is None


def test_a_definition_survives_json() -> None:
    for stage in load_text(DIGITS, directory="/w").stages:
        assert StageDefinition.from_json(json.loads(json.dumps(stage.to_json()))) == stage


def test_scalars_are_text_as_written() -> None:
    stage = only("""
        run: [x, 1e-3, 010, yes, 0x1F, 1_000, ~, null, "quoted", 'it''s', 2026-01-31, 1.10, on]
        env: {A: 1e-3, B: 010, C: yes, D: null, E: , F: "", G: 12:30:45, H: 1.0}
    """)
    assert stage.command is not None
    assert stage.command[1:] == (
        "1e-3", "010", "yes", "0x1F", "1_000", "~", "null", "quoted", "it's", "2026-01-31", "1.10",
        "on",
    )  # fmt: skip
    assert stage.env == {
        "A": "1e-3", "B": "010", "C": "yes", "D": "null", "E": "", "F": "", "G": "12:30:45",
        "H": "1.0",
    }  # fmt: skip


def test_matrix_values_are_text_as_written() -> None:
    text = "stages:\n  - {name: t, run: x, matrix: {lr: [1e-3, 0.10, .5], on: [yes, 010]}}\n"
    names = [stage.name for stage in load_text(text).stages]
    assert names[:2] == ["t[lr=1e-3,on=yes]", "t[lr=1e-3,on=010]"]
    assert names[-1] == "t[lr=.5,on=010]"


def test_a_matrix_may_list_its_members() -> None:
    pipeline = load_text(
        dedent("""\
        params: {lr: 0.3}
        stages:
          - name: t
            run: x ${matrix.lr}
            matrix: [{lr: 1e-3, n: 1}, {lr: "${params.lr}", n: 1}, {lr: 1e-3, n: 2}]
            checkpoint: /out/${matrix.lr}-${matrix.n}
          - {name: e, run: x, matrix: {lr: [0.3]}, depends_on: [t]}
          - {name: s, run: x, matrix: [{k: 1}, {k: 7}], seeds: 2}
          - {name: c, run: x, each_checkpoint: t}
        """)
    )
    listed = ["[lr=1e-3,n=1]", "[lr=0.3,n=1]", "[lr=1e-3,n=2]"]
    seeds = [f"s[k={k},seed={seed}]" for k in (1, 7) for seed in (0, 1)]
    names = [stage.name for stage in pipeline.stages]
    assert names == [
        *(f"t{one}" for one in listed),
        "e[lr=0.3]",
        *seeds,
        *(f"c{one}" for one in listed),
    ]
    assert pipeline.stages[1].matrix == {"lr": "0.3", "n": "1"}
    assert pipeline.stages[3].depends_on == ("t[lr=0.3,n=1]",)


def test_a_matrix_value_may_be_empty_text() -> None:
    for values, names in (('["", b]', ["a[k=]", "a[k=b]"]), ('[""]', ["a[k=]"])):
        pipeline = load_text(f"stages:\n  - {{name: a, run: x, matrix: {{k: {values}}}}}\n")
        assert [stage.name for stage in pipeline.stages] == names


def test_a_task_gets_the_types_of_yaml() -> None:
    stage = only("""
        task: m.f
        params:
          {i: 010, h: 0x1f, f: 1e-3, b: true, n: null, e: , y: yes, q: "1", t: 1_000, d: 2026-01-31,
           l: [1, [2.5]], m: {1: x}}
    """)
    assert stage.params == {
        "i": 10, "h": 31, "f": 0.001, "b": True, "n": None, "e": None, "y": "yes", "q": "1",
        "t": "1_000", "d": "2026-01-31", "l": [1, [2.5]], "m": {"1": "x"},
    }  # fmt: skip
    assert isinstance(stage.params["f"], float)


def test_a_whole_parameter_keeps_its_type_for_a_task() -> None:
    text = dedent("""\
        params: {n: 30, s: "30", f: 1e-3, b: true}
        stages:
          - name: a
            task: m.f
            params: {n: "${params.n}", s: "${params.s}", in: "n=${params.n}", l: ["${params.f}"]}
    """)
    (stage,) = load_text(text).stages
    assert stage.params == {"n": 30, "s": "${params.s}", "in": "n=${params.n}", "l": [0.001]}
    (stage,) = load_text(text, params={"n": "5", "s": "6", "f": "x"}).stages
    assert stage.params == {"n": 5, "s": "${params.s}", "in": "n=${params.n}", "l": ["${params.f}"]}


def test_p_overrides_and_its_text_is_literal() -> None:
    text = "params: {a: 1, b: }\nstages:\n  - {name: s, run: [x, '${params.a}', '${params.b}']}\n"
    pipeline = load_text(text, params={"a": "010", "b": "${run_dir} $${x}"})
    filled = filling.submit(pipeline, run_dir="/r", stage_dirs={"s": "/r/s"})
    started = filling.start(filled.stages[0], python="p", attempt=1, environ={}, checkpoint=None)
    assert started.command == ("x", "010", "${run_dir} $${x}")


def test_numbers_can_come_from_parameters() -> None:
    text = (
        "params: {n: 2, t: 5m, s: int, f: true}\nstages:\n"
        "  - {name: s, run: x, gpus: '${params.n}', timeout: '${params.t}', "
        "stop_signal: 'SIG${params.s}', allow_failure: '${params.f}', "
        "matrix: {k: ['${params.n}', 3]}}\n"
    )
    stage = load_text(text, params={"n": "4"}).stages[0]
    assert (stage.gpus, stage.timeout, stage.stop_signal) == (4, 300, "INT")
    assert stage.allow_failure is True
    assert stage.name == "s[k=4]"


def test_defaults_fill_in_and_env_merges() -> None:
    text = dedent("""\
        defaults: {retries: 3, timeout: 1h, env: {A: 1, B: 2}, outputs: [x], run: default}
        stages:
          - {name: a}
          - {name: b, run: own, retries: 0, timeout: , env: {B: 3, C: 4}, outputs: [y]}
          - {name: c, task: m.f}
    """)
    a, b, c = load_text(text).stages
    assert (a.command, a.retries, a.timeout, a.outputs) == ("default", 3, 3600, ("x",))
    assert (b.command, b.retries, b.timeout, b.outputs) == ("own", 0, None, ("y",))
    assert b.env == {"A": "1", "B": "3", "C": "4"}
    assert (c.command, c.task) == (None, "m.f")


def test_anchors_aliases_and_merges() -> None:
    text = dedent("""\
        stages:
          - &base {name: a, run: x, env: &env {A: 1}, cpus: 3}
          - {<<: *base, name: b, env: {<<: *env, A: 2, B: 3}}
          - <<: [*base, {gpus: 1}]
            name: c
    """)
    _, b, c = load_text(text).stages
    assert (b.name, b.command, b.cpus, b.env) == ("b", "x", 3, {"A": "2", "B": "3"})
    assert (c.name, c.gpus, c.cpus) == ("c", 1, 3)


def test_paths_are_the_files_own(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", "/home/me")
    (tmp_path / "venv").mkdir()
    file = tmp_path / "p.yaml"
    file.write_text(
        dedent("""\
            stages:
              - {name: a, run: x}
              - {name: b, run: x, workdir: sub, inputs: [d.csv, ~/d, /abs/d], python: venv}
              - {name: c, run: x, workdir: ./sub, python: ../env}
              - {name: d, run: x, workdir: '${run_dir}/w', inputs: ['${stage_dir}/d'],
                 python: python3.11}
        """)
    )
    monkeypatch.chdir("/")
    here = str(tmp_path)
    a, b, c, d = load(str(file)).stages
    assert (a.workdir, b.workdir, c.workdir) == (here, f"{here}/sub", f"{here}/sub")
    assert b.inputs == (f"{here}/d.csv", "/home/me/d", "/abs/d")
    assert (b.python, c.python, d.python) == (f"{here}/venv", f"{here}/../env", "python3.11")
    assert (d.workdir, d.inputs) == ("${run_dir}/w", ("${stage_dir}/d",))


def test_a_relative_file_is_named_as_given(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "sub").mkdir()
    (tmp_path / "sub" / "my run.yaml").write_text("stages:\n  - {name: a, run: x}\n")
    (tmp_path / "sub" / "bad.yaml").write_text("stages: []\n")
    monkeypatch.chdir(tmp_path)
    pipeline = load("sub/my run.yaml")
    assert (pipeline.name, pipeline.file) == ("my run", str(tmp_path / "sub" / "my run.yaml"))
    with pytest.raises(PipelineFileError, match=r"^sub/bad\.yaml:1:1: "):
        load("sub/bad.yaml")


def test_dash_is_stdin_with_the_current_directory(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    pipeline = load("-", stdin=io.StringIO("stages:\n  - {name: a, run: x, workdir: w}\n"))
    assert (pipeline.file, pipeline.directory) == (None, str(tmp_path))
    assert pipeline.stages[0].workdir == f"{tmp_path}/w"
    with pytest.raises(PipelineFileError, match=r"^-:1:1: "):
        load("-", stdin=io.TextIOWrapper(io.BytesIO(b"stages: []")))


@pytest.mark.parametrize(
    ("data", "code", "place"),
    [
        (b"name: x\nb: \xff\n", "not-yaml", (2, 4)),
        (b"#" * (1024 * 1024 + 1), "too-large", (1, 1)),
    ],
)
def test_files_that_cannot_be_read_as_text(
    tmp_path: Path, data: bytes, code: str, place: tuple[int, int]
) -> None:
    file = tmp_path / "f.yaml"
    file.write_bytes(data)
    (problem,) = validate(str(file))
    assert (problem.code, (problem.line, problem.column)) == (code, place)


def test_files_that_are_not_there(tmp_path: Path) -> None:
    for path in (tmp_path / "none.yaml", tmp_path):
        (problem,) = validate(str(path))
        assert (problem.code, problem.line, problem.file) == ("unreadable", 1, str(path))
    (problem,) = validate("a\0b")
    assert problem.code == "unreadable"
    assert str(problem).isprintable()


def test_byte_order_mark_and_line_ends_of_windows() -> None:
    text = "\ufeffstages:\r\n  - name: a\r\n    run: |\r\n      x\r\n      y\r\n    cpu: 1\r\n"
    with pytest.raises(PipelineFileError) as caught:
        load_text(text)
    (problem,) = caught.value.problems
    assert (problem.line, problem.column) == (6, 5)
    (stage,) = load_text(text.replace("cpu: 1", "cpus: 1")).stages
    assert stage.command == "x\ny\n"


def test_validate_lets_parameters_be_missing_unless_some_are_given(tmp_path: Path) -> None:
    file = tmp_path / "f.yaml"
    file.write_text(
        "params: {d: , n: }\nstages:\n  - {name: a, run: 'x ${params.d}', gpus: '${params.n}'}\n"
    )
    assert validate(str(file)) == []
    assert [p.code for p in validate(str(file), {"d": "1"})] == ["missing-param"]
    assert validate(str(file), {"d": "1", "n": "2"}) == []


def test_a_snapshot_is_wanted_or_not() -> None:
    assert not load_text("stages:\n  - {name: a, run: x}\n").snapshot
    for word in ("true", "false"):
        loaded = load_text(f"snapshot: {word}\nstages:\n  - {{name: a, run: x}}\n")
        assert loaded.snapshot == (word == "true")


def test_metrics_of_every_form() -> None:
    stage = only(r"""
        run: x
        metrics:
          - "*.csv"
          - {path: out/log.txt, format: csv, step: it}
          - {stdout: 'step (?P<step>\d+) loss (?P<loss>\S+)'}
          - {stderr: keras}
          - {stdout: 'e(?P<n>\d+) l(?P<l>\d+)', step: n}
    """)
    assert stage.metrics == (
        MetricSource(path="*.csv"),
        MetricSource(path="out/log.txt", format="csv", step="it"),
        MetricSource(stream="stdout", pattern=r"step (?P<step>\d+) loss (?P<loss>\S+)"),
        MetricSource(stream="stderr", pattern="keras"),
        MetricSource(stream="stdout", pattern=r"e(?P<n>\d+) l(?P<l>\d+)", step="n"),
    )
    assert only("run: x").metrics is None
    assert only("run: x\nmetrics: []").metrics == ()
    checkpoint = "run: x\ncheckpoint: {path: out/checkpoint-*, complete: trainer_state.json}"
    assert only(checkpoint).checkpoint == CheckpointRule("out/checkpoint-*", "trainer_state.json")


def test_names_that_are_numbers_are_text() -> None:
    a, b = load_text(
        "stages:\n  - {name: 1, run: x}\n  - {name: 2e1, run: x, depends_on: [1]}\n"
    ).stages
    assert (a.name, b.name, b.depends_on) == ("1", "2e1", ("1",))


@pytest.mark.parametrize("name", ["a", "é", "ein Name", "a-b_c~d", "x" * 64, "日本", "a:b,c=d"])
def test_fit_names(name: str) -> None:
    (stage,) = load_text(json.dumps({"stages": [{"name": name, "run": "x"}]})).stages
    assert stage.name == name


def test_matrix_members_pair_by_equal_values() -> None:
    text = dedent("""\
        stages:
          - {name: t, run: x, matrix: {lr: [1, 2], seed: [7, 8]}}
          - {name: e, run: 'cat ${stages.t.dirs}', matrix: {lr: [1, 2]}, depends_on: [t]}
          - {name: p, run: 'cat ${stages.t.dir}', matrix: {lr: [2], seed: [7, 8], x: [0]},
             depends_on: [t]}
          - {name: all, run: x, matrix: {other: [1, 2]}, depends_on: [t]}
          - {name: one, run: 'cat ${stages.t[lr=2,seed=8].dir}', depends_on: ["t[lr=2,seed=8]", p]}
    """)
    pipeline = load_text(text)
    depends = {stage.name: stage.depends_on for stage in pipeline.stages}
    assert depends["e[lr=2]"] == ("t[lr=2,seed=7]", "t[lr=2,seed=8]")
    assert depends["p[lr=2,seed=8,x=0]"] == ("t[lr=2,seed=8]",)
    assert len(depends["all[other=1]"]) == 4
    assert depends["one"] == ("t[lr=2,seed=8]", "p[lr=2,seed=7,x=0]", "p[lr=2,seed=8,x=0]")


def test_a_directory_of_an_indirect_upstream_may_be_used() -> None:
    text = dedent("""\
        stages:
          - {name: a, run: x}
          - {name: b, run: x, depends_on: [a]}
          - {name: c, run: 'cat ${stages.a.dir} ${stages.c.dir}', depends_on: [b]}
    """)
    assert len(load_text(text).stages) == 3


WORDS = st.lists(
    st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0")),
    min_size=1,
    max_size=4,
).filter(lambda words: bool(words[0].strip()))


@given(WORDS)
def test_a_bare_command_stays_what_it_is(words: list[str]) -> None:
    argv = [*words, "--end"]
    pipeline = from_command(argv, "n", directory="/w")
    assert load_text(pipeline.text, directory="/w") == pipeline
    (stage,) = pipeline.stages
    filled = filling.submit(pipeline, run_dir="/r", stage_dirs={stage.name: "/r/s"})
    started = filling.start(filled.stages[0], python="p", attempt=1, environ={}, checkpoint=None)
    assert (started.command, started.env, started.params) == (tuple(argv), {}, {})


@pytest.mark.parametrize(
    ("argv", "name"),
    [
        (["python", "train.py", "--lr", "1"], "train"),
        (["python3.11", "-u", "/x/my.train.py"], "my_train"),
        (["python", "-m", "pkg.sub.train", "--x"], "train"),
        (["torchrun", "--nproc_per_node", "2", "finetune.py"], "finetune"),
        (["./run.sh"], "run"),
        (["env", "A=1", "nvidia-smi"], "nvidia-smi"),
        (["/usr/bin/make", "all"], "make"),
        (["echo hi && python train.py"], "train"),
        (["sleep", "1"], "sleep"),
        (["python3", "-c", "print(1)", "--lr", "0.3"], "python3"),
        (["/"], "command"),
        (["a" * 100], "a" * 64),
    ],
)
def test_a_bare_command_is_named_after_its_script(argv: list[str], name: str) -> None:
    pipeline = from_command(argv)
    assert (pipeline.name, pipeline.stages[0].name) == (name, name)
    assert pipeline.file is None


def test_a_bare_command_of_one_text_is_the_shells() -> None:
    assert from_command(["echo ${HOME} | cat"]).stages[0].command == "echo $${HOME} | cat"
    assert from_command(["ls"], gpus=2).stages[0].gpus == 2
    for bad in ([], [""], ["a\udcff"]):
        with pytest.raises(UsageError):
            from_command(bad)
    with pytest.raises(UsageError, match="name"):
        from_command(["ls"], "a\nb")


def test_the_list_of_the_api() -> None:
    stages = [
        {"name": "a", "task": "m.f", "params": {"i": 1, "s": "1", "l": (1, None, True, 0.5)}},
        {"name": "b", "task": "m.g", "params": {"d": "${stages.a.dir}"}, "depends_on": ["a"]},
        {"name": "c", "task": "m.h", "depends_on": None, "params": None},
    ]
    pipeline = from_api(stages, "test-pipeline", directory="/w")
    assert load_text(pipeline.text, directory="/w") == pipeline
    a, b, c = pipeline.stages
    assert a.params == {"i": 1, "s": "1", "l": [1, None, True, 0.5]}
    assert (b.depends_on, c.depends_on, c.params) == (("a",), (), {})
    assert (pipeline.name, a.workdir, pipeline.file) == ("test-pipeline", "/w", None)
    json.loads(pipeline.text)


def test_the_apis_list_reports_all_problems_at_once() -> None:
    loop: list[object] = []
    loop.append(loop)
    stages = [
        {"name": "a", "task": "m.f", "retries": 1},
        {"name": "a", "task": "m.f", "params": {"p": Path("/x")}},
        {"task": "m.f", "depend_on": []},
        {"name": "d", "depends_on": ["nope", "e"]},
        {"name": "e", "task": 1, "depends_on": ["d"]},
        {"name": "f", "task": "m.f", "params": {"x": float("nan"), "y": "${nope}"}},
        {"name": "g", "task": "m.f", "params": {"x": loop}},
        "h",
    ]
    with pytest.raises(PipelineFileError) as caught:
        from_api(stages, "n")
    found = [(p.line, p.code) for p in caught.value.problems]
    assert found == [
        (1, "unknown-field"),
        (2, "wrong-type"),
        (2, "duplicate-stage"),
        (3, "unknown-field"),
        (3, "missing-field"),
        (4, "no-command"),
        (4, "cycle"),
        (4, "unknown-stage"),
        (5, "wrong-type"),
        (6, "wrong-type"),
        (7, "wrong-type"),
        (8, "wrong-type"),
    ]
    assert "stages[1]: params.p is of type PosixPath" in str(caught.value)
    assert "did you mean 'depends_on'" in str(caught.value)
    with pytest.raises(PipelineFileError, match="empty"):
        from_api([], "n")


def test_ten_thousand_stages_in_a_chain() -> None:
    stages = [{"name": "s0", "task": "m.f"}]
    stages += [
        {"name": f"s{i}", "task": "m.f", "depends_on": [f"s{i - 1}"]}  # type: ignore[dict-item]
        for i in range(1, 10_000)
    ]
    pipeline = from_api(stages, "long")
    assert len(pipeline.stages) == 10_000
    assert pipeline.stages[-1].depends_on == ("s9998",)
    stages[0]["depends_on"] = ["s9999"]  # type: ignore[assignment]
    with pytest.raises(PipelineFileError) as caught:
        from_api(stages, "ring")
    (problem,) = caught.value.problems
    assert problem.code == "cycle"
    assert len(problem.message) < 500


def test_ten_thousand_misspelt_stages_do_not_take_for_ever() -> None:
    stages = [
        {"name": f"stage {i}", "task": "m.f", "depends_on": [f"stag {i}"]} for i in range(3000)
    ]
    begun = time.process_time()
    with pytest.raises(PipelineFileError) as caught:
        from_api(stages, "n")
    assert len(caught.value.problems) == 3000
    assert time.process_time() - begun < 15  # without a bound it would be hours


def test_ten_thousand_members() -> None:
    text = f"stages:\n  - {{name: t, run: x, matrix: {{a: &r {list(range(100))}, b: *r}}}}\n"
    text += "  - {name: e, run: x, matrix: {a: *r, b: *r}, depends_on: [t]}\n"
    pipeline = load_text(text)
    assert len(pipeline.stages) == 20_000
    assert pipeline.stages[-1].depends_on == ("t[a=99,b=99]",)


def test_the_sample_is_right() -> None:
    sample = Path(loader.__file__).parents[2] / "sample_pipelines" / "digits.yaml"
    if not sample.exists():
        pytest.skip("the sample is not written yet")
    assert validate(str(sample)) == []


def test_loading_does_not_depend_on_the_umask_or_locale(tmp_path: Path) -> None:
    file = tmp_path / "f.yaml"
    file.write_bytes("stages:\n  - {name: é, run: 'echo ü'}\n".encode())
    before = os.environ.get("LC_ALL")
    os.environ["LC_ALL"] = "C"
    try:
        pipeline: Pipeline = load(str(file))
    finally:
        os.environ.pop("LC_ALL") if before is None else os.environ.update(LC_ALL=before)
    assert pipeline.stages[0].command == "echo ü"
