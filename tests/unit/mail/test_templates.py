"""Templates give a subject, HTML with its style in its elements, and text; what is wrong is said where it is."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest

from undercroft.mail.errors import AddressFault, TemplateFault
from undercroft.mail.parts.templates import Templates, plain

Write = Callable[..., Templates]


@pytest.fixture
def write(tmp_path: Path) -> Write:
    def written(**files: str) -> Templates:
        for name, text in files.items():
            path = tmp_path / name.replace("__", ".")
            path.write_text(text, encoding="utf-8")
        return Templates(tmp_path, {"title": "Shop"})

    return written


def test_a_template_gives_subject_html_and_text(write: Write) -> None:
    templates = write(
        layout__html="<title>{% block subject %}{% endblock %}</title><style>p { color: red }</style>"
        "{% block body %}{% endblock %}<p>{{ title }}</p>",
        welcome__html='{% extends "layout.html" %}{% block subject %}\n  Welcome,  {{ name }}\n{% endblock %}'
        "{% block body %}<p>Hello {{ name }}</p>{% endblock %}",
    )
    found = templates.render("welcome", {"name": "Tom & <Jerry>"})
    assert found.subject == "Welcome, Tom & <Jerry>"
    assert '<p style="color: red;">Hello Tom &amp; &lt;Jerry&gt;</p>' in found.html
    assert "<title>Welcome, Tom &amp; &lt;Jerry&gt;</title>" in found.html
    assert "<style>" not in found.html
    assert found.text == "Hello Tom & <Jerry>\n\nShop\n"


def test_a_subject_block_of_its_own_is_not_in_the_body(write: Write) -> None:
    found = write(a__html="{% block subject %}Hi{% endblock %}<p>Body</p>").render("a", {})
    assert (found.subject, found.text) == ("Hi", "Body\n")
    assert "Hi" not in found.html


def test_a_layouts_subject_is_taken_where_the_template_has_none(write: Write) -> None:
    templates = write(
        base__html="{% block subject %}From the layout{% endblock %}{% block body %}{% endblock %}",
        a__html='{% extends "base.html" %}{% block body %}x{% endblock %}',
    )
    assert templates.render("a", {}).subject == "From the layout"
    assert templates.render("a", {}, subject="Given").subject == "Given"


def test_a_text_of_its_own_is_not_escaped(write: Write) -> None:
    templates = write(a__html="{% block subject %}s{% endblock %}<p>{{ x }}</p>", a__txt="Plain {{ x }}\n\n")
    found = templates.render("a", {"x": "<&>"})
    assert found.text == "Plain <&>\n"
    assert "&lt;&amp;&gt;" in found.html


def test_the_language_is_looked_for_from_the_narrow_to_the_wide(write: Write) -> None:
    templates = write(a__html="{% block subject %}en{% endblock %}", a__de__html="{% block subject %}de{% endblock %}")
    found = [templates.render("a", {}, language=language).subject for language in ("de-AT", "de", "fr", None)]
    assert found == ["de", "de", "en", "en"]


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        ("{% block subject %}s{% endblock %}{{ missing }}", "'missing' is undefined"),
        ("{% block subject %}s{% endblock %}{{ user.nobody }}", "nobody"),
        ("{% block subject %}s{% endblock %}\n{% if %}", "a.html:2"),
        ("{% block subject %}s{% endblock %}{{ 1 // 0 }}", "failed"),
        ("<p>no subject</p>", "has no subject"),
        ("{% block subject %}s{% endblock %}{% include 'nothing.html' %}", "nothing.html"),
    ],
)
def test_what_is_wrong_is_said(write: Write, text: str, complaint: str) -> None:
    with pytest.raises(TemplateFault) as caught:
        write(a__html=text).render("a", {"user": {"name": "Ada"}})
    assert complaint in caught.value.message
    assert caught.value.code == "UC550"


@pytest.mark.parametrize("name", ["../a", "/etc/passwd", "a/../a", "", "a.html", "a\x00", "b", ".a", "a/", "a b"])
def test_a_name_is_a_name_in_the_folder(write: Write, name: str) -> None:
    templates = write(a__html="{% block subject %}s{% endblock %}")
    with pytest.raises(TemplateFault):
        templates.render(name, {})
    with pytest.raises(TemplateFault):
        templates.render("a", {}, language=f"../{name}")


def test_a_subject_of_two_lines_is_refused(write: Write) -> None:
    templates = write(a__html="{% block subject %}Hi {{ x }}{% endblock %}")
    assert templates.render("a", {"x": "a\r\nBcc: b@x.com"}).subject == "Hi a Bcc: b@x.com"
    with pytest.raises(AddressFault):
        templates.render("a", {"x": "y"}, subject="a\r\nBcc: b@x.com")
    with pytest.raises(AddressFault):
        templates.render("a", {"x": "\x1b[2J"})


def test_no_style_sheet_is_fetched(write: Write, tmp_path: Path) -> None:
    (tmp_path / "secret.css").write_text("p { color: rgb(1, 2, 3) }")
    links = f'<link rel="stylesheet" href="file://{tmp_path}/secret.css"><link rel="stylesheet" href="secret.css">'
    found = write(a__html="{% block subject %}s{% endblock %}" + links + "<p>x</p>").render("a", {})
    assert "rgb" not in found.html


def test_a_changed_file_is_read_again(write: Write, tmp_path: Path) -> None:
    import os

    templates = write(a__html="{% block subject %}old{% endblock %}")
    assert templates.render("a", {}).subject == "old"
    (tmp_path / "a.html").write_text("{% block subject %}new{% endblock %}")
    os.utime(tmp_path / "a.html", (1, 1))
    assert templates.render("a", {}).subject == "new"


def test_data_is_plain_json() -> None:
    given: dict[str, Any] = {"at": datetime(2026, 1, 1, tzinfo=UTC), "id": UUID(int=1), "list": (1, 2)}
    assert plain(given) == {
        "at": "2026-01-01T00:00:00Z",
        "id": "00000000-0000-0000-0000-000000000001",
        "list": [1, 2],
    }
    with pytest.raises(TemplateFault, match="plain JSON"):
        plain({"x": object()})
