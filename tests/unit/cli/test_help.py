"""Every command can be learnt from its help: what it does, and examples that name it."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from typer.main import get_command

from trainui.cli.app import parser
from trainui.cli.options import MODULES


def commands(command: Any, *names: str) -> Iterator[tuple[str, Any]]:
    for name, one in getattr(command, "commands", {}).items():
        yield from commands(one, *names, name)
    if not hasattr(command, "commands"):
        yield " ".join(names), command


@pytest.mark.parametrize(("name", "command"), [*commands(get_command(parser()))])
def test_a_command_has_examples_and_each_option_an_explanation(name: str, command: Any) -> None:
    examples = command.epilog.partition("Examples:\n")[2].splitlines()
    assert any(f"trainui {name}" in example for example in examples)
    assert command.help
    for parameter in command.params:
        assert getattr(parameter, "help", None), parameter.name


def test_each_command_is_found_in_the_module_that_adds_it() -> None:
    known = set(get_command(parser()).commands)  # type: ignore[attr-defined]
    assert known == {name for names in MODULES.values() for name in names}
    for names in MODULES.values():
        for name in names:
            alone = get_command(parser(name)).commands  # type: ignore[attr-defined]
            assert set(alone) == set(names)
