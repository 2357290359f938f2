"""A run's environment: what of it is masked in every text."""

from __future__ import annotations

from pathlib import Path

from trainui.pipeline.substitution.secrets import Secrets
from trainui.resume import shell_environment
from trainui.resume.shell_environment import ShellEnvironment


def test_a_former_secret_stays_masked(tmp_path: Path) -> None:
    for key in ("first-value", "second-value", "third-value"):
        secrets = Secrets({"api_key": f"param-{key}"})
        shell_environment.write(tmp_path, ShellEnvironment({"A_KEY": key}, 0o077, secrets=secrets))
    masker = shell_environment.masker(tmp_path)
    assert (
        masker.text("first-value second-value third-value param-first-value") == "*** *** *** ***"
    )


def test_secrets_of_every_stage_and_behind_variables_are_masked(tmp_path: Path) -> None:
    stages = {"a": {"env": {"TOKEN": "${env.PLAIN}-${env.NONE}x"}, "command": "a"}}
    stages["b"] = {"params": {"deep": [{"password": "nested-1"}]}}
    shell = ShellEnvironment(
        {"PLAIN": "value", "LR": "0.123456"}, 0o077, secrets=Secrets({}, stages)
    )
    shell_environment.write(tmp_path, shell)
    shown = shell_environment.masker(tmp_path).text("value-x nested-1 0.123456")
    assert shown == "*** *** 0.123456"


def test_without_a_readable_file_nothing_is_masked(tmp_path: Path) -> None:
    assert shell_environment.masker(tmp_path).text("value") == "value"
    (tmp_path / "env.json").write_text("{")
    assert shell_environment.masker(tmp_path).text("value") == "value"
