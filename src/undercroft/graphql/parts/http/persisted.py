"""Documents that are named by a hash in place of being sent: those that somebody sent before, or those of a list.

Protocol: Apollo's automatic persisted queries, `extensions: {"persistedQuery": {"version": 1, "sha256Hash": "…"}}`.
What is kept is text, found by the hash of it alone: whoever names it is judged like somebody who sends it.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Mapping
from hashlib import sha256
from typing import Any, NamedTuple

import msgspec

from undercroft.base.faults import SetupFault
from undercroft.graphql.errors import MessageFault, PersistedFault

_ENTRIES = 1_000
_BYTES = 4 * 1024 * 1024
_LONGEST = 64 * 1024
"""Bytes of one document that is kept."""


class Found(NamedTuple):
    """A document, and the hash by which it may be kept once it has been answered."""

    query: str
    keep: str | None = None


class Persisted:
    """Documents that callers have sent with their hash, the least used of them forgotten first."""

    def __init__(self, entries: int = _ENTRIES, size: int = _BYTES) -> None:
        """At most so many documents, and so many bytes of them."""
        self._entries = entries
        self._size = size
        self._documents: OrderedDict[str, str] = OrderedDict()
        self._used = 0

    def find(self, query: str | None, extensions: Mapping[str, Any] | None) -> Found:
        """The document that a message means. Raises `MessageFault` where it has none, `PersistedFault` where it is not
        known by its hash, or is another.
        """
        digest = hash_in(extensions)
        if digest is None:
            return Found(_sent(query))
        if not query:
            known = self._documents.get(digest)
            if known is None:
                raise PersistedFault("PersistedQueryNotFound", "PERSISTED_QUERY_NOT_FOUND")
            self._documents.move_to_end(digest)
            return Found(known)
        if _hash(query) != digest:
            raise PersistedFault("provided sha does not match query", "PERSISTED_QUERY_HASH_MISMATCH")
        return Found(query, digest)

    def keep(self, digest: str, query: str) -> None:
        """Remember a document that has been found sound."""
        size = len(query.encode())
        if size > _LONGEST or digest in self._documents:
            return
        self._documents[digest] = query
        self._used += size
        while len(self._documents) > self._entries or self._used > self._size:
            _, gone = self._documents.popitem(last=False)
            self._used -= len(gone.encode())


class Listed:
    """Documents of a list, and no others."""

    def __init__(self, documents: Mapping[str, str]) -> None:
        """`documents` are texts by the names that callers give them; a text may be sent in place of its name."""
        self._documents = dict(documents)
        self._texts = frozenset(self._documents.values())

    def find(self, query: str | None, extensions: Mapping[str, Any] | None) -> Found:
        """As `Persisted.find`. Raises `PersistedFault` for any document that is not of the list."""
        name = hash_in(extensions)
        if name is None:
            text = _sent(query)
            if text in self._texts:
                return Found(text)
        else:
            known = self._documents.get(name)
            if known is not None and query in (None, "", known):
                return Found(known)
        raise PersistedFault(
            "only documents that this server knows are answered",
            "PERSISTED_QUERY_NOT_IN_LIST",
            hint="[graphql] persisted_documents names the file that lists them.",
        )

    def keep(self, digest: str, query: str) -> None:
        """Nothing is added to a list."""


def hash_in(extensions: Mapping[str, Any] | None) -> str | None:
    """The hash that a message names a document by. Raises `MessageFault` for one that is none."""
    told = None if extensions is None else extensions.get("persistedQuery")
    if told is None:
        return None
    if not isinstance(told, dict) or told.get("version") != 1 or not isinstance(told.get("sha256Hash"), str):
        raise MessageFault(
            "extensions.persistedQuery cannot be read", hint='Send {"version": 1, "sha256Hash": "<64 hex digits>"}.'
        )
    digest: str = told["sha256Hash"]
    return digest


def read_list(body: bytes, source: str) -> dict[str, str]:
    """Documents by name, of a JSON file: an object of texts, or Apollo's manifest (`{"operations": [{"id", "body"}]}`).

    Raises `SetupFault` for what is neither.
    """
    try:
        found = msgspec.json.decode(body)
        if isinstance(found, dict) and isinstance(found.get("operations"), list):
            found = {each["id"]: each["body"] for each in found["operations"]}
        return msgspec.convert(found, dict[str, str])
    except (msgspec.DecodeError, RecursionError, KeyError, TypeError):
        raise SetupFault(
            f"{source}: no list of documents",
            hint='Write {"<hash>": "query …"}, or Apollo\'s manifest of persisted queries.',
        ) from None


def _sent(query: str | None) -> str:
    if not query:
        raise MessageFault("There is no document", hint='Send it as "query".')
    return query


def _hash(query: str) -> str:
    return sha256(query.encode()).hexdigest()
