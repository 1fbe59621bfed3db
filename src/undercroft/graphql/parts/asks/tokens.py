"""Opaque texts that name a record (`nodeId`) or its place in a collection (`Cursor`): base64 of a JSON list.

Protocol: pg_graphql's "API" page; the texts inside are its own business, and these are of its making.
"""

from __future__ import annotations

import binascii
import json
from base64 import b64decode
from typing import Any

from undercroft.graphql.parts.asks.refusals import bad_token

_LONGEST = 16_384


def read_token(token: Any) -> list[str | None]:
    """The members of a token as texts, None for null. Raises `GraphqlFault` for a text that is none.

    Numbers keep all their digits; members that are lists or objects are their JSON.
    """
    if not isinstance(token, str) or len(token) > _LONGEST:
        raise bad_token()
    try:
        members = json.loads(b64decode(token, validate=True), parse_int=str, parse_float=str, parse_constant=str)
    except (binascii.Error, ValueError, RecursionError):
        raise bad_token() from None
    if not isinstance(members, list):
        raise bad_token()
    return [_text(member) for member in members]


def _text(member: Any) -> str | None:
    if member is None or isinstance(member, str):
        return member
    if isinstance(member, bool):
        return "true" if member else "false"
    return json.dumps(member)
