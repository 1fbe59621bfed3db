"""Undercroft: one file of SQLAlchemy models, policies and logic, served as a complete backend.

The names are loaded when they are first asked for: `undercroft --help` needs none of them, and SQLAlchemy takes a
while.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from undercroft import auth
    from undercroft.app import App
    from undercroft.auth.tables import User
    from undercroft.base.faults import Fault
    from undercroft.functions.types import Event, Reply
    from undercroft.models.base import Model, Numeric, Timestamp, Uuid
    from undercroft.models.encrypted import Encrypted, blind
    from undercroft.models.mail import Attachment
    from undercroft.pages.types import Page, Redirect
    from undercroft.pipeline.context import Context
    from undercroft.web.forms import Form, Upload
    from undercroft.web.handlers import FormErrors
    from undercroft.web.received import WebRequest

__all__ = [
    "App", "Attachment", "Context", "Encrypted", "Event", "Fault", "Form", "FormErrors", "Model", "Numeric", "Page",
    "Redirect", "Reply", "Timestamp", "Upload", "User", "Uuid", "WebRequest", "auth", "blind",
]  # fmt: skip


def __getattr__(name: str) -> object:
    """Load all public names at the first use of one."""
    if name not in __all__:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    import undercroft.auth as auth
    from undercroft.app import App
    from undercroft.auth.tables import User
    from undercroft.base.faults import Fault
    from undercroft.functions.types import Event, Reply
    from undercroft.models.base import Model, Numeric, Timestamp, Uuid
    from undercroft.models.encrypted import Encrypted, blind
    from undercroft.models.mail import Attachment
    from undercroft.pages.types import Page, Redirect
    from undercroft.pipeline.context import Context
    from undercroft.web.forms import Form, Upload
    from undercroft.web.handlers import FormErrors
    from undercroft.web.received import WebRequest

    public = (
        App, Attachment, Context, Encrypted, Event, Fault, Form, FormErrors, Model, Numeric, Page, Redirect, Reply,
        Timestamp, Upload, User, Uuid, WebRequest, auth, blind,
    )  # fmt: skip
    globals().update(zip(__all__, public, strict=True))
    return globals()[name]


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
