"""Assertions that come encrypted to our key (XML Encryption 1.1): AES under RSA-OAEP.

AES in CBC mode is taken only where the response was signed, and verified before: else whoever changes a ciphertext
could learn from our answers what is in it.
"""

from __future__ import annotations

import base64
import binascii
from typing import Any

from undercroft.auth.parts.saml.documents import SAML, SIGNATURE, Unreadable, children, parsed_whole

_XENC, _XENC11 = "http://www.w3.org/2001/04/xmlenc#", "http://www.w3.org/2009/xmlenc11#"
_GCM = {f"{_XENC11}aes128-gcm": 16, f"{_XENC11}aes192-gcm": 24, f"{_XENC11}aes256-gcm": 32}
_CBC = {f"{_XENC}aes128-cbc": 16, f"{_XENC}aes192-cbc": 24, f"{_XENC}aes256-cbc": 32}
_DIGESTS = {f"{SIGNATURE}sha1": "SHA1", f"{_XENC}sha256": "SHA256", f"{_XENC}sha512": "SHA512"}
_MASKS = {f"{_XENC11}mgf1sha1": "SHA1", f"{_XENC11}mgf1sha256": "SHA256", f"{_XENC11}mgf1sha512": "SHA512"}
_USUAL = "SHA1"
_NONCE, _TAG, _BLOCK = 12, 16, 16


def decrypted(encrypted: Any, key: Any, *, is_signed: bool) -> Any:
    """The root of an assertion that came encrypted. Raises `Unreadable`, in the same words whatever was wrong."""
    try:
        root = parsed_whole(_opened(encrypted, key, is_signed=is_signed))
    except Exception:  # ciphertexts of strangers go wrong in many ways, which nobody is told apart
        raise Unreadable("it cannot be decrypted") from None
    if root.tag != f"{{{SAML}}}Assertion":
        raise Unreadable("it cannot be decrypted")
    return root


def _opened(encrypted: Any, key: Any, *, is_signed: bool) -> bytes:
    (data,) = children(encrypted, _XENC, "EncryptedData")
    algorithm = _only(data, "EncryptionMethod").get("Algorithm")
    size = _GCM.get(algorithm) or (_CBC.get(algorithm) if is_signed else None)
    if size is None:
        raise Unreadable("it is encrypted in a way that is not taken")
    (wrapped,) = encrypted.iter(f"{{{_XENC}}}EncryptedKey")
    secret = key.decrypt(_bytes(wrapped), _padding(_only(wrapped, "EncryptionMethod")))
    if len(secret) != size:
        raise Unreadable("its key has another length")
    return _gcm(secret, _bytes(data)) if algorithm in _GCM else _cbc(secret, _bytes(data))


def _only(element: Any, name: str) -> Any:
    (found,) = children(element, _XENC, name)
    return found


def _bytes(element: Any) -> bytes:
    (data,) = children(element, _XENC, "CipherData")
    (value,) = children(data, _XENC, "CipherValue")
    try:
        return base64.b64decode("".join((value.text or "").split()), validate=True)
    except binascii.Error:
        raise Unreadable("it is not in base64") from None


def _padding(method: Any) -> Any:
    """RSA-OAEP. Its SHA-1, which is the usual one, needs to withstand no collisions (RFC 8017, B.1)."""
    from cryptography.hazmat.primitives import hashes
    from cryptography.hazmat.primitives.asymmetric.padding import MGF1, OAEP

    old = method.get("Algorithm") == f"{_XENC}rsa-oaep-mgf1p"
    if not old and method.get("Algorithm") != f"{_XENC11}rsa-oaep":
        raise Unreadable("its key is encrypted in a way that is not taken")
    digests = [_DIGESTS[each.get("Algorithm")] for each in children(method, SIGNATURE, "DigestMethod")]
    masks = [_MASKS[each.get("Algorithm")] for each in children(method, _XENC11, "MGF") if not old]
    digest, mask = (getattr(hashes, named[0] if named else _USUAL)() for named in (digests, masks))
    return OAEP(MGF1(mask), digest, None)


def _gcm(secret: bytes, sealed: bytes) -> bytes:
    from cryptography.hazmat.primitives.ciphers.aead import AESGCM

    if len(sealed) < _NONCE + _TAG:
        raise Unreadable("it is too short")
    return AESGCM(secret).decrypt(sealed[:_NONCE], sealed[_NONCE:], None)


def _cbc(secret: bytes, sealed: bytes) -> bytes:
    from cryptography.hazmat.primitives.ciphers import Cipher
    from cryptography.hazmat.primitives.ciphers.algorithms import AES
    from cryptography.hazmat.primitives.ciphers.modes import CBC

    opener = Cipher(AES(secret), CBC(sealed[:_BLOCK])).decryptor()
    padded = opener.update(sealed[_BLOCK:]) + opener.finalize()
    if not padded or not 0 < padded[-1] <= _BLOCK:
        raise Unreadable("its padding is wrong")
    return padded[: -padded[-1]]
