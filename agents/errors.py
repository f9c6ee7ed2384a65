"""What can go wrong among agents.

::

    AgentError
    ├── DeclarationError        a class declares its folds or reactions wrongly
    ├── NotAttachedError        an agent was asked for something that only a runtime gives
    └── ReplayDivergedError     re-made events differ from recorded ones
"""

from __future__ import annotations


class AgentError(Exception):
    """The root of everything that `agents` raises."""


class DeclarationError(AgentError):
    """A class declares its folds or reactions wrongly; found when the class is defined."""


class NotAttachedError(AgentError):
    """The agent is not attached to a runtime."""


class ReplayDivergedError(AgentError):
    """A redelivered event led to something else than what is recorded.

    Attributes:
        agent: who reacted.
        recorded: kind in the log.
        remade: kind that the reaction yields now.
    """

    def __init__(self, agent: str, recorded: str, remade: str) -> None:
        self.agent, self.recorded, self.remade = agent, recorded, remade
        super().__init__(
            f"Expected {agent} to yield {recorded} again, as recorded, got {remade}. The log was written by other "
            "code or another seed: go on with the Athanor that wrote it."
        )
