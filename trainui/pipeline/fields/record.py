"""The types of fields, of lists and of mappings: how they are read, and their JSON Schema."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from typing import Any, ClassVar

from trainui.pipeline.fields.value import UnreadableError, Value, read_all
from trainui.pipeline.yaml.problems import did_you_mean, quoted

Schema = dict[str, Any]


@dataclass(frozen=True, slots=True)
class FieldType:
    """A type of values: its reader, and its JSON Schema."""

    read: Callable[[Value], Any]
    schema: Schema


def listed(item: FieldType, expected: str = "a list, such as [a, b]") -> FieldType:
    """Return the type of a list."""

    def read(value: Value) -> list[Any]:
        items = enumerate(value.items(expected))
        return list(read_all((at, partial(item.read, one)) for at, one in items).values())

    return FieldType(read, {"type": "array", "items": item.schema})


def mapping(key_fault: Callable[[str], str | None], item: FieldType, **schema: Any) -> FieldType:
    """Return the type of a mapping; `key_fault` returns the error in a key.

    `schema` has further keywords of the JSON Schema.
    """

    def check(key: str, owner: Value) -> None:
        if fault := key_fault(key):
            raise owner.report("bad-name", f"{owner.name}: {fault}", key)

    def entry(key: str, owner: Value, value: Value) -> Any:
        parts = {"key": partial(check, key, owner), "value": partial(item.read, value)}
        return read_all(parts.items())["value"]

    def read(value: Value) -> dict[str, Any]:
        given = value.fields().items()
        return read_all((key, partial(entry, key, value, one)) for key, one in given)

    items = item.schema or True
    return FieldType(read, {"type": "object", "additionalProperties": items, **schema})


class Record:
    """A mapping with known fields: the class attributes that are field types."""

    owner: ClassVar[str]
    """Its name in messages about its fields, e.g. `a stage`."""
    fields: ClassVar[Mapping[str, FieldType]] = {}
    required: ClassVar[Mapping[str, str]] = {}
    """Required field -> what to do where it is missing; empty: another check reports it."""
    shown_defaults: ClassVar[Mapping[str, Any]] = {}
    """Defaults for the JSON Schema."""
    drops_nulls: ClassVar[bool] = False
    """True: a field without a value counts as absent."""
    prefix: ClassVar[str | None] = None
    """In messages, what replaces the record's name in the names of its fields."""

    def __init_subclass__(cls) -> None:
        own = {name: one for name, one in vars(cls).items() if isinstance(one, FieldType)}
        cls.fields = {**cls.fields, **own}

    @classmethod
    def type(cls) -> FieldType:
        """Return the type of a field with such a record."""
        return FieldType(cls.read, {"$ref": f"#/$defs/{cls.__name__}"})

    @classmethod
    def read(cls, value: Value) -> dict[str, Any]:
        """Return the values of the fields that are present."""
        given = value.fields(cls.prefix)
        names = [name for name in cls.fields if name in given or name in cls.required]
        names += [name for name in given if name not in cls.fields]
        parts = ((name, partial(cls._read_field, name, value, given.get(name))) for name in names)
        return read_all(parts)

    @classmethod
    def _read_field(cls, name: str, record: Value, value: Value | None) -> Any:
        if name not in cls.fields:
            message = f"{cls.owner} has no field {quoted(name)}{cls._hint(name)}"
            raise record.report("unknown-field", message, name)
        if value is not None:
            return cls.fields[name].read(value)
        if not (advice := cls.required[name]):
            raise UnreadableError
        raise record.report("missing-field", f"{cls.owner} must have a {name}; {advice}")

    @classmethod
    def _hint(cls, name: str) -> str:
        meant = _ELSEWHERE.get(name.lower().replace("-", "_"), "")
        if meant in cls.fields:
            return f"; did you mean {quoted(meant)}?"
        return did_you_mean(name, cls.fields) or f"; it may have {', '.join(cls.fields)}"


_ELSEWHERE = {
    **dict.fromkeys(("cmd", "command", "script", "shell", "exec"), "run"),
    **dict.fromkeys(("needs", "requires", "after", "upstream", "dependencies"), "depends_on"),
    **dict.fromkeys(("cwd", "wdir", "dir", "directory", "working_directory"), "workdir"),
    **dict.fromkeys(("outs", "artifacts", "produces"), "outputs"),
    **dict.fromkeys(("environment", "variables"), "env"),
    **dict.fromkeys(("kwargs", "args", "arguments"), "params"),
    **dict.fromkeys(("interpreter", "conda", "venv"), "python"),
    **dict.fromkeys(("max_retries", "retry", "attempts"), "retries"),
}
"""Names that other tools use -> our field."""
