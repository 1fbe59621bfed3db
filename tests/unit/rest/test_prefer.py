"""The Prefer header."""

from __future__ import annotations

import pytest

from tests.unit.rest.reading import shaped
from undercroft.rest.errors import PreferenceFault
from undercroft.rest.parts.prefer import NO_PREFERENCES, Preferences, read_prefer

ZONES = frozenset({"Europe/Berlin"})


@pytest.mark.parametrize(
    ("header", "fields"),
    [
        (b"return=representation", {"returning": "representation"}),
        (b"return=minimal,count=exact", {"returning": "minimal", "count": "exact"}),
        (b"count=planned , count=exact", {"count": "planned"}),
        (b"resolution=merge-duplicates, missing=default", {"resolution": "merge-duplicates", "missing": "default"}),
        (b"tx=rollback,handling=lenient", {"tx": "rollback", "handling": "lenient"}),
        (b"max-affected=10, handling=strict", {"max_affected": 10, "handling": "strict"}),
        (b"timezone=Europe/Berlin", {"timezone": "Europe/Berlin"}),
        (b"timezone=Mars/Base", {}),
        (b"max-affected=-1", {}),
        (b"max-affected=x, count=none, anything", {}),
        (b",, ,", {}),
        (b"\xff\xfe=1", {}),
    ],
)
def test_a_header_is_read(header: bytes, fields: dict[str, object]) -> None:
    found = read_prefer(header, ZONES)
    seen = {name: getattr(found, name) for name in Preferences.__dataclass_fields__ if name != "shape"}
    assert {name: value for name, value in seen.items() if value is not None} == fields


def test_max_affected_binds_only_under_strict_handling() -> None:
    assert read_prefer(b"max-affected=3").most_affected is None
    assert read_prefer(b"handling=lenient,max-affected=3").most_affected is None
    assert read_prefer(b"handling=strict,max-affected=3").most_affected == 3


@pytest.mark.parametrize(
    ("header", "unknown"),
    [
        (b"handling=strict,something, else", "something, else"),
        (b"anything, handling=strict, timezone=Mars/Base", "anything, timezone=Mars/Base"),
        (b"handling=strict,max-affected=x", "max-affected=x"),
        (b"handling=strict,count=none", "count=none"),
    ],
)
def test_strict_handling_refuses_what_it_does_not_know(header: bytes, unknown: str) -> None:
    with pytest.raises(PreferenceFault) as raised:
        read_prefer(header, ZONES)
    assert raised.value.code == "PGRST122"
    assert raised.value.message == "Invalid preferences given with handling=strict"
    assert raised.value.details == f"Invalid preferences: {unknown}"


def test_several_headers_are_one() -> None:
    request = shaped("", headers=[(b"prefer", b"count=exact"), (b"prefer", b"handling=lenient")])
    assert (request.preferences.count, request.preferences.handling) == ("exact", "lenient")


def test_only_what_changes_the_ask_is_in_its_shape() -> None:
    assert read_prefer(b"tx=commit,handling=strict,max-affected=1,timezone=Europe/Berlin", ZONES).shape == ""
    assert read_prefer(b"count=exact,missing=null").shape == "exact|||null"
    assert shaped("", headers=[(b"prefer", b"tx=commit")]).key == shaped("").key


def test_equal_preferences_are_equal_and_others_are_not() -> None:
    assert read_prefer(b"tx=commit") == read_prefer(b"tx=commit, x")
    assert read_prefer(b"tx=commit") != read_prefer(b"tx=rollback")
    assert read_prefer(b"") == NO_PREFERENCES
    assert hash(read_prefer(b"tx=commit")) == hash(read_prefer(b"tx=commit"))
