"""Writes `docs/graphql-examples.md`: which of the documented examples is answered where."""

from __future__ import annotations

from collections.abc import Iterable
from itertools import groupby
from pathlib import Path

from tests.api.graphql.documented.examples import Example, read_examples

PAGE = Path(__file__).resolve().parents[4] / "docs/graphql-examples.md"
_HEAD = """# GraphQL: the documented examples

[pg_graphql's documentation](https://supabase.github.io/pg_graphql/) shows what is asked and what comes of it. Each of
its examples is asked here, too: of an existing PostgreSQL database, and, where it has a meaning there, of an app with
the same tables, on PostgreSQL and on SQLite, which give the same bytes. This page is made of those tests.

A number refers to a note below the table: what the documentation has otherwise, mostly by a slip.
"""


def page_of(examples: Iterable[Example]) -> str:
    """The page."""
    return _HEAD + "".join(_table(page, list(each)) for page, each in groupby(examples, lambda each: each.page))


def _table(page: str, examples: list[Example]) -> str:
    lines = [
        f"\n## {page}\n",
        "| example | existing PostgreSQL | app on PostgreSQL | app on SQLite | |",
        "|---|---|---|---|---|",
    ]
    notes: list[str] = []
    for each in examples:
        mark = ""
        if each.note is not None:
            if each.note not in notes:
                notes.append(each.note)
            mark = str(notes.index(each.note) + 1)
        shown = "types" if each.query is None else "refused" if each.fails else "yes"
        lines.append(f"| {each.heading}: {each.name} | {shown} | {_in_an_app(each, shown)} | {mark} |")
    told = "".join(f"{place}. {note}\n" for place, note in enumerate(notes, 1))
    return "\n".join(lines) + "\n" + (f"\n{told}" if told else "")


def _in_an_app(example: Example, shown: str) -> str:
    if example.world.missing is not None:
        return f"– {example.world.missing} | –"
    return "– | –" if example.query is None else f"{shown} | {shown}"


if __name__ == "__main__":
    PAGE.write_text(page_of(read_examples()))
