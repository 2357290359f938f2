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
    PastDuration,
    RemainingTime,
    StepProgress,
    comparable,
    from_checkpoint,
    remaining,
    run_remaining,
    typical,
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


def past(*seconds: float, work: str = "w") -> list[PastDuration]:
    return [PastDuration("s", one, work) for one in seconds]


def test_the_usual_duration_is_the_newest_equal_works_median() -> None:
    assert typical([]) is None
    assert typical(past(10, 12, 1000)) == 12
    assert typical(past(1, 1, 1, 1, 1, 100, 100, 100, 100)) == 1
    assert typical(comparable([*past(100, work="longer"), *past(10)], "w")) == 10
    assert typical(comparable(past(100, work="longer"), "w")) == 100


@pytest.mark.parametrize(
    ("progress", "expected"),
    [
        (None, 60.0),
        (StepProgress(20), 40.0),
        (StepProgress(61), None),  # longer than usual: nobody knows
        (StepProgress(20, 0, 100, 400), 60.0),  # by its own rate, whatever is usual
        (StepProgress(20, 300, 350, 400), 20.0),  # it began from a checkpoint
        (StepProgress(20, 0, 0, 400), 40.0),  # no step yet
        (StepProgress(2, 0, 100, 400), 58.0),  # too early for a rate
        (StepProgress(90, 0, 100, 400), 270.0),
        (StepProgress(20, 0, 500, 400), 40.0),  # it goes further than before
    ],
)
def test_a_stages_remaining_time_is_estimated(
    progress: StepProgress | None, expected: float | None
) -> None:
    assert remaining(60, progress) == expected


def test_from_a_checkpoint_the_remaining_share_of_steps_counts() -> None:
    assert from_checkpoint(100, 30, 40) == 25
    assert from_checkpoint(100, 40, 40) == 0
    assert from_checkpoint(100, 50, 40) is None
    assert from_checkpoint(100, None, 40) == 100
    assert from_checkpoint(None, 30, 40) is None


CHAINS = {"a": [], "b": ["a"], "c": ["a"], "d": ["b", "c"]}


def test_a_run_takes_its_longest_path() -> None:
    one = {key: {"cpu": 1} for key in CHAINS}
    seconds = {"d": 1.0, "b": 10.0, "c": 2.0}  # a is done
    assert run_remaining(seconds, CHAINS, one, {"cpu": 4}) == RemainingTime(11, True)
    lacking = {**seconds, "c": None}
    assert run_remaining(lacking, CHAINS, one, {"cpu": 4}) == RemainingTime(11, False)
    assert run_remaining({"b": None, "d": None}, CHAINS, one, {"cpu": 4}) is None


@pytest.mark.parametrize("kind", ["cpu", "gpu"])
def test_a_sweep_shares_the_slots(kind: str) -> None:
    sweep: dict[str, list[str]] = {str(n): [] for n in range(64)}
    needs, seconds = {key: {kind: 1} for key in sweep}, dict.fromkeys(sweep, 10.0)
    slots = {"cpu": 2, "gpu": 2}
    assert run_remaining(seconds, sweep, needs, slots) == RemainingTime(320, True)
    assert run_remaining(seconds, sweep, needs, {}) == RemainingTime(10, True)
