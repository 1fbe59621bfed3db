"""The one table from codes to statuses, and the shape in which the data API tells a fault."""

from __future__ import annotations

import msgspec

from undercroft.base.faults import Fault

_EXACT = {
    "PGRST000": 503, "PGRST001": 503, "PGRST002": 503, "PGRST003": 504,
    "PGRST100": 400, "PGRST101": 405, "PGRST102": 400, "PGRST103": 416, "PGRST105": 405, "PGRST106": 406,
    "PGRST107": 406, "PGRST108": 400, "PGRST111": 500, "PGRST112": 500, "PGRST114": 400, "PGRST115": 400,
    "PGRST116": 406, "PGRST117": 405, "PGRST118": 400, "PGRST121": 500, "PGRST122": 400,
    "PGRST123": 400, "PGRST124": 400, "PGRST125": 404, "PGRST126": 404, "PGRST127": 400, "PGRST128": 400,
    "PGRST200": 400, "PGRST201": 300, "PGRST202": 404, "PGRST203": 300, "PGRST204": 400, "PGRST205": 404,
    "PGRST300": 500, "PGRST301": 401, "PGRST302": 401, "PGRST303": 401,
    "UC401": 401, "UC470": 400, "UC502": 502, "UC504": 504, "UC510": 409, "UC511": 500, "UC520": 500,
    "UC400": 400, "UC403": 403, "UC404": 404, "UC405": 405, "UC408": 408, "UC409": 409, "UC413": 413, "UC414": 414,
    "UC415": 415, "UC422": 422, "UC430": 404, "UC431": 409, "UC432": 409, "UC433": 429,
    "UC440": 400, "UC441": 400, "UC442": 400, "UC443": 400, "UC444": 400, "UC445": 400, "UC446": 400, "UC447": 400,
    "UC503": 503, "UC550": 500, "UC551": 500,
    "0A000": 400, "21000": 400, "22023": 400, "23503": 409, "23505": 409, "25006": 405, "25P03": 503, "25P04": 504,
    "2F005": 500, "40001": 503, "40P01": 503, "42501": 403, "42883": 404, "42P01": 404, "42P17": 500,
    "53100": 507, "55P03": 503, "57014": 504,
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


_DATABASE = {
    **{code: status for code, status in _EXACT.items() if len(code) != 5},
    "23503": 409, "23505": 409, "25006": 405, "42883": 404, "42P01": 404, "42P17": 500, "42501": 403, "53400": 500,
    "P0001": 400,
    **dict.fromkeys(("57P01", "57P02", "57P03", "57P05"), 503),  # the server is going, or on its way: try again
}  # fmt: skip
_DATABASE_BY_CLASS = {
    "08": 503, "09": 500, "0L": 403, "0P": 403, "25": 500, "28": 403, "2D": 500, "38": 500, "39": 500, "3B": 500,
    "40": 500, "53": 503, "54": 500, "55": 500, "57": 500, "58": 500, "F0": 500, "HV": 500, "P0": 500, "XX": 500,
}  # fmt: skip


def database_status_of(fault: Fault, *, anonymous: bool) -> int:
    """The HTTP status of a fault where a database speaks for itself: the table of PostgREST's "errors" page."""
    code = fault.code
    if code == "42501" and anonymous:
        return 401
    if code == "22023" and fault.message.startswith("role ") and fault.message.endswith(" does not exist"):
        return 401  # the token is for a role that the database does not have
    if len(code) == 5 and code.startswith("PT"):
        return _chosen(code[2:])
    if len(code) != 5:
        return _DATABASE.get(code, 500)
    return _DATABASE.get(code) or _DATABASE_BY_CLASS.get(code[:2], 400)


def _chosen(digits: str) -> int:
    """A status that a function raised as `PT402`; what is none is a fault of the function."""
    return int(digits) if digits.isascii() and digits.isdigit() and 200 <= int(digits) < 600 else 500


def terse_body_of(fault: Fault) -> bytes:
    """The fault without what tells of the database's inside."""
    return msgspec.json.encode({"code": fault.code, "message": fault.message})


def body_of(fault: Fault) -> bytes:
    """The fault as PostgREST's clients read it."""
    told = {"code": fault.code, "details": fault.details, "hint": fault.hint, "message": fault.message}
    return msgspec.json.encode(told if fault.request is None else {**told, "request": fault.request})
