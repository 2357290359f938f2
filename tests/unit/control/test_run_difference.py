"""What differs between runs, as text."""

from __future__ import annotations

from trainui.control import run_difference


def test_commands_are_quoted_for_a_shell_with_their_variables() -> None:
    before = ["${python}", "train.py", "--out", "${run_dir}/train", "--note", "a b"]
    differences = {
        "code": {"commit": None, "files": [], "diff": "", "drift": []},
        "command": {"train": [before, None]},
        "params": {},
        "environment": [],
        "packages": {},
    }
    assert [line[13:] for line in run_difference.lines(differences)] == [
        "train:",
        "- ${python} train.py --out ${run_dir}/train --note 'a b'",
        "+ (none)",
    ]
