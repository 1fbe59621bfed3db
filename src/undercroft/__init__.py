"""Undercroft: one file of SQLAlchemy models, policies and logic, served as a complete backend."""

from undercroft import auth
from undercroft.app import App
from undercroft.auth.tables import User
from undercroft.base.faults import Fault
from undercroft.models.base import Model, Numeric, Timestamp, Uuid
from undercroft.pipeline.context import Context

__all__ = ["App", "Context", "Fault", "Model", "Numeric", "Timestamp", "User", "Uuid", "auth"]
