"""Other places that people sign in by: what each of them is, and how it is spoken to."""

from undercroft.auth.backends.providers.calls import Calls, Http
from undercroft.auth.backends.providers.declared import Client, Provider
from undercroft.auth.backends.providers.openid import OPENID
from undercroft.auth.backends.providers.plain import PLAIN

PROVIDERS: dict[str, Provider] = {each.name: each for each in (*OPENID, *PLAIN)}
"""Those that are known, by name."""
ID_TOKENS = ("google", "apple", "azure", "facebook", "keycloak")
"""Those whose ID tokens are taken without a visit."""

__all__ = ["ID_TOKENS", "PROVIDERS", "Calls", "Client", "Http", "Provider"]
