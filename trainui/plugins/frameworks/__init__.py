"""Lines that training frameworks print for people, and their progress bars.

Read `rows` first, then `tables` and `bars`.
"""

from __future__ import annotations

from trainui.plugin import LogLines

ALLENNLP = LogLines(
    interface=1,
    name="allennlp",
    reader="trainui.plugins.frameworks.tables:AllenNLP",
    pattern=r"[TE](?:raining \|  Validation|poch \d+/\d+\s*$)",
    counts_epochs=True,
)
"""AllenNLP: a table of training and validation below an epoch."""

BARS = LogLines(
    interface=1,
    name="tqdm",
    reader="trainui.plugins.frameworks.bars:Bars",
    pattern=r"[\]━•](?:(?<=\])\s*$|(?<=[━•]))",
    counts_epochs=True,
    rank=60,
)
"""Progress bars of tqdm, Lightning, Ignite and Rich."""

BOOSTING = LogLines(
    interface=1,
    name="gbm",
    reader="trainui.plugins.frameworks.rows:Boosting",
    pattern=r"[\[:bB](?:(?<=\[)(?:\d+\]\s|LightGBM\])|(?<=\d:)\t|est iteration is:)",
)
"""XGBoost, LightGBM and CatBoost: a line an iteration."""

DARKNET = LogLines(
    interface=1,
    name="darknet",
    reader="trainui.plugins.frameworks.tables:Darknet",
    pattern=r" avg(?: loss)?, ",
)
"""Darknet: numbers before their names."""

ELEMENTS = LogLines(
    interface=1,
    name="elements",
    reader="trainui.plugins.frameworks.rows:Elements",
    pattern=r"\[Step [\d_,]+\]",
)
"""DreamerV3: a line of metrics between slashes, below a heading."""

FAIRSEQ = LogLines(
    interface=1,
    name="fairseq",
    reader="trainui.plugins.frameworks.rows:Fairseq",
    pattern=r"num_updates",
    rank=40,
)
"""fairseq: lines of fields between bars."""

KERAS = LogLines(
    interface=1,
    name="keras",
    reader="trainui.plugins.frameworks.bars:Keras",
    pattern=r"Epoch \d+/\d+\s*$",
    counts_epochs=True,
)
"""Keras: the bars of an epoch, redrawn or one line each."""

MLPERF = LogLines(
    interface=1,
    name="mlperf",
    reader="trainui.plugins.frameworks.rows:MLPerf",
    pattern=r":::MLLOG",
)
"""MLPerf: JSON behind a mark."""

MMENGINE = LogLines(
    interface=1,
    name="mmengine",
    reader="trainui.plugins.frameworks.rows:MMEngine",
    pattern=r"[EI](?:poch|ter)(?:\(\w+\))? +\[",
)
"""MMEngine and MMCV: positions in an epoch, and the results of a validation."""

RSL_RL = LogLines(
    interface=1,
    name="rsl_rl",
    reader="trainui.plugins.frameworks.tables:RslRl",
    pattern=r"Learning iteration \d+/",
)
"""rsl_rl and the reports of DreamerV3."""

SB3 = LogLines(
    interface=1,
    name="sb3",
    reader="trainui.plugins.frameworks.tables:Boxes",
    pattern=r"[-╭](?:--\s*$|─)",
)
"""Stable-Baselines3, baselines and Ray: boxes of names and values."""

METRICLOGGER = LogLines(
    interface=1,
    name="metriclogger",
    reader="trainui.plugins.frameworks.rows:MetricLogger",
    pattern=r"\] +eta: |\]\s+eta: ",
)

TIMM = LogLines(
    interface=1,
    name="timm_train",
    reader="trainui.plugins.frameworks.rows:Timm",
    pattern=r"(?:Train|Test[^:\[]*): +(?:\d+(?:/\d+ \( *\d+%\))? +)?\[ *\d+/\d+",
)

ULTRALYTICS = LogLines(
    interface=1,
    name="ultralytics",
    reader="trainui.plugins.frameworks.tables:Ultralytics",
    pattern=r"Epoch\s+(?:GPU|gpu)_mem",
)
"""Ultralytics and YOLOv5: the bars of an epoch, and the table below them."""
