"""Accept, Content-Type and the profile headers."""

from __future__ import annotations

import pytest

from tests.unit.rest.reading import refused, shaped
from undercroft.rest.errors import BodyFault, MediaFault
from undercroft.rest.parts.media import (
    CSV,
    JSON,
    JSON_STRIPPED,
    OBJECT,
    OBJECT_STRIPPED,
    Media,
    read_accept,
    read_content_type,
)


@pytest.mark.parametrize(
    ("header", "media"),
    [
        (b"", JSON),
        (b"*/*", JSON),
        (b"application/*", JSON),
        (b"application/json", JSON),
        (b"application/json; charset=utf-8", JSON),
        (b"APPLICATION/JSON", JSON),
        (b"application/vnd.pgrst.object+json", OBJECT),
        (b"application/vnd.pgrst.object", OBJECT),
        (b"application/vnd.pgrst.object+json;nulls=stripped", OBJECT_STRIPPED),
        (b"application/vnd.pgrst.object+json; nulls=stripped ; q=0.5", OBJECT_STRIPPED),
        (b"application/vnd.pgrst.array+json;nulls=stripped", JSON_STRIPPED),
        (b"application/vnd.pgrst.array;nulls=stripped", JSON_STRIPPED),
        (b"application/vnd.pgrst.array+json", JSON),
        (b"text/csv", CSV),
        (b"text/csv; version=1", CSV),
        (b"text/csv, */*", CSV),
        (b"text/html, application/xhtml+xml, */*;q=0.8", JSON),
        (b"application/json;q=0.5, text/csv", CSV),
        (b"application/json;q=0.5, text/csv;q=0.4", JSON),
        (b"text/csv;q=0, application/json", JSON),
        (b"text/csv;q=oops, application/json;q=0.1", JSON),
        (b"image/png, text/csv;q=0.1", CSV),
        (b", application/json ,", JSON),
    ],
)
def test_the_best_media_type_that_we_have_is_taken(header: bytes, media: Media) -> None:
    assert read_accept(header) is media


@pytest.mark.parametrize(
    ("header", "named"),
    [
        (b"undefined", "undefined"),
        (b"text/unknowntype", "text/unknowntype"),
        (b"application/geo+json", "application/geo+json"),
        (b"application/vnd.pgrst.plan+json; for=x", "application/vnd.pgrst.plan+json"),
        (b"image/png, image/jpeg;q=0.5", "image/png, image/jpeg"),
        (b"application/json;q=0", "application/json"),
    ],
)
def test_a_media_type_that_we_have_not_is_refused_by_name(header: bytes, named: str) -> None:
    with pytest.raises(MediaFault) as raised:
        read_accept(header)
    assert raised.value.code == "PGRST107"
    assert raised.value.message == f"None of these media types are available: {named}"


@pytest.mark.parametrize(
    ("header", "kind"),
    [
        (b"application/json", "json"),
        (b"Application/JSON; charset=utf-8", "json"),
        (b"", "json"),
        (b"text/csv", "csv"),
        (b"application/x-www-form-urlencoded", "form"),
        (b"application/vnd.pgrst.object+json", "json"),
    ],
)
def test_a_content_type_is_read(header: bytes, kind: str) -> None:
    assert read_content_type(header) == kind


@pytest.mark.parametrize("header", [b"text/plain", b"application/octet-stream", b"undefined", b"multipart/form-data"])
def test_a_content_type_that_we_do_not_read_is_refused(header: bytes) -> None:
    with pytest.raises(BodyFault) as raised:
        read_content_type(header)
    assert (raised.value.code, raised.value.message) == ("PGRST102", f"Content-Type not acceptable: {header.decode()}")


def test_the_content_type_of_a_read_does_not_matter() -> None:
    assert shaped("", "GET", [(b"content-type", b"text/plain")]).content == "json"


def test_profiles_choose_the_schema_by_method() -> None:
    both = [(b"accept-profile", b"public"), (b"content-profile", b"api")]
    assert shaped("", "GET", both).schema == "public"
    assert shaped("", "HEAD", both).schema == "public"
    assert shaped("", "POST", both).schema == "api"
    assert shaped("", "GET", [(b"content-profile", b"nope")]).schema is None


def test_an_unknown_profile_is_refused_with_those_that_are_known() -> None:
    assert refused("", "GET", [(b"accept-profile", b"secret")])[:2] == ("PGRST106", "Invalid schema: secret")
    assert refused("", "DELETE", [(b"content-profile", b"\xff")]).code == "PGRST106"


def test_a_header_that_is_too_long_is_refused() -> None:
    for name in (b"accept", b"prefer", b"range", b"content-type", b"accept-profile"):
        assert "bytes long" in refused("", headers=[(name, b"x" * 9_000)]).message
