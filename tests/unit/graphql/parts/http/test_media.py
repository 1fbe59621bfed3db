"""Which of GraphQL's media types a caller wants, and what is taken for JSON."""

from __future__ import annotations

import pytest

from undercroft.graphql.parts.http.media import JSON, PAGE, RESPONSE, UNSAID, Media, is_json, wanted

URQL = b"application/graphql-response+json, application/graphql+json, application/json, text/event-stream"
BROWSER = b"text/html,application/xhtml+xml,application/xml;q=0.9,image/avif,*/*;q=0.8"


@pytest.mark.parametrize(
    ("accept", "media"),
    [
        (None, UNSAID),
        (b" ", UNSAID),
        (b"*/*", UNSAID),
        (b"application/*", UNSAID),
        (b"application/json", JSON),
        (b"Application/JSON; charset=utf-8", JSON),
        (b"application/graphql-response+json", RESPONSE),
        (b"application/graphql-response+json; charset=utf-8, application/json; charset=utf-8", RESPONSE),
        (b"application/json, application/graphql-response+json", JSON),
        (b"application/json;q=0.9, application/graphql-response+json", RESPONSE),
        (b"application/json;q=0.9, */*;q=0.5", JSON),
        (URQL, RESPONSE),
        (BROWSER, UNSAID),
        (b"text/html", None),
        (b"text/plain", None),
        (b"application/json;q=0", None),
        (b"application/json;q=0, */*", None),
        (b"application/json;q=nan", None),
        (b"application/json;q=2", None),
        (b"application/json;q", JSON),
        (b",,;;q=,", None),
    ],
)
def test_the_type_of_an_answer(accept: bytes | None, media: Media | None) -> None:
    assert wanted(accept, page=False) == media


def test_browsers_want_the_page_where_there_is_one() -> None:
    assert wanted(BROWSER, page=True) is PAGE
    assert wanted(b"application/json, text/html", page=True) is JSON
    assert wanted(b"*/*", page=True) is UNSAID


@pytest.mark.parametrize(
    ("content_type", "taken"),
    [
        (b"application/json", True),
        (b"application/json; charset=utf-8", True),
        (b'APPLICATION/JSON;charset="UTF-8"', True),
        (b"application/json; charset=latin-1", False),
        (b"application/graphql", False),
        (b"application/x-www-form-urlencoded", False),
        (b"multipart/form-data; boundary=a", False),
        (b"text/plain", False),
        (b"text/plain; application/json", False),
        (b"", False),
        (None, False),
    ],
)
def test_only_json_is_taken(content_type: bytes | None, taken: bool) -> None:
    assert is_json(content_type) is taken
