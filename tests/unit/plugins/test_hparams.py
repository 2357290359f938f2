"""TensorBoard's `add_hparams`: parameters of the training, and no curves."""

from __future__ import annotations

import struct
from pathlib import Path

from trainui.metrics.discovery import default_sources, trainings
from trainui.plugins.tensorboard.event_file import masked_crc

# as tensorboardX 2.6 writes it for {"lr": 0.1, "bs": 32, "opt": "adam", "flag": True}
START = (
    b"\nl\n\x1c_hparams_/session_start_infoJL\nJ\n\x07hparams\x12?\x1a=\n\x0f\n\x02bs\x12\t\x11"
    b"\x00\x00\x00\x00\x00\x00@@\n\x0f\n\x02lr\x12\t\x11\x9a\x99\x99\x99\x99\x99\xb9?"
    b"\n\n\n\x04flag\x12\x02 \x01\n\r\n\x03opt\x12\x06\x1a\x04adam"
)
LAST = b"\n\x11\n\nhparam/acc\x15fff?"
LOSS = b"\n\x0b\n\x04loss\x15\x00\x00\x00?"


def events(*summaries: bytes) -> bytes:
    records = [
        b"\t" + struct.pack("<d", 1.8e9) + b"*" + bytes([len(one)]) + one for one in summaries
    ]
    heads = [struct.pack("<Q", len(one)) for one in records]
    return b"".join(
        head + struct.pack("<I", masked_crc(head)) + one + struct.pack("<I", masked_crc(one))
        for head, one in zip(heads, records, strict=True)
    )


def test_parameters_are_those_of_the_training_and_no_curves(tmp_path: Path) -> None:
    training = tmp_path / "exp1"
    below = training / "1796091021.081565"
    below.mkdir(parents=True)
    (training / "events.out.tfevents.1796091021.vm").write_bytes(events(LOSS))
    (below / "events.out.tfevents.1796091021.vm").write_bytes(events(START, LAST))
    (found,) = trainings.below(tmp_path)
    assert found.jobs[0].params == {"lr": 0.1, "bs": 32, "opt": "adam", "flag": True}
    assert [one.path.parent for one in default_sources.candidates(training)] == [training]
