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


def test_a_few_words_say_what_differs_once_each() -> None:
    train = "${python} train.py --lr {} --data=x.csv --out ${run_dir}/train".replace
    differences = {
        "code": {"commit": ["a" * 40, None], "files": ["a.py", "b.py", "c.py"], "diff": ""},
        "command": {
            "train[seed=1]": [train("{}", "0.1 --amp"), train("{}", "0.3 --wd -0.5")],
            "train[seed=2]": [train("{}", "0.1 --amp"), train("{}", "0.3 --wd -0.5")],
            "fit": [["python", "fit.py", "--k=v"], ["python", "fit2.py", "--k=w"]],
            "old": ["true", None],
            "new": [None, "true"],
            "also[a=1]": ["true", None],
            "also[a=2]": [None, "true"],
        },
        "params": {"lr": ["0.1", "0.3"], "layers": [None, 3], "k": [None, "w"]},
        "environment": ["HOME"],
        "packages": {"torch": ["1", "2"]},
    }
    assert run_difference.brief(differences) == [
        ["lr", "0.1", "0.3"],
        ["layers", "", "3"],
        ["amp", "(set)", ""],
        ["wd", "", "-0.5"],
        ["command", "python fit.py", "python fit2.py"],
        ["k", "v", "w"],
        ["stages", "old", "new"],
        ["commit", "a" * 7, ""],
        ["code: a.py, b.py and 1 more", "", ""],
        ["package: torch", "", ""],
        ["variable: HOME", "", ""],
    ]
