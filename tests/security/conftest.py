"""The fixtures of the screen's unit tests, for texts of others on the screen."""

from __future__ import annotations

from tests.unit.tui.conftest import empty_database as empty_database
from tests.unit.tui.conftest import filler as filler
from tests.unit.tui.conftest import home as home
from tests.unit.tui.conftest import store as store
