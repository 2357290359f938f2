"""Hydra's launcher `trainui`: the jobs of a multirun become the stages of a run.

`python app.py -m lr=0.1,0.2 hydra/launcher=trainui`. Start reading at `launcher`; `_sweep` turns
the jobs into a pipeline file, and `_job` runs one of them in its stage's process.
"""
