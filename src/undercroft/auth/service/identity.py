"""The verbs of this room: who is asking, and a token for somebody."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from hmac import compare_digest
from secrets import token_urlsafe
from types import MappingProxyType
from typing import TYPE_CHECKING

from undercroft.access.actor import SERVICE_ROLE, Actor
from undercroft.auth.backends.key_file import load_or_create
from undercroft.auth.errors import AnonymousFault, EndedFault, KeyFault, UnknownRoleFault
from undercroft.auth.parts.keyring import KeyRing, key_set, secret_key
from undercroft.auth.parts.role_path import role_path
from undercroft.auth.parts.signing import configured_secret, signed_with
from undercroft.auth.parts.tokens import Rules, verify
from undercroft.auth.service.keys import signing_keys
from undercroft.auth.types import Keys
from undercroft.base.secret import Secret
from undercroft.web.actor import credential

if TYPE_CHECKING:
    from collections.abc import Collection

    from undercroft.base.clock import Clock
    from undercroft.base.settings import Settings
    from undercroft.web.actor import Header

_Cached = tuple[Actor, float]


class Identity:
    """Implements `web.actor.Identify`: tokens to actors, remembering what was verified until it expires.

    Made for one event loop: one thread calls it. `roles` are the roles that the app knows; None takes any, and a role
    that no policy names then simply meets closed tables.
    """

    def __init__(
        self,
        ring: KeyRing,
        rules: Rules,
        clock: Clock,
        *,
        opaque: Mapping[bytes, str] = MappingProxyType({}),
        roles: Collection[str] | None = None,
        cache_entries: int = 4096,
    ) -> None:
        self._ring = ring
        self._rules = rules
        self._now = clock.timestamp
        self._opaque = {key: _plain(role) for key, role in opaque.items()}
        self._roles = None if roles is None else frozenset(roles)
        self._anonymous = None if rules.anon_role is None else _plain(rules.anon_role)
        # Two generations: a hit in the young one writes nothing, and what nobody asked for during a whole generation
        # goes. It costs less per hit than moving an entry to the front of a list.
        self._generation = (cache_entries + 1) // 2
        self._young: dict[bytes, _Cached] = {}
        self._old: dict[bytes, _Cached] = {}
        self._ended: dict[str, float] = {}

    def __call__(self, authorization: Header, apikey: Header) -> Actor:
        """The actor of a request; see `web.actor.Identify` for the faults."""
        if authorization.__class__ is bytes and authorization[:7] == b"Bearer ":
            known = self._young.get(authorization[7:])
            # The clock is asked on every hit: a remembered token dies when it would have died.
            if known is not None and self._now() <= known[1]:
                return known[0]
        token = credential(authorization, apikey)
        if token is None:
            if self._anonymous is None:
                raise AnonymousFault
            return self._anonymous
        return self._of(token)

    def trust(self, ring: KeyRing) -> None:
        """Believe these keys from now on and forget every verdict: what only an old key verified is refused at once."""
        self._ring = ring
        self._young, self._old = {}, {}

    def refuse(self, sessions: Mapping[str, float]) -> None:
        """Believe no token of these sessions, each until the last of them has run out: seconds since 1970.

        Verdicts on them are forgotten here, so that a hit need not ask.
        """
        self._ended.update(sessions)
        for known in (self._young, self._old):
            for token in [token for token, (actor, _) in known.items() if _session_of(actor) in sessions]:
                del known[token]

    def tidy(self) -> None:
        """Forget sessions whose tokens have all run out."""
        now = self._now()
        self._ended = {session: until for session, until in self._ended.items() if until >= now}

    def _of(self, token: bytes) -> Actor:
        now = self._now()
        known = self._young.get(token) or self._old.get(token)
        if known is not None and now <= known[1]:
            self._remember(token, known)
            return known[0]
        for key, actor in self._opaque.items():
            if compare_digest(key, token):
                return actor
        verified = verify(token, self._ring, self._rules, now)
        if _session_of(verified.actor) in self._ended:
            raise EndedFault
        if self._roles is not None and verified.actor.role not in self._roles:
            raise UnknownRoleFault(verified.actor.role)
        self._remember(token, (verified.actor, verified.expires))
        return verified.actor

    def _remember(self, token: bytes, entry: _Cached) -> None:
        if not self._generation:
            return
        if len(self._young) >= self._generation and token not in self._young:
            self._young, self._old = {}, self._young
        self._young[token] = entry


def _session_of(actor: Actor) -> str | None:
    found = actor.claims.get("session_id")
    return found if isinstance(found, str) else None


def _plain(role: str) -> Actor:
    return Actor(role, None, MappingProxyType({"role": role}))


def installation_keys(settings: Settings, clock: Clock, *, dev: bool = False) -> Keys:
    """The keys that an installation signs and is called with: from the settings, else from the data directory.

    `dev` lets a published example secret pass. Raises `KeyFault` for a weak secret, for an API key in the settings
    that the secret did not sign, and for a data directory or key file that others can open.
    """
    auth = settings.auth
    secret = configured_secret(auth.jwt_secret, is_base64=auth.jwt_secret_is_base64, dev=dev)
    keys = load_or_create(settings.database.data, clock, secret=secret, issuer=auth.jwt_issuer)
    given = {"anon_key": auth.anon_key, "service_role_key": auth.service_role_key}
    for name, key in given.items():
        if key is not None and not signed_with(keys.signing, key.reveal()):
            raise KeyFault(f"[auth] {name} was not signed with the jwt_secret in use")
    return replace(
        keys,
        anon=auth.anon_key.reveal() if auth.anon_key else keys.anon,
        service_role=auth.service_role_key or keys.service_role,
    )


def session_keys(settings: Settings) -> Keys:
    """Keys in the place of a PostgREST: the secret that its settings name, else one that nobody knows and nothing
    believes. Nothing is written to a data directory. Raises `KeyFault` for a secret that is too short.
    """
    auth = settings.auth
    # Examples from documentation are let pass: a file is taken as it is.
    secret = configured_secret(auth.jwt_secret, is_base64=auth.jwt_secret_is_base64, dev=True)
    signing = secret or Secret(token_urlsafe(48))
    return Keys(signing, "", Secret(""))


def key_ring(keys: Keys, settings: Settings) -> KeyRing:
    """All keys that an installation believes: its own secret and, where given, a key set. Raises `KeyFault`."""
    auth = settings.auth
    # In the place of a PostgREST, what nobody named signs nothing.
    own = auth.jwt_secret is not None or not settings.postgrest.stand_in
    trusted = [secret_key(keys.signing.reveal_bytes())] if own else []
    documents: list[str | bytes] = [] if auth.jwks is None else [auth.jwks.reveal()]
    if auth.jwks_file is not None:
        try:
            documents.append(auth.jwks_file.read_bytes())
        except OSError as error:
            raise KeyFault(f"[auth] jwks_file {auth.jwks_file} cannot be read: {error.strerror}") from None
    for document in documents:
        trusted.extend(key_set(document, auth.jwks_issuer))
    trusted.extend(key.trusted() for key in signing_keys(settings) if key.is_believed)
    return KeyRing(tuple(trusted))


def identity(keys: Keys, settings: Settings, clock: Clock, *, roles: Collection[str] | None = None) -> Identity:
    """Identity as the settings have it. Raises `KeyFault`."""
    auth = settings.auth
    rules = Rules(role_path(auth.jwt_role_claim), settings.api.anon_role, auth.jwt_audience, auth.jwt_leeway)
    known = None if roles is None else {*roles, *([rules.anon_role] if rules.anon_role else [])}
    return Identity(
        key_ring(keys, settings),
        rules,
        clock,
        opaque=_opaque(settings),
        roles=known,
        cache_entries=auth.jwt_cache_entries,
    )


def _opaque(settings: Settings) -> Mapping[bytes, str]:
    auth, anon = settings.auth, settings.api.anon_role
    pairs: list[tuple[Secret | None, str | None]] = [(auth.publishable_key, anon), (auth.secret_key, SERVICE_ROLE)]
    return {key.reveal_bytes(): role for key, role in pairs if key and role}
