"""People, for the rows of the plan that are about them: on each engine, as the tests of the API have them."""

from tests.api.auth.conftest import house, trip, trusting
from tests.api.conftest import server

__all__ = ["house", "server", "trip", "trusting"]
