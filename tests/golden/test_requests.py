"""Requests side by side with what they become: key, values, ask, or the fault that refuses them.

Each file of `requests/` is a list of cases; `request` (and `headers`) is written by hand, the rest by
`python -m tests.golden.test_requests`, which reads every file and writes it anew. Look at the difference before you
commit.
"""

from __future__ import annotations

import json
from dataclasses import fields, is_dataclass
from pathlib import Path
from typing import Any

import pytest

from undercroft.base.faults import Fault
from undercroft.rest.parts.limits import Limits
from undercroft.rest.request import Reader

FOLDER = Path(__file__).parent / "requests"
FILES = sorted(FOLDER.glob("*.json"))
Case = dict[str, Any]


def plain(value: Any) -> Any:
    """A value of the ask as JSON: its kind first, without what is as it is by default."""
    if is_dataclass(value):
        given = {each.name: getattr(value, each.name) for each in fields(value)}
        kept = {each.name: given[each.name] for each in fields(value) if given[each.name] != each.default}
        return {"": type(value).__name__, **{name: plain(each) for name, each in kept.items()}}
    if isinstance(value, tuple):
        return [plain(each) for each in value]
    return value


def outcome(case: Case) -> Case:
    """What the case's request becomes."""
    method, _, target = case["request"].partition(" ")
    path, _, query = target.partition("?")
    headers = [(name.lower().encode(), value.encode()) for name, value in case.get("headers", {}).items()]
    reader = Reader(Limits(), schemas=("public", "api"))
    try:
        request = reader.shape(method, path.encode(), query.encode(), headers)
        parsed = reader.parse(request, tuple(case.get("columns", ())))
    except Fault as fault:
        told = {"code": fault.code, "message": fault.message, "details": fault.details, "hint": fault.hint}
        return {"fault": {name: text for name, text in told.items() if text is not None}}
    found: Case = {"key": list(request.key), "values": list(request.values), "ask": plain(parsed.ask)}
    if request.arguments:
        found["arguments"] = [list(each) for each in request.arguments]
    if parsed.renamed:
        found["renamed"] = [list(each) for each in parsed.renamed]
    return found


def given(case: Case) -> Case:
    return {name: case[name] for name in ("request", "headers", "columns") if name in case}


def cases(file: Path) -> list[Case]:
    found: list[Case] = json.loads(file.read_text(encoding="utf-8"))
    return found


@pytest.mark.parametrize("file", FILES, ids=lambda file: str(file.stem))
def test_requests_become_what_is_written_beside_them(file: Path) -> None:
    for case in cases(file):
        assert {**given(case), **outcome(case)} == case, case["request"]


def test_there_are_files() -> None:
    assert len(FILES) >= 5


if __name__ == "__main__":
    for file in FILES:
        written = [{**given(case), **outcome(case)} for case in cases(file)]
        file.write_text(json.dumps(written, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")
