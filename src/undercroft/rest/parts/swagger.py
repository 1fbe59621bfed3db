"""PostgREST's description of an API, in Swagger 2.0: for clients that were made for it.

Protocol: Swagger 2.0; PostgREST's "openapi" page.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any
from urllib.parse import urlsplit

import msgspec

from undercroft.catalog.types import Catalog
from undercroft.rest.parts.swagger_functions import Offered, function_path
from undercroft.rest.parts.swagger_shared import CONSUMES, PARAMETERS, SECURITY
from undercroft.rest.parts.swagger_tables import Usable, definition, table_parameters, table_path

VERSION = "14"
"""The release of PostgREST whose dialect this is."""

_ENCODER = msgspec.json.Encoder(enc_hook=str)
"""Names that come from SQLAlchemy are texts of a type of its own."""


def swagger(
    catalog: Catalog,
    usable: Iterable[Usable],
    functions: Iterable[Offered],
    *,
    server: str,
    title: str | None = None,
    secured: bool = False,
) -> bytes:
    """The description as JSON. `server` is the API's address; `secured` tells of tokens.

    A comment on the schema is title, its first line, and description.
    """
    tables = sorted(usable, key=lambda each: each.table.name)
    first, _, rest = (catalog.comment or "").partition("\n")
    address = urlsplit(server)
    paths: dict[str, Any] = {"/": {"get": _root()}}
    paths |= {f"/{each.table.name}": path for each in tables if (path := table_path(each))}
    paths |= {f"/rpc/{each.name}": function_path(each) for each in sorted(functions, key=lambda each: each.name)}
    parameters = dict(PARAMETERS)
    for each in tables:
        parameters |= table_parameters(each.table)
    described: dict[str, Any] = {
        "swagger": "2.0",
        "info": {"title": title or first or "PostgREST API", "description": rest.strip("\n"), "version": VERSION},
        **({"host": address.netloc, "schemes": [address.scheme]} if address.netloc else {}),
        "basePath": address.path or "/",
        "consumes": CONSUMES,
        "produces": CONSUMES,
        "paths": paths,
        "definitions": {each.table.name: definition(catalog, each.table) for each in tables},
        "parameters": parameters,
        "externalDocs": {
            "description": "PostgREST Documentation",
            "url": f"https://postgrest.org/en/v{VERSION}/references/api.html",
        },
    }
    if secured:
        described |= {"security": [{name: []} for name in SECURITY], "securityDefinitions": SECURITY}
    return _ENCODER.encode(described)


def _root() -> dict[str, Any]:
    return {
        "tags": ["Introspection"],
        "summary": "OpenAPI description (this document)",
        "produces": ["application/openapi+json", "application/json"],
        "responses": {"200": {"description": "OK"}},
    }
