"""PgBouncer for the tests, in transaction mode over a cluster of theirs, reachable by a Unix socket only."""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from urllib.parse import parse_qs, quote, urlsplit

READY_SECONDS = 15.0
USERS = ("postgres", "undercroft_authenticator")


@contextmanager
def pooled(url: str, *, size: int = 3, **settings: str) -> Iterator[str]:
    """The URL of a PgBouncer that lends at most `size` connections to the database of this URL."""
    folder = Path(tempfile.mkdtemp(prefix="undercroft-bouncer-"))
    user = "nobody" if os.geteuid() == 0 else None  # it does not run as root
    host = parse_qs(urlsplit(url).query).get("host", [urlsplit(url).hostname or ""])[0]
    more = "".join(f"{name} = {value}\n" for name, value in settings.items())
    (folder / "users.txt").write_text("".join(f'"{name}" ""\n' for name in USERS))
    (folder / "pgbouncer.ini").write_text(
        f"[databases]\n* = host={host}\n[pgbouncer]\nlisten_port = 6432\nunix_socket_dir = {folder}\n"
        f"listen_addr =\nauth_type = trust\nauth_file = {folder}/users.txt\npool_mode = transaction\n"
        f"default_pool_size = {size}\n{more}"
    )
    if user is not None:
        for each in (folder, *folder.iterdir()):
            shutil.chown(each, user)
    command = ["pgbouncer", str(folder / "pgbouncer.ini")]
    if user is not None:
        command = ["setpriv", f"--reuid={user}", "--clear-groups", "--pdeathsig=KILL", "--", *command]
    with (folder.parent / f"{folder.name}.log").open("wb") as log:
        process = subprocess.Popen(command, cwd=folder, stdin=subprocess.DEVNULL, stdout=log, stderr=log)
    try:
        until = time.monotonic() + READY_SECONDS
        while not _listens(folder / ".s.PGSQL.6432"):
            if process.poll() is not None or time.monotonic() > until:
                raise RuntimeError((folder.parent / f"{folder.name}.log").read_text())
            time.sleep(0.02)
        parts = urlsplit(url)
        yield f"postgresql://{parts.username}@{parts.path}?host={quote(str(folder), safe='')}&port=6432"
    finally:
        process.kill()
        process.wait()
        shutil.rmtree(folder, ignore_errors=True)
        (folder.parent / f"{folder.name}.log").unlink(missing_ok=True)


def _listens(path: Path) -> bool:
    with socket.socket(socket.AF_UNIX) as probe:
        return probe.connect_ex(str(path)) == 0
