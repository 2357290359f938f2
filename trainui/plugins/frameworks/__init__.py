"""Lines that training frameworks print for people, and their progress bars.

Each record has the pattern of the first line. Read `rows` first, then `bars`.
"""

from __future__ import annotations

from trainui.plugin import LogLines


def _lines(
    name: str, reader: str, pattern: str, *, epochs: bool = False, rank: int = 50
) -> LogLines:
    code = f"trainui.plugins.frameworks.{reader}"
    return LogLines(
        interface=1, name=name, reader=code, pattern=pattern, counts_epochs=epochs, rank=rank
    )


ALLENNLP = _lines(
    "allennlp", "rows:AllenNLP", r"[TE](?:raining \|  Validation|poch \d+/\d+\s*$)", epochs=True
)
BARS = _lines("tqdm", "bars:Bars", r"[\]━•](?:(?<=\])\s*$|(?<=[━•]))", epochs=True, rank=60)
BOOSTING = _lines(
    "gbm", "rows:Boosting", r"[\[:bB](?:(?<=\[)(?:\d+\]\s|LightGBM\])|(?<=\d:)\t|est iteration is:)"
)
FAIRSEQ = _lines("fairseq", "rows:Fairseq", r"num_updates", rank=40)
KERAS = _lines("keras", "bars:Keras", r"Epoch \d+/\d+\s*$", epochs=True)
METRICLOGGER = _lines("metriclogger", "rows:MetricLogger", r"\] +eta: |\]\s+eta: ")
MMENGINE = _lines("mmengine", "rows:MMEngine", r"[EI](?:poch|ter)(?:\(\w+\))? +\[")
SB3 = _lines("sb3", "rows:Boxes", r"[-╭](?:--\s*$|─)")
TIMM = _lines(
    "timm_train",
    "rows:Timm",
    r"(?:Train|Test[^:\[]*): +(?:\d+(?:/\d+ \( *\d+%\))? +)?\[ *\d+/\d+",
)
ULTRALYTICS = _lines("ultralytics", "rows:Ultralytics", r"Epoch\s+(?:GPU|gpu)_mem")
