"""Every field of the pipeline file goes all the way."""

from __future__ import annotations

from trainui.model.definition import StageDefinition
from trainui.pipeline.spec import StageSpec
from trainui.pipeline.substitution import FIELDS


def test_no_field_is_forgotten_on_the_way() -> None:
    fields = set(StageSpec.model_fields)
    named_otherwise = {"run": "command"}
    kept = {named_otherwise.get(field, field) for field in fields}
    made = {"group", "trial", "trial_params", "executor_options"}
    assert kept - {"seeds", "every", "metric", "goal"} | made == set(
        StageDefinition.__dataclass_fields__
    )
    assert set(FIELDS) == fields - {"name", "depends_on"}
