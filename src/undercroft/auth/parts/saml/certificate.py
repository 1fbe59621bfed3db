"""The certificate that goes with our key: self-signed, and the same whenever it is made, so that nothing keeps it."""

from __future__ import annotations

import base64
import hashlib
from datetime import UTC, datetime
from typing import Any

_SINCE, _UNTIL = datetime(2020, 1, 1, tzinfo=UTC), datetime(2120, 1, 1, tzinfo=UTC)
"""Identity providers pin it: that it ends would sign nobody in, and make nothing safer."""


def self_signed(key: Any) -> str:
    """Base64 of DER, for an RSA key."""
    from cryptography import x509
    from cryptography.hazmat.primitives.hashes import SHA256
    from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

    public = key.public_key()
    known = hashlib.sha256(public.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)).digest()
    name = x509.Name([x509.NameAttribute(x509.oid.NameOID.COMMON_NAME, "SAML service provider")])
    made = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(public)
        .serial_number(int.from_bytes(known[:8], "big") | 1)
        .not_valid_before(_SINCE)
        .not_valid_after(_UNTIL)
        .sign(key, SHA256())
    )
    return base64.b64encode(made.public_bytes(Encoding.DER)).decode()
