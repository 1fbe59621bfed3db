"""Functions over HTTP: `/functions/v1/<name>`, as functions-js calls them.

Protocol: Supabase's "Edge Functions" guide and functions-js 2: any method, a body of any type, an answer that is read
by its Content-Type. `x-region` and `forceFunctionRegion` choose a place elsewhere; here there is one.
"""

from __future__ import annotations

from urllib.parse import unquote

from undercroft.access.actor import ANONYMOUS, Actor
from undercroft.base.faults import Fault
from undercroft.functions.errors import unknown_function
from undercroft.functions.service import Functions
from undercroft.pipeline.keys import HEADER, Claim, claim_of
from undercroft.web.actor import Identify, bearer
from undercroft.web.forms import FormLimits
from undercroft.web.methods import MethodFault
from undercroft.web.received import WebRequest
from undercroft.web.types import Answer, Hosting, Request, Stream

_TELLING = (b"prefer", b"accept", b"content-type")
"""Headers that make another request of it."""
_SAFE = frozenset({"GET", "HEAD", "OPTIONS"})


class FunctionsRoom(Hosting):
    """The room behind the door."""

    def __init__(self, functions: Functions, *, form_limits: FormLimits | None = None) -> None:
        self._functions = functions
        self._form_limits = form_limits

    def who(self, request: Request, identify: Identify) -> Actor:
        """Who asks. A public function asks for no credential: one that is not ours may be for the function itself."""
        endpoint = self._functions.endpoints.get(_split(request)[0])
        if endpoint is None or not endpoint.public:
            return super().who(request, identify)
        try:
            return super().who(request, identify)
        except Fault:
            request.authenticated = False
        try:
            return identify(None, None)
        except Fault:
            return ANONYMOUS

    def show(self, request: Request, fault: Fault, answer: Answer) -> Answer:
        """The fault as the data API tells it; a method that is not taken comes with those that are."""
        if isinstance(fault, MethodFault):
            return answer._replace(headers=(*answer.headers, (b"allow", fault.allow.encode())))
        return answer

    async def __call__(self, request: Request) -> Answer | Stream:
        """Call the function that a request means. Raises `Fault`."""
        name, rest = _split(request)
        actor = request.actor
        endpoint = self._functions.find(name, request.method, actor.role, beyond=rest not in ("", "/"))
        received = WebRequest(request, rest, limits=self._form_limits)
        claim = await _claim(request, received, actor) if request.header(HEADER) is not None else None
        answer = await self._functions.call(endpoint, received, actor, claim)
        request.cors_told = any(key == b"access-control-allow-origin" for key, _ in answer.headers)
        return answer


async def _claim(request: Request, received: WebRequest, actor: Actor) -> Claim | None:
    """What a request claims by its Idempotency-Key; one that only reads claims nothing."""
    if request.method in _SAFE:
        return None
    told = [b",".join(_all(request, name)) for name in _TELLING]
    parts = (request.method.encode(), b"/functions", request.path, request.query, *told, await received.body())
    return claim_of(request.headers, actor, *parts, credentials=_credentials(request))


def _credentials(request: Request) -> list[bytes]:
    """What may tell a function who calls it, beside the token that the house believes: that is in the actor already,
    and another one of the same caller changes nothing.
    """
    given = _all(request, b"authorization")
    if request.authenticated and len(given) == 1 and bearer(given[0]):
        given = []
    return [b"\n".join(each) for each in (given, _all(request, b"apikey"), _all(request, b"cookie"))]


def _all(request: Request, name: bytes) -> list[bytes]:
    return [value for key, value in request.headers if key == name]


def _split(request: Request) -> tuple[str, str]:
    """The name of the function, and the path behind it, decoded. Raises `FunctionFault` where it is not UTF-8."""
    name, slash, rest = request.path.removeprefix(b"/").partition(b"/")
    try:
        return unquote(name.decode("ascii"), errors="strict"), unquote((slash + rest).decode("ascii"), errors="strict")
    except UnicodeDecodeError:
        raise unknown_function(request.path.decode("latin-1")) from None
