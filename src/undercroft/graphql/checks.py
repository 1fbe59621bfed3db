"""What can be said of names and directives before anybody asks: for `doctor`, and for the log of a start."""

from __future__ import annotations

import re
from collections.abc import Iterator

from undercroft.base.findings import Finding
from undercroft.graphql.parts.describing.tables import Outline

_SUBJECT = re.compile(" is |: ")
"""What follows the name of something in what is told of it."""


def check_names(known: Outline) -> Iterator[Finding]:
    """UC118: what GraphQL leaves out, calls otherwise, or cannot read."""
    for problem in known.problems:
        yield Finding(
            "UC118",
            "warning",
            _SUBJECT.split(problem, 1)[0],
            problem.partition(";")[0],
            "Say how it is to be called (`app.graphql`, or @graphql in its comment), or leave it out by expose=False.",
        )
