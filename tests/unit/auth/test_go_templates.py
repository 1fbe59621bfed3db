"""Mail templates of Supabase, read as ours."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from undercroft.auth.backends.template_files import TEMPLATES, read_templates
from undercroft.auth.parts.go_templates import translated
from undercroft.base.faults import SetupFault
from undercroft.base.settings.auth_messages_section import AuthEmail
from undercroft.mail.parts.templates import Templates

DATA: dict[str, Any] = {
    "confirmation_url": "https://api.example.com/verify?a=1&b=2", "token": "123456", "token_hash": "abc", "minutes": 60,
    "site_url": "https://app.example.com", "email": "ada@example.com", "new_email": "", "redirect_to": "https://x.example",
    "data": {"name": "<Ada>", "team": {"id": 7}, "lang": "es"},
}  # fmt: skip


def rendered(tmp_path: Path, text: str) -> str:
    first = {"auth/x.html": "{% block subject %}S{% endblock %}" + translated(text, "here")}
    return Templates(tmp_path, {"title": "Feast"}, first=first, last=(TEMPLATES,)).render("auth/x", DATA).html


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("{{ .Token }}|{{.TokenHash}}|{{- .Email -}} |{{ .SiteURL }}", "123456|abc|ada@example.com|https://app.example.com"),
        ("{{ .Email }} {{- .Token }} {{ .Token -}} x", "ada@example.com123456 123456x"),
        ("{{ .Data.name }}/{{ .Data.team.id }}/{{ .Data.none }}/{{ .Data.none.more }}", "&lt;Ada&gt;/7//"),
        ('{{ index .Data "name" }}{{ .Email | html }}', "&lt;Ada&gt;ada@example.com"),
        ('{{ if eq .Data.lang "es" }}Hola{{ else if eq .Data.lang "de" }}Hallo{{ else }}Hi{{ end }}', "Hola"),
        ('{{ if and .Email (not .NewEmail) }}old{{ end }}{{ if or .NewEmail .Token }}!{{ end }}', "old!"),
        ('{{ if ne .Data.lang "es" }}a{{ else }}b{{end}}', "b"),
        ("{{/* nothing */}}a{# b #}c{% d %}", "a{# b #}c{% d %}"),
        ('{{ .RedirectTo | urlquery }}', "https%3A//x.example"),
    ],
)  # fmt: skip
def test_what_it_says_is_said(tmp_path: Path, text: str, expected: str) -> None:
    assert expected in rendered(tmp_path, f"<p>{text}</p>")


@pytest.mark.parametrize(
    "text",
    [
        "{{ .Other }}", "{{ range .Data }}{{ end }}", "{{ if .Email }}", "{{ end }}", "{{ template \"x\" }}",
        "{{ .Email | js }}", "{{ (.Email }}", "{{ $x := 1 }}", "{{ }}", "{{ .Email.x }}", "{{ config }}",
    ],
)  # fmt: skip
def test_what_is_not_understood_is_refused_at_start(text: str) -> None:
    with pytest.raises(SetupFault, match="here"):
        translated(text, "here")


def test_values_are_no_templates(tmp_path: Path) -> None:
    said = {**DATA, "data": {"name": "{{ token }}{% x %}"}}
    first = {"auth/x.html": "{% block subject %}S{% endblock %}<p>" + translated("{{ .Data.name }}", "here") + "</p>"}
    found = Templates(tmp_path, first=first).render("auth/x", said).html
    assert "{{ token }}{% x %}" in found


def test_whose_template_comes_first(tmp_path: Path) -> None:
    """The settings' before the app's, the app's before ours; with a subject alone, ours with that."""
    own = tmp_path / "templates"
    (own / "auth").mkdir(parents=True)
    (own / "auth" / "invite.html").write_text("{% block subject %}Own{% endblock %}<p>own {{ token }}</p>")
    (tmp_path / "reset.html").write_text("<p>Reset: {{ .Token }}</p>")
    email = AuthEmail.model_validate(
        {
            "template": {
                "recovery": {"subject": "Reset {{ .Email }}", "content_path": str(tmp_path / "reset.html")},
                "magic_link": {"subject": "Come in: {{ .Token }}"},
            }
        }
    )
    templates = Templates(own, {"title": "Feast"}, first=read_templates(email), last=(TEMPLATES,))
    said = {
        name: templates.render(f"auth/{name}", DATA) for name in ("recovery", "magic_link", "invite", "confirmation")
    }
    assert (said["recovery"].subject, said["recovery"].text) == ("Reset ada@example.com", "Reset: 123456\n")
    assert said["magic_link"].subject == "Come in: 123456"
    assert "Sign in to Feast" in said["magic_link"].text
    assert (said["invite"].subject, said["invite"].text) == ("Own", "own 123456\n")
    assert said["confirmation"].subject == "Confirm your email address"


def test_a_file_that_is_not_there_is_named_at_start(tmp_path: Path) -> None:
    email = AuthEmail.model_validate({"template": {"invite": {"content_path": str(tmp_path / "none.html")}}})
    with pytest.raises(SetupFault, match=r"auth\.email\.template\.invite.*none\.html"):
        read_templates(email)


@pytest.mark.parametrize(
    "name", ["confirmation", "recovery", "magic_link", "invite", "email_change", "reauthentication"]
)
def test_our_mails_hold_the_code_and_are_read_as_text(tmp_path: Path, name: str) -> None:
    """D19: the code is always there, for those whose link was opened by a program."""
    found = Templates(tmp_path, {"title": "Feast"}, last=(TEMPLATES,)).render(f"auth/{name}", DATA)
    assert "\n123456\n" in found.text
    assert 'lang="en"' in found.html
    assert 'style="' in found.html
    assert "<Ada>" not in found.html
    assert ("https://api.example.com/verify?a=1&b=2" in found.text) is (name != "reauthentication")
    assert len(found.html) < 20_000
