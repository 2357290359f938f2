"""A member of a sweep has values other than the file's; the rest stays as it is."""

from __future__ import annotations

import pytest

from trainui.control.edits import members
from trainui.errors import UsageError
from trainui.pipeline import loader

TEXT = """\
name: four
stages:
  - {name: train, matrix: {lr: [0.1, 0.3], seed: [1, 2]}, run: "train ${matrix.lr}"}
  - {name: select, run: select, depends_on: [train]}
"""

FIRST, SECOND = "train[lr=0.1,seed=1]", "train[lr=0.1,seed=2]"


def test_one_member_differs_and_those_that_need_it_follow() -> None:
    loaded = loader.load_text(TEXT)
    own = members.applied(loaded, {}, {SECOND: {"lr": "0.2"}, "gone[a=1]": {"a": "2"}})
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
    assert members.name_in_file(loaded, own, "train[lr=0.2,seed=2]") == SECOND
    assert members.name_in_file(loaded, own, FIRST) == FIRST


def test_two_members_cannot_become_one() -> None:
    values = {FIRST: {"lr": "0.2", "seed": "3"}, SECOND: {"lr": "0.2", "seed": "3"}}
    with pytest.raises(UsageError, match=r"train\[lr=0.2,seed=3\] is already a member"):
        members.applied(loader.load_text(TEXT), {}, values)
