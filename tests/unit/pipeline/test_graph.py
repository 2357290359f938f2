"""What comes before and after what, an order, and cycles."""

from __future__ import annotations

import itertools
import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from trainui.pipeline.graph import (
    MAX_CYCLES,
    Graph,
)

DIAMOND = {"join": ("left", "right"), "left": ("top",), "right": ("top",), "top": (), "alone": ()}

EDGES = st.dictionaries(
    st.sampled_from("abcdefg"), st.lists(st.sampled_from("abcdefg"), max_size=4).map(tuple)
).map(lambda edges: {name: edges.get(name, ()) for name in "abcdefg"})


def test_a_diamond() -> None:
    graph = Graph.from_parents(DIAMOND)
    order = graph.order()
    assert sorted(order) == sorted(DIAMOND)
    assert order.index("top") < order.index("left") < order.index("join") > order.index("right")
    assert graph.upstream("join") == {"left", "right", "top"}
    assert graph.downstream("top") == {"left", "right", "join"}
    assert graph.downstream("left", "right") == {"join"}
    assert graph.children["top"] == ("left", "right")
    assert graph.cycles() == []


def test_unknown_names_are_left_out() -> None:
    graph = Graph.from_parents({"a": ("nope",), "b": ("a", "a")})
    assert graph.order() == ["a", "b"]
    assert graph.children == {"a": ("b",), "b": ()}


@given(EDGES)
def test_an_order_or_cycles_and_never_both(edges: dict[str, tuple[str, ...]]) -> None:
    graph = Graph.from_parents(edges)
    cycles = graph.cycles()
    for cycle in cycles:
        for name, upstream in zip(cycle, (*cycle[1:], cycle[0]), strict=True):
            assert upstream in edges[name]
        assert len(set(cycle)) == len(cycle)
    assert len({frozenset(cycle) for cycle in cycles}) == len(cycles)
    in_a_cycle = {
        name for name in edges if any(name in graph.upstream(up) | {up} for up in edges[name])
    }
    assert bool(cycles) == bool(in_a_cycle)
    if cycles:
        with pytest.raises(ValueError, match="cycle"):
            graph.order()
    else:
        order = graph.order()
        assert sorted(order) == sorted(edges)
        for name, above in edges.items():
            assert all(order.index(up) < order.index(name) for up in above)


@given(EDGES)
def test_without_the_found_cycles_there_is_none(edges: dict[str, tuple[str, ...]]) -> None:
    """Mending every cycle that is listed, by the edge that closes it, mends all."""
    mended = {name: list(above) for name, above in edges.items()}
    for cycle in Graph.from_parents(edges).cycles():
        mended[cycle[-1]] = [up for up in mended[cycle[-1]] if up != cycle[0]]
    assert Graph.from_parents({name: tuple(above) for name, above in mended.items()}).order()


def test_a_thousand_stages_that_all_depend_on_each_other() -> None:
    names = [f"s{i}" for i in range(300)]
    assert len(Graph.from_parents(dict.fromkeys(names, tuple(names))).cycles()) == MAX_CYCLES


def test_chains_of_any_length() -> None:
    names = [f"s{i}" for i in range(20_000)]
    parents: dict[str, tuple[str, ...]] = {"s0": ()}
    parents.update((name, (above,)) for above, name in itertools.pairwise(names))
    shuffled = list(parents.items())
    random.Random(0).shuffle(shuffled)
    graph = Graph.from_parents(dict(shuffled))
    assert graph.order() == names
    assert len(graph.upstream("s19999")) == 19_999
    ring = Graph.from_parents({**dict(shuffled), "s0": ("s19999",)})
    (cycle,) = ring.cycles()
    assert len(cycle) == 20_000
