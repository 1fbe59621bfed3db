"""The data API in PostgREST's dialect, at `/rest/v1`."""

from undercroft.rest.batch import BatchRoom
from undercroft.rest.routes import RestRoom

__all__ = ["BatchRoom", "RestRoom"]
