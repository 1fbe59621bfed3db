"""The apps that newcomers copy answer a wrong body with what is wrong with it, and never with a fault of their own."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from tests.docs.play import blocks

ROOT = Path(__file__).resolve().parents[2]
TEMPLATE = ROOT / "src/undercroft/cli/template/app.py.txt"
ASK = """
import asyncio, sys
from uuid import uuid4

import httpx2

from app import app
from undercroft import auth


async def ask(path, *bodies):
    house = await app.start()
    token = auth.sign({"role": "authenticated", "sub": str(uuid4())}, house.keys.signing)
    transport = httpx2.ASGITransport(app=app)
    async with httpx2.AsyncClient(transport=transport, base_url="http://x/rest/v1") as client:
        answers = [
            await client.post(path, content=body, headers={"Authorization": f"Bearer {token}"}) for body in bodies
        ]
    await app.stop()
    print([(answer.status_code, answer.json()["code"]) for answer in answers])


asyncio.run(ask(*sys.argv[1:]))
"""


def of_the_front_page() -> str:
    page = (ROOT / "README.md").read_text(encoding="utf-8")
    return next(block.text for block in blocks(page) if block.file == "app.py")


def of_the_template() -> str:
    return TEMPLATE.read_text(encoding="utf-8")


@pytest.mark.parametrize(
    ("text", "path", "column"),
    [(of_the_front_page(), "/posts", "title"), (of_the_template(), "/notes", "text")],
    ids=["README", "undercroft new"],
)
def test_what_is_missing_is_the_callers_fault(text: str, path: str, column: str, tmp_path: Path) -> None:
    (tmp_path / "app.py").write_text(text, encoding="utf-8")
    (tmp_path / "ask.py").write_text(ASK, encoding="utf-8")
    words = [sys.executable, "ask.py", path, "{}", f'{{"{column}": null}}']
    ran = subprocess.run(words, cwd=tmp_path, capture_output=True, text=True, timeout=60, check=False)
    *log, last = ran.stdout.splitlines() or [""]
    assert last == str([(400, "23502")] * 2), (log, ran.stderr)
