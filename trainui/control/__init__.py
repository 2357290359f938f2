"""What the command line, the screen and the Python API do to runs.

Each of these writes the store in one transaction and then wakes the worker. None imports Celery,
and none starts a service: that is for the front end, after it.
"""

from __future__ import annotations

from trainui.control.code import since_submission as since_submission
from trainui.control.edits import EditedFile as EditedFile
from trainui.control.edits import edited_file as edited_file
from trainui.control.ending import cancel as cancel
from trainui.control.ending import remove as remove
from trainui.control.known import given_params as given_params
from trainui.control.known import snapshot_words as snapshot_words
from trainui.control.queue import set_paused as set_paused
from trainui.control.queue import set_priority as set_priority
from trainui.control.resumption import plan_resume as plan_resume
from trainui.control.resumption import rerun as rerun
from trainui.control.resumption import resume as resume
from trainui.control.submission import preview as preview
from trainui.control.submission import submit as submit
from trainui.control.submission import without_gpus as without_gpus
