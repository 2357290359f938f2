"""A home, or a command line, of its own for each test, and nothing of it left behind."""

from __future__ import annotations

from tests.acceptance.conftest import cli as cli
from tests.integration.conftest import trainui_home as trainui_home
