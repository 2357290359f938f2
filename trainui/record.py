"""`dataclass`, for the records of this package, in a quarter of the standard one's time.

The standard decorator compiles six functions for each class, which is a third of what a process
spends on its imports: at its start it defines nearly 200 such classes. This one has `__init__`
compiled alone; the other methods are functions that read the fields by their names. With the
standard one `trainui show` takes an eighth more CPU time.

`frozen` is for mypy, which accepts no assignment to a field; at run time nothing looks at each one,
so that making a record takes half the time, too.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Collection, Sequence
from operator import attrgetter
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from dataclasses import dataclass as dataclass
else:

    def dataclass(cls=None, /, *, frozen=False, eq=True, **options):
        """Add the methods of a record to a class, as `dataclasses.dataclass` does.

        With `frozen` it is hashed by its fields. What the class defines itself is kept.
        """

        def decorate(cls: type) -> type:
            own = vars(cls).keys()
            made = dataclasses.dataclass(eq=False, repr=False, **options)(cls)
            if "__repr__" not in own:
                made.__repr__ = _repr
            if eq and "__eq__" not in own:
                made.__eq__, hashed = _comparison(dataclasses.fields(made))
                if "__hash__" not in own:
                    made.__hash__ = hashed if frozen else None
            return made

        return decorate if cls is None else decorate(cls)


def _comparison(
    fields: Collection[dataclasses.Field[Any]],
) -> tuple[Callable[[Any, object], Any], Callable[[Any], int]]:
    """Return the functions that compare and hash records by their fields."""
    compared = _values([field.name for field in fields if field.compare])
    counted = _values([field.name for field in fields if _is_hashed(field)])

    def equals(self: Any, other: object) -> Any:
        if other.__class__ is not self.__class__:
            return NotImplemented
        return compared(self) == compared(other)

    def hashed(self: Any) -> int:
        return hash(counted(self))

    return equals, hashed


def _is_hashed(field: dataclasses.Field[Any]) -> bool:
    return field.compare if field.hash is None else field.hash


def _values(names: Sequence[str]) -> Callable[[Any], Any]:
    """Return the function that returns a record's fields of these names."""
    # doubled, since of a single name it would return the bare value
    return attrgetter(*names, *names[:1]) if names else lambda _: ()


def _repr(self: Any) -> str:
    fields = (field for field in dataclasses.fields(self) if field.repr)
    shown = (f"{field.name}={getattr(self, field.name)!r}" for field in fields)
    return f"{self.__class__.__qualname__}({', '.join(shown)})"
