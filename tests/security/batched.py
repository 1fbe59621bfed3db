"""The same requests inside of batches: a `Place` whose answers are those of one request among others."""

from __future__ import annotations

import json
from typing import Any

from tests.api.scenario import ANON, Persona, Place, Reply, Request

API = "/rest/v1"


class Batched:
    """Asks by batches, and hands out the answers as if each request had come alone."""

    def __init__(self, place: Place) -> None:
        self._place = place

    def __getattr__(self, name: str) -> Any:
        return getattr(self._place, name)

    def ask(self, request: Request, who: Persona = ANON) -> Reply:
        """One request, behind another one that everybody may make."""
        if request.method == "OPTIONS":
            return self._place.ask(request, who)
        part, undone = as_part(request)
        prefer = (("prefer", "tx=rollback"),) if undone else ()
        body = json.dumps({"requests": [{"method": "GET", "path": "/"}, part]}).encode()
        whole = self._place.ask(
            Request("POST", f"{API}/batch", (("content-type", "application/json"), *prefer), body), who
        )
        if whole.status != 200:
            told = whole.json()
            assert told.pop("request") == 2, whole
            return whole._replace(body=json.dumps(told).encode())
        answer = whole.json()[1]
        headers = [(name.encode(), value.encode("latin-1")) for name, value in answer["headers"].items()]
        return Reply(answer["status"], headers, _body(answer))


def as_part(request: Request) -> tuple[dict[str, Any], bool]:
    """A request as it stands in a batch, and whether it is to be undone."""
    target = request.target.decode() if isinstance(request.target, bytes) else request.target
    assert target.startswith(API)
    part: dict[str, Any] = {"method": request.method, "path": target.removeprefix(API).replace(" ", "%20") or "/"}
    words = [word.strip() for name, value in request.headers if name == "prefer" for word in str(value).split(",")]
    headers = {str(name): str(value) for name, value in request.headers if name != "prefer"}
    kept = [word for word in words if not word.startswith("tx=")]
    part["headers"] = headers | ({"prefer": ", ".join(kept)} if kept else {})
    if request.body:
        is_json = "json" in headers.get("content-type", "json")
        part["body"] = _escaped(json.loads(request.body)) if is_json else request.body.decode()
    return part, "tx=rollback" in words


def _escaped(value: Any) -> Any:
    if isinstance(value, str):
        return "$" + value if value.startswith("$") else value
    if isinstance(value, list):
        return [_escaped(each) for each in value]
    return {name: _escaped(each) for name, each in value.items()} if isinstance(value, dict) else value


def _body(answer: Any) -> bytes:
    if answer["body"] is None:
        return b""
    is_json = "json" in answer["headers"].get("content-type", "")
    return json.dumps(answer["body"]).encode() if is_json else str(answer["body"]).encode()
