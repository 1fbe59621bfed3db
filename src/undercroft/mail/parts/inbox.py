"""The page of caught mails, as HTML: a list, and one mail with its parts. It holds no script.

A mail's own HTML is shown in a frame that may run nothing and reach nothing of this server (`sandbox`, and a policy of
its own); what stands outside of the frame is escaped.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

from jinja2 import DictLoader, Environment, StrictUndefined

PAGE_POLICY = "default-src 'none'; style-src 'unsafe-inline'; frame-src 'self'; base-uri 'none'; frame-ancestors 'none'"
MAIL_POLICY = (
    "sandbox allow-popups allow-popups-to-escape-sandbox; default-src 'none'; style-src 'unsafe-inline'; "
    "img-src data: https:; font-src data: https:; base-uri 'none'; form-action 'none'; frame-ancestors 'self'"
)

_FRAME = """<!doctype html>
<html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width, initial-scale=1">
<title>{{ heading }}</title><style>
body { font: 15px/1.5 system-ui, sans-serif; margin: 2rem auto; max-width: 60rem; padding: 0 1rem; color: #222 }
a { color: #0b57d0 } table { border-collapse: collapse; width: 100% }
td, th { text-align: left; padding: .35rem .7rem .35rem 0; border-bottom: 1px solid #ddd; vertical-align: top }
iframe { width: 100%; height: 36rem; border: 1px solid #ccc; background: #fff }
pre { white-space: pre-wrap; background: #f6f6f6; padding: 1rem } .state { color: #777 }
</style></head><body>{% block body %}{% endblock %}</body></html>
"""
_LIST = """{% extends "frame" %}{% block body %}<h1>{{ heading }}</h1>
{% if mails %}<table><tr><th>To</th><th>Subject</th><th>When</th><th></th></tr>
{% for mail in mails %}<tr><td>{{ mail.recipient }}</td><td><a href="mail/{{ mail.id }}">{{ mail.subject }}</a></td>
<td>{{ moment(mail.created) }}</td><td class="state">{{ mail.state }}</td></tr>
{% endfor %}</table>{% else %}<p>No mails yet. What the app sends while it is developed is shown here, and goes nowhere.
</p>{% endif %}{% endblock %}
"""
_MAIL = """{% extends "frame" %}{% block body %}<p><a href="../mail">All mails</a></p><h1>{{ heading }}</h1>
<table><tr><th>From</th><td>{{ mail.sender }}</td></tr><tr><th>To</th><td>{{ mail.recipient }}</td></tr>
{% if mail.reply_to %}<tr><th>Reply to</th><td>{{ mail.reply_to }}</td></tr>{% endif %}
<tr><th>When</th><td>{{ moment(mail.created) }}</td></tr>
<tr><th>Template</th><td>{{ mail.template }}</td></tr>
<tr><th>State</th><td>{{ mail.state }}{% if mail.answer %}: {{ mail.answer }}{% endif %}</td></tr>
{% for file in files %}<tr><th>Attachment</th>
<td><a href="{{ mail.id }}/attachments/{{ loop.index0 }}">{{ file.name }}</a>
({{ file.media_type }}, {{ file.content | length }} bytes)</td></tr>{% endfor %}</table>
{% if mail.html %}<h2>HTML</h2><iframe sandbox="allow-popups allow-popups-to-escape-sandbox" src="{{ mail.id }}/html"
title="The mail"></iframe>{% endif %}
<h2>Text</h2><pre>{{ mail.text }}</pre><p><a href="{{ mail.id }}/source">Source</a></p>{% endblock %}
"""


def moment(microseconds: int) -> str:
    """A stored moment, as people read it."""
    return f"{datetime.fromtimestamp(microseconds / 1_000_000, UTC):%Y-%m-%d %H:%M:%S} UTC"


_ENVIRONMENT = Environment(
    loader=DictLoader({"frame": _FRAME, "list": _LIST, "mail": _MAIL}), autoescape=True, undefined=StrictUndefined
)
_ENVIRONMENT.globals["moment"] = moment


def list_page(mails: Sequence[Mapping[str, Any]]) -> str:
    """The latest mails, newest first."""
    return _ENVIRONMENT.get_template("list").render(heading="Caught mails", mails=mails)


def mail_page(mail: Mapping[str, Any], files: Sequence[Any]) -> str:
    """One mail; `files` are its attachments."""
    return _ENVIRONMENT.get_template("mail").render(heading=mail["subject"], mail=mail, files=files)
