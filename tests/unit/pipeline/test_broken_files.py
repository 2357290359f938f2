"""Every problem of a pipeline file is reported with a code, a position and a message."""

# A row of the table is one line.
# ruff: noqa: E501

from __future__ import annotations

import re
from dataclasses import dataclass, field
from pathlib import Path
from textwrap import dedent

import pytest

from tests.golden import messages
from trainui.errors import PipelineFileError
from trainui.pipeline.loader import load, load_text

DOCS = Path(__file__).parents[3] / "docs" / "problems.md"


@dataclass(frozen=True)
class Broken:
    name: str
    text: str | bytes
    found: list[tuple[str, int, int]]
    """Code, line, column: all of them."""
    params: dict[str, str] = field(default_factory=dict)


def search(space: str, rest: str = "", run: str = "x ${search.x}") -> str:
    """A file whose only stage has a search with this space in line 5, and these further fields."""
    indented = "".join(f"\n      {line}" for line in rest.splitlines())
    return (
        stage(
            f"run: {run}\nsearch:\n  space: {{x: {space}}}\n  metric: a\n  goal: minimize"
        ).removesuffix("\n")
        + f"{indented}\n"
    )


def stage(fields: str, top: str = "") -> str:
    """A file whose only stage has these fields, which begin in line 3."""
    indented = "\n".join(f"    {line}" for line in dedent(fields).strip("\n").splitlines())
    return f"{top}stages:\n  - name: a\n{indented}\n"


TRAINED = "stages:\n  - {name: t, run: x, checkpoint: c}\n"
"""A file whose first stage writes checkpoints; the next stage is in line 3."""

B = Broken
TABLE = [
    # not a document
    B("empty", "", [("empty", 1, 1)]),
    B("only a comment", "# nothing\n", [("empty", 1, 1)]),
    B("only a null", "~\n", [("empty", 1, 1)]),
    B("a list", "- a\n- b\n", [("wrong-type", 1, 1)]),
    B("text", "hello\n", [("wrong-type", 1, 1)]),
    B("colon in text", "a: b: c\n", [("not-yaml", 1, 5)]),
    B("tab", "stages:\n\t- name: a\n", [("not-yaml", 2, 1)]),
    B("open quote", "name: 'x\n", [("not-yaml", 1, 7)]),
    B(
        "variable in flow",
        "stages:\n  - {name: a, run: [${python}, x]}\n",
        [("not-yaml", 2, 22)],
    ),
    B("no such character", 'name: "\\U0001F600"\nx: "ab\\U00110000"\n', [("not-yaml", 2, 7)]),
    B("no such character at all", 'x: "\\UFFFFFFFF"\n', [("not-yaml", 1, 5)]),
    B("ends in an anchor", "a: &", [("not-yaml", 1, 4)]),
    B("control character", "name: a\x01b\n", [("not-yaml", 1, 8)]),
    B("Latin-1", "name: caf\xe9\n".encode("latin-1"), [("not-yaml", 1, 10)]),
    B("UTF-16", "name: a\n".encode("utf-16"), [("not-yaml", 1, 1)]),
    B("a character cut off", b"name: a\nstages: \xe2\x82", [("not-yaml", 2, 9)]),
    B("half a character as bytes", b"name: \xed\xa0\x80\n", [("not-yaml", 1, 7)]),
    B("second document", "name: a\n---\nname: b\n", [("not-yaml", 2, 1)]),
    B("tag", stage("run: !!python/name:os.system x"), [("tag", 3, 10)]),
    B("plain tag", stage("run: !!str x"), [("tag", 3, 10)]),
    B("unknown alias", stage("run: *nope"), [("alias", 3, 10)]),
    B("alias to itself", "stages: &a [*a]\n", [("alias", 1, 13)]),
    B(
        "alias bomb",
        "a: &a [xxxxxxxxx,xxxxxxxxx]\n"
        + "".join(
            f"{chr(98 + i)}: &{chr(98 + i)} [{','.join(['*' + chr(97 + i)] * 10)}]\n"
            for i in range(8)
        ),
        [("alias", 7, 8)],
    ),
    B("too deep", "name: " + "[" * 60 + "]" * 60, [("too-deep", 1, 56)]),
    B("second key", "name: a\nname: b\nstages: []\n", [("duplicate-key", 2, 1), ("no-stages", 3, 1)]),
    B("key that is a list", "? [a]\n: b\nstages: []\n", [("wrong-type", 1, 3), ("no-stages", 3, 1)]),
    B("NUL", stage('run: "a\\0b"'), [("bad-text", 3, 10)]),
    B("half a character", stage('run: "a\\ud800b"'), [("not-yaml", 3, 12)]),
    B("a line break to some", "name: a\u2028b\n", [("not-yaml", 1, 8)]),
    B("list not closed", "name: a\nparams: {x: [1, 2\nstages: []\n", [("not-yaml", 3, 7)]),
    B("merge of text", stage("<<: text\nrun: x"), [("wrong-type", 3, 9)]),
    # the top
    B("no stages", "name: a\n", [("no-stages", 1, 1)]),
    B("stages empty", "stages: []\n", [("no-stages", 1, 1)]),
    B("stages null", "stages:\n", [("no-stages", 1, 1)]),
    B("stages text", "stages: all\n", [("wrong-type", 1, 9)]),
    B("stages a mapping", "stages: {a: {run: x}}\n", [("wrong-type", 1, 1)]),
    B("stage a text", "stages: [train]\n", [("wrong-type", 1, 10)]),
    B("unknown top field", "stage: []\nstages:\n  - {name: a, run: x}\n", [("unknown-field", 1, 1)]),
    B("unknown top field, nothing near", "zzz: 1\nstages:\n  - {name: a, run: x}\n", [("unknown-field", 1, 1)]),
    B("a stage's field at the top", "retries: 3\nstages:\n  - {name: a, run: x}\n", [("unknown-field", 1, 1)]),
    B("a field of the top in a stage", stage("run: x\nsnapshot: true"), [("unknown-field", 4, 5)]),
    B("indented too far", "stages:\n  - name: a\n     run: x\n", [("not-yaml", 3, 9)]),
    B("alert as text", stage("run: x\nalerts: [nan]"), [("wrong-type", 4, 14)]),
    B("alert on nothing", stage("run: x\nalerts: [{metric: loss}]"), [("alert-condition", 4, 14)]),
    B("alert on two things", stage("run: x\nalerts: {nan: true, above: 1, metric: loss}"), [("alert-condition", 4, 13)]),
    B("alert of no metric", stage("run: x\nalerts: {above: 1}"), [("alert-condition", 4, 13)]),
    B("alert's goal", stage("run: x\nalerts: {no_improvement: 3, metric: a, goal: least}"), [("bad-goal", 4, 50)]),
    B("alert's goal without a use", stage("run: x\nalerts: {above: 3, metric: a, goal: min}"), [("alert-condition", 4, 35)]),
    B("alert's action", stage("run: x\nalerts: {nan: true, then: kill}"), [("bad-action", 4, 31)]),
    B("alert's threshold", stage("run: x\nalerts: {below: low, metric: a}"), [("wrong-type", 4, 21)]),
    B("alert's threshold without end", stage("run: x\nalerts: {below: .inf, metric: a}"), [("wrong-type", 4, 21)]),
    B("alert's count", stage("run: x\nalerts: {no_improvement: 0, metric: a}"), [("out-of-range", 4, 30)]),
    B("alert on no NaN", stage("run: x\nalerts: {nan: false}"), [("wrong-type", 4, 19)]),
    B("restart for a value", stage("run: x\nalerts: {nan: true, then: restart}"), [("alert-condition", 4, 31)]),
    B("stalled false", stage("run: x\nalerts: {stalled: false}"), [("wrong-type", 4, 23)]),
    B("alert on a stall of a metric", stage("run: x\nalerts: {stalled: 9, metric: a}"), [("alert-condition", 4, 26)]),
    B("alert's unknown field", stage("run: x\nalerts: {nan: true, do: stop}"), [("unknown-field", 4, 25)]),
    B("alerts in defaults", "defaults: {alerts: {above: 1}}\nstages:\n  - {name: a, run: x}\n", [("alert-condition", 1, 20)]),
    B("secret in a name", stage("run: x\nmatrix: {api_key: [sk-one-1, sk-two-2]}"), [("secret-in-name", 4, 14)]),
    B("pipeline name", "name: ' a'\nstages:\n  - {name: a, run: x}\n", [("bad-name", 1, 7)]),
    # parameters
    B("null param", "params: {data: }\nstages:\n  - {name: a, run: x}\n", [("missing-param", 1, 10)]),
    B("unknown -p", "params: {epochs: 3}\nstages:\n  - {name: a, run: x}\n", [("unknown-param", 1, 9)], params={"epoch": "1"}),
    B("unknown -p, nothing near", "params: {lr: 3, seed: 1}\nstages:\n  - {name: a, run: x}\n", [("unknown-param", 1, 9)], params={"zzzz": "1"}),
    B("-p without params", "stages:\n  - {name: a, run: x}\n", [("unknown-param", 1, 1)], params={"epoch": "1"}),
    B("-p not UTF-8", "params: {x: 3}\nstages:\n  - {name: a, run: x}\n", [("bad-text", 1, 9)], params={"x": "\udcff"}),
    B("param a list", "params: {x: [1]}\nstages:\n  - {name: a, run: x}\n", [("wrong-type", 1, 10)]),
    B("param key", "params: {1x: 1}\nstages:\n  - {name: a, run: x}\n", [("bad-name", 1, 10)]),
    B("a flag of a variable of the start", stage("run: x") + "snapshot: ${env.X}\n", [("misplaced-variable", 4, 11)]),
    B("an alert of a variable of the start", stage("run: x\nalerts: {above: '${env.X}', metric: a}"), [("misplaced-variable", 4, 21)]),
    B("a number of a parameter that has a variable", stage("run: x\ncpus: ${params.p}", "params: {p: '${env.X}'}\n"), [("misplaced-variable", 5, 11)]),
    B("param in param", "params: {x: '${params.y}', y: 1}\nstages:\n  - {name: a, run: x}\n", [("misplaced-variable", 1, 14)]),
    # a stage's fields
    B("no name", "stages:\n  - run: x\n", [("missing-field", 2, 5)]),
    B("no command", "stages:\n  - name: a\n", [("no-command", 2, 5)]),
    B("run null", stage("run:"), [("no-command", 2, 5)]),
    B("run blank", stage("run: '  '"), [("no-command", 3, 10)]),
    B("run an empty list", stage("run: []"), [("no-command", 3, 5)]),
    B("run a mapping", stage("run: {a: b}"), [("wrong-type", 3, 5)]),
    B("run with a list in it", stage("run: [a, [b]]"), [("wrong-type", 3, 5)]),
    B("run with an empty item", stage("run:\n  - python\n  -\n"), [("wrong-type", 3, 5)]),
    B("run and task", stage("run: x\ntask: m.f"), [("both-run-and-task", 4, 5)]),
    B("merge of a number", stage("run: x\n<<: 5"), [("wrong-type", 4, 9)]),
    B("merge of a list with text", stage("run: x\n<<: [{cpus: 1}, no]"), [("wrong-type", 4, 21)]),
    B("merge of itself", "stages:\n  - &s {name: a, run: x, <<: *s}\n", [("alias", 2, 30)]),
    B("merge of an unknown field", stage("run: x\n<<: {retires: 2}"), [("unknown-field", 4, 10)]),
    B("merge key in quotes", stage("run: x\n'<<': {cpus: 2}"), [("unknown-field", 4, 5)]),
    B("GPUs by hand", stage("run: x\nenv: {CUDA_VISIBLE_DEVICES: 1}"), [("bad-name", 4, 11)]),
    B("run by hand", stage("run: x", top="defaults: {env: {TRAINUI_RUN_ID: x}}\n"), [("bad-name", 1, 18)]),
    B("params of a run", stage("run: x\nparams: {a: 1}"), [("params-without-task", 4, 5)]),
    B("unknown field", stage("run: x\nretires: 1"), [("unknown-field", 4, 5)]),
    B("field in another number", stage("run: x\ngpu: 1"), [("unknown-field", 4, 5)]),
    B("field of another tool", stage("run: x\nneeds: [b]"), [("unknown-field", 4, 5)]),
    B("command of another tool", "stages:\n  - {name: a, Cmd: x}\n", [("no-command", 2, 5), ("unknown-field", 2, 15)]),
    B("field of no tool", stage("run: x\nzzz: [b]"), [("unknown-field", 4, 5)]),
    B("checkpoint nowhere", stage("run: x\ncheckpoint: ''"), [("wrong-type", 4, 17)]),
    B("output nowhere", stage("run: x\noutputs: [a, ' ']"), [("wrong-type", 4, 18)]),
    B("depends on no name", stage("run: x\ndepends_on: ['']"), [("unknown-stage", 4, 18)]),
    B("text that begins with a reserved character", stage("run: @x"), [("not-yaml", 3, 10)]),
    B("pattern of a shell", stage("run: *.sh"), [("not-yaml", 3, 11)]),
    B("variable with spaces", "params: {x: 1}\n" + stage("run: echo ${ params.x }"), [("unknown-variable", 4, 15)]),
    B("unknown default", "defaults: {retires: 1}\n" + stage("run: x"), [("unknown-field", 1, 12)]),
    B("name in defaults", "defaults: {name: b}\n" + stage("run: x"), [("unknown-field", 1, 12)]),
    B("defaults a list", "defaults: [1]\n" + stage("run: x"), [("wrong-type", 1, 1)]),
    B("a fault in defaults counts once", "defaults: {cpus: none}\nstages:\n  - {name: a, run: x}\n  - {name: b, run: x}\n", [("wrong-type", 1, 18)]),
    B("cpus text", stage("run: x\ncpus: many"), [("wrong-type", 4, 11)]),
    B("cpus quoted", stage("run: x\ncpus: '2'"), [("wrong-type", 4, 11)]),
    B("cpus zero", stage("run: x\ncpus: 0"), [("out-of-range", 4, 11)]),
    B("cpus a flag", stage("run: x\ncpus: true"), [("wrong-type", 4, 11)]),
    B("gpus below zero", stage("run: x\ngpus: -1"), [("out-of-range", 4, 11)]),
    B("retries with a fraction", stage("run: x\nretries: 1.5"), [("wrong-type", 4, 14)]),
    B("gpus too many digits", stage(f"run: x\ngpus: {'9' * 5000}"), [("wrong-type", 4, 11)]),
    B("gpus a list", stage("run: x\ngpus: [1]"), [("wrong-type", 4, 5)]),
    B("allow_failure yes", stage("run: x\nallow_failure: yes"), [("wrong-type", 4, 20)]),
    B("timeout", stage("run: x\ntimeout: 3 parsecs"), [("bad-duration", 4, 14)]),
    B("timeout below zero", stage("run: x\ntimeout: -5"), [("bad-duration", 4, 14)]),
    B("timeout zero", stage("run: x\ntimeout: 0"), [("bad-duration", 4, 14)]),
    B("timeout in wrong order", stage("run: x\ntimeout: 5s3h"), [("bad-duration", 4, 14)]),
    B("timeout of ages", stage("run: x\ntimeout: 99999d"), [("bad-duration", 4, 14)]),
    B("stall after a word", stage("run: x\nstall_after: nevr"), [("bad-duration", 4, 18)]),
    B("stall after zero", stage("run: x\nstall_after: 0"), [("bad-duration", 4, 18)]),
    B("stall after a list", stage("run: x\nstall_after: [never]"), [("wrong-type", 4, 5)]),
    B("never is no timeout", stage("run: x\ntimeout: never"), [("bad-duration", 4, 14)]),
    B("gpu memory", stage("run: x\ngpu_memory: plenty"), [("bad-size", 4, 17)]),
    B("signal", stage("run: x\nstop_signal: TREM"), [("bad-signal", 4, 18)]),
    B("signal number", stage("run: x\nstop_signal: 999"), [("bad-signal", 4, 18)]),
    B("env a list", stage("run: x\nenv: [A=1]"), [("wrong-type", 4, 5)]),
    B("env value a list", stage("run: x\nenv: {A: [1]}"), [("wrong-type", 4, 11)]),
    B("env name", stage("run: x\nenv: {A=B: 1}"), [("bad-name", 4, 11)]),
    B("env of ours", stage("run: x\nenv: {TRAINUI_STAGE: 1}"), [("bad-name", 4, 11)]),
    B("depends_on a text", stage("run: x\ndepends_on: b"), [("wrong-type", 4, 17)]),
    B("outputs a text", stage("run: x\noutputs: b"), [("wrong-type", 4, 14)]),
    B("success", stage("run: x\nsuccess: '(['"), [("bad-pattern", 4, 14)]),
    B("task", stage("task: ' '"), [("bad-name", 3, 11)]),
    B("task of a script", stage("task: __main__.f"), [("bad-name", 3, 11)]),
    B("task of a notebook", stage("task: __main__:f"), [("bad-name", 3, 11)]),
    B("infinite number", stage("task: m.f\nparams: {x: .inf}"), [("wrong-type", 4, 17)]),
    B("task params a list", stage("task: m.f\nparams: [1]"), [("wrong-type", 4, 5)]),
    # metrics and checkpoints
    B("metrics of two kinds", stage("run: x\nmetrics: {path: m, stdout: p}"), [("metrics-source", 4, 14)]),
    B("metrics of no kind", stage("run: x\nmetrics: [{step: s}]"), [("metrics-source", 4, 15)]),
    B("metrics field", stage("run: x\nmetrics: {path: m, formt: csv}"), [("unknown-field", 4, 24)]),
    B("metrics without groups", stage("run: x\nmetrics: {stdout: 'loss=(.*)'}"), [("bad-pattern", 4, 23)]),
    B("metrics pattern", stage("run: x\nmetrics: {stdout: '(?P<loss'}"), [("bad-pattern", 4, 23)]),
    B("metrics preset", stage("run: x\nmetrics: {stdout: nanogtp}"), [("unknown-preset", 4, 23)]),
    B("metrics restarts", stage("run: x\nmetrics: {path: m, restarts: again}"), [("bad-restarts", 4, 34)]),
    B("metrics pattern in a list", stage("run: x\nmetrics: [{stdout: '(?P<loss'}]"), [("bad-pattern", 4, 24)]),
    B("metrics preset, nothing near", stage("run: x\nmetrics: [{stderr: qqq}]"), [("unknown-preset", 4, 24)]),
    B("metrics format", stage("run: x\nmetrics: {path: m, format: jsnl}"), [("bad-format", 4, 32)]),
    B("metrics format, nothing near", stage("run: x\nmetrics: {path: m, format: parquet}"), [("bad-format", 4, 32)]),
    B("metrics step", stage("run: x\nmetrics: {stdout: '(?P<loss>.)', step: los}"), [("bad-pattern", 4, 44)]),
    B("format of a pattern", stage("run: x\nmetrics: {stdout: '(?P<loss>.)', format: csv}"), [("metrics-source", 4, 38)]),
    B("checkpoint without path", stage("run: x\ncheckpoint: {complete: x}"), [("missing-field", 4, 5)]),
    B("checkpoint a list", stage("run: x\ncheckpoint: [a]"), [("wrong-type", 4, 5)]),
    B("resume_args without checkpoint", stage("run: x\nresume_args: [a]"), [("no-checkpoint", 4, 5)]),
    B("asked for without checkpoint", stage("run: x\nenv: {TRAINUI_CHECKPOINT: c}"), [("no-checkpoint", 4, 11)]),
    B("shared by a sweep", stage("run: x\nmatrix: {a: [1, 2], b: [1, 2], c: [1]}\ncheckpoint: /out/${matrix.a}/c-*"), [("shared-checkpoint", 5, 17)]),
    B("shared by a parameter", "params: {out: '${run_dir}/out'}\n" + stage("run: x\nmatrix: {a: [1, 2]}\nenv: {OUT: '${params.out}'}\ncheckpoint: {path: '${env.OUT}/c-*'}"), [("shared-checkpoint", 7, 24)]),
    B("shared beside the directories", stage("run: x\nmatrix: {a: [1, 2]}\ncheckpoint: ../c-*"), [("shared-checkpoint", 5, 17)]),
    B("both resumes", stage("run: x\ncheckpoint: c\nresume_args: [a]\nresume_run: y"), [("both-resume-fields", 6, 5)]),
    B("resume of a task", stage("task: m.f\ncheckpoint: c\nresume_args: [a]"), [("resume-of-task", 5, 5)]),
    B("resume_args not placed", stage("run: |\n  a\n  b\ncheckpoint: c\nresume_args: [x]"), [("resume-args-not-placed", 3, 10)]),
    B("resume_args to a log", stage("run: python t.py | tee log\ncheckpoint: c\nresume_args: [x]"), [("resume-args-not-placed", 3, 10)]),
    # names
    B("name with a slash", "stages:\n  - {name: a/b, run: x}\n", [("bad-name", 2, 12)]),
    B("name with a variable", "stages:\n  - name: a${params.x}\n    run: x\n", [("bad-name", 2, 11)]),
    B("name too long", f"stages:\n  - name: {'a' * 65}\n    run: x\n", [("bad-name", 2, 11)]),
    B("name with a space at its end", "stages:\n  - name: 'a '\n    run: x\n", [("bad-name", 2, 11)]),
    B("name that cannot be printed", 'stages:\n  - name: "a\\nb"\n    run: x\n', [("bad-name", 2, 11)]),
    B("name empty", "stages:\n  - name: ''\n    run: x\n", [("bad-name", 2, 11)]),
    B("name a list", "stages:\n  - name: [a]\n    run: x\n", [("wrong-type", 2, 5)]),
    B("second stage of a name", "stages:\n  - {name: a, run: x}\n  - {name: b, run: x}\n  - {name: a, run: x}\n", [("duplicate-stage", 4, 12)]),
    # matrices
    B("matrix empty", stage("run: x\nmatrix: {}"), [("empty-matrix", 4, 5)]),
    B("matrix key empty", stage("run: x\nmatrix: {a: []}"), [("empty-matrix", 4, 14)]),
    B("matrix value no list", stage("run: x\nmatrix: {a: 1}"), [("wrong-type", 4, 17)]),
    B("matrix list empty", stage("run: x\nmatrix: []"), [("empty-matrix", 4, 5)]),
    B("matrix list without keys", stage("run: x\nmatrix: [{}]"), [("empty-matrix", 4, 5)]),
    B("matrix list of other keys", stage("run: x\nmatrix: [{a: 1}, {b: 1}]"), [("wrong-type", 4, 5)]),
    B("matrix list with a list", stage("run: x\nmatrix: [{a: [1]}, {a: 2}]"), [("wrong-type", 4, 15)]),
    B("matrix member twice", stage("run: x\nmatrix: [{a: 1, b: 2}, {a: 1, b: 2}]"), [("duplicate-stage", 4, 5)]),
    B("shared by listed members", stage("run: x\nmatrix: [{a: 1, b: 2}, {a: 2, b: 2}, {a: 2, b: 3}]\ncheckpoint: /out/${matrix.a}/c-*"), [("shared-checkpoint", 5, 17)]),
    B("matrix value twice", stage("run: x\nmatrix: {a: [1, 1]}"), [("duplicate-value", 4, 14)]),
    B("matrix key", stage("run: x\nmatrix: {a b: [1]}"), [("bad-name", 4, 14)]),
    B("matrix value not printable", stage('run: x\nmatrix: {a: ["x\\ny"]}'), [("bad-name", 4, 14)]),
    B("matrix names equal", stage('run: x\nmatrix: {a: ["1", "1,b=2"], b: ["2,b=3", "3"]}'), [("duplicate-stage", 4, 5)]),
    B("matrix name too long", stage(f"run: x\nmatrix: {{a: [{'v' * 300}]}}"), [("bad-name", 4, 5)]),
    B("matrix too large", stage(f"run: x\nmatrix: {{a: &n {list(range(100))}, b: *n, c: *n}}"), [("too-many-stages", 4, 5)]),
    B("matrix with other variables", stage("run: x\nmatrix: {a: ['${run_dir}']}"), [("misplaced-variable", 4, 19)]),
    B("seeds", stage("run: x\nseeds: 0"), [("out-of-range", 4, 12)]),
    B("seeds twice", stage("run: x\nseeds: 2\nmatrix: {seed: [1]}"), [("both-seeds", 4, 5)]),
    B("seeds and over", stage("run: x\nseeds: 2\nover: seed"), [("both-seeds", 5, 5)]),
    B("over nothing", stage("run: x\nover: sed\nmatrix: {seed: [1]}"), [("unknown-key", 4, 11)]),
    # searches
    B("search no mapping", stage("run: x\nsearch: tpe"), [("wrong-type", 4, 13)]),
    B(
        "search with nothing",
        stage("run: x\nsearch: {}"),
        [("missing-field", 4, 5), ("missing-field", 4, 5), ("missing-field", 4, 5)],
    ),
    B("space empty", stage("run: x ${search.x}\nsearch: {space: {}, trials: 3, metric: a, goal: minimize}"), [("empty-space", 4, 14)]),
    B("search without trials", search("[1]"), [("missing-field", 4, 5)]),
    B("search with a wrong field", search("[1]", "trials: 2\nmetrics: b"), [("unknown-field", 9, 7)]),
    B("trials below 1", search("[1]", "trials: 0"), [("out-of-range", 8, 15)]),
    B("goal", stage("run: x ${search.x}\nsearch: {space: {x: [1]}, trials: 3, metric: a, goal: min}"), [("bad-goal", 4, 59)]),
    B("range inverted", search("{low: 2, high: 1}", "trials: 3"), [("bad-range", 5, 15)]),
    B("range without an end", search("{low: 2}", "trials: 3"), [("missing-field", 5, 15)]),
    B("range with a wrong field", search("{low: 1, high: 2, stpe: 1}", "trials: 3"), [("unknown-field", 5, 36)]),
    B("range of text", search("{low: a, high: 2}", "trials: 3"), [("wrong-type", 5, 24)]),
    B("range without an end of digits", search("{low: 1, high: 99999999999999999999}", "trials: 3"), [("out-of-range", 5, 33)]),
    B("log over zero", search("{low: 0, high: 1.0, log: true}", "trials: 3"), [("bad-range", 5, 24)]),
    B("step with log", search("{low: 1, high: 9, log: true, step: 2}", "trials: 3"), [("bad-range", 5, 53)]),
    B("step of nothing", search("{low: 1, high: 9, step: 0}", "trials: 3"), [("bad-range", 5, 42)]),
    B("step too small", search("{low: 0, high: 1e300, step: 1}", "trials: 3"), [("bad-range", 5, 46)]),
    B("step that does not fit", search("{low: 0.1, high: 0.75, step: 0.1}", "trials: 3"), [("bad-range", 5, 47)]),
    B("choices empty", search("[]", "trials: 3"), [("empty-space", 5, 15)]),
    B("choice twice", search("[1, 2, 1.0]", "trials: 3"), [("duplicate-value", 5, 25)]),
    B("choice a list", search("{choices: [[1]]}", "trials: 3"), [("wrong-type", 5, 29)]),
    B("space of a word", search("relu", "trials: 3"), [("wrong-type", 5, 18)]),
    B("parameter called trial", stage("run: x\nsearch: {space: {trial: [1]}, trials: 3, metric: a, goal: minimize}"), [("bad-name", 4, 22)]),
    B("unknown sampler", search("[1]", "trials: 1\nsampler: tpa"), [("bad-sampler", 9, 16)]),
    B("sampler's option", search("[1]", "trials: 1\nsampler: {by: tpe, multivariat: true}"), [("bad-option", 9, 26)]),
    B("sampler's options together", search("[1]", "trials: 1\nsampler: {by: tpe, group: true}"), [("bad-option", 9, 33)]),
    B("sampler's options that exclude each other", search("[1]", "trials: 1\nsampler: {by: cmaes, with_margin: true, lr_adapt: true}"), [("bad-option", 9, 47)]),
    B("unknown executor", stage("run: x\nexecutor: slrum"), [("bad-executor", 4, 15)]),
    B("local executor with options", stage("run: x\nexecutor: {local: {gpus: 1}}"), [("bad-option", 4, 24)]),
    B("bootstrap without a bound", search("[1]", "trials: 1\nprune: {by: hyperband, bootstrap_count: 2}"), [("bad-option", 9, 47)]),
    B("bounds inverted", search("[1]", "trials: 1\nprune: {by: hyperband, min_resource: 9, max_resource: 3}"), [("bad-range", 9, 44)]),
    B("grid of a range", search("{low: 0.0, high: 1}", "trials: 1\nsampler: grid"), [("bad-range", 5, 15)]),
    B("grid too small", search("{low: 0, high: 1, step: 0.1}", "trials: 12\nsampler: grid"), [("out-of-range", 8, 15)]),
    B("grid too large", search("{low: 1, high: 20001}", "trials: 1\nsampler: grid"), [("out-of-range", 5, 7)]),
    B("seed below 0", search("[1]", "trials: 1\nseed: -1"), [("out-of-range", 9, 13)]),
    B("unknown pruner", search("[1]", "trials: 1\nprune: mediam"), [("bad-pruner", 9, 14)]),
    B("pruner's option", search("[1]", "trials: 1\nprune: {by: median, startup_trals: 5}"), [("bad-option", 9, 27)]),
    B("no pruner by a name", search("[1]", "trials: 1\nprune: none"), [("bad-pruner", 9, 14)]),
    B("step above the range", search("{low: 0, high: 4, step: 5}", "trials: 1"), [("bad-range", 5, 42)]),
    B("no seeds", stage("run: x ${matrix.seed}\nseeds: 0"), [("out-of-range", 4, 12)]),
    B("no trials", search("[1]", "trials: 0", run="x ${search.x} ${matrix.trial}"), [("out-of-range", 8, 15)]),
    B("pruner's option twice", search("[1]", "trials: 1\nprune: {by: median, startup_trials: 5, n_startup_trials: 5}"), [("bad-option", 9, 46)]),
    B("pruner's value", search("[1]", "trials: 1\nprune: {by: percentile, percentile: 101}"), [("bad-option", 9, 43)]),
    B("pruner without by", search("[1]", "trials: 1\nprune: {startup_trials: 5}"), [("missing-field", 9, 7)]),
    B("patient without a rule", search("[1]", "trials: 1\nprune: {by: patient, patience: 3}"), [("bad-option", 9, 7)]),
    B("patient without patience", search("[1]", "trials: 1\nprune: {by: patient, prune: median}"), [("bad-option", 9, 7)]),
    B("rule within a rule", search("[1]", "trials: 1\nprune: {by: patient, patience: 3, prune: {by: median, interval_steps: 0}}"), [("bad-option", 9, 77)]),
    B("rule within no rule", search("[1]", "trials: 1\nprune: {by: median, prune: nop}"), [("unknown-field", 9, 27)]),
    B("threshold of nothing", search("[1]", "trials: 1\nprune: threshold"), [("bad-option", 9, 14)]),
    B("thresholds inverted", search("[1]", "trials: 1\nprune: {by: threshold, lower: 2, upper: 1}"), [("bad-range", 9, 37)]),
    B("space with a matrix", search("[1]", "trials: 1") + "    matrix: {k: [1]}\n", [("search-with-matrix", 5, 7)]),
    B("pruning with seeds", search("[1]", "trials: 1\nprune: median") + "    seeds: 2\n", [("search-with-matrix", 9, 7)]),
    B("trials of a matrix", stage("run: x\nmatrix: {k: [1, 2]}\nsearch: {metric: a, goal: minimize, prune: median, trials: 3}"), [("search-with-matrix", 5, 56)]),
    B("search whose values are null", search("[1]", "trials: ~\nprune: ~"), [("missing-field", 4, 5)]),
    B("parameter that nothing uses", search("[1]", "trials: 1", run="x"), [("unused-parameter", 5, 15)]),
    B("near search parameter", search("[1]", "trials: 1", run="x ${search.x} ${search.lx}"), [("unknown-variable", 3, 24)]),
    B("search variable elsewhere", stage("run: x ${search.lr}"), [("unknown-variable", 3, 12)]),
    B("search variable first in a path", search("[1]", "trials: 1") + "    workdir: ${search.x}/a\n", [("misplaced-variable", 9, 14)]),
    B("search variable in a number", search("[1]", "trials: 1") + "    gpus: ${search.x}\n", [("misplaced-variable", 9, 11)]),
    B("checkpoints of all trials", search("[1]", "trials: 2") + "    checkpoint: /c/*.pt\n", [("shared-checkpoint", 9, 17)]),
    B("directory of a search", search("[1]", "trials: 2") + "  - {name: b, run: 'x ${stages.a.dir}', depends_on: [a]}\n", [("several-members", 9, 23)]),
    B("best of the search itself", search("[1]", "trials: 2", run="x ${search.x} ${stages.a.best.dir}"), [("not-upstream", 3, 24)]),
    B("directory of the search itself", search("[1]", "trials: 2", run="x ${search.x} ${stages.a.dir}"), [("not-upstream", 3, 24)]),
    B("results of the search itself in env", search("[1]", "trials: 2") + "    env: {D: '${stages.a.best.params.x}'}\n", [("not-upstream", 9, 15)]),
    B("no parameter of a best trial", search("[1]", "trials: 2") + "  - {name: b, run: 'x ${stages.a.best.params.lrr}', depends_on: [a]}\n", [("unknown-variable", 9, 23)]),
    B("no field of a best trial", search("[1]", "trials: 2") + "  - {name: b, run: 'x ${stages.a.best.value}', depends_on: [a]}\n", [("unknown-variable", 9, 23)]),
    B("best of no search", stage("run: x") + "  - {name: b, run: 'x ${stages.a.best.dir}', depends_on: [a]}\n", [("unknown-variable", 4, 23)]),
    B(
        "no pair",
        "stages:\n  - {name: a, run: x, matrix: {n: [1, 2]}}\n"
        "  - {name: b, run: x, matrix: {n: [1, 3]}, depends_on: [a]}\n",
        [("no-pair", 3, 57)],
    ),
    B(
        "several members",
        "stages:\n  - {name: a, run: x, matrix: {n: [1, 2]}}\n"
        "  - name: b\n    run: cat ${stages.a.dir}\n    depends_on: [a]\n",
        [("several-members", 4, 14)],
    ),
    B(
        "dependencies without end",
        f"stages:\n  - {{name: a, run: x, matrix: {{n: {list(range(1100))}}}}}\n"
        f"  - {{name: b, run: x, matrix: {{m: {list(range(1000))}}}, depends_on: [a]}}\n",
        [("too-many-dependencies", 3, 4941)],
    ),
    # the graph
    B("unknown stage", stage("run: x\ndepends_on: [prepare, b]") + "  - {name: prepar, run: x}\n", [("unknown-stage", 4, 18), ("unknown-stage", 4, 27)]),
    B("cycle of one", stage("run: x\ndepends_on: [a]"), [("cycle", 2, 11)]),
    B(
        "cycle of three",
        "stages:\n  - {name: a, run: x, depends_on: [b]}\n  - {name: b, run: x, depends_on: [c]}\n"
        "  - {name: c, run: x, depends_on: [a]}\n",
        [("cycle", 2, 12)],
    ),
    B(
        "two cycles",
        "stages:\n  - {name: a, run: x, depends_on: [b]}\n  - {name: b, run: x, depends_on: [a, c]}\n"
        "  - {name: c, run: x, depends_on: [b]}\n",
        [("cycle", 2, 12), ("cycle", 3, 12)],
    ),
    # variables
    B("unknown variable", stage("run: echo ${parms.x}"), [("unknown-variable", 3, 15)]),
    B("near variable", stage("run: echo ${rundir}"), [("unknown-variable", 3, 15)]),
    B("the shell's variable", stage("run: echo ${HOME}"), [("unknown-variable", 3, 15)]),
    B("the shell's default", stage("run: echo ${VAR:-x}"), [("unknown-variable", 3, 15)]),
    B("unknown parameter", "params: {rate: 1}\n" + stage("run: echo ${params.rat}"), [("unknown-variable", 4, 15)]),
    B("a parameter's bare name", "params: {lr: 1}\n" + stage("run: echo ${lr}"), [("unknown-variable", 4, 15)]),
    B("no parameter", stage("run: echo ${params.x}"), [("unknown-variable", 3, 15)]),
    B("word alone", stage("run: echo ${params}"), [("unknown-variable", 3, 15)]),
    B("stages without dir", stage("run: echo ${stages.a}"), [("unknown-variable", 3, 15)]),
    B("no matrix", stage("run: echo ${matrix.x}"), [("unknown-variable", 3, 15)]),
    B("near matrix key", stage("run: echo ${matrix.sed}\nmatrix: {seed: [1]}"), [("unknown-variable", 3, 15)]),
    B("unknown matrix key", stage("run: echo ${matrix.x}\nmatrix: {lr: [1]}"), [("unknown-variable", 3, 15)]),
    B("open brace", stage("run: echo ${params.x"), [("unknown-variable", 3, 15)]),
    B("in a block, in its line", stage("run: |\n  echo\n  cat ${nope}"), [("unknown-variable", 5, 11)]),
    B("in env", stage("run: x\nenv: {A: '${nope}'}"), [("unknown-variable", 4, 15)]),
    B("in defaults, once", "defaults: {env: {A: '${nope}'}}\nstages:\n  - {name: a, run: x}\n  - {name: b, run: x}\n", [("unknown-variable", 1, 22)]),
    B("in a task's params", stage("task: m.f\nparams: {a: [{b: '${nope}'}]}"), [("unknown-variable", 4, 23)]),
    B("checkpoint elsewhere", stage("run: x ${checkpoint}"), [("misplaced-variable", 3, 12)]),
    B("resume_args elsewhere", stage("run: x\nworkdir: ${resume_args}"), [("misplaced-variable", 4, 14)]),
    B("resume_args in an item", stage("run: [x, '--y=${resume_args}']"), [("misplaced-variable", 3, 14)]),
    B("python in python", stage("run: x\npython: ${python}/x"), [("misplaced-variable", 4, 13)]),
    B("dirs in a text", stage("run: x\nworkdir: ${stages.b.dirs}\ndepends_on: [b]") + "  - {name: b, run: x}\n", [("misplaced-variable", 4, 14)]),
    B("dirs within a param", stage("task: m.f\nparams: {x: 'a ${stages.b.dirs}'}\ndepends_on: [b]") + "  - {name: b, run: x}\n", [("misplaced-variable", 4, 20)]),
    B("attempt in a number", stage("run: x\ncpus: '${attempt}'"), [("misplaced-variable", 4, 12)]),
    B("directory of nothing", stage("run: cat ${stages.b.dir}"), [("unknown-stage", 3, 14)]),
    B("directory of no upstream", stage("run: cat ${stages.b.dir}") + "  - {name: b, run: x}\n", [("not-upstream", 3, 14)]),
    B("backticks", stage("run: echo `cat ${run_dir}`"), [("shell-quoting", 3, 20)]),
    B("backslash", stage("run: echo \\${run_dir}"), [("shell-quoting", 3, 16)]),
    # an evaluation of each checkpoint
    B("evaluation of no checkpoints", "stages:\n  - {name: t, run: x}\n" + stage("run: x\neach_checkpoint: t").removeprefix("stages:\n"), [("no-checkpoint", 5, 22)]),
    B("evaluation of itself", stage("run: x\neach_checkpoint: a"), [("each-checkpoint", 4, 22)]),
    B("evaluation of an unknown stage", stage("run: x\neach_checkpoint: b"), [("unknown-stage", 4, 22)]),
    B("evaluation of an evaluation", TRAINED + "  - {name: b, run: x, each_checkpoint: t}\n  - {name: c, run: x, each_checkpoint: b}\n", [("each-checkpoint", 4, 40)]),
    B("evaluation upstream", "stages:\n  - {name: t, run: x, checkpoint: c, depends_on: [b]}\n  - {name: b, run: x, each_checkpoint: t}\n", [("cycle", 2, 12)]),
    B("evaluation with a matrix", TRAINED + "  - {name: b, run: x, each_checkpoint: t, matrix: {s: [1]}}\n", [("each-checkpoint", 3, 43)]),
    B("evaluation with a search", TRAINED + "  - {name: b, run: 'x ${search.s}', each_checkpoint: t, search: {space: {s: [1]}, trials: 1, metric: a, goal: minimize}}\n", [("each-checkpoint", 3, 57)]),
    B("evaluation that resumes", TRAINED + "  - {name: b, run: x, each_checkpoint: t, checkpoint: c}\n", [("each-checkpoint", 3, 43)]),
    B("evaluation of a variable", stage("run: x\neach_checkpoint: ${matrix.a}"), [("misplaced-variable", 4, 22), ("misplaced-variable", 4, 22)]),
    B("every of nothing", stage("run: x\nevery: newest\nmetric: a\ngoal: minimize"), [("each-checkpoint", 4, 5), ("each-checkpoint", 5, 5), ("each-checkpoint", 6, 5)]),
    B("metric without a goal", TRAINED + "  - {name: b, run: x, each_checkpoint: t, metric: a}\n", [("each-checkpoint", 3, 43)]),
    B("every other", TRAINED + "  - {name: b, run: x, each_checkpoint: t, every: 2}\n", [("bad-every", 3, 50)]),
    B("best of no evaluation", TRAINED + "  - {name: b, depends_on: [t], run: 'x ${stages.t.best.checkpoint}'}\n", [("unknown-variable", 3, 40)]),
    B("directory of an evaluation", TRAINED + "  - {name: b, run: x, each_checkpoint: t}\n  - {name: c, depends_on: [b], run: 'x ${stages.b.dir}'}\n", [("several-members", 4, 40)]),
    B("best of itself", TRAINED + "  - {name: b, run: 'x ${stages.b.best.step}', each_checkpoint: t}\n", [("not-upstream", 3, 23)]),
    # numbers from parameters
    B("parameter of the wrong type", "params: {n: many}\n" + stage("run: x\ngpus: ${params.n}"), [("wrong-type", 5, 11)]),
]  # fmt: skip


def load_broken(broken: Broken) -> None:
    if isinstance(broken.text, str):
        load_text(broken.text, file="sub/f.yaml", directory="/tmp", params=broken.params)
        return
    Path("sub").mkdir(exist_ok=True)
    Path("sub/f.yaml").write_bytes(broken.text)
    load("sub/f.yaml", broken.params)


def needs_folders(broken: Broken) -> bool:
    """Return True for a search, whose samplers and pruners are a plugin's."""
    return re.search("sampler:|prune:|trials:", str(broken.text)) is not None


@pytest.mark.parametrize(
    "broken",
    [
        pytest.param(one, id=one.name, marks=[pytest.mark.folders] if needs_folders(one) else [])
        for one in TABLE
    ],
)
def test_every_problem_is_reported(
    broken: Broken, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    with pytest.raises(PipelineFileError) as caught:
        load_broken(broken)
    problems = caught.value.problems
    assert [(p.code, p.line, p.column) for p in problems] == broken.found, str(caught.value)
    for problem, line in zip(problems, str(caught.value).split("\n"), strict=True):
        assert line == f"sub/f.yaml:{problem.line}:{problem.column}: {problem.message}"
        assert line.isprintable()


@pytest.mark.folders
def test_messages_are_those_of_the_golden_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    said = {}
    for broken in TABLE:
        with pytest.raises(PipelineFileError) as caught:
            load_broken(broken)
        said[broken.name] = str(caught.value)
    assert len(said) == len(TABLE)
    messages.check("pipeline file", said)


OF_FILES = {"too-large", "unreadable"}
"""Codes of files that have no text: `test_loader` meets them."""


def test_the_table_meets_every_documented_code() -> None:
    documented = re.findall(r"^\| `([a-z-]+)` \|", DOCS.read_text(), re.MULTILINE)
    assert len(TABLE) >= 60
    assert documented == sorted(documented)
    assert {code for broken in TABLE for code, _, _ in broken.found} == set(documented) - OF_FILES


def test_all_problems_are_reported_in_the_files_order() -> None:
    text = dedent("""\
        params: {need: }
        defaults: {timeout: soon}
        stages:
          - name: a
            run: echo ${nope}
            depends_on: [b]
          - name: b
            retires: 1
            run: x
            depends_on: [a, typo]
          - name: b
            cpus: 0
    """)
    with pytest.raises(PipelineFileError) as caught:
        load_text(text, file="f")
    assert [(p.code, p.line) for p in caught.value.problems] == [
        ("missing-param", 1),
        ("bad-duration", 2),
        ("cycle", 4),
        ("unknown-variable", 5),
        ("unknown-field", 8),
        ("unknown-stage", 10),
        ("no-command", 11),
        ("duplicate-stage", 11),
        ("out-of-range", 12),
    ]


def test_a_long_cycle_is_drawn_short() -> None:
    stages = [f"  - {{name: s{i}, run: x, depends_on: [s{(i + 1) % 300}]}}" for i in range(300)]
    with pytest.raises(PipelineFileError) as caught:
        load_text("stages:\n" + "\n".join(stages))
    (problem,) = caught.value.problems
    assert "s0 -> s1 -> s2" in problem.message
    assert "(281 more)" in problem.message
    assert problem.message.endswith("s298 -> s299 -> s0; remove one of these dependencies")


def test_users_text_is_shown_harmless() -> None:
    with pytest.raises(PipelineFileError) as caught:
        load_text('stages:\n  - name: a\n    run: x\n    "\\e[31mred": 1\n')
    assert "\x1b" not in str(caught.value)
    assert "\\x1b[31mred" in str(caught.value)
