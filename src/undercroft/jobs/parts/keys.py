"""Keys of jobs, made of their arguments."""

from __future__ import annotations

import json
from hashlib import sha256
from string import Formatter
from typing import Any

from undercroft.base.faults import Fault
from undercroft.models.jobs import Named


def template(text: str | None) -> Named:
    """A key as a template names it, `"import:{account_id}"`; None stands for all arguments.

    Only names may stand in braces: neither attributes nor indexes, which would reach into objects.

    Raises `Fault` 22023.
    """
    if text is None:
        return _of_all
    names = [name for _, name, _, _ in Formatter().parse(text) if name is not None]
    if wrong := [name for name in names if not name.isidentifier()]:
        raise Fault(f"{{{wrong[0]}}} is no name of an argument", code="22023", hint='As in "import:{account_id}".')

    def key(**arguments: Any) -> str:
        return text.format(**arguments)

    return key


def _of_all(**arguments: Any) -> str:
    """Arguments of any size as a short key, the same for the same values."""
    written = json.dumps(arguments, sort_keys=True, default=str)
    return sha256(written.encode()).hexdigest()
