"""What these verbs need of a built app: a `House` is one, and a test may hand in less."""

from __future__ import annotations

from typing import Protocol

from undercroft.auth.types import Keys
from undercroft.base.settings import Settings
from undercroft.engine.types import Engine
from undercroft.pipeline.call import Caller
from undercroft.pipeline.run import Pipeline


class Parts(Protocol):
    """The parts of a built app."""

    @property
    def settings(self) -> Settings: ...

    @property
    def keys(self) -> Keys: ...

    @property
    def engine(self) -> Engine: ...

    @property
    def pipeline(self) -> Pipeline: ...

    @property
    def caller(self) -> Caller: ...
