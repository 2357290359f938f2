"""The JSON Schema of a pipeline file, for completion and checks in editors.

It covers fields and types. Rules across the file (e.g. which fields can be combined, or that a
stage exists) are checked by `trainui validate`.
"""

from __future__ import annotations

import ast
import inspect
from itertools import pairwise

from trainui.pipeline import spec
from trainui.pipeline.fields.record import FieldType, Record, Schema


def json_schema() -> Schema:
    """Return the schema."""
    records = (spec.AlertSpec, spec.CheckpointSpec, spec.MetricSpec, spec.SearchSpec)
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": "A pipeline of trainui",
        "$defs": {
            record.__name__: _mapping(record)
            for record in (*records, spec.StageFields, spec.StageSpec)
        },
        **_mapping(spec.PipelineSpec),
    }


def _mapping(record: type[Record]) -> Schema:
    words = _descriptions(record)
    return {
        "additionalProperties": False,
        "description": record.__doc__,
        "properties": {
            name: _field(one, name, record, words[name]) for name, one in record.fields.items()
        },
        **({"required": list(record.required)} if record.required else {}),
        "type": "object",
    }


def _field(field: FieldType, name: str, record: type[Record], description: str) -> Schema:
    """Return a field's schema: the alternatives, followed by description, examples and default."""
    rest = dict(field.schema)
    words: Schema = {"description": description}
    if "examples" in rest:
        words["examples"] = rest.pop("examples")
    if name in record.shown_defaults:
        words["default"] = record.shown_defaults[name]
    kinds = list(rest.pop("anyOf", [rest]))
    if record.drops_nulls and name not in record.required:
        kinds.append({"type": "null"})
    return {"anyOf": kinds, **words}


def _descriptions(record: type[Record]) -> dict[str, str]:
    """Return the string below each field, in the code of a record and of those it extends."""
    found: dict[str, str] = {}
    for one in reversed(record.__mro__[: record.__mro__.index(Record)]):
        (node,) = ast.parse(inspect.getsource(one)).body
        assert isinstance(node, ast.ClassDef)
        for field, below in pairwise(node.body):
            match field, below:
                case (
                    ast.Assign(targets=[ast.Name(id=name)]),
                    ast.Expr(value=ast.Constant(value=str(words))),
                ):
                    found[name] = words
    return found
