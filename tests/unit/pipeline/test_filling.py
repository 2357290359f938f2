"""Values reach every field in the way of that field, at submission and at the start."""

from __future__ import annotations

import glob
import json
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from textwrap import dedent

import pytest
from hypothesis import given
from hypothesis import strategies as st

from trainui import paths
from trainui.errors import UsageError
from trainui.model.definition import (
    Choices,
    Pipeline,
    Prune,
    Range,
    Search,
    SearchResult,
    StageDefinition,
)
from trainui.pipeline import filling
from trainui.pipeline.loader import load_text


def submitted(text: str, run_dir: str = "/runs/r", **params: str) -> Pipeline:
    pipeline = load_text(dedent(text), directory="/w", params=params)
    names = paths.stage_directory_names([stage.name for stage in pipeline.stages])
    dirs = {name: f"{run_dir}/{short}" for name, short in names.items()}
    return filling.submit(pipeline, run_dir=run_dir, stage_dirs=dirs)


def started(
    stage: StageDefinition, environ: Mapping[str, str] | None = None, checkpoint: str | None = None
) -> StageDefinition:
    # what is submitted goes through the store
    stored = StageDefinition.from_json(json.loads(json.dumps(stage.to_json())))
    return filling.start(
        stored, python="/py/bin/python", attempt=3, environ=environ or {}, checkpoint=checkpoint
    )


def test_every_field_is_filled_in() -> None:
    (stage,) = submitted("""\
        params: {p: "a b", m: m.f}
        stages:
          - name: s
            matrix: {k: [v w]}
            run: [x, "${params.p}", "${matrix.k}", "${run_dir}", "${stage_dir}", "${python}", "${attempt}"]
            workdir: ${run_dir}/${params.p}
            env: {A: "${params.p} ${matrix.k}", B: "${env.HOME}/${attempt}"}
            python: ${run_dir}/env
            metrics: [{path: "${params.p}/*.csv", format: "${params.p}", step: "${params.p}"}, {stdout: "${params.p}(?P<l>.)"}]
            checkpoint: {path: "${stage_dir}/*.pt", complete: "${params.p}"}
            resume_args: ["--from=${checkpoint}", "${matrix.k}"]
            outputs: ["${stage_dir}/${params.p}.pt"]
            inputs: ["${run_dir}/in", "${params.p}"]
            success: "${params.p} done"
    """).stages  # noqa: E501
    own = "/runs/r/s-k-v-w"
    ready = started(stage, {"HOME": "/home/me"}, checkpoint=f"{own}/1.pt")
    assert ready.command == (
        "x", "a b", "v w", "/runs/r", own, "/py/bin/python", "3", f"--from={own}/1.pt", "v w",
    )  # fmt: skip
    assert (ready.resume_args, ready.resume_run) == (None, None)
    assert ready.workdir == "/runs/r/a b"
    assert ready.env == {"A": "a b v w", "B": "/home/me/3"}
    assert ready.python == "/runs/r/env"
    assert ready.metrics is not None
    first, second = ready.metrics
    assert (first.path, first.format, first.step) == ("a b/*.csv", "a b", "a b")
    assert second.pattern == "a b(?P<l>.)"
    assert ready.checkpoint is not None
    assert (ready.checkpoint.glob, ready.checkpoint.complete) == (f"{own}/*.pt", "a b")
    assert ready.outputs == (f"{own}/a b.pt",)
    assert ready.inputs == ("/runs/r/in", "/w/a b")
    assert ready.success == "a b done"
    assert "${" not in json.dumps(ready.to_json())


def test_variables_known_at_the_start_stay_as_written() -> None:
    (stage,) = submitted("""\
        stages:
          - {name: s, run: "echo ${run_dir} ${env.SECRET} ${attempt}", env: {K: "${env.SECRET}"}}
    """).stages
    assert stage.command == "echo /runs/r ${env.SECRET} ${attempt}"
    assert stage.env == {"K": "${env.SECRET}"}


def test_directories_of_a_matrix_in_every_kind_of_place() -> None:
    pipeline = submitted("""\
        stages:
          - {name: t, run: x, matrix: {k: [1, 2]}}
          - name: words
            run: [cat, "${stages.t.dirs}", "--d=${stages.t.dirs}/x", end]
            inputs: ["${stages.t.dirs}/model.pt"]
            depends_on: [t]
          - {name: shell, run: 'cat ${stages.t.dirs} "${stages.t.dirs}/x"', depends_on: [t]}
          - name: task
            task: m.f
            params: {all: "${stages.t.dirs}", deep: [{d: "${stages.t.dirs}"}, "${stages.t.dirs}"]}
            depends_on: [t]
          - {name: pair, run: [cat, "${stages.t.dir}"], matrix: {k: [2, 1]}, depends_on: [t]}
    """)
    one, two = (f"/runs/r/t-k-{k}" for k in (1, 2))
    words = started(pipeline.stage("words"))
    assert words.command == ("cat", one, two, f"--d={one}/x", f"--d={two}/x", "end")
    assert words.inputs == (f"{one}/model.pt", f"{two}/model.pt")
    assert started(pipeline.stage("shell")).command == f'cat {one} {two} "{one}" "{two}/x"'
    task = started(pipeline.stage("task"))
    assert task.params == {"all": [one, two], "deep": [{"d": [one, two]}, one, two]}
    assert started(pipeline.stage("pair[k=2]")).command == ("cat", two)


def test_parameters_may_hold_variables_themselves() -> None:
    pipeline = submitted("""\
        params: {data: "${env.DATA}/train set", log: "${run_dir}/log", own: "${stage_dir}"}
        stages:
          - name: s
            run: x "${params.data}" ${params.data} ${params.log}
            env: {D: "${params.data}"}
          - {name: t, run: ["${params.data}", "${params.own}"]}
    """)
    s = started(pipeline.stages[0], {"DATA": "/d $x"})
    assert s.command == "x \"/d \\$x/train set\" '/d $x''/train set' /runs/r/log"
    assert s.env == {"D": "/d $x/train set"}
    assert started(pipeline.stages[1], {"DATA": "/d"}).command == ("/d/train set", "/runs/r/t")


TEXTS = st.text(st.sampled_from("${}a'\"\\ \n-"), max_size=8)


@given(a=TEXTS, b=TEXTS)
def test_an_item_stays_one_item_whatever_is_in_it(a: str, b: str) -> None:
    text = """\
        params: {a: }
        stages:
          - name: s
            run: [x, "${params.a}", "${env.B}", "<${params.a}${env.B}${params.a}>", "$${params.a}"]
            env: {E: "${env.B}${params.a}${env.B}"}
    """
    (stage,) = submitted(text, a=a).stages
    ready = started(stage, {"B": b})
    assert ready.command == ("x", a, b, f"<{a}{b}{a}>", "${params.a}")
    assert ready.env == {"E": f"{b}{a}{b}"}


@given(a=TEXTS, b=TEXTS)
def test_a_tasks_params_get_values_as_they_are(a: str, b: str) -> None:
    text = """\
        params: {a: ""}
        stages:
          - {name: s, task: m.f, params: {w: "${params.a}", m: "<${params.a}${env.B}>", l: [["${env.B}"]]}}
    """  # noqa: E501
    (stage,) = submitted(text, a=a).stages
    assert started(stage, {"B": b}).params == {"w": a, "m": f"<{a}{b}>", "l": [[b]]}


RESUMABLE = """\
stages:
  - name: s
    run: {run}
    checkpoint: "*.pt"
    resume_args: [--resume, "${{checkpoint}}", "a b"]
"""


@pytest.mark.parametrize(
    ("run", "without", "resumed"),
    [
        ("[t, x]", ("t", "x"), ("t", "x", "--resume", "/c k.pt", "a b")),
        (
            "[t, '${resume_args}', x]",
            ("t", "x"),
            ("t", "--resume", "/c k.pt", "a b", "x"),
        ),
        ("t x", "t x", "t x --resume '/c k.pt' 'a b'"),
        ("'t x  '", "t x  ", "t x --resume '/c k.pt' 'a b'"),
        ("t ${resume_args} x", "t  x", "t --resume '/c k.pt' 'a b' x"),
        (
            "|\n      a\n      t ${resume_args}",
            "a\nt \n",
            "a\nt --resume '/c k.pt' 'a b'\n",
        ),
        ("'t \"${resume_args}\"'", 't ""', 't "--resume" "/c k.pt" "a b"'),
    ],
)
def test_resume_args_are_added_only_with_a_checkpoint(
    run: str, without: object, resumed: object
) -> None:
    (stage,) = submitted(RESUMABLE.format(run=run)).stages
    assert started(stage).command == without
    assert started(stage, checkpoint="/c k.pt").command == resumed


def test_resume_run_replaces_the_command_only_with_a_checkpoint() -> None:
    (stage,) = submitted("""\
        stages:
          - {name: s, run: "first", checkpoint: c, resume_run: "again ${checkpoint} ${attempt}"}
    """).stages
    assert started(stage).command == "first"
    assert started(stage, checkpoint="/c k").command == "again '/c k' 3"


def test_with_neither_the_command_is_the_same() -> None:
    (stage,) = submitted("stages:\n  - {name: s, run: t, checkpoint: c}\n").stages
    assert started(stage, checkpoint="/c").command == "t"


def test_a_task_gets_its_params_and_env_filled_in() -> None:
    (stage,) = submitted(
        "stages:\n  - {name: s, task: m.f, params: {a: '${python}'}, env: {X: '${attempt}'}}\n"
    ).stages
    ready = filling.start(stage, python="/p", attempt=1, environ={}, checkpoint="/c")
    assert (ready.command, ready.env, ready.params) == (None, {"X": "1"}, {"a": "/p"})


def test_commands_see_the_stages_env_and_env_the_shells() -> None:
    (stage,) = submitted("""\
        stages:
          - name: s
            run: ["${env.P}", "${env.ONLY}"]
            env: {P: "src:${env.P}", ONLY: own}
    """).stages
    ready = started(stage, {"P": "/lib"})
    assert ready.env == {"P": "src:/lib", "ONLY": "own"}
    assert ready.command == ("src:/lib", "own")


def test_variables_that_are_not_set_are_all_named() -> None:
    (stage,) = submitted(
        "stages:\n  - {name: s, run: 'x ${env.ONE} ${env.SET}', env: {A: '${env.TWO}'}}\n"
    ).stages
    with pytest.raises(UsageError, match=r"stage s: \$\{env.TWO\}, \$\{env.ONE\} is not set"):
        started(stage, {"SET": ""})


def test_inputs_are_known_early_unless_an_attempt_decides() -> None:
    (stage,) = submitted("""\
        stages:
          - name: s
            run: x
            env: {D: "${env.HOME}/d", N: "${attempt}"}
            inputs: ["${env.D}/a", b, "x$${y}", "${env.HOME}/${attempt}"]
    """).stages
    known = filling.inputs_before_start(stage, {"HOME": "/h"})
    assert known == ("/h/d/a", "/w/b", "/w/x${y}")
    with pytest.raises(UsageError, match="HOME"):
        filling.inputs_before_start(stage, {})


def test_a_workdir_must_be_absolute_in_the_end() -> None:
    (stage,) = submitted("stages:\n  - {name: s, run: x, workdir: '${env.W}/d'}\n").stages
    assert started(stage, {"W": "/abs"}).workdir == "/abs/d"
    with pytest.raises(UsageError, match="workdir 'rel/d' is not absolute"):
        started(stage, {"W": "rel"})


def test_paths_from_parameters_are_the_files_own(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", "/home/me")
    text = """\
        params: {d: }
        stages:
          - name: s
            run: x
            workdir: ${params.d}
            inputs: ["${params.d}/f"]
            python: ${params.d}/py
    """
    for written, absolute in (("sub", "/w/sub"), ("~/x", "/home/me/x"), ("/abs", "/abs")):
        ready = started(submitted(text, d=written).stages[0])
        assert (ready.workdir, ready.inputs) == (absolute, (f"{absolute}/f",))
        assert ready.python == f"{absolute}/py"


def test_a_directorys_name_is_no_pattern(tmp_path: Path) -> None:
    run_dir = tmp_path / "runs [1]*"
    pipeline = submitted(
        """\
        params: {which: "m-*.pt"}
        stages:
          - name: s
            run: x
            outputs: ["${stage_dir}/${params.which}"]
            metrics: ${run_dir}/*.csv
        """,
        run_dir=str(run_dir),
    )
    (run_dir / "s").mkdir(parents=True)
    made = run_dir / "s" / "m-1.pt"
    made.touch()
    ready = started(pipeline.stages[0])
    assert glob.glob(ready.outputs[0]) == [str(made)]  # noqa: PTH207 - the text is the pattern
    assert ready.metrics is not None
    assert glob.escape(str(run_dir)) + "/*.csv" == ready.metrics[0].path


def test_ten_thousand_members_are_filled_in() -> None:
    text = f"""\
        stages:
          - {{name: t, run: 'x ${{matrix.a}} ${{matrix.b}}', matrix: {{a: &r {list(range(100))}, b: *r}}}}
          - {{name: e, run: 'x ${{stages.t.dir}}', matrix: {{a: *r, b: *r}}, depends_on: [t]}}
    """  # noqa: E501
    pipeline = submitted(text)
    assert pipeline.stage("t[a=3,b=99]").command == "x 3 99"
    assert pipeline.stages[-1].command == "x /runs/r/t-a-99-b-99"


FILE = """\
    stages:
      - name: train
        search:
          space:
            lr: {low: 1e-5, high: 1e-1, log: true}
            layers: {low: 2, high: 8, step: 2}
            act: [relu, 010, "a b"]
          metric: val/loss
          goal: minimize
          trials: 3
          sampler: {by: tpe, startup_trials: 4}
          prune: {by: patient, patience: 3, prune: percentile}
          seed: 7
        run: t --lr ${search.lr} --layers ${search.layers} --act "x ${search.act}" ${stage_dir}
        env: {A: "${search.act}", N: "${matrix.trial}"}
      - name: tune
        search: {space: {n: [1, 2, 3]}, metric: a, goal: maximize, trials: 3, sampler: grid}
        task: m.f
        params: {n: "${search.n}", text: "n=${search.n}", deep: [{n: "${search.n}"}]}
      - name: eval
        depends_on: [train]
        run: e ${stages.train.best.dir}/m ${stages.train.dirs} '${stages.train.best.params}'
      - name: report
        depends_on: [train]
        task: m.g
        params:
          all: "${stages.train.dirs}"
          some: [first, "${stages.train.dirs}"]
          best: {dir: "${stages.train.best.dir}", n: "${stages.train.best.trial}"}
          values: "${stages.train.best.params}"
      - name: again
        depends_on: [train]
        task: m.h
        params: {lr: "${stages.train.best.params.lr}", act: "${stages.train.best.params.act}"}
        env: {LR: "${stages.train.best.params.lr}", ACT: "a ${stages.train.best.params.act}"}
"""

RESULT = SearchResult(
    best_trial=2,
    best_dir="/runs/r/train trial-2",
    best_params={"lr": 0.5, "act": "it's ${x}"},
    best_texts={"lr": "5e-1", "act": "it's ${x}"},
    dirs=("/runs/r/train trial-2", "/runs/r/b"),
)


def stages() -> Pipeline:
    return submitted(FILE)


def test_a_search_is_read_with_optunas_words() -> None:
    loaded = load_text(dedent(FILE))
    percentile = Prune("PercentilePruner", {"percentile": 25.0})
    assert [stage.name for stage in loaded.stages[:3]] == [f"train[trial={n}]" for n in range(3)]
    assert [stage.trial for stage in loaded.stages] == [0, 1, 2, 0, 1, 2, None, None, None]
    assert loaded.stages[1].search == Search(
        "val/loss",
        "minimize",
        {
            "lr": Range(1e-5, 1e-1, log=True),
            "layers": Range(2, 8, step=2, whole=True),
            "act": Choices(("relu", 10, "a b"), ("relu", "010", "a b")),
        },
        trials=3,
        sampler="TPESampler",
        sampler_options={"n_startup_trials": 4},
        prune=Prune("PatientPruner", {"patience": 3}, percentile),
        seed=7,
        searcher="optuna",
    )
    assert loaded.stages[6].depends_on == tuple(f"train[trial={n}]" for n in range(3))


def test_a_trials_values_are_written_as_in_the_file() -> None:
    trial = stages().stage("train[trial=1]")
    with pytest.raises(UsageError, match="the trial was not asked for"):
        started(trial)
    asked = filling.with_trial_params(trial, {"lr": 1.2e-05, "layers": 4, "act": 10})
    ready = started(asked)
    assert ready.command == 't --lr 1.2e-05 --layers 4 --act "x 010" /runs/r/train-trial-1'
    assert ready.env == {"A": "010", "N": "1"}
    assert ready.trial_params == {"lr": 1.2e-05, "layers": 4, "act": 10}


def test_a_stored_commands_variables_are_filled_at_the_start() -> None:
    """Secrets that are revealed bring back the text as it was submitted."""
    trial = stages().stage("train[trial=1]")
    asked = filling.with_trial_params(trial, {"lr": 0.1, "layers": 4, "act": "a b"})
    revealed = replace(asked, command=trial.command, env=trial.env)
    assert started(revealed).command == 't --lr 0.1 --layers 4 --act "x a b" /runs/r/train-trial-1'


def test_a_task_gets_the_values_with_their_types() -> None:
    asked = filling.with_trial_params(stages().stage("tune[trial=0]"), {"n": 3})
    assert started(asked).params == {"n": 3, "text": "n=3", "deep": [{"n": 3}]}


def test_a_value_of_an_earlier_space_stays_as_it_was() -> None:
    asked = filling.with_trial_params(stages().stage("tune[trial=0]"), {"n": 4, "gone": 1})
    assert started(asked).params["text"] == "n=4"


def test_the_results_of_a_search_reach_a_command() -> None:
    stage = stages().stage("eval")
    assert filling.searches_of(stage) == {"train"}
    ready = started(filling.with_results(stage, {"train": RESULT}))
    best = r"""{"lr": 0.5, "act": "it'\''s ${x}"}"""
    assert ready.command == (
        f"e '/runs/r/train trial-2'/m '/runs/r/train trial-2' /runs/r/b '{best}'"
    )


def test_a_searchs_results_reach_a_task_with_types() -> None:
    stage = stages().stage("report")
    ready = started(filling.with_results(stage, {"train": RESULT}))
    assert ready.params == {
        "all": list(RESULT.dirs),
        "some": ["first", *RESULT.dirs],
        "best": {"dir": RESULT.best_dir, "n": 2},
        "values": RESULT.best_params,
    }


def test_one_value_of_the_best_trial_reaches_a_stage_unchanged() -> None:
    ready = started(filling.with_results(stages().stage("again"), {"train": RESULT}))
    assert ready.params == RESULT.best_params
    assert ready.env == {"LR": "5e-1", "ACT": "a it's ${x}"}


def test_without_a_completed_trial_none_is_the_best() -> None:
    stage = stages().stage("eval")
    with pytest.raises(UsageError, match="no trial of train has completed"):
        filling.with_results(stage, {"train": SearchResult()})


def test_a_parameter_missing_from_the_best_trial_is_named() -> None:
    with pytest.raises(UsageError, match=r"params.lr}: the best trial, train\[trial=0\], has no"):
        filling.with_results(
            stages().stage("again"), {"train": SearchResult(0, "/d", {"act": "x"})}
        )


def test_a_search_depending_on_a_search_awaits_all_trials() -> None:
    text = dedent(FILE) + "".join(
        f"  - {{name: {name}, depends_on: [train], run: 'x ${{search.y}}', search: {search}}}\n"
        for name, search in (
            ("more", "{space: {y: [1]}, trials: 5, metric: a, goal: minimize}"),
            ("fewer", "{space: {y: [1]}, trials: 1, metric: a, goal: minimize}"),
        )
    )
    trials = tuple(f"train[trial={n}]" for n in range(3))
    below = [one for one in load_text(text).stages if one.group in ("more", "fewer")]
    assert [one.depends_on for one in below] == [trials] * 6


@given(st.dictionaries(st.text(), st.text() | st.integers() | st.booleans() | st.none()))
def test_any_values_arrive_as_they_are(params: dict[str, str | int | bool | None]) -> None:
    result = SearchResult(0, "/d", params)
    for name in ("eval", "report"):
        stage = filling.with_results(stages().stage(name), {"train": result})
        stored = json.loads(json.dumps(stage.to_json()))
        assert stored["name"] == name
    assert started(stage).params["values"] == params


def test_an_edited_trial_keeps_its_values_or_its_definition() -> None:
    tried = Search("loss", "minimize", {"lr": Range(0.0, 1.0)}, 2)
    asked = StageDefinition(
        "t[trial=0]", "t", search=tried, trial=0, trial_params={"lr": 0.5}, command="a 0.5"
    )
    edited = replace(asked, trial_params=None, command="b ${search.lr}")
    assert filling.carried_over(edited, asked).command == "b 0.5"
    wider = replace(tried, trials=9)
    unknown = replace(edited, command="b ${search.momentum}", search=wider)
    assert filling.carried_over(unknown, asked) == replace(asked, search=wider)
    assert filling.carried_over(edited, replace(asked, trial_params=None)) == edited
