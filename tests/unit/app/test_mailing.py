"""What an app needs of the extra `mail`: nothing, until mails are to leave."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

TRY = """
import sys
for name in ("aiosmtplib", "css_inline", "dkim"):
    sys.modules[name] = None  # as if it were not installed
from undercroft import App
from undercroft.app import build
from undercroft.base.faults import SetupFault
from undercroft.base.settings import Settings

given = {"UNDERCROFT_DATABASE_DATA": sys.argv[1]}
build(App(), Settings.load(None, given))
try:
    servers = {"UNDERCROFT_MAIL_SERVERS": "smtp://mail.example.com", "UNDERCROFT_MAIL_SENDER": "a@example.com"}
    build(App(), Settings.load(None, given | servers))
except SetupFault as fault:
    print(fault.hint)
"""


def test_mail_servers_want_the_extra_and_nothing_else_does(tmp_path: Path) -> None:
    ran = subprocess.run(
        [sys.executable, "-c", TRY, str(tmp_path)], capture_output=True, text=True, timeout=60, check=False
    )
    assert ran.stdout == "pip install 'undercroft[mail]'\n", ran.stderr
