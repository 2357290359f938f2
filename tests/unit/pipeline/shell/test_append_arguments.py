"""Words at the end of a line go to a training, or it is said where else they would go."""

from __future__ import annotations

import pytest

from trainui.pipeline import shell, template


@pytest.mark.parametrize(
    "line",
    [
        "python t.py --lr ${params.lr}",
        "cd src && python t.py",
        "export A=1; torchrun t.py > ${stage_dir}/log 2>&1",
        "test -d x || python t.py",
        "nvidia-smi | head -3; python t.py",
        "python t.py --filter 'a|b' --name \"x; y & z\"",
        "python t.py --n $(nproc | cut -c1) --m `echo a|tr a b`",
        "python t.py --title a#b &> log",
        "python t.py a\\|b",
        "python echo",
    ],
)
def test_a_training_gets_them(line: str) -> None:
    assert shell.append_fault(template.parse(line)) is None


@pytest.mark.parametrize(
    ("line", "where"),
    [
        ("python t.py | tee ${stage_dir}/log", "to `tee ${stage_dir}/log`"),
        ("python t.py 2>&1 |& ts", "to `ts`"),
        ("python t.py && echo done", "to `echo done`"),
        ("python t.py ; cp a b", "to `cp a b`"),
        ("python t.py || true", "to `true`"),
        ("python t.py # the best", "into a comment"),
        ("python t.py &", "behind `&`"),
        ("python t.py;", "behind `;`"),
        ("(cd src; python t.py)", "behind `)`"),
        ("{ python t.py; }", "behind `}`"),
        ("for s in 1 2; do python t.py; done", "behind `done`"),
    ],
)
def test_the_other_place_for_them_is_named(line: str, where: str) -> None:
    assert shell.append_fault(template.parse(line)) == where
