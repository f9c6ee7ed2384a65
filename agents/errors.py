"""What can go wrong among agents.

::

    AgentError
    ├── DeclarationError        a class declares its folds or reactions wrongly
    ├── NotAttachedError        an agent was asked for something that only a runtime gives
    ├── FoldError               an event could not be put into memory
    ├── UnknownCandidateError   somebody speaks of a candidate that nobody proposed
    ├── ReplayDivergedError     re-made events differ from recorded ones
    ├── NotRecordedError        the world was asked something that the log has no answer to
    └── SeatTakenError          another process acts under the same name
"""

from __future__ import annotations


class AgentError(Exception):
    """The root of everything that `agents` raises."""


class DeclarationError(AgentError):
    """A class declares its folds or reactions wrongly; found when the class is defined."""


class NotAttachedError(AgentError):
    """The agent is not attached to a runtime."""


class FoldError(AgentError):
    """An event could not be put into memory. What is not remembered must not be acted upon, so the agent stops.

    Attributes:
        agent: whose memory.
        kind: the event's kind.
    """

    def __init__(self, agent: str, kind: str, reason: str) -> None:
        self.agent, self.kind = agent, kind
        super().__init__(
            f"Expected {agent} to remember {kind}, got {reason}. This is a mistake of the program: its log is whole, "
            "go on with an Athanor in which it is mended."
        )


class UnknownCandidateError(AgentError):
    """Somebody speaks of a candidate that nobody proposed.

    Attributes:
        candidate: its name.
    """

    def __init__(self, candidate: str, what: str) -> None:
        self.candidate = candidate
        super().__init__(
            f"Expected a proposal of {candidate} before {what}, got none. Look in the log for who said it, and why."
        )


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


class NotRecordedError(AgentError):
    """An agent that is lived again asks the world something that the log has no answer to.

    Attributes:
        question: what was asked.
    """

    def __init__(self, question: str) -> None:
        self.question = question
        super().__init__(
            f"Expected an answer to {question} in the log, got none: either the log ends while it was waited for, or "
            "this code asks something else than the one that wrote it."
        )


class SeatTakenError(AgentError):
    """Another process acts under the name of an agent of this one; two must not act over one log.

    Attributes:
        agent: whose name.
        start: this process's start of that agent.
    """

    def __init__(self, agent: str, start: int, got: str) -> None:
        self.agent, self.start = agent, start
        super().__init__(
            f"Expected to be the only {agent} of this campaign (start {start}), got {got}. This process stops acting: "
            "find the other one, and let one of them run."
        )
