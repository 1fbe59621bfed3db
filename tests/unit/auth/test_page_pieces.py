"""Pieces of our own pages: colours that can be read, where a form may lead, words for people."""

from __future__ import annotations

import re

import pytest

from undercroft.auth.errors import STATUSES, AuthFault
from undercroft.auth.parts.colours import accents, contrast
from undercroft.auth.parts.page_heads import CAPTCHAS, page_heads
from undercroft.auth.parts.redirects import is_own_path
from undercroft.auth.parts.words import _WORDS, place_name, said, told_by_code


def _read(text: str) -> tuple[int, int, int]:
    long = text if len(text) == 7 else "#" + "".join(each * 2 for each in text[1:])
    return int(long[1:3], 16), int(long[3:5], 16), int(long[5:7], 16)


@pytest.mark.parametrize("accent", ["#1f5c4d", "#ffffff", "#000000", "#ffff00", "#ff0000", "#7f7f7f", "#0000FF"])
def test_any_accent_can_be_read(accent: str) -> None:
    papers = ((255, 255, 255), (32, 31, 28))
    found = re.findall(r"--accent:(#\w+);--on-accent:(#\w+)", accents(accent))
    assert len(found) == 2
    for (shade, upon), paper in zip(found, papers, strict=True):
        assert contrast(_read(shade), paper) >= 4.5
        assert contrast(_read(shade), _read(upon)) >= 4.5


@pytest.mark.parametrize(
    ("leads_to", "allowed"),
    [
        ("/here", "form-action 'self';"), ("https://app.example.com/x", "form-action 'self' https:;"),
        ("http://localhost:3000/x", "form-action 'self' https: http://localhost:3000;"),
        ("com.example.app:/x", "form-action 'self' https: com.example.app:;"),
    ],
)  # fmt: skip
def test_where_a_form_may_lead(leads_to: str, allowed: str) -> None:
    assert allowed in dict(page_heads(leads_to=leads_to))[b"content-security-policy"].decode()


@pytest.mark.parametrize("captcha", CAPTCHAS)
def test_a_widget_loads_from_its_maker_and_only_where_it_is_shown(captcha: str) -> None:
    _, origins = CAPTCHAS[captcha]
    policy = dict(page_heads(captcha=captcha))[b"content-security-policy"].decode()
    assert f"script-src 'self' {origins};" in policy
    assert f"frame-src {origins}" in policy
    assert "frame-src" not in dict(page_heads())[b"content-security-policy"].decode()


def test_a_path_of_ours_is_one_for_everybody() -> None:
    assert all(is_own_path(path) for path in ("/", "/a/b?c=d&e=%2F#f"))
    for path in ("", "a", "//a", "/\\a", "/a b", "/\ta", "/a/../b", "/%2e%2e/", "/\n", "https://a.example/", "/ä"):
        assert not is_own_path(path), path


def test_words_are_of_codes_that_there_are() -> None:
    assert set(_WORDS) - {"access_denied"} <= set(STATUSES)
    assert said(AuthFault("weak_password", "Too short")) == "Too short"
    assert told_by_code("<script>") == told_by_code("unexpected_failure")
    assert (place_name("github"), place_name("custom:our-school")) == ("GitHub", "Our School")
