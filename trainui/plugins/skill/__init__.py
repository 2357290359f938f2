"""`trainui skill`: how a coding agent works with trainui, as a file in the Agent Skills' form."""

from __future__ import annotations

from trainui.plugin import INTERFACE, Command

COMMAND = Command(
    interface=INTERFACE,
    name="skill",
    run="trainui.plugins.skill.command:skill",
    help="Print, or install, how a coding agent works with trainui.",
    examples=("trainui skill", "trainui skill --install .agents/skills"),
    answer={
        "type": "object",
        "properties": {
            "markdown": {"type": "string"},
            "files": {
                "type": "array",
                "items": {
                    "type": "object",
                    "properties": {"path": {"type": "string"}, "change": {"type": "string"}},
                    "required": ["path", "change"],
                },
            },
        },
        "required": ["markdown", "files"],
    },
)
"""The command; `SKILL.md` beside it is the text."""
