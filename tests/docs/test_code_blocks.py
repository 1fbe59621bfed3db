"""What the documentation shows works: every code block is run, each page in a folder of its own (see play.py)."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
PLAY = Path(__file__).with_name("play.py")
FRONT = [page for page in (ROOT / "README.md", ROOT / "CONTRIBUTING.md") if page.is_file()]
PAGES = [*FRONT, *sorted(ROOT.glob("docs/**/*.md"))]


def played(page: Path, folder: Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, PLAY, page], cwd=folder, capture_output=True, text=True, check=False, timeout=280
    )


def page_of(folder: Path, text: str) -> Path:
    page = folder / "page.md"
    page.write_text(text, encoding="utf-8")
    return page


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_the_blocks_of_a_page_do_what_it_says(page: Path, tmp_path: Path) -> None:
    result = played(page, tmp_path)
    assert result.returncode == 0, result.stderr
    done = json.loads(result.stdout.splitlines()[-1])
    if page in FRONT:
        assert done.get("run", 0) + done.get("compiled", 0) >= 1, "a page without a Python block: nothing was tested"


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        ("```python\nx = 1\n```\n\n```python\nassert x == 2\n```\n", "page.md:6"),
        ("```python no-run\nx = = 1\n```\n", "SyntaxError"),
        ("```bash\nif then\n```\n", "syntax error"),
        ("```bash run\nfalse\n```\n", "exit status 1"),
        ("```console run\n$ echo one\n$ echo two\ntwo\none\n```\n", "no line 'one'"),
        (
            "```python file=a.py\nx = 1\n```\n\n```bash run\npython -c 'import a; assert a.x == 2'\n```\n",
            "AssertionError",
        ),
    ],
    ids=["run", "no-run", "bash", "bash run", "console", "file"],
)
def test_a_wrong_block_is_found_and_its_place_named(text: str, complaint: str, tmp_path: Path) -> None:
    result = played(page_of(tmp_path, text), tmp_path)
    assert result.returncode == 1
    assert complaint in result.stderr
    assert "page.md:" in result.stderr


def test_each_kind_of_block_is_done_as_its_words_say(tmp_path: Path) -> None:
    text = """
```python
from dataclasses import dataclass
@dataclass
class Post:
    title: str
```

```python
assert Post("a").title == "a"
```

```python no-run
raise SystemExit("never run")
```

```python file=app.py
x = 1
```

```console run
$ python -c 'import app; print(app.x); print(5); print(6)'
1
...
6
```

```bash
rm -rf "$NOT_RUN"
```

```json
{"not": "code"}
```
"""
    result = played(page_of(tmp_path, text), tmp_path)
    assert result.returncode == 0, result.stderr
    assert json.loads(result.stdout) == {"run": 3, "compiled": 2, "written": 1, "checked": 1}
