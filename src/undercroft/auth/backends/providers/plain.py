"""Places that tell who somebody is when they are asked with an access token (OAuth 2.0 alone).

Each `reads` takes what the place told, by the names of `people`. Sources: the reference pages of each place.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from undercroft.auth.backends.providers.declared import Claims, Provider, is_true, part, person, text
from undercroft.auth.types.people import Person

Found = Mapping[str, Any]


def _github(claims: Claims, found: Found) -> Person:
    """The primary address; the one of the profile is for show, and says nothing of who has it."""
    user, listed = found["user"], found.get("emails")
    primary = next((each for each in _list(listed) if part(each, "primary") is True), None)
    name, avatar = part(user, "name"), part(user, "avatar_url")
    return person(
        "https://api.github.com", part(user, "id"), part(primary, "email"), is_true(part(primary, "verified")),
        name=name, full_name=name, user_name=part(user, "login"), preferred_username=part(user, "login"),
        avatar_url=avatar,
    )  # fmt: skip


def _gitlab(claims: Claims, found: Found) -> Person:
    user = found["user"]
    name, avatar = part(user, "name"), part(user, "avatar_url")
    return person(
        None, part(user, "id"), part(user, "email"), text(part(user, "confirmed_at")) is not None, name=name,
        full_name=name, user_name=part(user, "username"), preferred_username=part(user, "username"), avatar_url=avatar,
    )  # fmt: skip


def _discord(claims: Claims, found: Found) -> Person:
    user = found["user"]
    user_id, avatar = text(part(user, "id")), text(part(user, "avatar"))
    name = text(part(user, "global_name")) or text(part(user, "username"))
    picture = f"https://cdn.discordapp.com/avatars/{user_id}/{avatar}.png" if avatar else None
    return person(
        "https://discord.com/api", user_id, part(user, "email"), is_true(part(user, "verified")), name=name,
        full_name=name, user_name=part(user, "username"), picture=picture, avatar_url=picture,
    )  # fmt: skip


def _x(claims: Claims, found: Found) -> Person:
    """`confirmed_email` is there for addresses that are confirmed, and for no others."""
    user = part(found, "user", "data")
    name, picture = part(user, "name"), part(user, "profile_image_url")
    return person(
        "https://api.x.com/2", part(user, "id"), part(user, "confirmed_email"), True, name=name, full_name=name,
        user_name=part(user, "username"), preferred_username=part(user, "username"), picture=picture,
        avatar_url=picture,
    )  # fmt: skip


def _twitch(claims: Claims, found: Found) -> Person:
    """Helix tells "the user's verified email address", and no other."""
    user = part(found, "user", "data", 0)
    name, picture = part(user, "display_name"), part(user, "profile_image_url")
    return person(
        "https://api.twitch.tv", part(user, "id"), part(user, "email"), True, name=name, full_name=name,
        nickname=part(user, "login"), user_name=part(user, "login"), picture=picture, avatar_url=picture,
    )  # fmt: skip


def _spotify(claims: Claims, found: Found) -> Person:
    """Its reference says that the address is unverified."""
    user = found["user"]
    name, picture = part(user, "display_name"), part(user, "images", 0, "url")
    return person("https://api.spotify.com/v1", part(user, "id"), part(user, "email"), False, name=name,
                  full_name=name, picture=picture, avatar_url=picture)  # fmt: skip


def _notion(claims: Claims, found: Found) -> Person:
    user = part(found, "user", "bot", "owner", "user")
    name, picture = part(user, "name"), part(user, "avatar_url")
    return person("https://api.notion.com", part(user, "id"), part(user, "person", "email"), False, name=name,
                  full_name=name, picture=picture, avatar_url=picture)  # fmt: skip


def _zoom(claims: Claims, found: Found) -> Person:
    user = found["user"]
    verified = part(user, "verified")
    name = " ".join(each for each in (text(part(user, "first_name")), text(part(user, "last_name"))) if each)
    return person(
        "https://zoom.us", part(user, "id"), part(user, "email"), verified is True or verified == 1, name=name,
        full_name=name, picture=part(user, "pic_url"), avatar_url=part(user, "pic_url"),
    )  # fmt: skip


def _bitbucket(claims: Claims, found: Found) -> Person:
    user, listed = found["user"], part(found, "emails", "values")
    primary = next((each for each in _list(listed) if part(each, "is_primary") is True), None)
    name, avatar = part(user, "display_name"), part(user, "links", "avatar", "href")
    return person(
        "https://api.bitbucket.org", part(user, "uuid"), part(primary, "email"), part(primary, "is_confirmed") is True,
        name=name, full_name=name, user_name=part(user, "username"), avatar_url=avatar,
    )  # fmt: skip


def _figma(claims: Claims, found: Found) -> Person:
    user = found["user"]
    name, picture = part(user, "handle"), part(user, "img_url")
    return person("https://api.figma.com", part(user, "id"), part(user, "email"), False, name=name, full_name=name,
                  picture=picture, avatar_url=picture)  # fmt: skip


def _workos(claims: Claims, found: Found) -> Person:
    """What an organization's own provider says; WorkOS says nothing of whether anybody looked."""
    user = found["user"]
    name = " ".join(each for each in (text(part(user, "first_name")), text(part(user, "last_name"))) if each)
    ids = {key: text(part(user, key)) for key in ("connection_id", "organization_id") if text(part(user, key))}
    return person("https://api.workos.com", part(user, "id"), part(user, "email"), False, name=name, full_name=name,
                  custom_claims=ids or None)  # fmt: skip


def _list(value: object) -> list[Any]:
    return value if isinstance(value, list) else []


_X = Provider(
    name="x", url="https://api.x.com", scopes="users.read tweet.read users.email offline.access", basic=True,
    authorization="https://x.com/i/oauth2/authorize", exchange="{url}/2/oauth2/token", reads=_x,
    people={"user": "{url}/2/users/me?user.fields=profile_image_url,confirmed_email"},
)  # fmt: skip

PLAIN = (
    Provider(
        name="github", url="https://github.com", scopes="user:email", reads=_github,
        authorization="{url}/login/oauth/authorize", exchange="{url}/login/oauth/access_token",
        people={"user": "{api}/user", "emails": "{api}/user/emails"},
        headers={"accept": "application/vnd.github+json"},
    ),
    Provider(
        name="gitlab", url="https://gitlab.com", scopes="read_user", reads=_gitlab,
        authorization="{url}/oauth/authorize", exchange="{url}/oauth/token", people={"user": "{url}/api/v4/user"},
    ),
    Provider(
        name="discord", url="https://discord.com", scopes="email identify", reads=_discord,
        authorization="{url}/oauth2/authorize", exchange="{url}/api/oauth2/token",
        people={"user": "{url}/api/users/@me"},
    ),
    _X,
    replace(_X, name="twitter"),
    Provider(
        name="twitch", url="https://id.twitch.tv", scopes="user:read:email", reads=_twitch, pkce=False,
        authorization="{url}/oauth2/authorize", exchange="{url}/oauth2/token",
        people={"user": "https://api.twitch.tv/helix/users"}, headers={"client-id": "{client_id}"},
    ),
    Provider(
        name="spotify", url="https://accounts.spotify.com", scopes="user-read-email", reads=_spotify, basic=True,
        authorization="{url}/authorize", exchange="{url}/api/token", people={"user": "https://api.spotify.com/v1/me"},
    ),
    Provider(
        name="notion", url="https://api.notion.com", reads=_notion, basic=True, pkce=False,
        authorization="{url}/v1/oauth/authorize", exchange="{url}/v1/oauth/token", parameters={"owner": "user"},
        people={"user": "{url}/v1/users/me"}, headers={"notion-version": "2022-06-28"},
    ),
    Provider(
        name="zoom", url="https://zoom.us", reads=_zoom, basic=True, authorization="{url}/oauth/authorize",
        exchange="{url}/oauth/token", people={"user": "https://api.zoom.us/v2/users/me"},
    ),
    Provider(
        name="bitbucket", url="https://bitbucket.org", scopes="account email", reads=_bitbucket, basic=True, pkce=False,
        authorization="{url}/site/oauth2/authorize", exchange="{url}/site/oauth2/access_token",
        people={"user": "https://api.bitbucket.org/2.0/user", "emails": "https://api.bitbucket.org/2.0/user/emails"},
    ),
    Provider(
        name="figma", url="https://www.figma.com", scopes="current_user:read", reads=_figma, basic=True,
        authorization="{url}/oauth", exchange="https://api.figma.com/v1/oauth/token",
        people={"user": "https://api.figma.com/v1/me"},
    ),
    Provider(
        name="workos", url="https://api.workos.com", reads=_workos, pkce=False, authorization="{url}/sso/authorize",
        exchange="{url}/sso/token", people={"user": "{url}/sso/profile"}, renamed={"workos_provider": "provider"},
    ),
)  # fmt: skip
"""GitHub, GitLab, Discord, X, Twitch, Spotify, Notion, Zoom, Bitbucket, Figma and WorkOS."""
