"""The claims of an access token, in GoTrue's words and order."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import Any

Claims = dict[str, Any]


def access_claims(
    user: Mapping[str, Any], session: Mapping[str, Any], amr: Iterable[Mapping[str, Any]], *,
    issuer: str, now: float, lifetime: int,
) -> Claims:  # fmt: skip
    """What a token says of somebody in a session."""
    claims: Claims = {
        "iss": issuer,
        "sub": user["id"],
        "aud": user["aud"],
        "exp": int(now) + lifetime,
        "iat": int(now),
        "email": user["email"] or "",
        "phone": user["phone"] or "",
        "app_metadata": user["raw_app_meta_data"] or {},
        "user_metadata": user["raw_user_meta_data"] or {},
        "role": user["role"],
        "aal": session["aal"],
        "amr": told_amr(amr, user["raw_app_meta_data"] or {}),
        "session_id": session["id"],
        "is_anonymous": user["is_anonymous"],
    }
    if session["oauth_client_id"]:
        claims["client_id"] = session["oauth_client_id"]
        claims["scope"] = session["scopes"] or ""
    return claims


def told_amr(amr: Iterable[Mapping[str, Any]], app: Mapping[str, Any]) -> list[dict[str, Any]]:
    """How somebody came in, the latest first; by which organisation, where they came by one. `app` is what the app
    keeps of them."""
    told = [{"method": each["authentication_method"], "timestamp": _seconds(each["updated_at"])} for each in amr]
    for each in told:
        if each["method"] == "sso/saml":
            each["provider"] = str(app.get("provider") or "").removeprefix("sso:")
    return sorted(told, key=lambda each: -each["timestamp"])


def _seconds(moment: datetime) -> int:
    return int(moment.timestamp())
