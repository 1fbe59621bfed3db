"""The key that requests to identity providers are signed with: from the settings, or in a file of the data directory
that only its owner can read.
"""

from __future__ import annotations

import base64
from typing import TYPE_CHECKING, Any

from undercroft.auth.backends.key_file import open_data_dir
from undercroft.auth.backends.private_file import read_private, write_private
from undercroft.auth.errors import KeyFault

if TYPE_CHECKING:
    from pathlib import Path

    from undercroft.base.secret import Secret

FILE = "saml.key"
_BITS, _FEWEST = 3072, 2048


def saml_key(given: Secret | None, data_dir: Path) -> Any:
    """The RSA key, made when it is first asked for; processes that start together agree on one. Raises `KeyFault`."""
    if given is not None:
        return _checked(_of_setting(given.reveal()), "[auth.saml] private_key")
    open_data_dir(data_dir)
    path = data_dir / FILE
    kept = read_private(path)
    if kept is None:
        write_private(path, _made(), replace=False)
        kept = read_private(path)  # another process may have been first: what is on disk is what counts
    return _checked(_loaded(kept or b""), str(path))


def _of_setting(text: str) -> Any:
    """PKCS#1 in base64, as Supabase Auth has it, or PEM."""
    if "-----BEGIN" in text:
        return _loaded(text.encode())
    from cryptography.hazmat.primitives.serialization import load_der_private_key

    try:
        return load_der_private_key(base64.b64decode("".join(text.split()), validate=True), None)
    except Exception:  # parsers of keys raise what they like
        return None


def _loaded(pem: bytes) -> Any:
    from cryptography.hazmat.primitives.serialization import load_pem_private_key

    try:
        return load_pem_private_key(pem, None)
    except Exception:  # as above
        return None


def _checked(key: Any, where: str) -> Any:
    from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey

    if not isinstance(key, RSAPrivateKey):
        hint = "openssl genrsa -traditional 3072 | openssl rsa -traditional -outform DER | base64 -w0"
        raise KeyFault(f"{where} is no RSA key", hint=f"Make one: {hint}")
    if key.key_size < _FEWEST:
        raise KeyFault(f"{where} has {key.key_size} bits, and needs {_FEWEST} at least")
    return key


def _made() -> str:
    from cryptography.hazmat.primitives.asymmetric.rsa import generate_private_key
    from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

    key = generate_private_key(65537, _BITS)
    return key.private_bytes(Encoding.PEM, PrivateFormat.TraditionalOpenSSL, NoEncryption()).decode()
