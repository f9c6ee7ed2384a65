"""An aggregate of `eventsourcing`, as its users would write it. Imported only where that is installed."""

from eventsourcing.application import Application
from eventsourcing.domain import Aggregate, event


class Samples(Aggregate):
    """Counts what it was told."""

    @event("Begun")
    def __init__(self) -> None:
        self.count, self.last = 0, ""

    @event("Told")
    def told(self, payload: str) -> None:
        """One event."""
        self.count += 1
        self.last = payload


class App(Application):
    """Keeps samples."""
