"""OpenAPI 3.1 of exactly what one caller may use: the tables, columns, verbs and functions of its role, and no others.

Everything is drawn from the role's own catalog, which does not hold what the role may not know of.
Protocol: OpenAPI 3.1.1; what PostgREST's "openapi" page says of notes and comments.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import msgspec

from undercroft.access.policy import Rules
from undercroft.catalog.types import Catalog, Table
from undercroft.models.functions import Function
from undercroft.rest.parts.openapi_batch import KEY, batch_path, key_parameter, with_keys
from undercroft.rest.parts.openapi_functions import FUNCTIONS, function_paths, function_schemas
from undercroft.rest.parts.openapi_schemas import Surface, surface
from undercroft.rest.parts.openapi_shared import FAULT, HEADERS, RESPONSES, SECURITY, parameters
from undercroft.rest.parts.openapi_tables import table_parameters, table_paths
from undercroft.rest.parts.swagger import swagger
from undercroft.rest.parts.swagger_functions import of_function
from undercroft.rest.parts.swagger_tables import Usable

_ENCODER = msgspec.json.Encoder(enc_hook=str)
"""Names that come from SQLAlchemy are texts of a type of its own."""


def document(
    catalog: Catalog,
    rules: Rules,
    role: str,
    functions: Mapping[str, Function],
    *,
    title: str,
    server: str,
    most_rows: int | None = None,
    keys: bool = False,
    batch: int | None = None,
) -> bytes:
    """The description as JSON, of what `catalog` and `functions` hold for the role; `server` is a URL or a path.

    `keys`: answers are kept under an Idempotency-Key; `batch`: the most requests of a batch, where there are batches.
    """
    surfaces = [surface(catalog, rules, role, table) for _, table in sorted(catalog.tables.items())]
    known = [function for _, function in sorted(functions.items())]
    paths = _paths(surfaces, known) | (batch_path(batch) if batch is not None else {})
    components = _components(surfaces, known, most_rows)
    if keys:
        paths = with_keys(paths)
        components["parameters"][KEY] = key_parameter()
    return _ENCODER.encode(
        {
            "openapi": "3.1.1",
            "info": {"title": title, "version": "1", "description": f"What the role {role} may use."},
            "servers": [{"url": server}],
            "security": [{name: []} for name in SECURITY],
            "tags": _tags(surfaces, known),
            "paths": paths,
            "components": components,
        }
    )


def document_2(
    catalog: Catalog,
    rules: Rules,
    role: str,
    functions: Mapping[str, Function],
    *,
    title: str,
    server: str,
    most_rows: int | None = None,
    keys: bool = False,
    batch: int | None = None,
) -> bytes:
    """The same as `document` in PostgREST's Swagger 2.0, which has no word for `most_rows`, nor for what is ours."""
    surfaces = [surface(catalog, rules, role, table) for table in catalog.tables.values()]
    usable = [
        Usable(each.table, each.reads, each.inserts, each.updates, each.deletes)
        for each in surfaces
        if each.reads or each.inserts
    ]
    offered = [of_function(function) for function in functions.values()]
    return swagger(catalog, usable, offered, server=server, title=title, secured=True)


def _tags(surfaces: list[Surface], functions: list[Function]) -> list[dict[str, str]]:
    tables = [(each.table.name, each.table.comment) for each in surfaces if table_paths(each)]
    calls = [(FUNCTIONS, "Functions of the app")] if functions else []
    return [{"name": name, "description": said} if said else {"name": name} for name, said in [*tables, *calls]]


def _paths(surfaces: list[Surface], functions: list[Function]) -> dict[str, Any]:
    root = {
        "tags": ["Introspection"],
        "operationId": "describe",
        "summary": "This document",
        "responses": {
            "200": {"description": "OpenAPI", "content": {"application/openapi+json": {"schema": {"type": "object"}}}}
        },
    }
    paths: dict[str, Any] = {"/": {"get": root}}
    for each in surfaces:
        paths |= table_paths(each)
    for function in functions:
        paths |= function_paths(function, _table_of(function, surfaces))
    return paths


def _table_of(function: Function, surfaces: list[Surface]) -> Table | None:
    """The table whose rows a function gives, where they may be read."""
    entity = function.returns
    return next((each.table for each in surfaces if each.reads and entity and each.table.entity is entity), None)


def _components(surfaces: list[Surface], functions: list[Function], most_rows: int | None) -> dict[str, Any]:
    # A dash at the end sets the shared components apart from those of tables and columns, whose keys never end so.
    schemas: dict[str, Any] = {"fault-": FAULT}
    filters: dict[str, Any] = {f"{name}-": part for name, part in parameters(most_rows).items()}
    for each in surfaces:
        schemas |= each.schemas()
        filters |= table_parameters(each)
    for function in functions:
        schemas |= function_schemas(function)
    return {
        "schemas": schemas,
        "parameters": filters,
        "responses": RESPONSES,
        "headers": HEADERS,
        "securitySchemes": SECURITY,
    }
