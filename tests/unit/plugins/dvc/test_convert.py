"""DVC files become pipeline files that say the same, and what cannot be said is noted."""

from __future__ import annotations

import json
from pathlib import Path
from textwrap import dedent
from typing import Any

import pytest
import yaml

from trainui.errors import PipelineFileError
from trainui.model.definition import Pipeline, StageDefinition
from trainui.pipeline.loader import load_text
from trainui.plugin import Imported
from trainui.plugins.dvc.convert import convert


@pytest.fixture
def project(tmp_path: Path) -> Path:
    return tmp_path


def write(project: Path, **files: str) -> None:
    for name, text in files.items():
        (project / name.replace("_", ".")).write_text(dedent(text))


def converted(project: Path, text: str, target: Path | None = None) -> Imported:
    return convert(dedent(text), "dvc.yaml", project, target or project)


def loaded(project: Path, made: Imported, target: Path | None = None) -> dict[str, StageDefinition]:
    pipeline: Pipeline = load_text(made.text, directory=str(target or project))
    return {stage.name: stage for stage in pipeline.stages}


def written(made: Imported) -> dict[str, dict[str, Any]]:
    return {stage["name"]: stage for stage in yaml.safe_load(made.text)["stages"]}


CLASSIFIER = """\
    # Words to tags.
    stages:
      # splits what came from the dump
      clean:
        cmd: python src/clean.py raw/posts.xml tables  # fast
        desc: One table a split.
        deps:
          - raw/posts.xml
          - src/clean.py
        params:
          - clean.seed
          - model.toml:
              - width
        outs:
          - tables
      fit:
        cmd: python src/fit.py tables model.bin --trees ${fit.trees}
        deps: [tables/train.csv, src/fit.py]
        outs:
          - model.bin:
              cache: false
              persist: true
        plots:
          - losses.csv:
              x: iter
              title: Losses
      score:
        cmd:
          - python src/score.py model.bin
          - cat scores.json
        deps: [model.bin, tables]
        metrics:
          - scores.json:
              cache: false
        always_changed: true
        meta: {team: a}
    artifacts:
      best: {path: model.bin}
"""


def test_a_chain_through_files(project: Path) -> None:
    write(project, params_yaml="clean: {seed: 1}\nfit: {trees: 50}\n")
    made = converted(project, CLASSIFIER)
    stages = loaded(project, made)
    assert [(s.name, s.depends_on) for s in stages.values()] == [
        ("clean", ()),
        ("fit", ("clean",)),
        ("score", ("clean", "fit")),
    ]
    assert stages["clean"].inputs == tuple(
        f"{project}/{name}"
        for name in ("raw/posts.xml", "src/clean.py", "model.toml", "params.yaml")
    )
    plain = written(made)
    assert plain["fit"]["run"] == "python src/fit.py tables model.bin --trees ${params.fit.trees}"
    assert yaml.safe_load(made.text)["params"] == {"fit.trees": 50, "root": str(project)}
    assert plain["fit"]["inputs"] == ["src/fit.py"]
    assert plain["fit"]["outputs"] == ["${params.root}/model.bin", "${params.root}/losses.csv"]
    assert plain["fit"]["metrics"] == [{"path": "losses.csv", "step": "iter"}]
    assert plain["score"]["run"] == "python src/score.py model.bin\ncat scores.json\n"
    assert plain["score"]["metrics"] == ["scores.json"]


def test_a_field_without_counterpart_is_noted_in_the_file(project: Path) -> None:
    write(project, params_yaml="fit: {trees: 50}\n")
    made = converted(project, CLASSIFIER)
    for words in (
        "clean: of params.yaml DVC tracks only clean.seed",
        "clean: of model.toml DVC tracks only width",
        "clean: fetch missing inputs before a run: raw/posts.xml, src/clean.py",
        "fit: model.bin (cache: false, persist: true): ",
        "fit: losses.csv (title: Losses): has no counterpart",
        "score: always_changed: ",
        "score: meta: {team: a}: has no counterpart",
        "artifacts (line ",
    ):
        (note,) = [note for note in made.notes if note.startswith(words)]
        if not words.startswith("artifacts"):
            assert f"# {note.partition(': ')[2]}\n" in made.text
    assert "artifacts" in made.text


def test_comments_and_order_are_kept(project: Path) -> None:
    write(project, params_yaml="fit: {trees: 50}\n")
    lines = converted(project, CLASSIFIER).text.splitlines()
    order = ["# Words to tags.", "  # splits what came from the dump", "  # fast",
             "  # One table a split.", "  - name: clean", "  - name: fit",
             "  - name: score"]  # fmt: skip
    assert [line for line in lines if line in order] == order


SWEEP = """\
    vars: [grid.json]
    stages:
      train:
        matrix:
          model: [cnn, xgb]
          size: ${sizes}
        cmd: train ${item.model} --size ${item.size} ${options}
        outs: ["out/${item.model}-${item.size}.bin"]
      test:
        matrix:
          model: [cnn, xgb]
          size: ${sizes}
        cmd: test ${item.model}
        deps: ["out/${item.model}-${item.size}.bin"]
        outs: ["test/${item.model}-${item.size}.txt"]
      cnn_only:
        cmd: cat out/cnn-8.bin
        deps: [out/cnn-8.bin]
      all:
        cmd: cat test/*
        deps: [test]
"""


def test_a_matrix_stays_one_where_members_pair(project: Path) -> None:
    options = {"lr": 0.1, "deep": True, "off": False, "a": {"b": "x y"}}
    write(project, grid_json=json.dumps({"sizes": [8, 16], "options": options}))
    made = converted(project, SWEEP)
    plain, stages = written(made), loaded(project, made)
    assert plain["train"]["matrix"] == {"model": ["cnn", "xgb"], "size": [8, 16]}
    assert plain["train"]["run"] == (
        "train ${matrix.model} --size ${matrix.size} --lr 0.1 --deep --a.b 'x y'"
    )
    assert plain["test"]["depends_on"] == ["train"]
    assert stages["test[model=xgb,size=8]"].depends_on == ("train[model=xgb,size=8]",)
    assert stages["cnn_only"].depends_on == ("train[model=cnn,size=8]",)
    assert plain["all"]["depends_on"] == ["test"]
    assert len(stages["all"].depends_on) == 4


EACH = """\
    vars:
      - regions:
          uk: {epochs: 3, thresh: 10}
          us: {epochs: 10, thresh: "${limit}"}
      - limit: 15
    stages:
      fetch:
        foreach: [a.csv, b.csv]
        do:
          cmd: fetch ${item}
          outs: ["data/${item}"]
      join:
        cmd: cat data/a.csv data/b.csv > all.csv
        deps: [data/a.csv, data/b.csv]
        outs: [all.csv]
      build:
        foreach: ${regions}
        do:
          cmd: build '${key}' ${item.epochs} ${item.thresh} \\${HOME}
          deps: [all.csv]
          outs: ["model-${key}"]
      pairs:
        foreach:
          - {x: 1, y: {z: q}}
          - {x: 2, y: {z: r}}
        do:
          wdir: sub
          cmd: pair ${item.x} ${item.y.z}
          deps: [../model-us]
          outs: ["${item.x}.txt"]
"""


def test_foreach_over_lists_and_mappings(project: Path) -> None:
    made = converted(project, EACH)
    plain, stages = written(made), loaded(project, made)
    assert plain["fetch"]["matrix"] == {"item": ["a.csv", "b.csv"]}
    assert plain["fetch"]["run"] == "fetch ${matrix.item}"
    assert stages["join"].depends_on == ("fetch[item=a.csv]", "fetch[item=b.csv]")
    assert plain["build@uk"]["run"] == "build 'uk' 3 10 $${HOME}"
    assert plain["build@us"]["run"] == "build 'us' 10 15 $${HOME}"
    assert plain["build@us"]["depends_on"] == ["join"]
    assert plain["pairs@1"]["run"] == "pair 2 r"
    assert plain["pairs@1"]["depends_on"] == ["build@us"]
    assert plain["pairs@1"]["workdir"] == "sub"
    assert plain["pairs@1"]["outputs"] == ["${params.root}/sub/2.txt"]


def test_members_that_pair_otherwise_become_stages_of_their_own(project: Path) -> None:
    made = converted(project, """\
        stages:
          make:
            matrix: {k: [a, b], n: [{v: 1}, {v: 2}]}
            cmd: make ${item.k} ${item.n.v}
            outs: ["${item.k}${item.n.v}"]
          one:
            foreach: [a, b]
            do:
              cmd: cp ${item}1 ${item}x
              deps: ["${item}1"]
              outs: ["${item}x"]
    """)  # fmt: skip
    assert {name: stage.get("depends_on") for name, stage in written(made).items()} == {
        "make@a-n0": None, "make@a-n1": None, "make@b-n0": None, "make@b-n1": None,
        "one@a": ["make@a-n0"], "one@b": ["make@b-n0"],
    }  # fmt: skip
    loaded(project, made)


def test_a_frozen_stage_is_left_out_and_its_outputs_read(project: Path) -> None:
    made = converted(project, """\
        stages:
          old:
            cmd: make old
            outs: [old.bin]
            frozen: true
          new:
            cmd: cat old.bin s3
            deps: [old.bin, "s3://bucket/data"]
    """)  # fmt: skip
    assert list(written(made)) == ["new"]
    assert written(made)["new"]["inputs"] == ["old.bin"]
    assert "  #    run: make old" in made.text
    assert any(note.startswith("old: is frozen") for note in made.notes)
    assert any("s3://bucket/data" in note for note in made.notes)


def test_commands_of_a_list_do_not_reach_each_other(project: Path) -> None:
    made = converted(project, """\
        stages:
          a:
            cmd: ["cd x && make", "ls"]
            outs_persist_no_cache: [y]
    """)  # fmt: skip
    assert written(made)["a"]["run"] == "(\ncd x && make\n)\nls\n"
    assert "y (persist no cache)" in made.notes[0]


def test_a_file_written_elsewhere_finds_the_same_files(project: Path) -> None:
    target = project / "runs"
    made = converted(project, "stages: {a: {cmd: x, wdir: w, deps: [in.txt], outs: [o]}}", target)
    stage = loaded(project, made, target)["a"]
    assert stage.workdir == f"{target}/../w"
    assert stage.inputs == (f"{target}/../w/in.txt",)
    assert written(made)["a"]["outputs"] == ["${params.root}/w/o"]


def test_a_value_where_the_shell_takes_none_is_put_in(project: Path) -> None:
    write(project, params_yaml="n: 3\nwords: a b\n")
    made = converted(project, "stages: {a: {cmd: 'echo `seq ${n}` ${words}'}}")
    assert written(made)["a"]["run"] == "echo `seq 3` a b"


def test_values_are_put_in_as_dvc_does(project: Path) -> None:
    values = (
        "x: -.inf, y: .nan, z: true, w: False, v: 1e999, u: 'true', n: 1e-3, m: 010, l: 0.10, e: []"
    )
    write(project, params_yaml=f"a: {{{values}}}\n")
    made = converted(
        project, "stages: {a: {cmd: 'echo ${a.x} ${a.w} ${a.n} ${a}', outs: ['o-${a.l}']}}"
    )
    options = "--x -inf --y nan --z --v 1e999 --u true --n 0.001 --m 10 --l 0.1"
    (stage,) = loaded(project, made).values()
    assert stage.command == f"echo ${{params.a.x}} ${{params.a.w}} ${{params.a.n}} {options}"
    given = yaml.safe_load(made.text)["params"]
    assert (given["a.x"], given["a.w"], given["a.n"], given["a.l"]) == ("-inf", False, 0.001, 0.1)


def test_equal_names_are_distinguished(project: Path) -> None:
    text = """\
        stages:
          a.b: {cmd: x, outs: [one]}
          a_b: {cmd: y, deps: [one], outs: [two]}
          c:
            foreach: [k/v, k.v]
            do: {cmd: "z ${item}", deps: [two]}
    """
    stages = loaded(project, converted(project, text))
    assert [(stage.name, stage.depends_on) for stage in stages.values()] == [
        ("a_b", ()),
        ("a_b_2", ("a_b",)),
        ("c[item=k/v]", ("a_b_2",)),
        ("c[item=k.v]", ("a_b_2",)),
    ]
    text = text.replace("k/v, k.v", "{n: k/v}, {n: k.v}").replace("a_b:", "'c@0':")
    assert list(loaded(project, converted(project, text))) == ["a_b", "c@0", "c@0_2", "c@1"]


def test_values_with_a_tag_are_taken_as_they_are_written(project: Path) -> None:
    write(project, params_yaml="seed: !!str 010\n")
    (stage,) = loaded(project, converted(project, "stages: {a: {cmd: 'x ${seed}'}}")).values()
    assert stage.command == "x ${params.seed}"


@pytest.mark.parametrize(
    ("text", "place", "words"),
    [
        ("stages:\n  a:\n    cmd: x ${nope}\n", "3:12", "${nope} is neither in params.yaml"),
        ("stages:\n  a:\n    cmd: x\n    deps: ['${no}.csv']\n", "4:13", "${no}"),
        ("stages:\n  a:\n    foreach: ${no}\n    do: {cmd: x}\n", "3:14", "${no}"),
        ("vars: [gone.yaml]\nstages: {a: {cmd: x}}\n", "1:8", "there is no file gone.yaml"),
        ("vars: [/dev/zero]\nstages: {a: {cmd: x}}\n", "1:8", "only values of YAML"),
        ("vars: [zero.yaml]\nstages: {a: {cmd: x}}\n", "1:8", "is a device"),
        ("vars: [large.yaml]\nstages: {a: {cmd: x}}\n", "1:8", "is larger than"),
        ("stages: [a]\n", "1:1", "no mapping `stages`"),
        ("stages: {a: b}\n", "1:10", "must be a mapping"),
        ("stages: {a: {matrix: {k: 3}, cmd: x}}\n", "1:14", "matrix.k must be a list"),
        ("a: b: c\n", "1:5", "not YAML"),
        ("", "1:1", "no stages"),
        ("stages:\n  a:\n    deps: [x]\n", "2:3", "has no cmd"),
    ],
)
def test_problems_of_a_dvc_file_are_reported(
    project: Path, text: str, place: str, words: str
) -> None:
    (project / "zero.yaml").symlink_to("/dev/zero")
    (project / "large.yaml").write_text("a: 1\n" * 300_000)
    with pytest.raises(PipelineFileError) as caught:
        converted(project, text)
    lines = str(caught.value).splitlines()
    assert any(line.startswith(f"dvc.yaml:{place}:") and words in line for line in lines), lines
