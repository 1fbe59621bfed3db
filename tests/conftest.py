"""What every ring shares: where things are, which tools a test needs, and an honest account of what was not run.

A test that needs a tool says so, `@pytest.mark.needs("node", "strace")`. On a machine without it the test is skipped
and named under "Not run" at the end. With CI=true nothing may be left out: any skip or expected failure fails the run.
The one exception is `needs("shared")`, material that lies beside the repository and that not everybody has.
"""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
import sys
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path

import pytest

from tests import postgres, temporary

ROOT = Path(__file__).resolve().parent.parent
SHARED = ROOT.parent / "shared"
MAY_BE_ABSENT = frozenset({"shared"})
OLDEST_NODE = 20


def _command(name: str, package: str | None = None) -> Callable[[], str | None]:
    return lambda: None if shutil.which(name) else f"the command {name} is missing (Debian package: {package or name})"


def _node() -> str | None:
    missing = _command("node", "nodejs")()
    if missing:
        return missing
    version = subprocess.run(["node", "--version"], capture_output=True, text=True, check=False).stdout.strip()
    major = version.removeprefix("v").partition(".")[0]
    return None if major.isdigit() and int(major) >= OLDEST_NODE else f"Node {OLDEST_NODE} or later, not {version}"


def _compat() -> str | None:
    installed = (ROOT / "tests/compat/node_modules").is_dir()
    return _node() or (None if installed else "tests/compat/node_modules is missing (make test installs it)")


def _shared_sqlite() -> str | None:
    """Undercroft refuses a second process on a file where the library could corrupt it; see docs/engine.md."""
    from undercroft.engine.sqlite.library import choose

    library = choose("auto")
    if not library.guarded:
        return None
    return (
        f"SQLite {library.version_text} may corrupt a file of two processes (pip install pysqlite3 brings a sound one)"
    )


TOOLS: Mapping[str, Callable[[], str | None]] = {
    "chromium": _command("chromium"),
    "compat": _compat,
    "curl": _command("curl"),
    "git": _command("git"),
    "linux": lambda: None if sys.platform == "linux" else "this test is about Linux",
    "node": _node,
    "openssl": _command("openssl"),
    "pgbouncer": _command("pgbouncer"),
    "postgres": postgres.lacking,
    "postgres-contrib": postgres.lacking_contrib,
    "shared": lambda: None if SHARED.is_dir() else "no folder ../shared beside the repository",
    "shared-sqlite": _shared_sqlite,
    "strace": _command("strace"),
    "wrk": _command("wrk"),
}
"""Tool → what is missing, in words, or None where it is there."""

LACKS = pytest.StashKey[dict[str, str | None]]()


# ---------------------------------------------------------------- fixtures


@pytest.fixture(scope="session")
def anyio_backend() -> str:
    return "asyncio"


@pytest.fixture(scope="session")
def root() -> Path:
    """The repository."""
    return ROOT


@pytest.fixture(scope="session")
def shared() -> Path:
    """The material beside the repository; a test that asks for it is marked `needs("shared")`."""
    return SHARED


@pytest.fixture
def free_port() -> int:
    """A TCP port on 127.0.0.1 that was free a moment ago."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


@pytest.fixture(scope="session")
def postgres_server() -> Iterator[str]:
    """The URL of a PostgreSQL as its superuser; a test that asks for it is marked `needs("postgres")`."""
    with postgres.server() as url:
        yield url


@pytest.fixture
def postgres_url(postgres_server: str) -> Iterator[str]:
    """The URL of a fresh, empty database, as its owner and superuser."""
    with postgres.database(postgres_server) as url:
        yield url


@pytest.fixture(scope="session")
def contrib_server() -> Iterator[str]:
    """As `postgres_server`, with the extensions that come with PostgreSQL; its test `needs("postgres-contrib")`."""
    with postgres.cluster(*postgres.UNHARMED, binaries=postgres.debian_binaries()) as made:
        yield made.url


@pytest.fixture(scope="session")
def rounds(request: pytest.FixtureRequest) -> Callable[[int, int], int]:
    """`rounds(usual, full)`: how often to repeat; `make soak` asks for the full number. Nothing else may differ."""
    soak = bool(request.config.getoption("--soak"))
    return lambda usual, full: full if soak else usual


# ---------------------------------------------------------------- tools


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--soak", action="store_true", help="repeat the repeating tests at full length")


def pytest_configure(config: pytest.Config) -> None:
    temporary.choose()
    config.stash[LACKS] = {}


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        for tool in _needed(item) - TOOLS.keys():
            raise pytest.UsageError(f"{item.nodeid} needs {tool!r}: tests/conftest.py knows no such tool")


def _needed(item: pytest.Item) -> set[str]:
    return {str(tool) for mark in item.iter_markers("needs") for tool in mark.args}


def pytest_runtest_setup(item: pytest.Item) -> None:
    known = item.config.stash[LACKS]
    reasons = []
    for tool in sorted(_needed(item)):
        if tool not in known:
            known[tool] = TOOLS[tool]()
        if known[tool]:
            item.user_properties.append(("lacks", tool))
            reasons.append(f"needs {tool}: {known[tool]}")
    if reasons:
        pytest.skip("; ".join(reasons))


# ---------------------------------------------------------------- the account


class Omission:
    """One thing that this run did not do, why, and whether that is allowed on CI."""

    def __init__(self, report: pytest.TestReport | pytest.CollectReport) -> None:
        self.where = report.nodeid
        lacks = {value for name, value in getattr(report, "user_properties", ()) if name == "lacks"}
        self.allowed = bool(lacks) and lacks <= MAY_BE_ABSENT
        if report.outcome == "skipped" and isinstance(report.longrepr, tuple):
            self.why = str(report.longrepr[2]).removeprefix("Skipped: ")
        else:
            self.why = f"expected failure: {getattr(report, 'wasxfail', '') or 'no reason given'}"


def _omissions(config: pytest.Config) -> Iterator[Omission]:
    reporter = config.pluginmanager.get_plugin("terminalreporter")
    for reports in list(reporter.stats.values()) if reporter else ():
        for report in reports:
            if getattr(report, "outcome", "") == "skipped" or hasattr(report, "wasxfail"):
                yield Omission(report)


def _strict() -> bool:
    return os.environ.get("CI") == "true"


@pytest.hookimpl(trylast=True)
def pytest_sessionfinish(session: pytest.Session, exitstatus: int) -> None:
    if exitstatus == pytest.ExitCode.OK and _strict() and not all(left.allowed for left in _omissions(session.config)):
        session.exitstatus = pytest.ExitCode.TESTS_FAILED


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter, config: pytest.Config) -> None:
    reasons: dict[tuple[str, bool], list[str]] = {}
    for left in _omissions(config):
        reasons.setdefault((left.why, left.allowed), []).append(left.where)
    if not reasons:
        return
    terminalreporter.section("Not run")
    for (why, allowed), places in sorted(reasons.items()):
        fatal = _strict() and not allowed
        terminalreporter.write_line(f"{why} ({len(places)})", red=fatal, yellow=not fatal)
        for place in sorted(places):
            terminalreporter.write_line(f"    {place}")
    if _strict() and not all(allowed for _, allowed in reasons):
        terminalreporter.write_line("With CI=true nothing may be left out: this run has failed.", red=True)
