"""Why a training failed is shown wherever the failure is."""

from __future__ import annotations

from tests.acceptance.command_line import CommandLine

TRAINING = """
    name: {name}
    params: {{batch_size: 32, accumulate: 1, token: s3cr3t-value}}
    stages:
      - name: train
        run: |
          cat >&2 <<END
          Traceback (most recent call last):
            File "/home/u/train.py", line 37, in step
              loss.backward()
            File "/home/u/.venv/lib/python3.11/site-packages/torch/_tensor.py", line 5, in f
              run()
          torch.OutOfMemoryError: CUDA out of memory. Tried to allocate 2.00 GiB. ${{params.token}}
          END
          exit 1
        env: {{BATCH: "${{params.batch_size}} ${{params.accumulate}}"}}
      - name: silent
        run: exit 3
    """


def test_a_failed_training_has_its_cause_and_an_edit_everywhere(served: CommandLine) -> None:
    run = served.run(TRAINING.format(name="full"), code=1)
    train, silent = (stage["attempts"][-1] for stage in run["stages"])
    assert silent["cause"] is None
    cause = train["cause"]
    assert (cause["id"], cause["file"], cause["line"]) == ("gpu_oom", "/home/u/train.py", 37)
    assert cause["evidence"].startswith("torch.OutOfMemoryError: CUDA out of memory.")
    assert cause["edit"]["params"] == {"batch_size": 16, "accumulate": 2}
    assert "2.00 GiB" in cause["text"]
    shown, report = served("show", "full").out, served("report", "full").out
    for text in (shown, report):
        assert "/home/u/train.py:37" in text
        assert "batch_size 32 -" in text
    for text in (shown, report, str(run), served("events", "full").out):
        assert "s3cr3t-value" not in text
