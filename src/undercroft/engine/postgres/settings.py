"""Every knob of the PostgreSQL engine, with its unit."""

from __future__ import annotations

from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True)
class PostgresSettings:
    """How to reach and use one database."""

    url: str = field(repr=False)
    """`postgresql://user:password@host/name?sslmode=verify-full&sslrootcert=…`: what libpq takes, several hosts too."""
    pool_least: int = 1
    """Connections kept open."""
    pool_most: int = 10
    """Connections open at once, for this process."""
    wait_seconds: float = 10.0
    """Longest wait for a free connection."""
    wait_queue: int = 1024
    """Requests that may wait for one; one more is turned away."""
    connect_seconds: float = 10.0
    """Longest attempt to connect to one host."""
    statement_seconds: float | None = 8.0
    """Longest run of one statement; None leaves it to the database's own setting."""
    lock_seconds: float | None = None
    """Longest wait of a statement for a lock; None leaves it to the database's own setting."""
    lease_seconds: float = 5.0
    """Longest transaction of Python logic that may write."""
    snapshot_seconds: float = 30.0
    """Longest read-only transaction of Python logic."""
    idle_seconds: float = 300.0
    """A connection that nobody used for so long is closed, down to `pool_least`."""
    life_seconds: float = 1800.0
    """A connection this old is replaced after its next use: a host that was replaced is left behind in time."""
    retries: int = 3
    """How often a write that met another one (40001, 40P01) is run again."""
    prepare: bool | None = None
    """Keep prepared statements on connections; None finds out whether a pooler stands in between, where they cannot be
    kept. With False, nothing is left on a connection between two transactions.
    """
    cached_statements: int = 512
    """Prepared statements per connection."""
    session: tuple[tuple[str, str], ...] = ()
    """Run-time settings of every connection, such as `("TimeZone", "UTC")`."""
    own_words: bool = True
    """Tell constraint violations as the SQLite engine does, without values of rows; False passes PostgreSQL's own
    message, detail and hint, as PostgREST does.
    """
