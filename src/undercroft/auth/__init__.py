"""Who somebody is: keys, tokens, and the actor that a request stands for. What may be done is decided in `access`.

For app files, `auth` is the caller as a value: `auth.uid`, `auth.role`, `auth.aal` and `auth.claim(...)` stand in
policies, presets and defaults, and are bound anew for each request. What the caller is within an organisation
(`auth.org_roles()`, `auth.has_permission(...)`) and within the app (`auth.has_role(...)`, `auth.permits(...)`) is
looked up, in policies.
"""

from __future__ import annotations

from undercroft.access.belonging import has_permission, has_role, org_roles, permits
from undercroft.access.claims import aal, claim, is_among, role, uid
from undercroft.auth.backends.key_file import load_or_create, open_data_dir, rotate
from undercroft.auth.backends.sealing_file import SealingKeys, add_sealing_key, load_or_create_sealing_key
from undercroft.auth.parts.signing import configured_secret, read_claim, sign, token_claims, weakness
from undercroft.auth.service.identity import Identity, identity, installation_keys, key_ring
from undercroft.auth.types import Keys
from undercroft.auth.types.hooks import (
    AccessTokenEvent,
    EmailEvent,
    FactorEvent,
    PasswordEvent,
    SmsEvent,
    UserEvent,
)

__all__ = [
    "AccessTokenEvent",
    "EmailEvent",
    "FactorEvent",
    "Identity",
    "Keys",
    "PasswordEvent",
    "SealingKeys",
    "SmsEvent",
    "UserEvent",
    "aal",
    "add_sealing_key",
    "claim",
    "configured_secret",
    "has_permission",
    "has_role",
    "identity",
    "installation_keys",
    "is_among",
    "key_ring",
    "load_or_create",
    "load_or_create_sealing_key",
    "open_data_dir",
    "org_roles",
    "permits",
    "read_claim",
    "role",
    "rotate",
    "sign",
    "token_claims",
    "uid",
    "weakness",
]
