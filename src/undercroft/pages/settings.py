"""What this room is told of the settings."""

from __future__ import annotations

from dataclasses import dataclass
from urllib.parse import urlsplit

from undercroft.base.settings.pages_section import CONTENT_SECURITY_POLICY


@dataclass(frozen=True, slots=True)
class PageSettings:
    """How pages are sent."""

    external_url: str | None = None
    """Where callers find the server. Over https, cookies have the prefix `__Host-`."""
    content_security_policy: str = CONTENT_SECURITY_POLICY
    form_seconds: float = 12 * 3600.0
    """For how long a form that was shown may be sent."""
    handler_seconds: float = 30.0
    reload: bool = False
    """Templates are read again when they change."""
    https: bool = False
    """Browsers come over https, whatever `external_url` says."""

    @property
    def secure(self) -> bool:
        """Whether browsers come over https."""
        return self.https or (self.external_url or "").lower().startswith("https://")

    @property
    def origin(self) -> str | None:
        """The origin of `external_url`, as browsers write it."""
        if not self.external_url:
            return None
        url = urlsplit(self.external_url)
        host = f"[{url.hostname}]" if url.hostname and ":" in url.hostname else url.hostname or ""
        usual = {"https": 443, "http": 80}.get(url.scheme)
        return f"{url.scheme}://{host}" + (f":{url.port}" if url.port not in (None, usual) else "")
