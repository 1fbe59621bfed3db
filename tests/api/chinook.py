"""A digital media shop in the tables of the Chinook sample database (github.com/lerocha/chinook-database), small and
made up here: for machines without the real one.
"""

from __future__ import annotations

import random
from pathlib import Path
from typing import Any

SCHEMA = """
CREATE TABLE [Artist] ([ArtistId] INTEGER NOT NULL, [Name] NVARCHAR(120),
    CONSTRAINT [PK_Artist] PRIMARY KEY ([ArtistId]));
CREATE TABLE [Album] ([AlbumId] INTEGER NOT NULL, [Title] NVARCHAR(160) NOT NULL, [ArtistId] INTEGER NOT NULL,
    CONSTRAINT [PK_Album] PRIMARY KEY ([AlbumId]), FOREIGN KEY ([ArtistId]) REFERENCES [Artist] ([ArtistId]));
CREATE TABLE [Genre] ([GenreId] INTEGER NOT NULL, [Name] NVARCHAR(120), CONSTRAINT [PK_Genre] PRIMARY KEY ([GenreId]));
CREATE TABLE [MediaType] ([MediaTypeId] INTEGER NOT NULL, [Name] NVARCHAR(120),
    CONSTRAINT [PK_MediaType] PRIMARY KEY ([MediaTypeId]));
CREATE TABLE [Track] ([TrackId] INTEGER NOT NULL, [Name] NVARCHAR(200) NOT NULL, [AlbumId] INTEGER,
    [MediaTypeId] INTEGER NOT NULL, [GenreId] INTEGER, [Composer] NVARCHAR(220), [Milliseconds] INTEGER NOT NULL,
    [Bytes] INTEGER, [UnitPrice] NUMERIC(10,2) NOT NULL, CONSTRAINT [PK_Track] PRIMARY KEY ([TrackId]),
    FOREIGN KEY ([AlbumId]) REFERENCES [Album] ([AlbumId]), FOREIGN KEY ([GenreId]) REFERENCES [Genre] ([GenreId]),
    FOREIGN KEY ([MediaTypeId]) REFERENCES [MediaType] ([MediaTypeId]));
CREATE TABLE [Playlist] ([PlaylistId] INTEGER NOT NULL, [Name] NVARCHAR(120),
    CONSTRAINT [PK_Playlist] PRIMARY KEY ([PlaylistId]));
CREATE TABLE [PlaylistTrack] ([PlaylistId] INTEGER NOT NULL, [TrackId] INTEGER NOT NULL,
    CONSTRAINT [PK_PlaylistTrack] PRIMARY KEY ([PlaylistId], [TrackId]),
    FOREIGN KEY ([PlaylistId]) REFERENCES [Playlist] ([PlaylistId]),
    FOREIGN KEY ([TrackId]) REFERENCES [Track] ([TrackId]));
CREATE TABLE [Employee] ([EmployeeId] INTEGER NOT NULL, [LastName] NVARCHAR(20) NOT NULL,
    [FirstName] NVARCHAR(20) NOT NULL, [Title] NVARCHAR(30), [ReportsTo] INTEGER, [HireDate] DATETIME,
    CONSTRAINT [PK_Employee] PRIMARY KEY ([EmployeeId]),
    FOREIGN KEY ([ReportsTo]) REFERENCES [Employee] ([EmployeeId]));
CREATE TABLE [Customer] ([CustomerId] INTEGER NOT NULL, [FirstName] NVARCHAR(40) NOT NULL,
    [LastName] NVARCHAR(20) NOT NULL, [Company] NVARCHAR(80), [City] NVARCHAR(40), [Country] NVARCHAR(40),
    [Email] NVARCHAR(60) NOT NULL, [SupportRepId] INTEGER, CONSTRAINT [PK_Customer] PRIMARY KEY ([CustomerId]),
    FOREIGN KEY ([SupportRepId]) REFERENCES [Employee] ([EmployeeId]));
CREATE TABLE [Invoice] ([InvoiceId] INTEGER NOT NULL, [CustomerId] INTEGER NOT NULL, [InvoiceDate] DATETIME NOT NULL,
    [BillingCity] NVARCHAR(40), [BillingCountry] NVARCHAR(40), [Total] NUMERIC(10,2) NOT NULL,
    CONSTRAINT [PK_Invoice] PRIMARY KEY ([InvoiceId]),
    FOREIGN KEY ([CustomerId]) REFERENCES [Customer] ([CustomerId]));
CREATE TABLE [InvoiceLine] ([InvoiceLineId] INTEGER NOT NULL, [InvoiceId] INTEGER NOT NULL, [TrackId] INTEGER NOT NULL,
    [UnitPrice] NUMERIC(10,2) NOT NULL, [Quantity] INTEGER NOT NULL,
    CONSTRAINT [PK_InvoiceLine] PRIMARY KEY ([InvoiceLineId]),
    FOREIGN KEY ([InvoiceId]) REFERENCES [Invoice] ([InvoiceId]),
    FOREIGN KEY ([TrackId]) REFERENCES [Track] ([TrackId]));
CREATE INDEX [IFK_AlbumArtistId] ON [Album] ([ArtistId]);
CREATE INDEX [IFK_TrackAlbumId] ON [Track] ([AlbumId]);
CREATE INDEX [IFK_PlaylistTrackTrackId] ON [PlaylistTrack] ([TrackId]);
CREATE INDEX [IFK_InvoiceLineInvoiceId] ON [InvoiceLine] ([InvoiceId]);
CREATE INDEX [IFK_InvoiceLineTrackId] ON [InvoiceLine] ([TrackId]);
"""
_WORDS = ("Love", "Night", "River", "Rock", "Fire", "Garden", "Winter", "Road", "Sun", "Machine")
_COUNTRIES = ("USA", "Canada", "Brazil", "Germany", "Norway")


def build(path: Path, module: Any) -> None:
    """Make the shop at `path`, the same every time; `module` is the DB-API module to use."""
    given = random.Random(7)
    connection = module.connect(str(path))
    connection.executescript(SCHEMA)

    def fill(table: str, rows: list[tuple[Any, ...]]) -> None:
        marks = ", ".join("?" * len(rows[0]))
        connection.executemany(f"INSERT INTO [{table}] VALUES ({marks})", rows)

    def name() -> str:
        return " ".join(given.choice(_WORDS) for _ in range(given.randint(1, 3)))

    fill("Artist", [(1, "AC/DC"), (2, None), *((i, f"{name()} Band {i}") for i in range(3, 41))])
    fill("Album", [(i, f"{name()} Vol. {i}", given.randint(1, 30)) for i in range(1, 81)])
    fill("Genre", [(1, "Rock"), (2, "Jazz"), (3, "Opera")])
    fill("MediaType", [(1, "MPEG audio file"), (2, "AAC audio file")])
    fill(
        "Track",
        [
            (
                i,
                f"{name()} No. {i}",
                given.choice([None, *range(1, 71)]),
                given.randint(1, 2),
                given.choice([None, 1, 1, 2]),
                given.choice([None, "Angus Young", "Clara Schumann, Robert Schumann"]),
                given.randint(60_000, 900_000),
                given.choice([None, given.randint(10**6, 10**7)]),
                given.choice([0.99, 1.99]),
            )
            for i in range(1, 501)
        ],
    )
    fill("Playlist", [(1, "Music"), (2, "Empty"), (3, "90’s Music"), (4, "Grunge"), (5, "Music")])
    pairs = {(given.choice([1, 3, 4, 5]), given.randint(1, 500)) for _ in range(300)}
    fill("PlaylistTrack", sorted(pairs))
    bosses = {1: None, 2: 1, 3: 2, 4: 2, 5: 2, 6: 1, 7: 6, 8: 6}
    staff = [
        (i, f"Last{i}", f"First{i}", "Boss" if i == 1 else "Agent", b, f"2002-0{i}-14 00:00:00")
        for i, b in bosses.items()
    ]
    fill("Employee", staff)
    for i in range(1, 31):
        place = (given.choice([None, "Acme"]), name(), given.choice(_COUNTRIES))
        fill("Customer", [(i, f"First{i}", f"Last{i}", *place, f"c{i}@example.org", given.randint(3, 5))])
    for i in range(1, 121):
        day = f"202{given.randint(1, 5)}-0{given.randint(1, 9)}-11 00:00:00"
        total = given.choice([0.99, 1.98, 5.94, 13.86, 25.86, 5])
        fill("Invoice", [(i, given.randint(1, 28), day, name(), given.choice(_COUNTRIES), total)])
    for i in range(1, 401):
        price = given.choice([0.99, 1.99])
        fill("InvoiceLine", [(i, given.randint(1, 118), given.randint(1, 480), price, given.randint(1, 3))])
    connection.commit()
    connection.close()
