"""Why a process failed, found in the logs of launchers and libraries as they really write them."""

from __future__ import annotations

from pathlib import Path

import pytest

from trainui.execution.attempt import log_ends
from trainui.pipeline.masking import Masker

REAL = Path(__file__).parent / "failed"

TRACEBACK = """Traceback (most recent call last):
  File "train.py", line 7, in <module>
    step()
ValueError: loss is nan
"""


def error_line(directory: Path, text: str, name: str = "stderr.log") -> str | None:
    (directory / name).write_text(text)
    found = log_ends.error_line(directory, Masker())
    return found.text if found else None


@pytest.mark.parametrize(
    ("log", "expected"),
    [
        ("torchrun", "[rank1]: ValueError: loss is nan at step 12 (rank 1)"),
        ("torchrun_record", "FloatingPointError: loss diverged"),
        ("gloo", "[rank1]: RuntimeError: no data for rank 1"),
        ("hydra", "LossError: loss is nan"),
        ("hydra_override", "Could not override 'lrr'."),
        (
            "accelerate",
            "RuntimeError: The size of tensor a (3) must match the size of tensor b (4) at "
            "non-singleton dimension 1",
        ),
        ("spawn", "ValueError: bad batch in 0"),
        ("loader", "OSError: image 0 is truncated"),
        ("rich", "ValueError: loss is nan"),
        ("pytest", "ValueError: no data"),
    ],
)
@pytest.mark.parametrize("stream", ["stderr.log", "stdout.log"])
def test_real_logs(tmp_path: Path, log: str, expected: str, stream: str) -> None:
    assert error_line(tmp_path, (REAL / f"{log}.log").read_text(), stream) == expected


def test_a_silent_rank_is_named_as_torchrun_reports_it(tmp_path: Path) -> None:
    text = (REAL / "gloo.log").read_text()
    text = "".join(line for line in text.splitlines(True) if not line.startswith("[rank1]"))
    said = (
        "traceback : To enable traceback see: https://pytorch.org/docs/stable/elastic/errors.html"
    )
    killed = text.replace(said, "traceback : Signal 9 (SIGKILL) received by PID 5134")
    assert error_line(tmp_path, killed) == "rank 1: Signal 9 (SIGKILL) received by PID 5134"
    assert error_line(tmp_path, text) == "rank 1: exit code 1 (pid: 5134)"


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ("", "wandb: View run at https://example.org\nwandb: Synced 5 files\n"),
        (" 45%|####5     | 45/100 [00:01<00:01, 30it/s]", ""),
        ("20%\r 45%|####5     | 45/100", "\n"),
        ("", "Exception ignored in: <function Loader.__del__>\n" + TRACEBACK.replace("nan", "x")),
        ("", "[2026-01-01 10:00:00,000] [ERROR] [launch.py:321] [train.py] exits with code = 1\n"),
        ("", "srun: error: node7: task 0: Exited with exit code 1\n"),
        ("", TRACEBACK.replace("ValueError: loss is nan", "SystemExit: 1")),
        (TRACEBACK.replace("loss is nan", "retried"), ""),
        ("", "subprocess.CalledProcessError: Command 'x' returned non-zero exit status 1.\n"),
    ],
)
def test_text_around_the_traceback_is_not_the_cause(
    tmp_path: Path, before: str, after: str
) -> None:
    assert error_line(tmp_path, before + TRACEBACK + after) == "ValueError: loss is nan"


def test_an_exception_seconds_before_more_progress_is_not_the_cause(tmp_path: Path) -> None:
    (tmp_path / "stdout.log").write_text("step 7 loss 0.4\n" * 3)
    size = len(TRACEBACK)
    (tmp_path / "times.log").write_text(f"1000000 0 0\n5000000 0 {size}\n9000000 48 {size}\n")
    assert error_line(tmp_path, TRACEBACK) is None
    (tmp_path / "times.log").write_text(f"1000000 0 0\n5000000 48 0\n9000000 48 {size}\n")
    assert error_line(tmp_path, TRACEBACK) == "ValueError: loss is nan"


def test_colours_do_not_hide_it(tmp_path: Path) -> None:
    lines = [f"\x1b[31m{line}\x1b[0m" for line in TRACEBACK.splitlines()]
    assert error_line(tmp_path, "\n".join(lines)) == "ValueError: loss is nan"


@pytest.mark.parametrize("prefix", ["0: ", "[default0]:"])
def test_each_line_may_begin_with_its_rank(tmp_path: Path, prefix: str) -> None:
    """As `srun --label` and an older torchrun write them."""
    lines = TRACEBACK.splitlines()
    other = [f"1: {line}".replace("nan", "y") for line in lines]
    mixed = [line for pair in zip(lines, other, strict=True) for line in pair]
    text = "\n".join(line if line.startswith("1: ") else prefix + line for line in mixed)
    assert error_line(tmp_path, text) == f"{prefix.strip()} ValueError: loss is nan"


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("usage: t.py [-h]\nt.py: error: unrecognized arguments: --lrr 3\n", "t.py: error: "),
        ("bash: line 1: torchrn: command not found\n", "bash: line 1: torchrn: command"),
        ("loading\nno GPU was found\n", "no GPU was found"),
        ("python: can't open file 'x.py': [Errno 2] No such file\n", "python: can't open file"),
        ("/usr/bin/python3: No module named trian\n", "/usr/bin/python3: No module named"),
        ("terminate called after throwing\n  what():  no GPU\n", "what():  no GPU"),
        ("Fatal Python error: Segmentation fault\n\nThread 0x1:\n", "Fatal Python error: Seg"),
        ("slurmstepd: error: Detected 1 oom_kill event\nsrun: error: n1: task 0: Exited with exit "
         "code 1\n", "slurmstepd: error: Detected"),
        ('  File "t.py", line 1\n    x y\nSyntaxError: invalid syntax\n', "SyntaxError: invalid"),
        ("tensorflow.ValidationError:\n", "tensorflow.ValidationError:"),
        (TRACEBACK.replace("ValueError: loss is nan", "a.B: \n2 fields"), "a.B: 2 fields"),
    ],
)  # fmt: skip
def test_without_a_traceback_the_last_telling_line_counts(
    tmp_path: Path, text: str, expected: str
) -> None:
    assert str(error_line(tmp_path, text)).startswith(expected)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "step 1 loss 0.5\n",
        "a\nb\nc\nd\n",
        "x.py:3: UserWarning: y\n",
        "Traceback (most recent call last):\n",
        TRACEBACK + "step\n" * 100,
    ],
)
def test_a_log_that_does_not_say_why_gives_no_cause(tmp_path: Path, text: str) -> None:
    assert error_line(tmp_path, text) is None
