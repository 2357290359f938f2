"""No text makes the loader fail in another way than by telling what is wrong."""

from __future__ import annotations

import json
from collections.abc import Sequence
from contextlib import suppress
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from tests.unit.pipeline.test_loader import DIGITS
from trainui.errors import PipelineFileError, Problem, UsageError
from trainui.model.definition import Pipeline
from trainui.pipeline import filling
from trainui.pipeline.loader import from_api, load_text
from trainui.pipeline.spec import PipelineSpec, SearchSpec, StageSpec

SLIPS = st.sampled_from(
    ["", " ", "\n", "\t", ":", "- ", "[", "]", "{", "}", "${", "}", "$${", '"', "'", "|", "&a ",
     "*a", "!x ", "#", "~", "?", "%", "@", "\0", "é", "\u2028", "<<: ", "null", "${params.x}",
     "-1", "1e999", '"\\U99999999"']
)  # fmt: skip

WORDS = st.sampled_from(
    ["a", "b", "a b", "x/y", "", "${params.p}", "${stages.a.dir}", "${stages.a.dirs}",
     "${matrix.k}", "${", "$${", "1", "true", "12h", "TERM", "[", "\n", "`${run_dir}`", "m.f",
     "*.csv", "${resume_args}"]
)  # fmt: skip
SCALARS = st.one_of(WORDS, st.none(), st.booleans(), st.integers(), st.floats(allow_nan=False))
VALUES = st.recursive(
    SCALARS,
    lambda inner: st.one_of(
        st.lists(inner, max_size=3), st.dictionaries(st.sampled_from("kpa"), inner, max_size=2)
    ),
    max_leaves=5,
)
FIELDS = st.sampled_from([*StageSpec.model_fields, "unknown"])
STAGES = st.dictionaries(FIELDS, VALUES, max_size=5)
DOCUMENTS = st.fixed_dictionaries(
    {"stages": st.one_of(st.lists(STAGES, max_size=3), VALUES)},
    optional={field: VALUES for field in PipelineSpec.model_fields if field != "stages"}
    | {"defaults": STAGES},
)


def check(load: Any) -> None:
    try:
        pipeline: Pipeline = load()
    except PipelineFileError as error:
        check_problems(error.problems)
    else:
        check_filling(pipeline)


def check_problems(problems: Sequence[Problem]) -> None:
    assert problems
    for problem in problems:
        assert problem.line >= 1
        assert problem.column >= 1
        assert str(problem).isprintable()


def check_filling(pipeline: Pipeline) -> None:
    dirs = {stage.name: f"/r/{position}" for position, stage in enumerate(pipeline.stages)}
    for stage in filling.submit(pipeline, run_dir="/r", stage_dirs=dirs).stages:
        with suppress(UsageError):  # a variable that is not set
            ready = filling.start(stage, python="p", attempt=1, environ={}, checkpoint="/c")
            json.dumps(ready.to_json(), allow_nan=False)


@settings(max_examples=80, deadline=None)
@given(st.lists(st.tuples(st.integers(0, len(DIGITS)), st.integers(0, 12), SLIPS), max_size=3))
def test_a_file_with_slips(slips: list[tuple[int, int, str]]) -> None:
    text = DIGITS
    for position, taken, put in slips:
        text = text[:position] + put + text[position + taken :]
    check(lambda: load_text(text))


@settings(max_examples=100, deadline=None)
@given(DOCUMENTS)
def test_a_document_of_anything(document: Any) -> None:
    check(lambda: load_text(json.dumps(document)))


KEYS = ["x", "low", "high", "log", "step", "choices", "by", "prune", "startup_trials", "patience"]
SEARCH_WORDS = st.sampled_from(
    ["tpe", "grid", "median", "patient", "threshold", "minimize", "x", "a", "${search.x}",
     "${params.p}", "MedianPruner"]
)  # fmt: skip
SEARCHED = st.recursive(
    st.one_of(SEARCH_WORDS, SCALARS, st.integers(0, 9)),
    lambda inner: st.one_of(
        st.lists(inner, max_size=3), st.dictionaries(st.sampled_from(KEYS), inner, max_size=4)
    ),
    max_leaves=6,
)


@settings(max_examples=200, deadline=None)
@given(
    st.dictionaries(st.sampled_from([*SearchSpec.model_fields, "x"]), SEARCHED, max_size=3),
    st.dictionaries(st.sampled_from(["matrix", "seeds", "over", "params"]), VALUES, max_size=2),
)
def test_a_search_of_anything(search: Any, others: Any) -> None:
    whole = {"space": {"x": [1]}, "metric": "m", "goal": "minimize", "trials": 3, **search}
    stage = {"name": "a", "run": "x ${search.x}", "search": whole, **others}
    below = {"name": "b", "run": "${stages.a.best.dir} ${stages.a.dirs}", "depends_on": ["a"]}
    check(lambda: load_text(json.dumps({"stages": [stage, below]})))


@settings(max_examples=100, deadline=None)
@given(st.text(max_size=40))
def test_a_text_of_anything(text: str) -> None:
    check(lambda: load_text(text))


@settings(max_examples=100, deadline=None)
@given(
    st.lists(
        st.one_of(
            VALUES,
            st.dictionaries(
                st.sampled_from(["name", "task", "params", "depends_on", "x"]), VALUES, max_size=4
            ),
        ),
        max_size=3,
    )
)
def test_a_list_of_the_api_of_anything(stages: list[Any]) -> None:
    check(lambda: from_api(stages, "n"))
