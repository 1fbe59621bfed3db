"""Whether the owner of an Ethereum address signed a text: `personal_sign` (EIP-191), addresses by EIP-55.

A signature does not come with its key: the key is worked out of it, and only believed where OpenSSL verifies with it
and the address is its hash. All values here are public, so the arithmetic need not hide how long it takes.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from undercroft.auth.errors import AuthFault

if TYPE_CHECKING:
    from collections.abc import Callable

_P = 2**256 - 2**32 - 977
_N = 0xFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFEBAAEDCE6AF48A03BBFD25E8CD0364141
_G = (
    0x79BE667EF9DCBBAC55A06295CE870B07029BFCDB2DCE28D959F2815B16F81798,
    0x483ADA7726A3C4655DA4FBFC0E1108A8FD17B448A68554199C47D08FFB10D4B8,
)
"""secp256k1 (SEC 2, 2.4.1): y² = x³ + 7."""
_SIGNATURE = re.compile(r"0x([0-9a-fA-F]{64})([0-9a-fA-F]{64})([0-9a-fA-F]{2})")
_PARITY = {0: 0, 1: 1, 27: 0, 28: 1}
_Point = tuple[int, int, int]
"""Jacobian: x = X/Z², y = Y/Z³. Z is 0 for the point at infinity."""
_NOWHERE: _Point = (1, 1, 0)


def is_address(address: str) -> bool:
    """Whether an address, `0x` and 40 hexadecimal digits, is spelled right: in one case, or as EIP-55 has it."""
    digits = address[2:]
    return digits in (digits.lower(), digits.upper()) or address == checksummed(address)


def checksummed(address: str) -> str:
    """The address with capitals that tell of a slip."""
    digits = address[2:].lower()
    marks = _keccak()(digits.encode()).hex()
    return "0x" + "".join(d.upper() if int(mark, 16) > 7 else d for d, mark in zip(digits, marks, strict=False))


def is_signed(text: str, signature: str, address: str) -> bool:
    """Whether the address's owner signed the text. Of two signatures that say the same (n - s for s), one is taken."""
    found = _SIGNATURE.fullmatch(signature)
    if found is None:
        return False
    r, s, parity = int(found[1], 16), int(found[2], 16), _PARITY.get(int(found[3], 16))
    if parity is None or not 0 < r < _N or not 0 < s <= _N // 2:
        return False
    keccak, raw = _keccak(), text.encode()
    digest = keccak(b"\x19Ethereum Signed Message:\n%d" % len(raw) + raw)
    key = _recovered(int.from_bytes(digest, "big"), r, s, parity)
    if key is None or not _verifies(key, digest, r, s):
        return False
    x, y = key
    return "0x" + keccak(x.to_bytes(32, "big") + y.to_bytes(32, "big"))[12:].hex() == address.lower()


def _verifies(key: tuple[int, int], digest: bytes, r: int, s: int) -> bool:
    from cryptography.exceptions import InvalidSignature
    from cryptography.hazmat.primitives.asymmetric import ec
    from cryptography.hazmat.primitives.asymmetric.utils import Prehashed, encode_dss_signature
    from cryptography.hazmat.primitives.hashes import SHA256

    try:
        public = ec.EllipticCurvePublicNumbers(*key, ec.SECP256K1()).public_key()
        public.verify(encode_dss_signature(r, s), digest, ec.ECDSA(Prehashed(SHA256())))  # as long as a Keccak-256
    except (InvalidSignature, ValueError):
        return False
    return True


def _recovered(z: int, r: int, s: int, parity: int) -> tuple[int, int] | None:
    """The key that made a signature (SEC 1, 4.1.6): (sR - zG) / r, where R is the point whose x is r."""
    square = (pow(r, 3, _P) + 7) % _P
    y = pow(square, (_P + 1) // 4, _P)
    if y * y % _P != square:
        return None
    if y % 2 != parity:
        y = _P - y
    inverse = pow(r, -1, _N)
    found = _sum_of(-z * inverse % _N, _G, s * inverse % _N, (r, y))
    if not found[2]:
        return None
    by = pow(found[2], -1, _P)
    return found[0] * by * by % _P, found[1] * by * by * by % _P


def _sum_of(a: int, g: tuple[int, int], b: int, h: tuple[int, int]) -> _Point:
    """aG + bH, the doublings shared."""
    one, other = (*g, 1), (*h, 1)
    parts = {(1, 0): one, (0, 1): other, (1, 1): _added(one, other)}
    found = _NOWHERE
    for bit in range(255, -1, -1):
        found = _doubled(found)
        if step := parts.get((a >> bit & 1, b >> bit & 1)):
            found = _added(found, step)
    return found


def _doubled(point: _Point) -> _Point:
    x, y, z = point
    yy = y * y % _P
    middle, slope = 4 * x * yy % _P, 3 * x * x % _P
    to = (slope * slope - 2 * middle) % _P
    return to, (slope * (middle - to) - 8 * yy * yy) % _P, 2 * y * z % _P


def _added(one: _Point, other: _Point) -> _Point:
    if not one[2]:
        return other
    if not other[2]:
        return one
    z, w = one[2] * one[2] % _P, other[2] * other[2] % _P
    u, v = one[0] * w % _P, other[0] * z % _P
    s, t = one[1] * w * other[2] % _P, other[1] * z * one[2] % _P
    if u == v:
        return _doubled(one) if s == t else _NOWHERE
    h, rise = v - u, t - s
    hh = h * h % _P
    hhh, uhh = h * hh % _P, u * hh % _P
    x = (rise * rise - hhh - 2 * uhh) % _P
    return x, (rise * (uhh - x) - s * hhh) % _P, h * one[2] * other[2] % _P


def _keccak() -> Callable[[bytes], bytes]:
    """Keccak-256 as Ethereum has it, which is not SHA3-256. Raises `AuthFault` where the package is not there."""
    try:
        from Crypto.Hash import keccak
    except ImportError:
        raise AuthFault("feature_disabled", "Ethereum needs: pip install undercroft[web3]") from None
    return lambda data: keccak.new(digest_bits=256, data=data).digest()
