"""The SQLite file: which library opens it, who may open it, and with what settings."""

# ruff: noqa: ASYNC221, ASYNC240
# Nothing else runs on these loops: they may wait for a file or a process.

from __future__ import annotations

import stat
import subprocess
import sys
from pathlib import Path

import pytest

from tests.contract.engine_cases import LIBRARIES, Open
from undercroft.base.faults import SetupFault
from undercroft.engine import DatabaseFault, Engine, SQLiteEngine, SQLiteSettings
from undercroft.engine.sqlite.library import choose, has_wal_reset_fault

pytestmark = pytest.mark.anyio


@pytest.fixture(params=LIBRARIES)
def library(request: pytest.FixtureRequest) -> str:
    return str(request.param)


OPEN_AND_WAIT = """
import asyncio, pathlib, sys
from undercroft.engine import SQLiteEngine, SQLiteSettings

async def main() -> None:
    engine = SQLiteEngine(SQLiteSettings(path=pathlib.Path(sys.argv[1]), library=sys.argv[2]))
    await engine.start()
    print("open", flush=True)
    for line in sys.stdin:
        work = lambda cursor: cursor.one("INSERT INTO items (stock) VALUES (1) RETURNING id")
        print((await engine.write(work))[0], flush=True)
    await engine.close()

asyncio.run(main())
"""


@pytest.mark.parametrize(
    ("version", "faulty"),
    [
        ((3, 40, 1), True),
        ((3, 44, 5), True),
        ((3, 44, 6), False),
        ((3, 45, 0), True),
        ((3, 50, 6), True),
        ((3, 50, 7), False),
        ((3, 51, 0), True),
        ((3, 51, 2), True),
        ((3, 51, 3), False),
        ((3, 53, 4), False),
        ((4, 0, 0), False),
    ],
)
def test_which_versions_have_the_wal_reset_fault(version: tuple[int, int, int], faulty: bool) -> None:
    assert has_wal_reset_fault(version) is faulty


def test_the_current_library_is_preferred() -> None:
    assert choose("auto").name == LIBRARIES[0]


async def test_pragmas(engine: Engine) -> None:
    def pragma(name: str) -> object:
        return engine.read_now(f"PRAGMA {name}", ())

    assert pragma("journal_mode") == ("wal",)
    assert pragma("query_only") == (1,)
    assert pragma("wal_autocheckpoint") == (0,)
    for name, value in {"synchronous": 2, "foreign_keys": 1, "trusted_schema": 0, "temp_store": 2}.items():
        assert await engine.write(lambda cursor, name=name: cursor.one(f"PRAGMA {name}")) == (value,)  # type: ignore[misc]


async def test_files_are_for_their_owner_only(engine: Engine, tmp_path: Path) -> None:
    modes = {file.name: stat.S_IMODE(file.stat().st_mode) for file in tmp_path.iterdir()}
    assert modes == dict.fromkeys(["app.db", "app.db-wal", "app.db-shm", "app.db.lock"], 0o600)


async def test_closing_leaves_no_log_behind(open_engine: Open, tmp_path: Path) -> None:
    async with open_engine():
        pass
    assert {file.name for file in tmp_path.iterdir()} == {"app.db", "app.db.lock"}


async def test_a_second_process_is_refused_or_shares(library: str, open_engine: Open, tmp_path: Path) -> None:
    async with open_engine() as engine:
        command = [sys.executable, "-c", OPEN_AND_WAIT, str(tmp_path / "app.db"), library]
        other = subprocess.run(command, input="\n\n", capture_output=True, text=True, timeout=60, check=False)
        if choose(library).guarded:  # type: ignore[arg-type]
            assert "SetupFault" in other.stderr
            assert "open in another worker or process" in other.stderr
        else:
            assert other.stdout.split() == ["open", "1", "2"]
            assert await engine.write(lambda cursor: cursor.one("SELECT count(*) FROM items")) == (2,)


async def test_one_file_is_never_opened_with_two_libraries(tmp_path: Path) -> None:
    if len(LIBRARIES) < 2:
        return  # nothing to mix: there is only one
    one, two = (SQLiteEngine(SQLiteSettings(path=tmp_path / "app.db", library=name)) for name in LIBRARIES)  # type: ignore[arg-type]
    await one.start()
    with pytest.raises(SetupFault):
        await two.start()
    await one.close()
    await two.start()
    with pytest.raises(SetupFault):
        await one.start()
    await two.close()


async def test_what_is_no_database_is_named(library: str, tmp_path: Path) -> None:
    (tmp_path / "app.db").write_text("not a database, but long enough to be looked at\n" * 100)
    engine = SQLiteEngine(SQLiteSettings(path=tmp_path / "app.db", library=library))  # type: ignore[arg-type]
    with pytest.raises(SetupFault, match=r"app\.db cannot be opened"):
        await engine.start()
    with pytest.raises(SetupFault, match="cannot be made"):
        await SQLiteEngine(SQLiteSettings(path=tmp_path / "no" / "app.db")).start()


async def test_nothing_stays_open(open_engine: Open) -> None:
    def descriptors() -> set[str]:
        found = set()
        for entry in Path("/proc/self/fd").iterdir():
            try:
                found.add(str(entry.readlink()))
            except FileNotFoundError:
                continue
        return {name for name in found if "app.db" in name}

    if not Path("/proc/self/fd").is_dir():
        return
    async with open_engine() as engine:
        await engine.read_slow("SELECT 1", ())
        assert descriptors()
    assert descriptors() == set()


async def test_the_schema_is_changed_only_while_the_engine_is_stopped(tmp_path: Path) -> None:
    engine = SQLiteEngine(SQLiteSettings(path=tmp_path / "app.db"))
    with engine.migration_connection() as connection:
        connection.exec_driver_sql("CREATE TABLE half (id INTEGER PRIMARY KEY)")
        connection.rollback()
        connection.exec_driver_sql("CREATE TABLE whole (id INTEGER PRIMARY KEY)")
        connection.commit()
    await engine.start()
    assert await engine.read("SELECT group_concat(name) FROM sqlite_master", ()) == ("whole",)
    with pytest.raises(SetupFault), engine.migration_connection():
        pass
    await engine.close()


async def test_a_transaction_cannot_attach_another_file(engine: Engine) -> None:
    async with engine.transaction() as transaction:
        with pytest.raises(DatabaseFault, match="must not begin or end"):
            transaction.all("ATTACH 'x' AS y")
