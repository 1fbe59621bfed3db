"""What starts with every app, whether it has pages or not."""

from __future__ import annotations

import subprocess
import sys

WHAT_EVERY_APP_LOADS = """
import mimetypes, sys
import undercroft.pages.declarations, undercroft.pages.routes, undercroft.functions.routes
print("jinja2" in sys.modules, mimetypes.inited)
"""


def test_an_app_without_pages_loads_no_templates_and_no_table_of_types() -> None:
    done = subprocess.run([sys.executable, "-c", WHAT_EVERY_APP_LOADS], capture_output=True, text=True, check=True)
    assert done.stdout.split() == ["False", "False"]
