"""Templates of mails: `welcome.html` in a folder, its subject in a block, its style sheet written into its elements.

They are rendered by Jinja2 in its immutable sandbox: data never becomes code, what a template names must be given,
and what stands in HTML is escaped. Style sheets are inlined from the template itself; nothing is fetched.
"""

from __future__ import annotations

import html as html_escapes
import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import msgspec
from jinja2 import (
    ChoiceLoader,
    DictLoader,
    FileSystemLoader,
    StrictUndefined,
    Template,
    TemplateError,
    TemplateNotFound,
)
from jinja2.sandbox import ImmutableSandboxedEnvironment

from undercroft.base.faults import SetupFault
from undercroft.mail.errors import TemplateFault
from undercroft.mail.parts.addresses import check_header
from undercroft.mail.parts.texts import text_of

SUBJECT = "subject"
_NAME = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_-]*(?:/[A-Za-z0-9_][A-Za-z0-9_-]*)*")
_LANGUAGE = re.compile(r"[A-Za-z]{2,3}(?:-[A-Za-z0-9]{2,8})*")
_MARK = "\x00subject\x00"
"""Stands where the subject's block stands in a document, until it is known."""
_TITLE = re.compile(rf"(<title[^>]*>)\s*{_MARK}\s*(</title>)")


class Rendered(NamedTuple):
    """The words of a mail."""

    subject: str
    html: str
    text: str


class Templates:
    """The templates of a folder, compiled once; a changed file is read again."""

    def __init__(
        self,
        folder: Path,
        public: Mapping[str, Any] | None = None,
        *,
        first: Mapping[str, str] | None = None,
        last: Sequence[Path] = (),
    ) -> None:
        """`public` are values that every template has; `first` are templates by the names of their files that come
        before those of the folder, and `last` the folders in which the house looks for what is not there.

        Raises `SetupFault` where the style inliner is missing.
        """
        try:
            from css_inline import CSSInliner
        except ImportError as error:
            raise SetupFault(f"mail needs a package: {error}", hint="pip install 'undercroft[mail]'") from error
        self.folder = folder
        self._environment = ImmutableSandboxedEnvironment(
            loader=ChoiceLoader([DictLoader(dict(first or {})), FileSystemLoader([folder, *last])]),
            undefined=StrictUndefined,
            autoescape=lambda name: name is None or not name.endswith(".txt"),
            trim_blocks=True,
            lstrip_blocks=True,
            cache_size=400,
        )
        self._environment.globals |= dict(public or {})
        self._inliner = CSSInliner(load_remote_stylesheets=False, keep_at_rules=True)

    def render(
        self, name: str, data: Mapping[str, Any], *, language: str | None = None, subject: str | None = None
    ) -> Rendered:
        """The mail that a template makes of `data`, which is turned into plain JSON first.

        `subject` comes before the template's own. Raises `TemplateFault`, and `AddressFault` for a subject of two
        lines.
        """
        given = plain(data)
        try:
            document, found = self._document(self._template(name, language, "html"), given)
            text = self._text(name, language, given)
        except TemplateError as error:
            raise _wrong(name, error) from error
        except (TypeError, ValueError, ArithmeticError, LookupError, OverflowError) as error:
            raise TemplateFault(f"the mail template {name} failed: {error}") from error
        line = check_header("a mail's subject", subject) if subject is not None else " ".join(found.split())
        if not line:
            raise TemplateFault(
                f"the mail template {name} has no subject",
                hint="{% block subject %}Welcome{% endblock %}, or subject=.",
            )
        check_header("a mail's subject", line)
        title = html_escapes.escape(line)
        document = _TITLE.sub(lambda match: match[1] + title + match[2], document).replace(_MARK, "").lstrip()
        inlined = self._inlined(name, _storable(document))
        return Rendered(line, inlined, _storable(text) if text is not None else text_of(inlined))

    def _template(self, name: str, language: str | None, kind: str) -> Template:
        """The file for the language, else for its first part, else for all. Raises `TemplateFault`."""
        if not _NAME.fullmatch(name) or (language is not None and not _LANGUAGE.fullmatch(language)):
            raise TemplateFault(f'"{name}" in the language "{language}" is no mail template')
        languages = [] if language is None else [language, language.partition("-")[0]]
        try:
            return self._environment.select_template([*(f"{name}.{one}.{kind}" for one in languages), f"{name}.{kind}"])
        except TemplateNotFound:
            where = f"{self.folder.name}/{name}.{kind}"
            raise TemplateFault(f"there is no mail template {where}") from None

    def _document(self, template: Template, data: Mapping[str, Any]) -> tuple[str, str]:
        """The document with a mark for its subject, and the subject."""
        context = template.new_context(dict(data))
        own = context.blocks.get(SUBJECT, [])
        context.blocks[SUBJECT] = [lambda _: iter((_MARK,))]
        document = "".join(template.root_render_func(context))
        # What it extends has added its own blocks behind.
        blocks = [*own, *context.blocks[SUBJECT][1:]]
        subject = html_escapes.unescape("".join(blocks[0](context))) if blocks else ""
        return document, subject

    def _text(self, name: str, language: str | None, data: Mapping[str, Any]) -> str | None:
        try:
            template = self._template(name, language, "txt")
        except TemplateFault:
            return None
        return template.render(data).strip("\n") + "\n"

    def _inlined(self, name: str, document: str) -> str:
        try:
            return self._inliner.inline(document)
        except ValueError as error:
            raise TemplateFault(f"the style sheet of the mail template {name} cannot be read: {error}") from error


def _storable(text: str) -> str:
    """Without NULs, which a mail may not hold (RFC 5321, 2.3.8), nor a text of PostgreSQL's."""
    return text.replace("\x00", "\ufffd")


def plain(data: Mapping[str, Any]) -> dict[str, Any]:
    """Data as JSON has it: moments and UUIDs are texts, dataclasses objects. Raises `TemplateFault`."""
    try:
        found: dict[str, Any] = msgspec.json.decode(msgspec.json.encode(data))
    except (TypeError, ValueError, RecursionError, msgspec.MsgspecError) as error:
        raise TemplateFault(f"what a mail is given must be plain JSON: {error}") from None
    return found


def _wrong(name: str, error: TemplateError) -> TemplateFault:
    line = getattr(error, "lineno", None)
    place = f"{getattr(error, 'name', None) or name}:{line}" if line else name
    return TemplateFault(f"the mail template {place} cannot be rendered: {error.message or error}")
