"""Texts with `${...}` come apart and go together again without loss."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from trainui.pipeline import template
from trainui.pipeline.template import Variable

V = Variable

TEXTS = st.text(st.sampled_from("${}ab.\n"), max_size=12)
PARTS = st.lists(st.one_of(TEXTS, st.sampled_from([V("params.a"), V("run_dir")])), max_size=6)


@pytest.mark.parametrize(
    ("text", "parts"),
    [
        ("", ()),
        ("plain $X $(y) $$ $1 $", ("plain $X $(y) $$ $1 $",)),
        ("${a}", (V("a"),)),
        ("x${a}${b}y", ("x", V("a"), V("b"), "y")),
        ("$${a}", ("${a}",)),
        ("$$${a}", ("$${a}",)),
        ("$${a:-${b}}", ("${a:-", V("b"), "}")),
        ("${a", (V("a", closed=False),)),
        ("${a\n}", (V("a", closed=False), "\n}")),
        ("${a{b}}", (V("a", closed=False), "{b}}")),
        ("${}", (V(""),)),
    ],
)
def test_texts_come_apart(text: str, parts: tuple[str | Variable, ...]) -> None:
    assert template.parse(text) == parts


@given(PARTS)
def test_composed_templates_parse_to_the_same_parts(parts: list[str | Variable]) -> None:
    joined = template.join(parts)
    assert template.parse(template.unparse(joined)) == joined


@given(TEXTS)
def test_an_escaped_text_reads_as_itself(text: str) -> None:
    escaped = template.escape(text)
    assert template.variables(escaped) == ()
    assert "".join(str(part) for part in template.parse(escaped)) == text


def test_the_whole_text_as_one_variable() -> None:
    assert template.only_variable("${params.x}") == V("params.x")
    for text in ("${params.x} ", "x", "$${params.x}", "${a}${b}", ""):
        assert template.only_variable(text) is None
    assert (V("params.a.b").kind, V("params.a.b").key) == ("params", "a.b")
    assert str(V("run_dir")) == "${run_dir}"
