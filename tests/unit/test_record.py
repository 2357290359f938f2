"""The records' decorator, compared with the standard one: only what a class costs differs."""

from __future__ import annotations

import copy
import dataclasses
import math
import pickle
from collections.abc import Callable, Mapping
from typing import Any

import pytest

from trainui import record
from trainui.model.definition import Range, StageDefinition


def both(**options: Any) -> tuple[Callable[..., Any], Callable[..., Any]]:
    """Return one class as made by our decorator and by the standard one."""

    def made(decorate: Any) -> Any:
        class Shape:
            """A shape."""

            name: str
            size: float = 1.0
            notes: Mapping[str, int] = dataclasses.field(default_factory=dict, compare=False)
            hidden: int = dataclasses.field(default=0, repr=False)
            tags: Mapping[str, int] = dataclasses.field(default_factory=dict, hash=False)

        return decorate(**options)(Shape)

    return made(record.dataclass), made(dataclasses.dataclass)


@pytest.mark.parametrize("options", [{"frozen": True, "slots": True}, {"slots": True}, {}])
def test_records_compare_hash_and_print_as_standard_ones(options: Mapping[str, bool]) -> None:
    for shape in both(**options):
        square, same = shape("square", 2.0, {"a": 1}), shape("square", 2.0)
        assert square == same
        assert square != shape("square", 3.0)
        assert square != shape("square", 2.0, hidden=1)
        assert square != shape("square", 2.0, tags={"b": 2})
        assert square != ("square", 2.0, 0)
        expected = (
            "both.<locals>.made.<locals>.Shape(name='square', size=2.0, notes={'a': 1}, tags={})"
        )
        assert repr(square) == expected
        if options.get("frozen"):
            assert {square: 1}[same] == 1
        else:
            with pytest.raises(TypeError, match="unhashable"):
                hash(square)
        assert dataclasses.replace(square, size=3.0) == shape("square", 3.0)


def test_a_records_own_methods_are_kept() -> None:
    @record.dataclass(frozen=True, slots=True)
    class Named:
        name: str
        remark: str

        def __eq__(self, other: object) -> bool:
            return isinstance(other, Named) and self.name == other.name

        def __hash__(self) -> int:
            return hash(self.name)

        def __repr__(self) -> str:
            return self.name

    assert {Named("a", "1"), Named("a", "2")} == {Named("a", "3")}
    assert repr(Named("a", "1")) == "a"


@record.dataclass(frozen=True)
class One:
    """A record with a single field."""

    value: float


@record.dataclass(frozen=True)
class Nothing:
    """A record without fields."""


def test_records_with_one_field_or_none_are_compared() -> None:
    assert One(1.0) == One(1.0) != One(2.0)
    assert One(math.nan) == One(math.nan)  # the same object, as in a tuple
    assert Nothing() == Nothing()
    assert hash(Nothing()) == hash(Nothing())
    assert repr(Nothing()) == "Nothing()"


def test_records_of_the_package_are_copied_pickled_and_converted() -> None:
    stage = StageDefinition(name="train", command="true")
    for value in (stage, Range(1.0, 2.0)):
        assert copy.deepcopy(value) == value
        assert pickle.loads(pickle.dumps(value)) == value
        assert type(value)(**dataclasses.asdict(value)) == value
        assert not hasattr(value, "__dict__")
