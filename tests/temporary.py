"""Where the tests keep what they throw away: in memory, where there is room; most of what they wait for is a disk.

That data is asked to be on disk is tested by what is asked of the system (tests/reliability), which is the same there.
"""

from __future__ import annotations

import os
import tempfile
from pathlib import Path

MEMORY = Path("/dev/shm")
LEAST_BYTES = 4 << 30


def choose() -> None:
    """Make temporary files in memory from here on, in this process and in those that it starts; TMPDIR goes before."""
    if "TMPDIR" not in os.environ and _fits(MEMORY):
        os.environ["TMPDIR"] = tempfile.tempdir = str(MEMORY)


def _fits(folder: Path) -> bool:
    """Whether there is a folder with room, where programs may be started, as some tests do with ones of their own."""
    if not folder.is_dir() or not os.access(folder, os.W_OK):
        return False
    found = os.statvfs(folder)
    return found.f_bavail * found.f_frsize >= LEAST_BYTES and not found.f_flag & os.ST_NOEXEC
