"""`undercroft worker` and `undercroft jobs`, as processes beside a server."""

from __future__ import annotations

import json
import time
from pathlib import Path
from typing import Any

import httpx2
import pytest

from tests.e2e.processes import app_in, served, undercroft

APP = '''
"""An app with jobs for tests."""
import asyncio

from sqlalchemy.orm import Mapped, mapped_column

from undercroft import App, Context, Model

app = App(title="Work")


class Trace(Model):
    __tablename__ = "traces"
    id: Mapped[int] = mapped_column(primary_key=True)
    what: Mapped[str]


@app.job()
async def leave(ctx: Context, what: str) -> None:
    ctx.session.add(Trace(what=what))


@app.job(retries=0)
async def fail(ctx: Context, what: str) -> None:
    raise ValueError(f"no {what}")


@app.job()
async def wait(ctx: Context) -> None:
    await ctx.job.progress(0.5, "half")
    await asyncio.sleep(60)


@app.schedule("0 3 * * *", tz="Europe/Berlin")
async def nightly(ctx: Context) -> None:
    """Every night."""


@app.policy(Trace, "select")
def everybody(trace):
    """Everybody may look."""
    return True


@app.rpc()
async def ask(ctx: Context, name: str, what: str) -> int:
    job = {"leave": leave, "fail": fail}.get(name)
    return await (ctx.enqueue(wait) if job is None else ctx.enqueue(job, what))
'''

pytestmark = pytest.mark.timeout(600)  # ten processes, one after the other


@pytest.fixture(
    params=[
        pytest.param("sqlite", marks=pytest.mark.needs("shared-sqlite")),
        pytest.param("postgres", marks=pytest.mark.needs("postgres")),
    ]
)
def variables(request: pytest.FixtureRequest) -> dict[str, str]:
    """What the commands are told by the environment."""
    more = {"UNDERCROFT_LOG_FORMAT": "json"}
    if request.param == "postgres":
        more["UNDERCROFT_DATABASE_URL"] = request.getfixturevalue("postgres_url")
    return more


def as_json(folder: Path, *words: str, **variables: str) -> Any:
    return json.loads(undercroft(*words, "--json", cwd=folder, code=0, **variables).stdout)


def test_a_worker_beside_a_server_that_runs_no_jobs(tmp_path: Path, free_port: int, variables: dict[str, str]) -> None:
    folder, url = app_in(tmp_path, APP), f"http://127.0.0.1:{free_port}"
    # So seldom does a worker look by itself that only being told can explain what follows.
    told = {**variables, "UNDERCROFT_JOBS_POLL": "600"}

    def ask(name: str, what: str = "") -> int:
        answer = httpx2.post(f"{url}/rest/v1/rpc/ask", json={"name": name, "what": what})
        assert answer.status_code == 200, answer.text
        return int(answer.text)

    def traces() -> list[str]:
        return [each["what"] for each in httpx2.get(f"{url}/rest/v1/traces?select=what&order=id").json()]

    with served("serve", "app.py", "--port", str(free_port), cwd=folder, url=url, UNDERCROFT_JOBS_ENABLED="false",
                **told) as server:  # fmt: skip
        server.ready()
        first = ask("leave", "before")
        undercroft("explain", "GET /rest/v1/traces", "--app", "app.py", cwd=folder, code=0, **variables)  # runs no jobs
        assert as_json(folder, "jobs", "show", str(first), **variables)["state"] == "waiting"
        with served("worker", "app.py", cwd=folder, url=url, UNDERCROFT_JOBS_ENABLED="false", **told) as worker:
            worker.until(lambda: worker.logged("ready"), "readiness")
            worker.until(lambda: traces() == ["before"], "the first job")
            for number in range(5):
                began = time.monotonic()
                ask("leave", f"after {number}")
                worker.until(lambda number=number: traces()[-1] == f"after {number}", "the next job")
                assert time.monotonic() - began < 2
            dead = ask("fail", "that")
            worker.until(lambda: worker.logged("jobs: dead"), "the failure")
            waiting = ask("wait")
            if "UNDERCROFT_DATABASE_URL" not in variables:  # what is shown does not depend on the engine
                look(folder, variables, dead, waiting)
            assert as_json(folder, "jobs", "retry", "--dead", "--name", "fail", **variables) == {"jobs": [dead]}
            assert as_json(folder, "jobs", "cancel", str(waiting), **variables) == {"jobs": [waiting]}
            worker.until(lambda: len(worker.logged("jobs: dead")) == 2, "the second failure")
            worker.until(lambda: worker.logged("jobs: lost"), "the end of the cancelled one", 10)
            assert worker.stop() == 0
            assert worker.logged("stopped")


def look(folder: Path, variables: dict[str, str], dead: int, waiting: int) -> None:
    listed = as_json(folder, "jobs", "list", **variables)
    assert listed["counts"]["fail"] == {"dead": 1}
    assert [each["id"] for each in listed["jobs"]] == [waiting, dead]
    shown = undercroft("jobs", "show", str(dead), cwd=folder, code=0, **variables).stdout
    assert "ValueError: no that" in shown
    assert "dead" in shown
    table = undercroft("jobs", "list", "--state", "dead", cwd=folder, code=0, **variables).stdout
    assert "ValueError: no that" in table
    assert " wait " not in table
    watched = undercroft(
        "jobs", "watch", "--every", "0.3", "--looks", "3", "--json", cwd=folder, code=0, **variables
    ).stdout
    looks = [json.loads(line) for line in watched.splitlines()]
    assert len(looks) == 3
    assert looks[-1]["running"] == [{"id": waiting, "name": "wait", "progress": {"share": 0.5, "message": "half"}}]


@pytest.mark.needs("shared-sqlite")
def test_schedules_are_shown_in_their_own_zone(tmp_path: Path) -> None:
    folder = app_in(tmp_path, APP)
    (found,) = as_json(folder, "jobs", "schedules")
    assert (found["name"], found["zone"], found["last"]) == ("nightly", "Europe/Berlin", None)
    assert len(found["next"]) == 3
    table = undercroft("jobs", "schedules", cwd=folder).stdout
    assert table.count("03:00:00") == 3
    assert "never" in table
    assert "There are no jobs." in undercroft("jobs", "list", cwd=folder).stdout


@pytest.mark.needs("shared-sqlite")
@pytest.mark.parametrize("words", [(), ("1", "--dead"), ("1", "--name", "leave")])
def test_it_must_be_clear_what_is_to_be_tried_again(tmp_path: Path, words: tuple[str, ...]) -> None:
    folder = app_in(tmp_path, APP)
    assert "--dead" in undercroft("jobs", "retry", *words, cwd=folder, code=2).stderr


def test_a_database_that_is_served_as_it_is_has_no_jobs(tmp_path: Path) -> None:
    (tmp_path / "app.py").write_text("from undercroft import App\napp = App(existing=True)\n")
    assert "has no jobs" in undercroft("worker", "app.py", cwd=tmp_path, code=2).stderr
