"""What the description says of keys and of batches, which belong to no table."""

from __future__ import annotations

from typing import Any

from undercroft.rest.parts.batches import METHODS

Part = dict[str, Any]

KEY = "idempotencyKey-"
"""The component of the header; the key of no column ends in a dash."""
_KEY = {"$ref": f"#/components/parameters/{KEY}"}
_FAULT = {"$ref": "#/components/responses/fault"}


def key_parameter() -> Part:
    """The header by which a repeated request has one effect."""
    return {
        "name": "Idempotency-Key",
        "in": "header",
        "required": False,
        "description": "A UUID, or any text: repeated with it, the request has one effect and the same answer.",
        "schema": {"type": "string", "minLength": 1, "maxLength": 255},
    }


def with_keys(paths: Part) -> Part:
    """The paths with the header at every operation that may write; a function that may be called by GET does not."""
    return {
        path: operations if path.startswith("/rpc/") and "get" in operations else _keyed(operations)
        for path, operations in paths.items()
    }


def _keyed(operations: Part) -> Part:
    return {
        verb: each if verb == "get" else {**each, "parameters": [*each.get("parameters", ()), _KEY]}
        for verb, each in operations.items()
    }


def batch_path(most: int) -> Part:
    """The path of batches, of at most so many requests."""
    request = {
        "type": "object",
        "properties": {
            "method": {"type": "string", "enum": list(METHODS)},
            "path": {"type": "string", "description": "From behind this server's address: `/posts?select=id`."},
            "headers": {"type": "object", "additionalProperties": {"type": "string"}},
            "body": {"description": "A JSON value; `$1.id` in it is the `id` that the first request gave."},
        },
        "required": ["method", "path"],
        "additionalProperties": False,
    }
    answer = {
        "type": "object",
        "properties": {
            "status": {"type": "integer"},
            "headers": {"type": "object", "additionalProperties": {"type": "string"}},
            "body": {"description": "JSON as it is, another media type as a text."},
        },
        "required": ["status", "headers", "body"],
    }
    body = {
        "type": "object",
        "properties": {"requests": {"type": "array", "items": request, "maxItems": most}},
        "required": ["requests"],
    }
    operation = {
        "tags": ["Batches"],
        "operationId": "batch",
        "summary": "Several requests in one transaction, all or nothing",
        "requestBody": {"required": True, "content": {"application/json": {"schema": body}}},
        "responses": {
            "200": {
                "description": "What each of them gave, in their order.",
                "content": {"application/json": {"schema": {"type": "array", "items": answer}}},
            },
            "default": _FAULT,
        },
    }
    return {"/batch": {"post": operation}}
