"""The one table from codes to statuses, and the shape in which the data API tells a fault."""

from __future__ import annotations

import msgspec

from undercroft.base.faults import Fault

_EXACT = {
    "PGRST000": 503, "PGRST001": 503, "PGRST002": 503, "PGRST003": 504,
    "PGRST100": 400, "PGRST101": 405, "PGRST102": 400, "PGRST103": 416, "PGRST105": 405, "PGRST106": 406,
    "PGRST107": 406, "PGRST108": 400, "PGRST111": 500, "PGRST112": 500, "PGRST114": 400, "PGRST115": 400,
    "PGRST116": 406, "PGRST117": 405, "PGRST118": 400, "PGRST120": 400, "PGRST121": 500, "PGRST122": 400,
    "PGRST123": 400, "PGRST124": 400, "PGRST125": 404, "PGRST126": 404, "PGRST127": 400, "PGRST128": 400,
    "PGRST200": 400, "PGRST201": 300, "PGRST202": 404, "PGRST203": 300, "PGRST204": 400, "PGRST205": 404,
    "PGRST300": 500, "PGRST301": 401, "PGRST302": 401, "PGRST303": 401,
    "UC400": 400, "UC413": 413, "UC414": 414, "UC503": 503,
    "0A000": 400, "21000": 400, "22023": 400, "23503": 409, "23505": 409, "25006": 405, "25P03": 503, "25P04": 504,
    "2F005": 500, "40001": 503, "40P01": 503, "42501": 403, "42883": 404, "42P01": 404, "42P17": 500, "53100": 507, "55P03": 503, "57014": 504,
    "58030": 500, "P0001": 400, "XX000": 500,
}  # fmt: skip
_BY_CLASS = {
    "08": 503, "09": 500, "0L": 403, "0P": 403, "22": 400, "23": 400, "25": 500, "28": 403, "2D": 500, "38": 500,
    "39": 500, "3B": 500, "40": 500, "42": 400, "53": 503, "54": 413, "55": 500, "57": 503, "58": 500, "F0": 500,
    "HV": 500, "P0": 500, "XX": 500,
}  # fmt: skip


def status_of(fault: Fault, *, anonymous: bool) -> int:
    """The HTTP status of a fault. What is forbidden to a caller without a token is 401: a token might change it."""
    if fault.code == "42501" and anonymous:
        return 401
    if fault.code.startswith("PT"):  # an app's own choice of a status, as PostgREST reads it
        chosen = fault.code[2:]
        return int(chosen) if chosen.isascii() and chosen.isdigit() and 400 <= int(chosen) < 600 else 500
    return _EXACT.get(fault.code) or _BY_CLASS.get(fault.code[:2], 500)


def body_of(fault: Fault) -> bytes:
    """The fault as PostgREST's clients read it."""
    return msgspec.json.encode(
        {"code": fault.code, "details": fault.details, "hint": fault.hint, "message": fault.message}
    )
