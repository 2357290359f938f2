"""The interface for plugins, of which trainui's own are users like any other.

A plugin is a package with an entry point that leads to a record of its kind; `docs/plugins.md` has
a whole package for each kind. The interface is what this module exports, and
`trainui.plugin.reading` (tools for files and databases), `trainui.plugin.importing` (tools for
importers), `trainui.plugin.executing` (tools for executors) and `trainui.plugin.client` (runs, from
outside).

Read `records` first (what each kind says; executors and searchers are in `backends`), then
`registry` (how plugins are found and loaded).
"""

from __future__ import annotations

from trainui.errors import NotFoundError as NotFoundError
from trainui.errors import PipelineFileError as PipelineFileError
from trainui.errors import TrainuiError as TrainuiError
from trainui.errors import UnfitEnvironmentError as UnfitEnvironmentError
from trainui.errors import UsageError as UsageError
from trainui.errors import install_advice as install_advice
from trainui.plugin.backends import Executor as Executor
from trainui.plugin.backends import ExecutorBackend as ExecutorBackend
from trainui.plugin.backends import JobLook as JobLook
from trainui.plugin.backends import JobState as JobState
from trainui.plugin.backends import LaunchAnswer as LaunchAnswer
from trainui.plugin.backends import Launched as Launched
from trainui.plugin.backends import Option as Option
from trainui.plugin.backends import OptionProblem as OptionProblem
from trainui.plugin.backends import Pruned as Pruned
from trainui.plugin.backends import SearchBackend as SearchBackend
from trainui.plugin.backends import Searcher as Searcher
from trainui.plugin.backends import SearchRule as SearchRule
from trainui.plugin.backends import SearchTask as SearchTask
from trainui.plugin.backends import SearchTrial as SearchTrial
from trainui.plugin.backends import StageJob as StageJob
from trainui.plugin.backends import StudyError as StudyError
from trainui.plugin.records import INTERFACE as INTERFACE
from trainui.plugin.records import Answer as Answer
from trainui.plugin.records import Cause as Cause
from trainui.plugin.records import CauseRule as CauseRule
from trainui.plugin.records import CheckpointDirectory as CheckpointDirectory
from trainui.plugin.records import Command as Command
from trainui.plugin.records import CommandLine as CommandLine
from trainui.plugin.records import EditFacts as EditFacts
from trainui.plugin.records import Format as Format
from trainui.plugin.records import FoundCause as FoundCause
from trainui.plugin.records import FoundFile as FoundFile
from trainui.plugin.records import Group as Group
from trainui.plugin.records import Imported as Imported
from trainui.plugin.records import Importer as Importer
from trainui.plugin.records import Job as Job
from trainui.plugin.records import LineReader as LineReader
from trainui.plugin.records import LogLines as LogLines
from trainui.plugin.records import NumberRow as NumberRow
from trainui.plugin.records import Owner as Owner
from trainui.plugin.records import Place as Place
from trainui.plugin.records import PreparedEdit as PreparedEdit
from trainui.plugin.records import Printed as Printed
from trainui.plugin.records import Refused as Refused
from trainui.plugin.records import Shown as Shown
from trainui.plugin.records import TrackedRun as TrackedRun
from trainui.plugin.records import Tracker as Tracker
from trainui.plugin.records import TrackerDatabase as TrackerDatabase
from trainui.plugin.records import Training as Training
from trainui.plugin.records import Viewer as Viewer
