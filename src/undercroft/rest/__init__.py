"""The data API in PostgREST's dialect, at `/rest/v1`."""

from undercroft.rest.routes import RestRoom

__all__ = ["RestRoom"]
