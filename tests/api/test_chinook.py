"""An existing database, served by reflection, answers questions as SQL written by hand answers them.

On the Chinook database, real data that nobody here shaped, where it lies in ../shared/data; and always on a small shop
of the same tables that `chinook.py` makes up.
"""

from __future__ import annotations

import csv
import io
import json
import shutil
from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx2
import pytest

from tests.api import chinook
from undercroft.access.actor import ANONYMOUS
from undercroft.app import App, database_app
from undercroft.base.settings import Settings
from undercroft.engine.sqlite.library import choose
from undercroft.ops import explain

pytestmark = pytest.mark.anyio
SQLITE = choose("auto").module


@dataclass(frozen=True)
class Question:
    """A request, and SQL whose rows are one JSON text each: the rows that the answer must have, in their order."""

    name: str
    url: str
    sql: str


def nested(inner: str) -> str:
    """The JSON rows of an inner query, as a list."""
    return f"json((SELECT json_group_array(json(j)) FROM ({inner})))"


QUESTIONS = [
    Question(
        "a row by its key",
        "Artist?ArtistId=eq.1",
        "SELECT json_object('ArtistId', ArtistId, 'Name', Name) FROM Artist WHERE ArtistId = 1",
    ),
    Question(
        "columns under other names, prices as numbers",
        "Track?select=id:TrackId,price:UnitPrice&TrackId=lte.20&order=TrackId",
        "SELECT json_object('id', TrackId, 'price', UnitPrice) FROM Track WHERE TrackId <= 20 ORDER BY TrackId",
    ),
    Question(
        "a filter on NUMERIC",
        "Invoice?select=InvoiceId&Total=gt.13.86&order=InvoiceId",
        "SELECT json_object('InvoiceId', InvoiceId) FROM Invoice WHERE Total > 13.86 ORDER BY InvoiceId",
    ),
    Question(
        "equality on NUMERIC",
        "Invoice?select=InvoiceId&Total=eq.1.98&order=InvoiceId",
        "SELECT json_object('InvoiceId', InvoiceId) FROM Invoice WHERE Total = 1.98 ORDER BY InvoiceId",
    ),
    Question(
        "moments as they are stored, between two",
        "Invoice?select=InvoiceId,InvoiceDate&InvoiceDate=gte.2022-01-01&InvoiceDate=lt.2022-06-01"
        "&order=InvoiceDate,InvoiceId",
        "SELECT json_object('InvoiceId', InvoiceId, 'InvoiceDate', InvoiceDate) FROM Invoice"
        " WHERE InvoiceDate >= '2022-01-01' AND InvoiceDate < '2022-06-01' ORDER BY InvoiceDate, InvoiceId",
    ),
    Question(
        "like tells cases apart",
        "Track?select=Name&Name=like.*Rock*&order=TrackId",
        "SELECT json_object('Name', Name) FROM Track WHERE instr(Name, 'Rock') ORDER BY TrackId",
    ),
    Question(
        "ilike does not",
        "Track?select=Name&Name=ilike.*rock*&order=TrackId",
        "SELECT json_object('Name', Name) FROM Track WHERE Name LIKE '%rock%' ORDER BY TrackId",
    ),
    Question(
        "in a list, with quotes",
        'Genre?select=Name&Name=in.(Rock,"Jazz",Nothing)&order=Name',
        "SELECT json_object('Name', Name) FROM Genre WHERE Name IN ('Rock', 'Jazz', 'Nothing') ORDER BY Name",
    ),
    Question(
        "nulls, and their order",
        "Track?select=TrackId,Composer&TrackId=lt.90&GenreId=not.is.null&order=Composer.desc.nullslast,TrackId",
        "SELECT json_object('TrackId', TrackId, 'Composer', Composer) FROM Track WHERE TrackId < 90 AND"
        " GenreId IS NOT NULL"
        " ORDER BY Composer DESC NULLS LAST, TrackId",
    ),
    Question(
        "nested logic",
        "Track?select=TrackId&or=(and(Milliseconds.gt.300000,UnitPrice.eq.1.99),"
        "not.and(Composer.not.is.null,TrackId.gt.40))&order=TrackId",
        "SELECT json_object('TrackId', TrackId) FROM Track WHERE (Milliseconds > 300000 AND UnitPrice = 1.99)"
        " OR NOT (Composer IS NOT NULL AND TrackId > 40) ORDER BY TrackId",
    ),
    Question(
        "a page",
        "Track?select=TrackId&order=Milliseconds.desc,TrackId&limit=7&offset=14",
        "SELECT json_object('TrackId', TrackId) FROM Track ORDER BY Milliseconds DESC, TrackId LIMIT 7 OFFSET 14",
    ),
    Question(
        "three levels deep, each with its order",
        "Artist?select=Name,Album(Title,Track(Name,Genre(Name),MediaType(Name)))&ArtistId=lte.6&order=ArtistId"
        "&Album.order=AlbumId&Album.Track.order=TrackId",
        "SELECT json_object('Name', a.Name, 'Album', "
        + nested(
            "SELECT json_object('Title', b.Title, 'Track', "
            + nested(
                "SELECT json_object('Name', t.Name,"
                " 'Genre', (SELECT json_object('Name', g.Name) FROM Genre g WHERE g.GenreId = t.GenreId),"
                " 'MediaType', (SELECT json_object('Name', m.Name) FROM MediaType m WHERE m.MediaTypeId ="
                " t.MediaTypeId)) j"
                " FROM Track t WHERE t.AlbumId = b.AlbumId ORDER BY t.TrackId"
            )
            + ") j FROM Album b WHERE b.ArtistId = a.ArtistId ORDER BY b.AlbumId"
        )
        + ") FROM Artist a WHERE a.ArtistId <= 6 ORDER BY a.ArtistId",
    ),
    Question(
        "filters, orders and limits at every level",
        "Artist?select=ArtistId,Album(AlbumId,Track(TrackId))&ArtistId=in.(1,5,8,12,22,30)&order=ArtistId.desc"
        "&Album.AlbumId=gt.3&Album.order=Title.desc,AlbumId&Album.limit=3"
        "&Album.Track.Milliseconds=gt.200000&Album.Track.order=Milliseconds,TrackId&Album.Track.limit=2"
        "&Album.Track.offset=1",
        "SELECT json_object('ArtistId', a.ArtistId, 'Album', "
        + nested(
            "SELECT json_object('AlbumId', b.AlbumId, 'Track', "
            + nested(
                "SELECT json_object('TrackId', t.TrackId) j FROM Track t WHERE t.AlbumId = b.AlbumId"
                " AND t.Milliseconds > 200000 ORDER BY t.Milliseconds, t.TrackId LIMIT 2 OFFSET 1"
            )
            + ") j FROM Album b WHERE b.ArtistId = a.ArtistId AND b.AlbumId > 3 ORDER BY b.Title DESC,"
            " b.AlbumId LIMIT 3"
        )
        + ") FROM Artist a WHERE a.ArtistId IN (1, 5, 8, 12, 22, 30) ORDER BY a.ArtistId DESC",
    ),
    Question(
        "many to many through PlaylistTrack",
        "Playlist?select=Name,Track(TrackId,Name)&order=PlaylistId&Track.order=TrackId&Track.limit=25",
        "SELECT json_object('Name', p.Name, 'Track', "
        + nested(
            "SELECT json_object('TrackId', t.TrackId, 'Name', t.Name) j FROM Track t JOIN PlaylistTrack x USING"
            " (TrackId)"
            " WHERE x.PlaylistId = p.PlaylistId ORDER BY t.TrackId LIMIT 25"
        )
        + ") FROM Playlist p ORDER BY p.PlaylistId",
    ),
    Question(
        "many to many, the other way, and on along a key",
        "Track?select=Name,Playlist(Name),Album(Artist(Name))&TrackId=lt.30&order=TrackId&Playlist.order=PlaylistId",
        "SELECT json_object('Name', t.Name, 'Playlist', "
        + nested(
            "SELECT json_object('Name', p.Name) j FROM Playlist p JOIN PlaylistTrack x USING (PlaylistId)"
            " WHERE x.TrackId = t.TrackId ORDER BY p.PlaylistId"
        )
        + ", 'Album', (SELECT json_object('Artist', json_object('Name', a.Name)) FROM Album b JOIN Artist a"
        " USING (ArtistId)"
        " WHERE b.AlbumId = t.AlbumId)) FROM Track t WHERE t.TrackId < 30 ORDER BY t.TrackId",
    ),
    Question(
        "the junction itself",
        "PlaylistTrack?select=PlaylistId,Track(Name)&TrackId=lt.40&order=PlaylistId,TrackId",
        "SELECT json_object('PlaylistId', x.PlaylistId, 'Track', json_object('Name', t.Name))"
        " FROM PlaylistTrack x JOIN Track t USING (TrackId) WHERE x.TrackId < 40 ORDER BY x.PlaylistId, x.TrackId",
    ),
    Question(
        "a self reference upwards, twice",
        "Employee?select=LastName,boss:ReportsTo(LastName,boss:ReportsTo(LastName))&order=EmployeeId",
        "SELECT json_object('LastName', e.LastName, 'boss', (SELECT json_object('LastName', b.LastName, 'boss',"
        " (SELECT json_object('LastName', c.LastName) FROM Employee c WHERE c.EmployeeId = b.ReportsTo))"
        " FROM Employee b WHERE b.EmployeeId = e.ReportsTo)) FROM Employee e ORDER BY e.EmployeeId",
    ),
    Question(
        "a self reference downwards",
        "Employee?select=LastName,team:Employee(LastName,team:Employee(LastName))&ReportsTo=is.null"
        "&team.order=EmployeeId&team.team.order=EmployeeId",
        "SELECT json_object('LastName', e.LastName, 'team', "
        + nested(
            "SELECT json_object('LastName', b.LastName, 'team', "
            + nested(
                "SELECT json_object('LastName', c.LastName) j FROM Employee c WHERE c.ReportsTo = b.EmployeeId"
                " ORDER BY c.EmployeeId"
            )
            + ") j FROM Employee b WHERE b.ReportsTo = e.EmployeeId ORDER BY b.EmployeeId"
        )
        + ") FROM Employee e WHERE e.ReportsTo IS NULL",
    ),
    Question(
        "inner: only rows that have some",
        "Album?select=AlbumId,Track!inner(TrackId)&Track.Milliseconds=gt.500000&order=AlbumId&Track.order=TrackId",
        "SELECT json_object('AlbumId', b.AlbumId, 'Track', "
        + nested(
            "SELECT json_object('TrackId', t.TrackId) j FROM Track t WHERE t.AlbumId = b.AlbumId AND"
            " t.Milliseconds > 500000"
            " ORDER BY t.TrackId"
        )
        + ") FROM Album b WHERE EXISTS (SELECT 1 FROM Track t WHERE t.AlbumId = b.AlbumId AND t.Milliseconds > 500000)"
        " ORDER BY b.AlbumId",
    ),
    Question(
        "left, said aloud: all rows",
        "Album?select=AlbumId,Track!left(TrackId)&Track.Milliseconds=gt.500000&AlbumId=lt.40&order=AlbumId"
        "&Track.order=TrackId",
        "SELECT json_object('AlbumId', b.AlbumId, 'Track', "
        + nested(
            "SELECT json_object('TrackId', t.TrackId) j FROM Track t WHERE t.AlbumId = b.AlbumId AND"
            " t.Milliseconds > 500000"
            " ORDER BY t.TrackId"
        )
        + ") FROM Album b WHERE b.AlbumId < 40 ORDER BY b.AlbumId",
    ),
    Question(
        "rows that have none",
        "Artist?select=ArtistId,Album()&Album=is.null&order=ArtistId",
        "SELECT json_object('ArtistId', a.ArtistId) FROM Artist a"
        " WHERE NOT EXISTS (SELECT 1 FROM Album b WHERE b.ArtistId = a.ArtistId) ORDER BY a.ArtistId",
    ),
    Question(
        "inner two levels down",
        "Customer?select=CustomerId,Invoice!inner(InvoiceId,InvoiceLine!inner(Track!inner(Name)))&order=CustomerId"
        "&Invoice.InvoiceLine.Track.GenreId=eq.2&Invoice.order=InvoiceId&Invoice.InvoiceLine.order=InvoiceLineId",
        "SELECT json_object('CustomerId', c.CustomerId, 'Invoice', "
        + nested(
            "SELECT json_object('InvoiceId', i.InvoiceId, 'InvoiceLine', "
            + nested(
                "SELECT json_object('Track', json_object('Name', t.Name)) j FROM InvoiceLine l JOIN Track t USING"
                " (TrackId)"
                " WHERE l.InvoiceId = i.InvoiceId AND t.GenreId = 2 ORDER BY l.InvoiceLineId"
            )
            + ") j FROM Invoice i WHERE i.CustomerId = c.CustomerId AND EXISTS (SELECT 1 FROM InvoiceLine l"
            " JOIN Track t USING (TrackId) WHERE l.InvoiceId = i.InvoiceId AND t.GenreId = 2) ORDER BY i.InvoiceId"
        )
        + ") FROM Customer c WHERE c.CustomerId IN (SELECT i.CustomerId FROM Invoice i JOIN InvoiceLine l"
        " USING (InvoiceId)"
        " JOIN Track t USING (TrackId) WHERE t.GenreId = 2) ORDER BY c.CustomerId",
    ),
    Question(
        "ordered by a related column",
        "Track?select=TrackId,Album(Title)&TrackId=lt.60&order=Album(Title).desc,TrackId",
        "SELECT json_object('TrackId', t.TrackId, 'Album', CASE WHEN b.AlbumId IS NOT NULL THEN"
        " json_object('Title', b.Title) END)"
        " FROM Track t LEFT JOIN Album b USING (AlbumId) WHERE t.TrackId < 60 ORDER BY b.Title DESC NULLS"
        " FIRST, t.TrackId",
    ),
    Question(
        "a row spread into another",
        "Invoice?select=InvoiceId,...Customer(FirstName,rep:SupportRepId)&InvoiceId=lt.15&order=InvoiceId",
        "SELECT json_object('InvoiceId', i.InvoiceId, 'FirstName', c.FirstName, 'rep', c.SupportRepId)"
        " FROM Invoice i JOIN Customer c USING (CustomerId) WHERE i.InvoiceId < 15 ORDER BY i.InvoiceId",
    ),
    Question(
        "spread through two keys",
        "Track?select=TrackId,...Album(Title,...Artist(artist:Name))&TrackId=lt.25&order=TrackId",
        "SELECT json_object('TrackId', t.TrackId, 'Title', b.Title, 'artist', a.Name) FROM Track t"
        " LEFT JOIN Album b USING (AlbumId) LEFT JOIN Artist a USING (ArtistId) WHERE t.TrackId < 25 ORDER"
        " BY t.TrackId",
    ),
    Question(
        "many spread as lists",
        "Album?select=AlbumId,...Track(names:Name)&AlbumId=lt.20&order=AlbumId&Track.order=TrackId",
        "SELECT json_object('AlbumId', b.AlbumId, 'names', json((SELECT json_group_array(Name) FROM"
        " (SELECT Name FROM Track t WHERE t.AlbumId = b.AlbumId ORDER BY TrackId)))) FROM Album b"
        " WHERE b.AlbumId < 20 ORDER BY b.AlbumId",
    ),
    Question(
        "a key named by its constraint",
        "Customer?select=CustomerId,rep:Employee!Customer_SupportRepId_fkey(LastName)&order=CustomerId",
        "SELECT json_object('CustomerId', c.CustomerId, 'rep', json_object('LastName', e.LastName)) FROM Customer c"
        " JOIN Employee e ON e.EmployeeId = c.SupportRepId ORDER BY c.CustomerId",
    ),
    Question(
        "casts",
        "Invoice?select=n:InvoiceId::text,cents:Total::int&InvoiceId=lt.9&order=InvoiceId",
        "SELECT json_object('n', CAST(InvoiceId AS TEXT), 'cents', CAST(round(Total) AS INT)) FROM Invoice"
        " WHERE InvoiceId < 9 ORDER BY InvoiceId",
    ),
]

AGGREGATES = [
    Question(
        "sums by group",
        "Invoice?select=BillingCountry,sales:Total.sum(),n:count()&order=BillingCountry",
        "SELECT json_object('BillingCountry', BillingCountry, 'sales', sum(Total), 'n', count(*)) FROM Invoice"
        " GROUP BY BillingCountry ORDER BY BillingCountry",
    ),
    Question(
        "the least, the most, the middle",
        "Track?select=Milliseconds.min(),most:Milliseconds.max(),mean:Milliseconds.avg(),Composer.count()",
        "SELECT json_object('min', min(Milliseconds), 'most', max(Milliseconds), 'mean', avg(Milliseconds),"
        " 'count', count(Composer)) FROM Track",
    ),
    Question(
        "below each row",
        "Album?select=AlbumId,Track(n:count(),Milliseconds.sum())&AlbumId=lt.30&order=AlbumId",
        "SELECT json_object('AlbumId', b.AlbumId, 'Track', json_array(json_object('n', (SELECT count(*)"
        " FROM Track t WHERE"
        " t.AlbumId = b.AlbumId), 'sum', (SELECT sum(Milliseconds) FROM Track t WHERE t.AlbumId = b.AlbumId))))"
        " FROM Album b WHERE b.AlbumId < 30 ORDER BY b.AlbumId",
    ),
]


@dataclass(frozen=True)
class Shop:
    """The database as it is served, and an untouched copy of it to ask by SQL."""

    app: App
    client: httpx2.AsyncClient
    copy: Path

    def ask(self, sql: str) -> list[Any]:
        connection = SQLITE.connect(str(self.copy))
        try:
            return [json.loads(str(row[0])) for row in connection.execute(sql)]
        finally:
            connection.close()


@pytest.fixture(scope="module", params=[pytest.param("chinook", marks=pytest.mark.needs("shared")), "made up"])
async def shop(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory, shared: Path
) -> AsyncIterator[Shop]:
    folder = tmp_path_factory.mktemp("shop")
    served, copy = folder / "shop.sqlite", folder / "copy.sqlite"
    if request.param == "chinook":
        shutil.copy(shared / "data" / "chinook.sqlite", copy)
    else:
        chinook.build(copy, SQLITE)
    shutil.copy(copy, served)
    environ = {
        "UNDERCROFT_DATABASE_URL": f"sqlite:///{served}",
        "UNDERCROFT_DATABASE_DATA": str(folder / "data"),
        "UNDERCROFT_API_ANON": "read",
        "UNDERCROFT_API_MAX_ROWS": "0",
        "UNDERCROFT_API_AGGREGATES": "true",
        "UNDERCROFT_LOG_REQUESTS": "false",
    }
    app = database_app(Settings.load(None, environ))
    await app.start()
    transport = httpx2.ASGITransport(app=app)
    async with httpx2.AsyncClient(transport=transport, base_url="http://shop/rest/v1/") as client:
        yield Shop(app, client, copy)
    await app.stop()


@pytest.mark.parametrize("question", [*QUESTIONS, *AGGREGATES], ids=lambda question: question.name)
async def test_the_answer_is_that_of_sql_by_hand(shop: Shop, question: Question) -> None:
    answer = await shop.client.get(question.url)
    assert answer.status_code == 200, answer.text
    expected = shop.ask(question.sql)
    assert expected, "a question about nothing"
    assert round_floats(answer.json()) == round_floats(expected)


async def test_a_count_beside_a_page(shop: Shop) -> None:
    answer = await shop.client.get(
        "Track?select=TrackId&UnitPrice=gt.0.99&limit=3&order=TrackId", headers={"prefer": "count=exact"}
    )
    (total,) = shop.ask("SELECT count(*) FROM Track WHERE UnitPrice > 0.99")
    assert total > 3
    assert (answer.status_code, answer.headers["content-range"]) == (206, f"0-2/{total}")


async def test_head_counts_without_rows(shop: Shop) -> None:
    answer = await shop.client.head("Album", headers={"prefer": "count=exact"})
    (total,) = shop.ask("SELECT count(*) FROM Album")
    assert (answer.status_code, answer.headers["content-range"]) == (200, f"0-{total - 1}/{total}")
    assert answer.content == b""


async def test_csv_reads_back_as_the_same_rows(shop: Shop) -> None:
    url = "Track?select=TrackId,Name,Composer,UnitPrice&order=TrackId"
    answer = await shop.client.get(url, headers={"accept": "text/csv"})
    rows = list(csv.reader(io.StringIO(answer.text)))
    expected = shop.ask("SELECT json_array(TrackId, Name, Composer, UnitPrice) FROM Track ORDER BY TrackId")
    assert rows[0] == ["TrackId", "Name", "Composer", "UnitPrice"]
    texts = [["" if value is None else str(value) for value in row] for row in expected]
    assert [[cell.replace("\\\\", "\\") for cell in row] for row in rows[1:]] == texts


async def test_one_row_as_an_object(shop: Shop) -> None:
    one = {"accept": "application/vnd.pgrst.object+json"}
    answer = await shop.client.get("Genre?GenreId=eq.1", headers=one)
    assert (
        answer.json()
        == shop.ask("SELECT json_object('GenreId', GenreId, 'Name', Name) FROM Genre WHERE GenreId = 1")[0]
    )
    assert (await shop.client.get("Genre", headers=one)).json()["code"] == "PGRST116"


async def test_a_misspelt_name_gets_a_hint(shop: Shop) -> None:
    answer = await shop.client.get("Albun")
    assert (answer.status_code, answer.json()["hint"]) == (404, "Perhaps you meant the table 'public.Album'")


async def test_a_request_can_be_explained_down_to_the_junction(shop: Shop) -> None:
    house = await shop.app.start()
    url = "GET /rest/v1/Playlist?select=Name,Track(Name)&PlaylistId=eq.1&Track.order=TrackId"
    found = await explain(house, url, ANONYMOUS, row="1")
    assert [(node.path, node.joined) for node in found.nodes] == [
        ("Playlist", None),
        ("Playlist.Track (through)", "the table between"),
        ("Playlist.Track", "many to many through PlaylistTrack, left"),
    ]
    assert {policy.name for node in found.nodes for policy in node.policies} == {"anon_read"}
    assert any("PlaylistId=?" in line for line in found.indexes)
    assert found.scans == ("USE TEMP B-TREE FOR ORDER BY",)
    assert found.row is not None
    assert found.row.shown


def round_floats(value: Any) -> Any:
    """Sums of floats depend on the order of the rows in their last digit."""
    if isinstance(value, float):
        return round(value, 6)
    if isinstance(value, list):
        return [round_floats(each) for each in value]
    return {key: round_floats(each) for key, each in value.items()} if isinstance(value, dict) else value
