"""Outputs of completed stages that were deleted or emptied since, as far as that can be seen."""

from __future__ import annotations

from pathlib import Path

from trainui.execution import outputs


def test_what_is_gone_is_told_where_it_can_be_seen(tmp_path: Path) -> None:
    stage_dir, other = tmp_path / "run" / "stage", tmp_path / "other"
    stage_dir.mkdir(parents=True)
    other.mkdir()
    assert outputs.gone([], stage_dir) is None
    assert outputs.gone(["a/*.pt"], stage_dir) == "its output a/*.pt is gone"
    assert outputs.gone([f"{other}/x"], stage_dir) == f"its output {other}/x is gone"
    assert outputs.gone([f"{tmp_path}/not mounted/*"], stage_dir) is None
    (stage_dir / "model.pt").touch()
    assert outputs.gone(["model.pt"], stage_dir) == "its output model.pt is empty by now"
    (stage_dir / "model.pt").write_text("x")
    assert outputs.gone(["model.pt", "*.pt"], stage_dir) is None
    assert outputs.gone(["model.pt"], tmp_path / "another host's" / "stage") is None
