"""The values of the members of a run's sweeps, by which runs are listed: plain SQL."""

from __future__ import annotations

import json
from collections.abc import Collection, Iterable
from typing import Any

from trainui.model.search import Search
from trainui.pipeline.substitution import masking
from trainui.store.db import protocol
from trainui.store.db.statements import batches, placeholders
from trainui.store.read import row_mapping

_IS_MEMBER = "name LIKE ? AND NOT removed"
_MEMBER = "%[%"


def with_sweeps(connection: protocol.Connection, run_ids: Collection[str]) -> set[str]:
    """Return those of some runs that have a sweep."""
    found: set[str] = set()
    for part in batches(run_ids):
        names = connection.execute(
            "SELECT DISTINCT run_id FROM stages "
            f"WHERE run_id IN ({placeholders(part)}) AND name LIKE ?",
            (*part, _MEMBER),
        )
        found.update(run_id for (run_id,) in names)
    return found


def of_run(connection: protocol.Connection, run_id: str) -> str:
    """Return a run's sweeps as JSON: the different values of each parameter, and its searches.

    `{"values": {"lr": ["0.1", "0.01"]}, "searches": ["train"]}`; the values are those of a matrix
    and of the trials that were asked for, as text in the file's order, secrets masked.
    """
    found = connection.execute(
        f"SELECT definition_json FROM stages WHERE run_id = ? AND {_IS_MEMBER} ORDER BY position",
        (run_id, _MEMBER),
    )
    return row_mapping.dump(_sweeps(json.loads(text) for (text,) in found))


def _sweeps(definitions: Iterable[dict[str, Any]]) -> dict[str, Any]:
    values: dict[str, dict[str, None]] = {}
    searches: dict[str, Search] = {}
    for one in definitions:
        own = dict(one.get("matrix") or {})
        if one.get("search") is not None:
            own |= _search(one, searches).texts(one.get("trial_params") or {})
        for name, value in masking.mask(own).items():
            values.setdefault(name, {})[str(value)] = None
    return {"values": {name: list(of) for name, of in values.items()}, "searches": list(searches)}


def _search(definition: dict[str, Any], known: dict[str, Search]) -> Search:
    """Return the search of a trial; it is read once for all trials."""
    name = definition["group"]
    if name not in known:
        known[name] = Search.from_json(definition["search"])
    return known[name]
