"""The JSON Schema that editors get says what the loader says."""

from __future__ import annotations

import json

from trainui.domain.definition import StageDefinition
from trainui.pipeline.spec import StageSpec, json_schema
from trainui.pipeline.variables import FIELDS


def test_the_schema_has_every_field_with_its_words() -> None:
    schema = json_schema()
    json.dumps(schema)
    stage = schema["$defs"]["StageSpec"]
    assert stage["required"] == ["name"]
    assert stage["additionalProperties"] is False
    assert all(field["description"] for field in stage["properties"].values())
    assert set(schema["properties"]) == {"name", "params", "defaults", "snapshot", "stages"}
    assert schema["required"] == ["stages"]


def test_metrics_and_checkpoint_may_be_plain_paths() -> None:
    properties = json_schema()["$defs"]["StageSpec"]["properties"]
    for field in ("metrics", "checkpoint"):
        assert {"type": "string"} in properties[field]["anyOf"]


def test_no_field_is_forgotten_on_the_way() -> None:
    fields = set(StageSpec.model_fields)
    named_otherwise = {"run": "command"}
    kept = {named_otherwise.get(field, field) for field in fields - {"alerts"}}
    assert kept | {"group"} == set(StageDefinition.__dataclass_fields__)
    assert set(FIELDS) == fields - {"name", "depends_on", "alerts"}
