"""The example as it is, and at /stats what its engine has counted."""

from __future__ import annotations

from dataclasses import asdict

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse
from starlette.routing import Route

from examples.social.app import app


async def stats(request: Request) -> JSONResponse:
    return JSONResponse(asdict((await app.start()).engine.stats))


app.mount("/stats", Starlette(routes=[Route("/", stats)]))
