"""docs/settings.md is what the settings say, and docs/errors.md is what the table of statuses says."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

from undercroft.base.faults import Fault
from undercroft.web import faults

ROOT = Path(__file__).resolve().parents[2]
SOURCE = ROOT / "src" / "undercroft"
ROW = re.compile(r"^\| `([0-9A-Z]{2,8})` \| (\d{3}) \| (.+) \|$", re.MULTILINE)


def test_the_page_of_settings_is_current() -> None:
    script = ROOT / "scripts" / "settings-page"
    ran = subprocess.run([sys.executable, script, "--check"], capture_output=True, text=True, check=False)
    assert ran.returncode == 0, ran.stderr


def section(title: str) -> dict[str, int]:
    """Code → status, from the table below a heading of the page of errors."""
    page = (ROOT / "docs" / "errors.md").read_text(encoding="utf-8")
    text = page.partition(f"## {title}\n")[2].partition("\n## ")[0]
    found = {code: int(status) for code, status, _ in ROW.findall(text)}
    assert found, f"no table below {title}"
    return found


def test_every_code_stands_with_its_status() -> None:
    listed = section("Codes") | section("Codes that nothing raises yet")
    assert set(faults._EXACT) <= set(listed)
    assert {code: faults.status_of(Fault("", code=code), anonymous=False) for code in listed} == listed


def test_every_class_of_codes_stands_with_its_status() -> None:
    assert section("Any other SQLSTATE") == faults._BY_CLASS


def test_the_codes_that_are_raised_are_those_that_stand_there() -> None:
    """A code is raised where it stands in the source as a text, outside the table of statuses."""
    written = " ".join(
        module.read_text(encoding="utf-8") for module in SOURCE.rglob("*.py") if module != SOURCE / "web" / "faults.py"
    )
    raised = set(re.findall(r'"(PGRST\d{3}|UC[45]\d\d)"', written))
    raised |= set(re.findall(r'(?:code=|default_code[^=\n]*= |^[A-Z_]+ = )"([0-9A-Z]{5})"', written))
    raised |= {code for code in faults._EXACT if f'"{code}"' in written}
    at_start = {code for code in raised if code.startswith(("UC0", "UC1", "UC2"))}
    assert raised - at_start - set(section("Codes")) == set()
    assert set(section("Codes that nothing raises yet")) & raised == set()


def test_every_code_of_our_own_is_told_of() -> None:
    """Those that end a start, a migration, a move or a check, too: who meets one looks it up."""
    written = "".join(module.read_text(encoding="utf-8") for module in SOURCE.rglob("*.py"))
    pages = "".join(page.read_text(encoding="utf-8") for page in (ROOT / "docs").glob("*.md"))
    ours = set(re.findall(r'"(UC\d{3})"', written))
    assert len(ours) > 20
    assert {code for code in ours if f"`{code}`" not in pages} == set()
