"""Every knob of the SQLite engine, with its unit."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Literal

LibraryChoice = Literal["auto", "pysqlite3", "stdlib"]


@dataclass(frozen=True, slots=True)
class SQLiteSettings:
    """How to open and drive one SQLite file."""

    path: Path
    library: LibraryChoice = "auto"
    """`auto` takes pysqlite3 where it is installed, else the standard library's."""
    read_budget_steps: int = 30_000
    """Virtual-machine steps that a read may take on the loop's thread: one to eight milliseconds, JSON the slowest."""
    statement_seconds: float = 8.0
    """Longest run of one statement, or of one queued unit of work."""
    lease_seconds: float = 5.0
    """Longest hold of the writer by Python logic."""
    snapshot_seconds: float = 30.0
    """Longest life of a read-only transaction: a snapshot keeps the log from being cut back."""
    readers: int = 4
    """Reader threads; also the connections for read-only transactions."""
    read_queue: int = 64
    """Long reads and snapshots that may wait for a reader."""
    write_queue: int = 1024
    """Writes and leases that may wait for the writer."""
    batch_size: int = 512
    """Most writes in one commit."""
    batch_seconds: float = 0.05
    """A batch that has run this long is committed before more is added."""
    gather_seconds: float = 0.001
    """Longest wait for the writers of the last batch to come back before the next commit."""
    busy_seconds: float = 5.0
    """Longest wait for another process's write lock."""
    cache_bytes: int = 64 * 1024 * 1024
    """Page cache, per connection."""
    mmap_bytes: int = 0
    """Memory map, per connection; always 0 with a library that has the WAL-reset fault."""
    cached_statements: int = 1024
    checkpoint_pages: int = 2000
    """Size of the write-ahead log, in pages, from which a commit also checkpoints."""
    wal_bytes: int = 64 * 1024 * 1024
    """The log file is cut back to this size after a checkpoint."""
    wal_most_bytes: int | None = 512 * 1024 * 1024
    """A log longer than this holds the writer until it can be cut back; None lets it grow."""
    synchronous: Literal["FULL", "NORMAL"] = "FULL"
    """NORMAL loses acknowledged writes in a power cut; it exists so that tests can show that they would notice."""
