"""The page on differences is true: each request of its table is refused where it says so, and answered where it does not."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from decimal import Decimal
from pathlib import Path

import pytest

from tests.api.scenario import SERVICE, Request, escaped, get, send
from tests.sameness.pair import REFUSALS, Pair, both, is_named_refusal, refusal_of

PAGE = Path(__file__).resolve().parents[2] / "docs/differences.md"
ROW = re.compile(r"^\| `(things\?[^`]+)` \| (?:`(\w+)`)? ?\| (?:`(\w+)`)? ?\|", re.MULTILINE)
ROWS = ROW.findall(PAGE.read_text(encoding="utf-8"))

pytestmark = pytest.mark.needs("postgres")


@pytest.fixture(scope="module")
def pair(tmp_path_factory: pytest.TempPathFactory, postgres_server: str) -> Iterator[Pair]:
    with both(tmp_path_factory.mktemp("refusals"), postgres_server) as pair:
        yield pair


def test_the_table_is_read() -> None:
    assert len(ROWS) == len([line for line in PAGE.read_text().splitlines() if line.startswith("| `things?")]) > 5


@pytest.mark.parametrize(("request_", "on_sqlite", "on_postgres"), ROWS, ids=[row[0] for row in ROWS])
def test_what_the_page_names_is_refused(pair: Pair, request_: str, on_sqlite: str, on_postgres: str) -> None:
    # Rows that both can cast: the page speaks of what an engine has, not of what is in a row.
    path, _, query = request_.partition("?")
    given = get(f"/rest/v1/{path}?{'&'.join(escaped_value(part) for part in query.split('&'))}&id=eq.0")
    for place, code in ((pair.sqlite, on_sqlite), (pair.postgres, on_postgres)):
        reply = place.ask(given, SERVICE)
        assert (reply.code or "") == code, f"{given.target!r}: {reply.body!r}"
        assert is_named_refusal(reply) is (code == "0A000")


def test_nothing_is_refused_by_one_engine_that_the_page_does_not_name(pair: Pair) -> None:
    """What the comparison lets pass, and what the page lists, are the same."""
    alone = [request_ for request_, on_sqlite, on_postgres in ROWS if on_sqlite == "0A000" != on_postgres]
    found = {refusal_of(pair.sqlite.ask(get(f"/rest/v1/{asked}"), SERVICE)) for asked in alone}
    in_words = next(each for each in REFUSALS if "number alone" in each)  # a write, below the page's table
    assert "One write is refused on SQLite: a number that stands alone" in PAGE.read_text(encoding="utf-8")
    assert found | {in_words} == set(REFUSALS)


@pytest.mark.parametrize("operator", ["ov.x", "sl.x", "sr.x", "nxr.x", "nxl.x", "adj.x", "cs.x", "cd.x"])
def test_operators_of_arrays_and_ranges(pair: Pair, operator: str) -> None:
    assert is_named_refusal(pair.sqlite.ask(get(f"/rest/v1/things?said={operator}"), SERVICE))


@pytest.mark.parametrize("type_", ["date", "time", "timestamp", "timestamptz", "interval", "bytea"])
def test_casts_from_texts(pair: Pair, type_: str) -> None:
    given = get(f"/rest/v1/things?select=said::{type_}&id=eq.0")
    assert is_named_refusal(pair.sqlite.ask(given, SERVICE))
    assert pair.postgres.ask(given, SERVICE).body == b"[]"


@pytest.mark.parametrize("number", ["1e300", "12.0", "0.30000000000000004", "9223372036854775808"])
def test_numbers_alone_in_a_json_column(pair: Pair, number: str) -> None:
    def stored(raw: str) -> Request:
        headers = (("content-type", "application/json"), ("prefer", "return=representation,tx=rollback"))
        return Request("POST", "/rest/v1/things?select=their_doc", headers, f'{{"their_doc":{raw}}}'.encode())

    assert is_named_refusal(pair.sqlite.ask(stored(number), SERVICE))
    for kept in (f"[{number}]", "12", "-1.5"):
        ours, theirs = (place.ask(stored(kept), SERVICE) for place in (pair.sqlite, pair.postgres))
        assert ours.body == theirs.body
        assert json.loads(ours.body, parse_float=Decimal)[0]["their_doc"] == json.loads(kept, parse_float=Decimal)


def test_a_sequence_counts_on_behind_keys_that_rows_bring_along(pair: Pair) -> None:
    for place in (pair.sqlite, pair.postgres):
        brought = [{"id": 5000, "name": "brought"}, {"id": 4000, "name": "less"}]
        assert place.ask(send("POST", "/rest/v1/labels", brought), SERVICE).status == 201
        full = ("prefer", "return=representation")
        made = place.ask(send("POST", "/rest/v1/labels?select=id", {"name": "counted"}, full), SERVICE)
        assert made.json() == [{"id": 5001}], made.body


def escaped_value(part: str) -> str:
    name, sign, value = part.partition("=")
    return f"{name}{sign}{escaped(value) if name != 'select' else value}"
