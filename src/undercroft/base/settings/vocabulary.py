"""The names that a settings file may use: ours, read off the sections, and Supabase CLI's that we do not have yet."""

from __future__ import annotations

from typing import TYPE_CHECKING

from undercroft.base.faults import closest
from undercroft.base.settings.sections import LATER, Section

if TYPE_CHECKING:
    from collections.abc import Iterator

    from pydantic.fields import FieldInfo

    from undercroft.base.settings.problems import Path

PREFIX = "UNDERCROFT_"

# Sections of Supabase CLI's config.toml (https://supabase.com/docs/guides/local-development/cli/config) without a
# counterpart here so far. A section that we come to have is taken off this list and written as a Section.
ELSEWHERE: frozenset[Path] = frozenset(
    [(name,) for name in (
        "analytics", "db", "edge_runtime", "experimental", "functions", "inbucket", "local_smtp", "realtime", "remotes",
        "storage", "studio",
    )]
    + [("auth", name) for name in (
        "hook", "third_party",
    )]
    + [("auth", "email", name) for name in ("notification",)]
    + [("auth", "sms", name) for name in ("messagebird", "textlocal", "twilio_verify", "vonage")]
)  # fmt: skip


def subsection(field: FieldInfo) -> type[Section] | None:
    """The section that a field opens, or None for a plain setting."""
    kind = field.annotation
    return kind if isinstance(kind, type) and issubclass(kind, Section) else None


def leaves(model: type[Section], above: Path = ()) -> Iterator[tuple[Path, FieldInfo]]:
    """Every plain setting below `model`, with its full name."""
    for name, field in model.model_fields.items():
        inner = subsection(field)
        if inner is None:
            yield (*above, name), field
        else:
            yield from leaves(inner, (*above, name))


def variable(path: Path) -> str:
    """`UNDERCROFT_AUTH_EMAIL_OTP_LENGTH` for `auth.email.otp_length`."""
    return PREFIX + "_".join(path).upper()


def is_later(field: FieldInfo) -> bool:
    """Whether the setting is accepted and not used yet."""
    return isinstance(field.json_schema_extra, dict) and LATER in field.json_schema_extra


def meant(path: Path, model: type[Section], root: type[Section]) -> str | None:
    """What somebody who wrote the unknown `path` inside `model` probably wanted: "did you mean …?"."""
    *above, name = path
    twins = [known for known, _ in leaves(root) if known[-1] == name and len(known) > 1]
    if len(twins) > 1:  # of several, the one that stands highest
        least = min(len(known) for known in twins)
        twins = [known for known in twins if len(known) == least]
    if len(twins) == 1:
        return f"did you mean [{'.'.join(twins[0][:-1])}] {name}?"
    here = [*model.model_fields, *(known[-1] for known in ELSEWHERE if list(known[:-1]) == above)]
    found = closest(name, here)
    return f'did you mean "{found}"?' if found else None
