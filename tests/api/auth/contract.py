"""GoTrue's published OpenAPI, and whether an answer is as it describes."""

from __future__ import annotations

import re
from functools import cache
from pathlib import Path
from typing import Any, NamedTuple

import httpx2
import yaml  # type: ignore[import-untyped]  # its stubs are a package of their own
from openapi_schema_validator import OAS30Validator

FILE = Path("contracts") / "gotrue-openapi.yaml"
METHODS = ("get", "post", "put", "patch", "delete")
REDIRECTS = frozenset({302, 303})


class Operation(NamedTuple):
    """One of them, as `POST /token`."""

    method: str
    path: str

    def __str__(self) -> str:
        return f"{self.method} {self.path}"

    @property
    def pattern(self) -> str:
        """The path with its parameters' names taken out, which are nobody's business."""
        return re.sub(r"\{\w+\}", "{}", self.path)


@cache
def contract(shared: Path) -> dict[str, Any]:
    """The description."""
    found: dict[str, Any] = yaml.safe_load((shared / FILE).read_text(encoding="utf-8"))
    return found


def operations(document: dict[str, Any]) -> list[Operation]:
    """All of them, in the order of the file."""
    return [
        Operation(method.upper(), path)
        for path, item in document["paths"].items()
        for method in METHODS
        if method in item
    ]


def complaints(document: dict[str, Any], operation: Operation, answer: httpx2.Response) -> list[str]:
    """In what an answer differs from the description: its status, its body's schema, its headers."""
    described = document["paths"][operation.path][operation.method.lower()]["responses"]
    response = described.get(str(answer.status_code)) or described.get(answer.status_code)
    if response is None:
        return [f"status {answer.status_code} is not among {sorted(map(str, described))}: {answer.text[:300]}"]
    response = _inline(document, response)
    found = []
    if "Location" in response.get("headers", {}) and "location" not in answer.headers:
        found.append("no Location")
    content = response.get("content", {}).get("application/json")
    if content is not None and "schema" in content:
        schema = content["schema"]
        # A response in the place of a schema, as the file has it here and there.
        schema = schema["content"]["application/json"]["schema"] if "content" in schema else schema
        checker = OAS30Validator(schema, format_checker=OAS30Validator.FORMAT_CHECKER)
        found += [f"{error.json_path}: {error.message}" for error in checker.iter_errors(answer.json())]
    return found


def _inline(document: dict[str, Any], part: Any) -> Any:
    """A part of the description with what it refers to in its place."""
    if isinstance(part, list):
        return [_inline(document, each) for each in part]
    if not isinstance(part, dict):
        return part
    if "$ref" in part:
        target: Any = document
        for name in part["$ref"].removeprefix("#/").split("/"):
            target = target[name]
        return _inline(document, target)
    # Its alternatives demand so little that one answer is several of them: `oneOf` would hold for none.
    spelled = {"oneOf": "anyOf"}
    given = {name: each for name, each in part.items() if name != "discriminator"}
    return {spelled.get(name, name): _inline(document, each) for name, each in given.items()}
