"""A value of a document, with its name and its place in messages."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any, TypeVar

from trainui.pipeline.fields.parameters import Parameters
from trainui.pipeline.yaml.nodes import Mapping, Node, Position, Scalar, Sequence, kind_of
from trainui.pipeline.yaml.problems import Problems

K = TypeVar("K")
V = TypeVar("V")


class UnreadableError(Exception):
    """A value cannot be read; the problem has been reported, or `problem` is, if no other is."""

    def __init__(self, *problem: Any) -> None:
        super().__init__()
        self.problem = problem
        """Arguments of `Problems.add`; empty: it has been reported."""


@dataclass(frozen=True, slots=True)
class Value:
    """A value of a document."""

    node: Node
    name: str
    """Its name in messages, e.g. `metrics[0].step`."""
    mark: Position
    """The position of its problems: that of its key if it is a list or a mapping."""
    parameters: Parameters
    problems: Problems

    def fault(self, code: str, message: str, key: str | None = None) -> UnreadableError:
        """Report a problem; the message follows the value's name, e.g. "must be text".

        With `key`, that key of this mapping is wrong.
        """
        return self.report(code, f"{self.name} {message}", key)

    def report(self, code: str, message: str, key: str | None = None) -> UnreadableError:
        """Report a problem with a message of its own."""
        mark = self.mark
        if key is not None and isinstance(self.node, Mapping):
            mark = self.node.entries[key].key.mark
        self.problems.add(mark, code, message)
        return UnreadableError()

    def fields(self, prefix: str | None = None) -> dict[str, Value]:
        """Return the values of a mapping by key; `prefix` replaces this value's name in theirs."""
        if not isinstance(self.node, Mapping):
            kind = kind_of(self.node)
            raise self.fault("wrong-type", f"must be a mapping, such as {{key: value}}, not {kind}")
        before = f"{self.name}." if prefix is None else prefix
        return {
            key: self.part(
                entry.value,
                f"{before}{key}",
                # a list or mapping starts on the line after its key
                entry.value.mark if isinstance(entry.value, Scalar) else entry.key.mark,
            )
            for key, entry in self.node.entries.items()
        }

    def items(self, expected: str = "a list, such as [a, b]") -> list[Value]:
        """Return the items of a list."""
        if not isinstance(self.node, Sequence):
            raise self.fault("wrong-type", f"must be {expected}, not {kind_of(self.node)}")
        return [
            self.part(item, f"{self.name}[{index}]", item.mark)
            for index, item in enumerate(self.node.items)
        ]

    def part(self, node: Node, name: str, mark: Position | None = None) -> Value:
        """Return a part of this value, by default with the same position."""
        return Value(node, name, mark or self.mark, self.parameters, self.problems)


def read_all(parts: Iterable[tuple[K, Callable[[], V]]]) -> dict[K, V]:
    """Read the parts of a value, so that the problems of all are reported."""
    found: dict[K, V] = {}
    failure: UnreadableError | None = None
    for key, read in parts:
        try:
            found[key] = read()
        except UnreadableError as error:
            failure = failure or error
    if failure is not None:
        raise failure
    return found
