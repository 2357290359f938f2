"""The JSON Schema of a pipeline file, for completion and checks in editors.

It covers fields and types. Rules across the file (e.g. which fields can be combined, or that a
stage exists) are checked by `trainui validate`.
"""

from __future__ import annotations

from typing import Any

from trainui.pipeline.fields import names
from trainui.pipeline.matrix import TRIAL
from trainui.pipeline.spec import PipelineSpec

Schema = dict[str, Any]

_NOTHING: Schema = {"type": "null"}

_LEFT_OUT_BY_NULL = ("PipelineSpec", "StageFields", "StageSpec", "SearchSpec")
"""Models in which a field without a value counts as absent."""

_KEYS = {"matrix": names.MATRIX_KEY, "env": names.VARIABLE_NAME}
"""Patterns of the keys of a stage's mappings."""


def json_schema() -> Schema:
    """Return the schema."""
    schema = PipelineSpec.model_json_schema(mode="validation")
    models: Schema = schema["$defs"] | {"PipelineSpec": schema}
    for name, model in models.items():
        model["properties"] = {
            field: _field(
                value, null=name in _LEFT_OUT_BY_NULL and field not in model.get("required", ())
            )
            for field, value in model["properties"].items()
        }
        del model["title"]
    for name in ("StageFields", "StageSpec"):
        for field, pattern in _KEYS.items():
            _mapping(models[name]["properties"][field])["propertyNames"] = {"pattern": pattern}
    space = models["SearchSpec"]["properties"]["space"]
    _mapping(space)["propertyNames"] = {"pattern": names.MATRIX_KEY, "not": {"const": TRIAL}}
    _mapping(space)["minProperties"] = 1
    _mapping(schema["properties"]["params"])["propertyNames"] = {"pattern": names.PARAM_KEY}
    schema["properties"]["stages"]["minItems"] = 1
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": "A pipeline of trainui",
        **schema,
    }


def _mapping(field: Schema) -> Schema:
    found: Schema = next(one for one in field["anyOf"] if one.get("type") == "object")
    return found


def _field(field: Schema, *, null: bool) -> Schema:
    """Return a field's schema: the alternatives, followed by description, examples and default."""
    words: Schema = {key: field[key] for key in ("description", "examples") if key in field}
    if field.get("default") is not None:
        words["default"] = field["default"]
    rest = {key: value for key, value in field.items() if key not in (*words, "default", "title")}
    kinds = [kind for kind in rest.pop("anyOf", [rest]) if kind != _NOTHING]
    if null:
        kinds.append(_NOTHING)
    return {"anyOf": kinds, **words}
