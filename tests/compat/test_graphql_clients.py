"""graphql-request and urql from npm, and gql from PyPI, unmodified; and what graphql-http asks of a server.

Node runs every scenario of `graphql_scenarios.mjs` through each client once; each of them is a case here.
"""

from __future__ import annotations

import json
import re
import subprocess
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
from gql import Client, GraphQLRequest, gql
from gql.transport.exceptions import TransportQueryError
from gql.transport.httpx import HTTPXTransport

from tests.compat.conftest import Served

HERE = Path(__file__).parent
CLIENTS = ("graphql-request", "urql", "urql with persisted documents")
SCENARIOS = re.findall(r'^scenario\("([^"]+)"', (HERE / "graphql_scenarios.mjs").read_text("utf-8"), re.MULTILINE)


@pytest.fixture(scope="module")
def ran(served: Served) -> Mapping[str, Any]:
    """What came of the scenarios and of the audits."""
    found = subprocess.run(
        ["node", "graphql_run.mjs"],
        cwd=HERE,
        input=json.dumps(served._asdict()),
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert found.returncode == 0, found.stderr[-3000:]
    told: Mapping[str, Any] = json.loads(found.stdout)
    return told


@pytest.mark.needs("compat")
@pytest.mark.parametrize("scenario", SCENARIOS)
@pytest.mark.parametrize("client", CLIENTS)
def test_scenario(ran: Mapping[str, Any], client: str, scenario: str) -> None:
    errors = {each["name"]: each["error"] for each in ran["results"]}
    assert len(errors) == len(SCENARIOS) * len(CLIENTS) > 20
    assert errors[f"{client}: {scenario}"] is None


@pytest.mark.needs("compat")
def test_every_audit_of_graphql_over_http_is_passed(ran: Mapping[str, Any]) -> None:
    audits = ran["audits"]
    assert len(audits) > 50
    assert [each for each in audits if each["status"] != "ok"] == []


def connect(served: Served, token: str, *, schema: bool = False) -> Client:
    headers = {"apikey": served.anon, "Authorization": f"Bearer {token}"}
    transport = HTTPXTransport(url=f"{served.url}/graphql/v1", headers=headers)
    return Client(transport=transport, fetch_schema_from_transport=schema)


def test_gql_checks_documents_by_the_schema_that_it_is_given(served: Served) -> None:
    with connect(served, served.service, schema=True) as session:
        found = session.execute(gql("{ peopleCollection(first: 2) { edges { node { name } } } }"))
    assert [edge["node"]["name"] for edge in found["peopleCollection"]["edges"]] == ["Ada", "Grace"]


def test_who_may_not_ask_for_the_schema_is_told_so(served: Served) -> None:
    with (
        pytest.raises(TransportQueryError, match="may not ask for the schema"),
        connect(served, served.user, schema=True),
    ):
        pass


def test_gql_runs_a_session(served: Served) -> None:
    forwards = """
        query Next($after: Cursor) {
          tasksCollection(first: 2, after: $after) {
            pageInfo { hasNextPage endCursor }
            edges { node { id } }
          }
        }
    """
    insert = """
        mutation Make($title: String!) {
          insertIntoTasksCollection(objects: [{ projectId: 1, title: $title, points: 4 }]) { records { id title } }
        }
    """
    delete = "mutation Drop($id: Int!) { deleteFromTasksCollection(filter: { id: { eq: $id } }) { affectedCount } }"
    with connect(served, served.user) as session:
        seen: list[int] = []
        after = None
        while True:
            page = session.execute(GraphQLRequest(forwards, variable_values={"after": after}))["tasksCollection"]
            seen += [edge["node"]["id"] for edge in page["edges"]]
            after = page["pageInfo"]["endCursor"]
            if not page["pageInfo"]["hasNextPage"]:
                break
        assert seen == [1, 2, 3, 4, 5]
        written = session.execute(GraphQLRequest(insert, variable_values={"title": "of gql"}))
        made = written["insertIntoTasksCollection"]["records"]
        assert [each["title"] for each in made] == ["of gql"]
        gone = session.execute(GraphQLRequest(delete, variable_values={"id": made[0]["id"]}))
        assert gone == {"deleteFromTasksCollection": {"affectedCount": 1}}
        for document, code in (
            ("{ nothingOfTheKind }", "UC441"),
            (
                'mutation { insertIntoProjectsCollection(objects: [{title: "x", slug: "engine"}]) { affectedCount } }',
                "23505",
            ),
        ):
            with pytest.raises(TransportQueryError) as refusal:
                session.execute(gql(document))
            assert refusal.value.errors is not None
            assert refusal.value.errors[0]["extensions"]["code"] == code
