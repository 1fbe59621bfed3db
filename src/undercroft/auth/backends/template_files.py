"""The mails of this room as files: ours, and those that the settings name, which come before any other."""

from __future__ import annotations

import re
from pathlib import Path
from typing import TYPE_CHECKING

from undercroft.auth.parts.go_templates import translated
from undercroft.base.faults import SetupFault

if TYPE_CHECKING:
    from undercroft.base.settings.auth_messages_section import AuthEmail

TEMPLATES = Path(__file__).parent.parent / "templates"
"""Ours, in a folder `auth` as an app has it in its folder of mail templates."""
FOLDER = "auth"
_SUBJECT = re.compile(r"\{% block subject %\}.*?\{% endblock %\}", re.DOTALL)
_SUBJECTS = {
    "confirmation": "Confirm your email address", "recovery": "Reset your password", "magic_link": "Your sign-in link",
    "invite": "You have been invited", "email_change": "Confirm your new email address",
    "reauthentication": "{{ .Token }} is your code",
}  # fmt: skip
"""Of mails in words of one's own that are given none."""


def read_templates(settings: AuthEmail) -> dict[str, str]:
    """The templates of `[auth.email.template]` by the names of their files. Raises `SetupFault`.

    One with a subject and no file is ours with that subject.
    """
    found = {}
    for name, usual in _SUBJECTS.items():
        given = getattr(settings.template, name)
        where = f"[auth.email.template.{name}]"
        if given.content_path is None and given.subject is None:
            continue
        subject = translated(given.subject or usual, f"{where} subject")
        block = f"{{% block subject %}}{subject}{{% endblock %}}"
        if given.content_path is None:
            ours = _read(TEMPLATES / FOLDER / f"{name}.html", where)
            found[f"{FOLDER}/{name}.html"] = _SUBJECT.sub(lambda _, block=block: block, ours)  # type: ignore[misc]
        else:
            found[f"{FOLDER}/{name}.html"] = block + translated(_read(given.content_path, where), where)
    return found


def _read(path: Path, where: str) -> str:
    try:
        return path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        reason = error.strerror if isinstance(error, OSError) else "it is not UTF-8"
        raise SetupFault(f"{where} content_path {path} cannot be read: {reason}") from None
