"""Who somebody is: keys, tokens, and the actor that a request stands for. What may be done is decided in `access`."""

from __future__ import annotations

from undercroft.auth.backends.key_file import load_or_create, open_data_dir, rotate
from undercroft.auth.parts.signing import claim, configured_secret, sign, token_claims, weakness
from undercroft.auth.service import Identity, identity, installation_keys, key_ring
from undercroft.auth.types import Keys

__all__ = [
    "Identity",
    "Keys",
    "claim",
    "configured_secret",
    "identity",
    "installation_keys",
    "key_ring",
    "load_or_create",
    "open_data_dir",
    "rotate",
    "sign",
    "token_claims",
    "weakness",
]
