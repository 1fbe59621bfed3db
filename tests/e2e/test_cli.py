"""The command line as somebody types it: real processes, exit statuses, and what is printed where."""

from __future__ import annotations

import json
import os
import pty
import re
import resource
import select
import subprocess
import sys
import time
from pathlib import Path

import httpx2
import pytest

from tests.e2e.processes import APP, app_in, environment, served, undercroft
from undercroft.auth.parts.compact import read

HELP_SECONDS = 0.3
MORE = APP.replace("    text: Mapped[str]\n", "    text: Mapped[str]\n    more: Mapped[str | None]\n")
RENAMED = APP.replace("    text: Mapped[str]\n", "    body: Mapped[str]\n")


def url(port: int) -> str:
    return f"http://127.0.0.1:{port}"


# ---------------------------------------------------------------- help


def test_help_is_instant(tmp_path: Path) -> None:
    """Processor time, the least of a few: the wall clock would measure the neighbours."""
    least = HELP_SECONDS * 10
    for _ in range(5):
        before = resource.getrusage(resource.RUSAGE_CHILDREN)
        done = undercroft("--help", cwd=tmp_path)
        after = resource.getrusage(resource.RUSAGE_CHILDREN)
        least = min(least, after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime)
    assert least < HELP_SECONDS
    for command in ("new", "dev", "serve", "migrate", "keys", "token", "explain", "access", "doctor"):
        assert re.search(rf"^  {command} ", done.stdout, re.MULTILINE)


def test_help_imports_nothing_heavy(tmp_path: Path) -> None:
    code = "import sys\nfrom undercroft.cli import commands\nprint(*sorted(sys.modules))"
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=tmp_path, env=environment(), capture_output=True, text=True, check=True
    )
    assert {"sqlalchemy", "pydantic", "rich", "structlog", "granian", "alembic"} & set(done.stdout.split()) == set()


def test_the_version(tmp_path: Path) -> None:
    assert undercroft("--version", cwd=tmp_path).stdout.startswith("undercroft 0.")


# ---------------------------------------------------------------- a new app


def test_a_new_app_runs_and_its_test_passes(tmp_path: Path, free_port: int) -> None:
    undercroft("new", "diary", cwd=tmp_path)
    folder = tmp_path / "diary"
    assert sorted(path.name for path in folder.iterdir()) == sorted(
        [".gitignore", "README.md", "app.py", "test_app.py", "undercroft.toml"]
    )
    tested = subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "--rootdir", "."],
        cwd=folder,
        env=environment(),
        capture_output=True,
        text=True,
        check=False,
    )
    assert "2 passed" in tested.stdout, tested.stdout + tested.stderr
    found = json.loads(undercroft("doctor", "--json", cwd=folder).stdout)
    assert [each for each in found["findings"] if each["severity"] != "note"] == []
    sub = "00000000-0000-0000-0000-000000000001"
    token = undercroft("token", "--sub", sub, cwd=folder).stdout.strip()
    with served("serve", "--port", str(free_port), cwd=folder, url=url(free_port)) as process:
        process.ready()
        headers = {"Authorization": f"Bearer {token}", "Prefer": "return=representation"}
        written = httpx2.post(f"{process.url}/rest/v1/notes", json={"text": " x "}, headers=headers).json()
    assert [(note["text"], note["author_id"]) for note in written] == [("x", sub)]


def test_a_folder_with_something_in_it_is_left_alone(tmp_path: Path) -> None:
    app_in(tmp_path / "diary")
    assert "not empty" in undercroft("new", "diary", cwd=tmp_path, code=2).stderr


# ---------------------------------------------------------------- keys and tokens


def test_keys_and_tokens(tmp_path: Path) -> None:
    keys = json.loads(undercroft("keys", "--json", "--data", "d", cwd=tmp_path).stdout)
    assert list(keys) == ["anon", "service_role"]
    assert keys == json.loads(undercroft("keys", "--json", "--data", "d", cwd=tmp_path).stdout)
    assert (tmp_path / "d").stat().st_mode & 0o777 == 0o700
    words = ("token", "--role", "editor", "--sub", "7", "--claim", "org_id=3", "--claim", "name=x", "--expires", "2h")
    made = json.loads(undercroft(*words, "--json", "--data", "d", cwd=tmp_path).stdout)
    claims = json.loads(read(made["token"].encode()).payload)
    assert claims == made["claims"]
    assert (claims["role"], claims["sub"], claims["org_id"], claims["name"]) == ("editor", "7", 3, "x")
    assert claims["exp"] - claims["iat"] == 7200


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (("token", "--expires", "soon"), "no length of time"),
        (("token", "--claim", "nothing"), "is not name=value"),
        (("keys", "--config", "none.toml"), "cannot be read"),
        (("serve", "--port", "0"), "there is no app.py"),
        (("serve", "ap.py", "--port", "0"), "there is no file ap.py"),
        (("migrate", "up", "--app", "nothing.py"), "there is no file nothing.py"),
        (("serve", "--port", "0", "--database", "mysql://x/y"), "sqlite:///"),
        (("serve", "--port", "0", "--database", "sqlite:///"), "names no file"),
        (("serve", "--port", "0", "--database", "postgresql://bob:s3cr/et@localhost:1/db"), "cannot be read"),
        (("move", "--from", "sqlite:///none.db", "--to", "sqlite:///."), "names no file"),
    ],
    ids=lambda value: value[0] if isinstance(value, tuple) else "",
)
def test_what_is_wrong_is_told_in_one_block(tmp_path: Path, words: tuple[str, ...], told: str) -> None:
    done = undercroft(*words, cwd=tmp_path, code=2)
    assert told in done.stderr
    assert "Traceback" not in done.stderr
    assert done.stdout == ""


def test_a_file_that_is_no_database_is_told(tmp_path: Path) -> None:
    folder = app_in(tmp_path)
    undercroft("migrate", "make", cwd=folder)
    (folder / "words.txt").write_text("these are words, and no database " * 100)
    for words in (
        ("serve", "app.py", "--port", "0", "--database", "sqlite:///words.txt"),
        ("migrate", "up", "--database", "sqlite:///words.txt"),
        ("migrate", "status", "--database", "sqlite:///words.txt"),
        ("move", "--from", "sqlite:///words.txt", "--to", "sqlite:///to.db"),
    ):
        done = undercroft(*words, cwd=folder, code=2)
        assert "words.txt cannot be read: file is not a database" in done.stderr
        assert "Traceback" not in done.stderr


def test_without_revision_files_up_says_so(tmp_path: Path) -> None:
    done = undercroft("migrate", "up", cwd=app_in(tmp_path))
    assert "there are no revision files" in done.stderr
    assert "migrate make" in done.stderr


def test_a_wrong_setting_is_told_with_its_line_and_as_json(tmp_path: Path) -> None:
    (app_in(tmp_path) / "undercroft.toml").write_text("[api]\nmax_row = 3\n")
    done = undercroft("serve", cwd=tmp_path, code=2)
    assert "undercroft.toml:2" in done.stderr
    assert "max_rows" in done.stderr
    told = json.loads(undercroft("keys", "--json", cwd=tmp_path, code=2).stdout)
    assert told["error"]["code"] == "UC002"


# ---------------------------------------------------------------- telling why


def test_explain_access_and_doctor(tmp_path: Path) -> None:
    folder = app_in(tmp_path)
    words = ("explain", "GET /rest/v1/notes?select=id&text=eq.x")
    found = json.loads(undercroft(*words, "--as", "00000000-0000-0000-0000-000000000001", "--json", cwd=folder).stdout)
    assert (found["role"], found["uid"]) == ("authenticated", "00000000-0000-0000-0000-000000000001")
    assert found["nodes"][0]["policies"][0]["reason"] == "Notes are for everybody."
    drawn = undercroft(*words, cwd=folder).stdout
    assert "as anon" in drawn
    assert "SELECT" in drawn
    assert "Notes are for everybody." in drawn
    assert "PGRST205" in undercroft("explain", "/rest/v1/none", cwd=folder).stdout
    matrix = json.loads(undercroft("access", "--json", cwd=folder).stdout)
    assert sorted(matrix["tables"]["notes"]["anon"]) == ["insert", "select"]
    assert "everybody" in undercroft("access", "--role", "anon", cwd=folder).stdout
    assert "UC105" in undercroft("doctor", cwd=folder).stdout
    closed = app_in(tmp_path / "closed", APP.replace('@app.policy(Note, "select", "insert")\n', ""))
    ids = {each["id"] for each in json.loads(undercroft("doctor", "--json", cwd=closed).stdout)["findings"]}
    assert "UC101" in ids
    strict = json.loads(undercroft("doctor", "--json", "--strict", cwd=closed, code=1).stdout)
    assert strict["ok"] is False


# ---------------------------------------------------------------- migrations


def test_migrations_from_the_first_to_the_way_back(tmp_path: Path) -> None:
    folder = app_in(tmp_path)
    made = undercroft("migrate", "make", "first", cwd=folder).stdout
    assert "0001_first.py" in made
    assert "creates table notes" in made
    assert "not applied" in undercroft("migrate", "check", cwd=folder, code=1).stdout
    up = json.loads(undercroft("migrate", "up", "--json", cwd=folder).stdout)
    assert (up["revisions"], up["changed"]) == (["0001"], True)
    assert "agree" in undercroft("migrate", "check", cwd=folder).stdout
    app_in(tmp_path, MORE)
    status = json.loads(undercroft("migrate", "status", "--json", cwd=folder).stdout)
    assert [step["sentence"] for step in status["unwritten"]] == ["adds column notes.more"]
    undercroft("migrate", "make", cwd=folder)
    assert "0002" in undercroft("migrate", "up", cwd=folder).stdout
    assert json.loads(undercroft("migrate", "check", "--no-database", "--json", cwd=folder).stdout)["ok"] is True
    refused = undercroft("migrate", "down", cwd=folder, code=2).stderr
    assert "allow-data-loss" in refused
    assert "0002" in undercroft("migrate", "down", "--allow-data-loss", cwd=folder).stdout


def test_a_rename_is_declared_or_asked(tmp_path: Path) -> None:
    folder = app_in(tmp_path)
    undercroft("migrate", "make", cwd=folder)
    app_in(tmp_path, RENAMED)
    refused = undercroft("migrate", "make", cwd=folder, code=2).stderr
    assert "--rename notes.text=body" in refused
    asked = on_a_terminal(["migrate", "make"], folder, {"Was notes.text renamed": "1\n"})
    assert "renames notes.text to body" in asked
    (path,) = folder.glob("migrations/versions/0002*.py")
    path.unlink()
    declared = undercroft("migrate", "make", "--rename", "notes.text=body", cwd=folder).stdout
    assert "renames notes.text to body" in declared


def on_a_terminal(words: list[str], cwd: Path, answers: dict[str, str]) -> str:
    """Run a command on a terminal and type an answer when its question appears; everything it printed."""
    main, terminal = pty.openpty()
    command = [sys.executable, "-m", "undercroft", *words]
    process = subprocess.Popen(command, cwd=cwd, env=environment(), stdin=terminal, stdout=terminal, stderr=terminal)
    os.close(terminal)
    printed, deadline = "", time.monotonic() + 60
    while time.monotonic() < deadline:
        if select.select([main], [], [], 0.1)[0]:
            try:
                part = os.read(main, 4096)
            except OSError:  # the other end is closed
                break
            printed += part.decode()
            for question in [each for each in answers if each in printed]:
                os.write(main, answers.pop(question).encode())
        elif process.poll() is not None:
            break
    process.wait(30)
    os.close(main)
    assert process.returncode == 0, printed
    return printed


# ---------------------------------------------------------------- dev


def test_dev_reloads_migrates_and_tells_the_line_of_a_mistake(tmp_path: Path, free_port: int) -> None:
    folder = app_in(tmp_path)
    with served("dev", "--port", str(free_port), cwd=folder, url=url(free_port)) as process:
        process.ready()
        assert httpx2.post(f"{process.url}/rest/v1/notes", json={"text": "kept"}).status_code == 201
        pid = httpx2.get(f"{process.url}/rest/v1/rpc/pid").json()

        app_in(tmp_path, MORE)
        process.until(lambda: len(process.logged("ready")) == 2, "the reload")
        assert httpx2.get(f"{process.url}/rest/v1/notes").json() == [{"id": 1, "text": "kept", "more": None}]
        assert httpx2.get(f"{process.url}/rest/v1/rpc/pid").json() != pid
        assert "adds column notes.more" in process.text

        app_in(tmp_path, MORE.replace("Mapped[str]\n", "Mapped[strr]\n", 1))
        process.until(lambda: "Waiting for a change" in process.text, "the mistake")
        assert re.search(r"app\.py:\d+", process.text)
        assert "    text: Mapped[strr]" in process.text
        assert "Traceback" not in process.text

        app_in(tmp_path, RENAMED)
        process.until(lambda: "--rename notes." in process.text, "the question")
        app_in(tmp_path, MORE)
        process.until(lambda: len(process.logged("ready")) == 3, "the repair")
        assert httpx2.get(f"{process.url}/rest/v1/notes?select=text").json() == [{"text": "kept"}]
        assert "".join(process.out).count("service_role key") == 1
        assert process.stop() == 0


def test_dev_says_what_doctor_finds(tmp_path: Path, free_port: int) -> None:
    closed = APP.replace('@app.policy(Note, "select", "insert")\n', "")
    with served("dev", "--port", str(free_port), cwd=app_in(tmp_path, closed), url=url(free_port)) as process:
        process.ready()
        process.until(lambda: "undercroft doctor" in "".join(process.out), "the findings")
        assert re.search(r"UC101 notes: ", process.text)


def test_the_schema_of_graphql(tmp_path: Path) -> None:
    app_in(tmp_path)
    undercroft("graphql", "schema", "--output", "all.graphql", cwd=tmp_path)
    assert "deleteFromNotesCollection" in (tmp_path / "all.graphql").read_text(encoding="utf-8")
    seen = undercroft("graphql", "schema", "--role", "anon", cwd=tmp_path).stdout
    assert "insertIntoNotesCollection" in seen
    assert "deleteFromNotesCollection" not in seen
    told = json.loads(undercroft("graphql", "schema", "--json", cwd=tmp_path).stdout)
    assert told["__schema"]["queryType"]["name"] == "Query"
    assert "cannot be written" in undercroft("graphql", "schema", "--output", "no/x", cwd=tmp_path, code=2).stderr
