"""Where the columns of views come from: each one's column of a table, through any number of views between.

PostgreSQL keeps a view as the tree of its query, and in that tree, for every column that is selected as it is, the
relation and column that it was taken from; also where that stands in a subquery or in WITH.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping

from undercroft.engine.postgres.reflect.facts import Oid, ViewFact

Place = tuple[Oid, int]
"""A column: its relation, and its number there."""

_MARK = re.compile(r"\\.|:targetList \(|[(){}]", re.DOTALL)
_ENTRY_END = re.compile(
    r":resno (\d+) :resname (?:[^\s\\]|\\.)+ :ressortgroupref \d+ :resorigtbl (\d+) :resorigcol (-?\d+)"
    r" :resjunk (true|false)\}$",
    re.DOTALL,
)


def trace_views(views: Iterable[ViewFact]) -> dict[Place, Place]:
    """For each column of a view that is a column of another relation as it is: which one, at the end of the way.

    The end is a column of a table, or one that a view below makes itself.
    """
    direct = {(view.oid, number): origin for view in views for number, origin in read_origins(view.tree)}
    return {place: _followed(place, direct) for place in direct}


def _followed(place: Place, direct: Mapping[Place, Place]) -> Place:
    seen = set[Place]()
    while place in direct and place not in seen:  # no view is made of itself; the server sees to that
        seen.add(place)
        place = direct[place]
    return place


def read_origins(tree: str) -> Iterator[tuple[int, Place]]:
    """(number of the view's column, what it was selected from) for the outermost query of a tree: `({QUERY …})`."""
    depth, inside, entry = 0, 0, 0
    for found in _MARK.finditer(tree):
        mark = found[0]
        if mark.startswith("\\"):
            continue
        if mark[-1] in "({":
            depth += 1
            if mark[0] == ":" and depth == 3:
                inside = depth
            elif inside and mark == "{" and depth == inside + 1:
                entry = found.start()
        else:
            if inside and mark == "}" and depth == inside + 1:
                yield from _read_entry(tree[entry : found.end()])
            depth -= 1
            if depth < inside:
                return


def _read_entry(text: str) -> Iterator[tuple[int, Place]]:
    found = _ENTRY_END.search(text)
    if found is not None and found[4] == "false" and int(found[2]) and int(found[3]) > 0:
        yield int(found[1]), (int(found[2]), int(found[3]))
