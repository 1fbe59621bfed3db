"""Play one Markdown file: run its code blocks in order, in the folder where this process was started.

    python tests/docs/play.py PAGE.md

The words after the language say what happens to a block; CONTRIBUTING.md explains them to writers.

- `python`: run, all blocks of a page in one namespace. `python no-run`: compiled only.
- `python file=NAME`: written to NAME, and compiled. `file=NAME` with any other language: written to NAME.
- `bash run`: run. `console run`: the `$ ` lines are run together, and the other lines must stand in their output, in
  that order (`...` stands for any lines). `bash` and `console` without `run`: the syntax is checked.

Prints what was done as JSON, `{"run": 3, "compiled": 1, ...}`; a failure names the page and the line of the block.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import traceback
from collections import Counter
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType

from markdown_it import MarkdownIt

SHELLS = frozenset({"bash", "sh", "console"})
SHELL_SECONDS = 120


@dataclass(frozen=True, slots=True)
class Block:
    """A fenced block: its language, the words behind it, its text, and the page's line on which the text starts."""

    language: str
    words: frozenset[str]
    text: str
    line: int

    @property
    def file(self) -> str | None:
        return next((word.removeprefix("file=") for word in self.words if word.startswith("file=")), None)


class Broken(Exception):
    """A block that does not do what the page says."""


def blocks(markdown: str) -> list[Block]:
    """The fenced blocks of a page that name a language, in order."""
    found = []
    for token in MarkdownIt().parse(markdown):
        if token.type == "fence" and token.map and token.info.strip():
            language, *words = token.info.split()
            found.append(Block(language, frozenset(words), token.content, token.map[0] + 2))
    return found


def play(page: Path) -> Counter[str]:
    """Do what each block of `page` says; returns how many were run, compiled, written and checked."""
    module = ModuleType("page")  # a real module: annotations of classes in it are looked up through sys.modules
    sys.modules["page"] = module
    sys.path.insert(0, "")
    done: Counter[str] = Counter()
    for block in blocks(page.read_text(encoding="utf-8")):
        try:
            done.update(step(block, page, module))
        except Broken as broken:
            raise Broken(f"{page}:{block.line}: {broken}") from None
        except Exception as error:
            raise Broken(f"{page}:{block.line}: this block fails\n{traceback.format_exc()}") from error
    return done


def step(block: Block, page: Path, module: ModuleType) -> list[str]:
    did = []
    if block.file:
        Path(block.file).parent.mkdir(parents=True, exist_ok=True)
        Path(block.file).write_text(block.text, encoding="utf-8")
        did.append("written")
    if block.language == "python":
        # blank lines in front, so that tracebacks name the lines of the page
        code = compile("\n" * (block.line - 1) + block.text, str(page), "exec", dont_inherit=True)
        if block.file or "no-run" in block.words:
            return [*did, "compiled"]
        exec(code, module.__dict__)
        return [*did, "run"]
    if block.language in SHELLS and not block.file:
        return [*did, shell(block)]
    return did


def shell(block: Block) -> str:
    lines = block.text.splitlines()
    script, expected = block.text, []
    if block.language == "console":
        script = "\n".join(line[2:] for line in lines if line.startswith("$ "))
        expected = [line for line in lines if line and line != "..." and not line.startswith("$ ")]
    if "run" not in block.words:
        check = subprocess.run(["bash", "-n"], input=script, text=True, capture_output=True, check=False)
        if check.returncode:
            raise Broken(check.stderr)
        return "checked"
    path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    ran = subprocess.run(
        ["bash", "-eu", "-o", "pipefail", "-c", script],
        env={**os.environ, "PATH": path},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=SHELL_SECONDS,
        check=False,
    )
    if ran.returncode:
        raise Broken(f"exit status {ran.returncode}\n{ran.stdout}{ran.stderr}")
    output = iter(ran.stdout.splitlines())
    for line in expected:
        if line not in output:  # consumes the iterator: the order counts
            raise Broken(f"the output has no line {line!r} here:\n{ran.stdout}")
    return "run"


if __name__ == "__main__":
    try:
        print(json.dumps(play(Path(sys.argv[1]))))
    except Broken as problem:
        sys.exit(str(problem))
