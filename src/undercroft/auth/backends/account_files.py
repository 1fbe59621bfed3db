"""Files of accounts: JSON, a JSON value in each line, or CSV."""

from __future__ import annotations

import csv
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from undercroft.auth.parts.from_files import NAMES
from undercroft.base.faults import SetupFault

_OF_JSON = ("user_metadata", "app_metadata", "identities")
"""Columns of a CSV whose texts are JSON."""


def entries(path: Path) -> Iterator[dict[str, Any]]:
    """What a file holds, one account after another. Raises `SetupFault`."""
    readers = {".json": _whole, ".jsonl": _lines, ".ndjson": _lines, ".csv": _table}
    reader = readers.get(path.suffix.lower())
    if reader is None:
        raise SetupFault(f"{path} is none of .json, .jsonl and .csv")
    try:
        for place, entry in enumerate(reader(path), start=1):
            if not isinstance(entry, dict):
                raise SetupFault(f"{path}: entry {place} is no object")
            yield entry
    except OSError as error:
        raise SetupFault(f"{path} cannot be read: {error.strerror}") from error
    except (ValueError, csv.Error) as error:
        raise SetupFault(f"{path} cannot be read: {error}") from error


def _whole(path: Path) -> Iterator[Any]:
    """A list, or the list under `users`."""
    found = json.loads(path.read_text(encoding="utf-8-sig"))
    if isinstance(found, dict):
        found = found.get("users")
    if not isinstance(found, list):
        raise SetupFault(f"{path} holds no list of accounts")
    yield from found


def _lines(path: Path) -> Iterator[Any]:
    with path.open(encoding="utf-8-sig") as file:
        for line in file:
            if line.strip():
                yield json.loads(line)


def _table(path: Path) -> Iterator[Any]:
    with path.open(encoding="utf-8-sig", newline="") as file:
        rows = csv.DictReader(file, strict=True)
        if unknown := sorted(set(rows.fieldnames or ()) - NAMES):
            raise SetupFault(
                f"{path} has columns without a meaning: {', '.join(unknown)}", hint=", ".join(sorted(NAMES))
            )
        for row in rows:
            if None in row or None in row.values():
                raise SetupFault(f"{path}: line {rows.line_num} has another number of columns than the first")
            given = {name: value for name, value in row.items() if value != ""}
            yield {name: json.loads(value) if name in _OF_JSON else value for name, value in given.items()}
