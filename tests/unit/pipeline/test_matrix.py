"""Members of matrices: their names, and which belong together."""

from __future__ import annotations

import pytest

from trainui.model.definition import StageDefinition
from trainui.pipeline.matrix import MatrixMembers, Pairing, expand, groups_of, member_name, size


def test_members_are_named_in_the_order_of_the_file() -> None:
    matrix = {"lr": ("0.3", "1e-3"), "seed": ("1", "2")}
    names = [member_name("train", values) for values in expand(matrix)]
    assert names == [
        "train[lr=0.3,seed=1]",
        "train[lr=0.3,seed=2]",
        "train[lr=1e-3,seed=1]",
        "train[lr=1e-3,seed=2]",
    ]
    assert size(matrix) == 4
    assert (expand(None), expand({}), member_name("a", None)) == ((None,), (None,), "a")


def test_values_pair_as_text() -> None:
    pairing = Pairing([MatrixMembers("t", expand({"lr": ("0.1", "0.10")}))])
    assert pairing.resolve("t", {"lr": "0.10"}) == ("t[lr=0.10]",)
    assert pairing.resolve("t", {"lr": "0.100"}) == ()
    assert pairing.resolve("t", {"other": "1"}) == ("t[lr=0.1]", "t[lr=0.10]")
    assert pairing.resolve("t", None) == ("t[lr=0.1]", "t[lr=0.10]")
    assert pairing.resolve("t[lr=0.1]", {"lr": "0.10"}) == ("t[lr=0.1]",)
    with pytest.raises(KeyError):
        pairing.resolve("nope", None)


def test_groups_come_back_from_definitions() -> None:
    stages = [
        StageDefinition("t[a=1]", group="t", matrix={"a": "1"}),
        StageDefinition("t[a=2]", group="t", matrix={"a": "2"}),
        StageDefinition("u", group="u"),
        StageDefinition("old"),
    ]
    groups = groups_of(stages)
    assert [group.name for group in groups] == ["t", "u", "old"]
    assert groups[0].names == ("t[a=1]", "t[a=2]")
    assert Pairing(groups).group_of("t[a=2]") == "t"
    assert Pairing(groups).group_of("v") is None
